"""Normal forms: what every text, address, number and time looks like once it is inside.

Each function here is idempotent (normalising twice is normalising once), so a value can pass through
any number of vendors and come back equal. None loses what a person typed without need: a phone that
cannot be parsed stays verbatim, an extension stays behind its number.

Raises `UnreadableError` for what no store can hold (NUL, lone surrogates) and for values of a type
their field cannot have; the message never contains the value.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from functools import lru_cache

from syncd.domain.errors import UnreadableError

_NANP = frozenset({"US", "CA"})
"""Regions whose plain ten-digit numbers need no parser: country code 1, area code 2–9."""
_NANP_NUMBER = re.compile(r"(?:\+?1)?([2-9][0-9]{9})\Z", re.ASCII)
_NANP_E164 = re.compile(r"\+1[2-9][0-9]{9}\Z", re.ASCII)
_PHONE_NOISE = str.maketrans("", "", " ()-.")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN_EMAIL = re.compile(
    rf"(?=.{{3,254}}\Z)(?!\.)(?:[a-z0-9!#$%&'*+/=?^_`{{|}}~-]|\.(?![.@])){{1,64}}@(?:{_LABEL}\.)+{_LABEL}\Z", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_MS_MIN = 100_000_000_000
"""Numbers from here on are milliseconds: as seconds they would lie beyond the year 5000."""


def text(value: object) -> str:
    """A scalar as trimmed NFC text; None is "". Whole and decimal numbers become their digits.

    Raises UnreadableError for lists, objects, booleans, and text that holds NUL or half a character.
    """
    if isinstance(value, str):
        return _clean(value).strip()
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = f"expected text, found {type(value).__name__}"
        raise UnreadableError(message)
    return str(value)


def note_text(value: object) -> str:
    """The body of a note: NFC, line ends as LF, trimmed. Raises UnreadableError like `text`."""
    plain = text(value)
    return plain.replace("\r\n", "\n").replace("\r", "\n") if "\r" in plain else plain


def fold(value: str) -> str:
    """What two texts have in common when case, composition and the width of spaces do not matter."""
    if not value.isascii():
        # Folding is only stable on decomposed text (Unicode D145); composed again it compares with `text`.
        value = unicodedata.normalize("NFC", unicodedata.normalize("NFD", value).casefold())
        value = unicodedata.normalize("NFC", unicodedata.normalize("NFD", value).casefold())
    return " ".join(value.casefold().split())


def email(value: object) -> str:
    """An address trimmed and lower-cased; "" when it is not one (syntax only, nothing is looked up)."""
    address = unicodedata.normalize("NFC", text(value).lower()).strip()
    if not address or _PLAIN_EMAIL.match(address):
        return address
    return address if "." in address.rpartition("@")[2] and _is_address(address) else ""


def phone(value: object, region: str) -> str:
    """A number in E.164, read as of ``region`` (ISO 3166-1 alpha-2) when it names no country.

    An extension follows as " x12". What is not a possible number stays verbatim, trimmed.
    """
    raw = text(value)
    if not raw or _NANP_E164.match(raw):
        return raw
    if region in _NANP and (plain := _NANP_NUMBER.match(raw.translate(_PHONE_NOISE))) is not None:
        return "+1" + plain[1]
    return _parsed(raw, region)


@lru_cache(maxsize=8192)
def national(e164: str, region: str) -> str:
    """The national digits of a number that belongs to ``region``'s country, else the number as it is.

    The inverse of `phone` for vendors that store digits without a country: ``phone(national(n, r), r) == n``.
    """
    if region in _NANP and _NANP_E164.match(e164):
        return e164[2:]
    import phonenumbers

    if not e164.startswith("+"):
        return e164
    try:
        number = phonenumbers.parse(e164, region)
    except phonenumbers.NumberParseException:
        return e164
    if number.country_code != phonenumbers.country_code_for_region(region):
        return e164
    digits: str = phonenumbers.national_significant_number(number)
    digits = f"{digits} x{number.extension}" if number.extension else digits
    # Digits that would be read back as another number (a national prefix among them) stay international.
    return digits if phone(digits, region) == e164 else e164


def moment(value: object, zone: tzinfo = UTC) -> datetime | None:
    """A time as an aware UTC datetime; None for None, "" and the all-zero date some databases print.

    Reads ISO-like text (T or space, any decimals, Z, an offset, "GMT"/"UTC" or none = ``zone``), HTTP
    dates, and epochs in seconds or milliseconds, as numbers or digits. Raises UnreadableError.
    """
    try:
        if isinstance(value, str):
            return _moment_of_text(text(value), zone)
        if value is None:
            return None
        if isinstance(value, datetime):
            return _utc(value, zone)
        if isinstance(value, date):
            return _utc(datetime(value.year, value.month, value.day), zone)  # noqa: DTZ001  (given its zone at once)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _moment_of_epoch(value)
    except (ValueError, OverflowError, TypeError):
        pass
    message = f"expected a time, found {type(value).__name__}"
    raise UnreadableError(message)


def _clean(value: str) -> str:
    if "\0" in value:
        message = "text holds a NUL character"
        raise UnreadableError(message)
    if value.isascii():
        return value
    if any("\ud800" <= char <= "\udfff" for char in value):
        message = "text holds half a character (lone surrogate)"
        raise UnreadableError(message)
    return unicodedata.normalize("NFC", value)


def _is_address(address: str) -> bool:
    """The full grammar, for the few addresses the plain pattern does not cover (other scripts)."""
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(address, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        return False
    return True


@lru_cache(maxsize=65536)
def _parsed(raw: str, region: str) -> str:
    import phonenumbers

    try:
        number = phonenumbers.parse(raw, region)
    except phonenumbers.NumberParseException:
        return raw
    if not phonenumbers.is_possible_number(number):
        return raw
    plain: str = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if plain != raw and _parsed(plain, region) != plain:
        return raw  # 000000 in Germany: another of its zeros would be taken for the prefix each time it is read
    return f"{plain} x{number.extension}" if number.extension else plain


def _moment_of_text(value: str, zone: tzinfo) -> datetime | None:
    if not value or value.startswith("0000-00-00"):
        return None
    if value.lstrip("-").isdecimal() and len(value) != len("20240131"):
        return _moment_of_epoch(int(value))
    if value[0].isalpha():  # "Wed, 21 Oct 2015 07:28:00 GMT"
        return _utc(parsedate_to_datetime(value), zone)
    if value.endswith(("GMT", "UTC")):
        value = value[:-3].rstrip() + "Z"
    return _utc(datetime.fromisoformat(value), zone)


def _moment_of_epoch(value: float) -> datetime:
    if abs(value) >= _EPOCH_MS_MIN:
        return _EPOCH + timedelta(milliseconds=value)
    return _EPOCH + timedelta(seconds=value)


def _utc(value: datetime, zone: tzinfo) -> datetime:
    return (value.replace(tzinfo=zone) if value.tzinfo is None else value).astimezone(UTC)
