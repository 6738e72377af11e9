"""Look-ups before creating and after a crash; every row is compared by value (vendors/mycrm.md §3, §11)."""

from __future__ import annotations

import re
from datetime import datetime

from syncd.domain.errors import UnreadableError
from syncd.domain.normalize import email as normal_email
from syncd.domain.normalize import phone as normal_phone
from syncd.ports.vendor import Found, Remote
from syncd.vendors.mycrm.listing import Row
from syncd.vendors.mycrm.walk import Walk

_NOT_DIGITS = re.compile(r"[^0-9]", re.ASCII)


async def find(walk: Walk, region: str, *, email: str, phone: str, since: datetime | None) -> Found:
    """As `Adapter.find_leads`. A number not found by its digits is no proof, unless ``since`` was walked too."""
    if email:
        rows = await walk.search("query", email, lambda row: _shows_email(row, email))
        if rows or not phone:
            return Found(rows)
    if not phone:
        return Found(await walk.since(since)) if since is not None else Found([], conclusive=False)
    rows = await _ringing(walk, phone, region)
    if not rows and since is not None:
        rows = await walk.since(since, lambda row: _rings(row, phone, region))
    return Found(rows, conclusive=bool(rows or email or since))


async def _ringing(walk: Walk, phone: str, region: str) -> list[Remote]:
    digits = national_digits(phone, region)
    if not digits:
        return []
    return await walk.search("mobile", digits, lambda row: _rings(row, phone, region))


def national_digits(number: str, region: str) -> str:
    """The national digits of a number of any country, without the leading 0: part of every spelling of it."""
    import phonenumbers

    plain = number.partition(" x")[0]
    try:
        parsed = phonenumbers.parse(plain, region)
    except phonenumbers.NumberParseException:
        return _NOT_DIGITS.sub("", plain).lstrip("0")
    return str(phonenumbers.national_significant_number(parsed)).lstrip("0")


def _shows_email(row: Row, address: str) -> bool:
    try:
        return normal_email(row.get("email")) == normal_email(address)
    except UnreadableError:
        return False


def _rings(row: Row, number: str, region: str) -> bool:
    try:
        return normal_phone(row.get("mobile"), region) == normal_phone(number, region)
    except UnreadableError:
        return False
