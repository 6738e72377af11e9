"""Whole forms (vendors/epixel.md §11): an update says everything again, taken from a view just read. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from syncd.domain.errors import RejectedError
from syncd.domain.lead import Fields, blank
from syncd.domain.lens import Payload
from syncd.domain.normalize import text
from syncd.vendors.epixel import payload as shown_by
from syncd.vendors.epixel.mapping import CHARACTERS_MAX, REQUIRED, Options, too_long
from syncd.vendors.epixel.numbers import digits, spelled

OPTIONAL = ("status", "source", "location", "message", "assignee")
CHOSEN = frozenset({"status", "source", "assignee"})
"""What has to be on a list of the installation that may change: a choice, a user."""


def whole(slug: str, view: Payload, changes: Mapping[str, str], wanted: Fields, options: Options) -> dict[str, str]:
    """The form that makes ``changes`` and leaves everything else as the view shows it.

    changes  form fields that get another value; "" clears an optional one
    wanted   the whole desired lead: fills what is required and blank there
    Raises RejectedError where a required field is blank on both sides, or a value is too long.
    """
    there = shown(view, options)
    form = {"slug": slug}
    for name in REQUIRED:
        value = changes[name] if name in changes else there[name] or _filling(name, wanted)
        if value:
            form[name] = value
    missing = [name for name in REQUIRED if name not in form]
    if missing:
        message = f"cannot update: missing {', '.join(missing)}"
        raise RejectedError(message)
    if over := too_long(form):
        message = f"cannot update: {over}"
        raise RejectedError(message)
    for name in OPTIONAL:
        value = changes.get(name, there[name])
        cleared = name in changes and name != "assignee"
        if (value or cleared) and len(value) <= CHARACTERS_MAX:
            form[name] = value
    return form


def shown(view: Payload, options: Options) -> dict[str, str]:
    """What a view shows, as form fields; "" where it shows nothing that could be sent. Raises UnreadableError."""
    source = shown_by.source_word(view)
    agent = shown_by.assignee(view)
    return {
        "first_name": text(view.get("first_name")),
        "last_name": text(view.get("last_name")),
        "email": text(shown_by.first(view, shown_by.KEYS["email"])),
        "phone": spelled(text(shown_by.first(view, shown_by.KEYS["phone"]))),
        "status": options.stages.sent(*shown_by.status_words(view)),
        "source": options.sources.sent(source) if source else "",
        "location": shown_by.city_word(view),
        "message": _message(view.get("message")),
        "assignee": agent.username if agent else "",
    }


def without_unchanged_choices(form: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    """The form without what nobody changes of status, source and assignee: the vendor refuses its own old value."""
    return {name: value for name, value in form.items() if name not in CHOSEN or name in changes}


def about_changes(refusal: RejectedError, changes: Mapping[str, str]) -> bool:
    """Whether a refusal speaks of choices that are to change, and of no other: leaving others out would not help."""
    named = {name for name in CHOSEN if f"{name} " in str(refusal)}
    if refusal.code == "no_assignee":
        named.add("assignee")
    return bool(named) and named <= changes.keys()


def number_sent(form: Mapping[str, str], wanted: Fields, view: Payload, options: Options) -> str:
    """The number that the form's digits mean."""
    candidates = (str(wanted.get("phone") or ""), options.numbers.read(shown_by.first(view, shown_by.KEYS["phone"])))
    return next((number for number in candidates if digits(number) == form["phone"]), "")


def _filling(name: str, wanted: Fields) -> str:
    value = wanted.get(name)
    if blank(value):
        return ""
    return digits(str(value)) if name == "phone" else str(value)


def _message(value: object) -> str:
    return text(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
