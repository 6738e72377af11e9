"""Normal forms."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.errors import UnreadableError
from syncd.domain.normalize import email, fold, moment, national, note_text, phone, text

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
NUMBERISH = st.text("0123456789 +-().x", max_size=20)
REGIONS = st.sampled_from(["US", "CA", "GB", "DE", "IT", "AR", "ZZ"])


@given(TEXTS)
def test_text_forms_are_idempotent(raw: str):
    """Normalising twice is normalising once, for every text form."""
    for form in (text, note_text, fold, email):
        assert form(form(raw)) == form(raw)


@given(NUMBERISH | TEXTS, REGIONS)
def test_phone_is_idempotent(raw: str, region: str):
    """A number in normal form stays as it is, whatever the region."""
    once = phone(raw, region)
    assert phone(once, region) == once


@given(
    st.from_regex(r"\A[ (]?[2-9][0-9]{2}[) .-]{0,2}[0-9]{3}[ .-]?[0-9]{4}\Z") | NUMBERISH, st.sampled_from(["US", "CA"])
)
def test_the_quick_way_for_north_america_agrees_with_the_parser(raw: str, region: str):
    """Ten-digit numbers skip phonenumbers; the result is what phonenumbers says."""
    try:
        parsed = phonenumbers.parse(raw.strip(), region)
    except phonenumbers.NumberParseException:
        assert phone(raw, region) == raw.strip()
        return
    if phonenumbers.is_possible_number(parsed) and not parsed.extension:
        assert phone(raw, region) == phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


@given(NUMBERISH, REGIONS)
def test_national_digits_are_read_back_as_the_same_number(raw: str, region: str):
    """What a vendor that stores national digits is sent reads back equal."""
    number = phone(raw, region)
    assert phone(national(number, region), region) == number


@pytest.mark.parametrize(
    ("raw", "region", "expected"),
    [
        ("(415) 555-0100", "US", "+14155550100"),
        ("1 415 555 0100", "US", "+14155550100"),
        ("+1 415-555-0100", "DE", "+14155550100"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("415-555-0100 ext. 12", "US", "+14155550100 x12"),
        (" ask mum ", "US", "ask mum"),
        ("555-01", "US", "555-01"),
        ("000000", "DE", "000000"),
        ("09040090500", "BR", "09040090500"),
        ("+39 06 6982", "US", "+39066982"),
        (4155550100, "US", "+14155550100"),
        (None, "US", ""),
    ],
)
def test_phone(raw: object, region: str, expected: str):
    """E.164 where possible, the extension behind it, verbatim otherwise."""
    assert phone(raw, region) == expected


@pytest.mark.parametrize(
    ("number", "region", "expected"),
    [
        ("+14155550100", "US", "4155550100"),
        ("+14155550100", "GB", "+14155550100"),
        ("+442079460958", "GB", "2079460958"),
        ("+14155550100 x12", "US", "4155550100 x12"),
        ("ask mum", "US", "ask mum"),
        ("", "US", ""),
    ],
)
def test_national(number: str, region: str, expected: str):
    """National digits in the number's own country, the number as it is elsewhere."""
    assert national(number, region) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (" Bob@Example.COM ", "bob@example.com"),
        ("rené@exämple.com", "rené@exämple.com"),
        ("o'brien+x@mail.example.co.uk", "o'brien+x@mail.example.co.uk"),
        ("no address", ""),
        ("a@b", ""),
        ("a..b@example.com", ""),
        (".a@example.com", ""),
        ("a.@example.com", ""),
        ("a@-example.com", ""),
        ("two@example.com, three@example.com", ""),
        ("@example.com", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_email(raw: object, expected: str):
    """Trimmed and lower-cased; what is no address is nothing."""
    assert email(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"), [("  e\u0301 ", "é"), (94107, "94107"), (1.5, "1.5"), (None, ""), ("a  b", "a  b")]
)
def test_text(raw: object, expected: str):
    """NFC, trimmed; numbers as digits; inner spaces stay."""
    assert text(raw) == expected


@pytest.mark.parametrize("raw", ["a\0b", "\ud800", True, [], {}, b"x"])
def test_text_that_cannot_be_kept_is_unreadable(raw: object):
    """NUL, half characters and other types raise, without the value in the message."""
    with pytest.raises(UnreadableError) as caught:
        text(raw)
    assert "a\0b" not in str(caught.value)


def test_fold_ignores_case_composition_and_spaces():
    """Labels that differ in nothing else are the same label."""
    assert fold("  Hot \u00a0 LEAD ") == fold("hot lead")
    assert fold("Stra\u00dfe") == fold("STRASSE")
    assert fold("E\u0301te") == fold("\u00e9te")
    assert fold("hot lead") != fold("hotlead")


def test_note_text_has_one_kind_of_line_end():
    """CRLF and CR become LF, the text is trimmed."""
    assert note_text(" a\r\nb\rc\n\n") == "a\nb\nc"


@pytest.mark.parametrize(
    "raw",
    [
        "2026-04-22T10:15:30Z", "2026-04-22T10:15:30GMT", "2026-04-22 10:15:30", "2026-04-22 10:15:30 UTC",
        "2026-04-22T12:15:30+02:00", "2026-04-22T10:15:30.000Z", "Wed, 22 Apr 2026 10:15:30 GMT",
        1776852930, 1776852930.0, 1776852930000, "1776852930", "1776852930000",
        datetime(2026, 4, 22, 12, 15, 30, tzinfo=timezone(timedelta(hours=2))),
    ],
)  # fmt: skip
def test_moment_reads_what_vendors_write(raw: object):
    """Every spelling of one moment is that moment, aware and UTC."""
    found = moment(raw)
    assert found == datetime(2026, 4, 22, 10, 15, 30, tzinfo=UTC)
    assert found is not None
    assert found.tzinfo is UTC


@pytest.mark.parametrize("digits", range(1, 10))
def test_moment_reads_any_number_of_decimals(digits: int):
    """One to nine decimals; beyond microseconds they are cut."""
    raw = "2026-04-22T10:15:30." + "123456789"[:digits] + "Z"
    assert moment(raw) == datetime(2026, 4, 22, 10, 15, 30, int("123456789"[:digits].ljust(6, "0")[:6]), tzinfo=UTC)


def test_moment_without_a_zone_is_in_the_zone_given():
    """Naive times belong to the connection's zone, UTC unless said."""
    zone = timezone(timedelta(hours=-5))
    assert moment("2026-04-22 05:00", zone) == datetime(2026, 4, 22, 10, 0, tzinfo=UTC)
    assert moment("2026-04-22T05:00:00Z", zone) == datetime(2026, 4, 22, 5, 0, tzinfo=UTC)
    assert moment(date(2026, 4, 22)) == datetime(2026, 4, 22, tzinfo=UTC)


@pytest.mark.parametrize("raw", [None, "", "  ", "0000-00-00 00:00:00"])
def test_no_moment(raw: object):
    """Nothing, and the zero date of some databases, are no time."""
    assert moment(raw) is None


@pytest.mark.parametrize(
    "raw", ["yesterday", "2026-13-01", True, [], float("nan"), float("inf"), 10**30, "99999999999999999999"]
)
def test_a_broken_moment_is_unreadable(raw: object):
    """What is no time raises instead of being guessed."""
    with pytest.raises(UnreadableError):
        moment(raw)


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_moments_survive_their_own_spelling(when: datetime):
    """A moment written as ISO text reads back as itself."""
    assert moment(when.isoformat()) == when
    assert moment(when.isoformat(sep=" ").replace("+00:00", " GMT")) == when
