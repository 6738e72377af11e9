"""What the forms accept, and the very words with which they refuse (vendors/epixel.md §12, §13)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

REQUIRED = ("first_name", "last_name", "email", "phone")
OPTIONAL = ("status", "source", "location", "message", "assignee")
NEEDED = "This field is required."
BLANK = "This field may not be blank."
PHONE = "Phone number must be entered in the format: '999999999'. Up to 15 digits allowed."
CHARACTERS_MAX = 255
SLUG_MAX = 258
NOTE_MAX = 499
APPOINTMENT_NOTE_MAX = 200
APPOINTMENT_STATUSES = ("scheduled", "done", "cancelled")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+\Z")
_PHONE = re.compile(r"[0-9]{1,15}\Z", re.ASCII)
Errors = dict[str, list[str]]


class RefusedError(Exception):
    """A form is refused: ``errors`` by field with 400, or business texts with 401."""

    def __init__(self, status: int, errors: Mapping[str, list[str]]) -> None:
        """``errors`` as the envelope shows them."""
        super().__init__(str(status))
        self.status = status
        self.errors = dict(errors)


def business(text: str) -> RefusedError:
    """A 401 that has nothing to do with credentials."""
    return RefusedError(401, {"": [text]})


def wrong(field: str, text: str) -> RefusedError:
    """A 400 about one field."""
    return RefusedError(400, {field: [text]})


def trimmed(form: Mapping[str, Any]) -> dict[str, str]:
    """The form as text without white space around it."""
    return {name: "" if value is None else str(value).strip() for name, value in form.items()}


def lead(
    form: Mapping[str, str], *, statuses: Collection[str], sources: Collection[str], users: Collection[str]
) -> dict[str, str]:
    """The values of a lead's form, all required ones among them. Raises RefusedError with everything that is wrong."""
    errors: Errors = {}
    for name in REQUIRED:
        if name not in form:
            errors[name] = [NEEDED]
        elif not form[name]:
            errors[name] = [BLANK]
    for name in (*REQUIRED, "location", "message"):
        value = form.get(name, "")
        if "\0" in value:
            errors.setdefault(name, []).append("Null characters are not allowed.")
        if len(value) > CHARACTERS_MAX and name != "phone":
            errors.setdefault(name, []).append(f"Ensure this field has no more than {CHARACTERS_MAX} characters.")
    if form.get("email") and not _EMAIL.match(form["email"]):
        errors.setdefault("email", []).append("Invalid email.")
    if form.get("phone") and not _PHONE.match(form["phone"]):
        errors.setdefault("phone", []).append(PHONE)
    for name, choices in (("status", statuses), ("source", sources)):
        if form.get(name) and form[name] not in choices:
            errors[name] = [f"{form[name]} is not a valid choice."]
    if "assignee" in form and form["assignee"] not in users:
        errors["assignee"] = ["Assignee not found." if form["assignee"] else BLANK]
    if errors:
        raise RefusedError(400, errors)
    return {name: form[name] for name in (*REQUIRED, *OPTIONAL) if name in form}


def text(form: Mapping[str, str], name: str, characters_max: int) -> str:
    """One required text. Raises RefusedError."""
    if name not in form:
        raise wrong(name, NEEDED)
    if not form[name]:
        raise wrong(name, BLANK)
    if len(form[name]) > characters_max:
        raise wrong(name, f"Ensure this field has no more than {characters_max} characters.")
    return form[name]


def appointment(form: Mapping[str, str], *, creating: bool) -> dict[str, str]:
    """The values of an appointment's form. Raises RefusedError."""
    values: dict[str, str] = {}
    for name in ("appointment_date", "appointment_to"):
        if name not in form and not creating:
            continue
        values[name] = text(form, name, CHARACTERS_MAX)
        try:
            datetime.strptime(values[name], "%Y-%m-%d %H:%M")  # noqa: DTZ007 -- only its form
        except ValueError:
            raise wrong(name, "Invalid date format.") from None
    if len(form.get("appointment_note", "")) > APPOINTMENT_NOTE_MAX:
        raise wrong("appointment_note", f"Ensure this field has no more than {APPOINTMENT_NOTE_MAX} characters.")
    if form.get("appointment_status") and form["appointment_status"] not in APPOINTMENT_STATUSES:
        raise wrong("appointment_status", "Invalid appointment status.")
    return values | {n: form[n] for n in ("appointment_note", "appointment_status") if n in form}
