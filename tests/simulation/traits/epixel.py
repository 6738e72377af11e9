"""Epixel: one of everything, no labels, stages of the installation, whole forms (vendors/epixel.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.sandbox.epixel.bodies import fields as form_of
from syncd.sandbox.message import Ask
from tests.simulation.traits.base import Account, Sent, Traits
from tests.simulation.views import View

REQUIRED = ("first_name", "last_name", "email", "phone")
STATUSES = ("new", "contacted", "qualified", "converted", "lost")
STAGES = (
    "new", "attempted", "contacted", "nurturing", "qualified", "appointment", "showing", "under_contract", "closed",
    "not_ready", "lost",
)  # fmt: skip
_WRITES = ("create/lead/", "update/lead/", "create/leadnote/", "delete/leadnote/", "delete/lead/")


class Epixel(Traits):
    """One installation."""

    scalars = ("first_name", "last_name", "email", "phone", "city", "stage", "primary")
    sets = ("phones", "emails")
    single = frozenset({"emails", "phones"})
    notes_move = False  # a note leaves its lead as it was (§7)
    note_max = 499
    blur_s = 70.0  # times may be told without seconds, or not at all

    def __init__(self, account: Account) -> None:
        """The choices of status are the installation's own."""
        super().__init__(account)
        words = (*STATUSES, *account.switches.get("statuses", ()))
        meant = {word: word.casefold().replace(" ", "_").replace("-", "_") for word in words}
        self.stages = {word: stage for word, stage in meant.items() if stage in STAGES}
        self.odd_stages = tuple(word for word in words if word not in self.stages)
        self.notes_read = account.switches.get("notes", "view") == "view"

    def hold(self, name: str, value: str) -> str | None:
        """Stages it has a choice for, agents that a lead was ever assigned to: nothing else tells of them."""
        if name == "stage":
            return value if not value or value in self.stages.values() else None
        if name == "primary":
            return value if not value or value in self.met else None
        return super().hold(name, value)

    def lacks(self, person: View) -> bool:
        """Four fields are required, and nothing is invented."""
        return not all(person[name] for name in REQUIRED)

    def stuck(self, canon: View, seen: View, name: str) -> bool:
        """An update wants the required fields again."""
        return name != "notes" and any(not canon[need] and not seen[need] for need in REQUIRED)

    def understand(self, ask: Ask) -> Sent:
        """Forms; the slug says which lead."""
        name, path = self.account.name, ask.path
        if ask.method == "GET":
            single = path.endswith("view/lead/")
            return Sent(name, write=False, lead=ask.one("slug") if single else "", single=single)
        call = next((call for call in _WRITES if path.endswith(call)), "")
        try:
            form = form_of(ask)
        except ValueError:
            form = {}
        create = {"create/lead/": "lead", "create/leadnote/": "note"}.get(call, "")
        return Sent(name, write=True, create=create, lead=str(form.get("slug", "")), forbidden=_wrong(call, form, path))


def _wrong(call: str, form: Mapping[str, Any], path: str) -> str:
    if call == "delete/lead/":
        return "a lead is deleted"
    if not path.endswith("/"):
        return "a path without the slash at its end"
    if call == "update/lead/" and (blank := [name for name in REQUIRED if not form.get(name)]):
        return f"an update without {', '.join(blank)}"
    if call == "update/lead/" and form.get("assignee") == "":
        return "a blank assignee"
    return ""
