"""Rechat: rows upon rows, so nothing is cut; what it has no row for needs a custom attribute (vendors/rechat.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from syncd.sandbox.base import SandboxVendor
from syncd.sandbox.message import Ask
from tests.simulation.traits.base import Account, Sent, Traits, json_of
from tests.simulation.views import View, folded_lookup

COUNTRIES = {
    "AE": "AE", "United Arab Emirates": "AE", "US": "US", "United States": "US", "GB": "GB", "United Kingdom": "GB",
}  # fmt: skip
_CONTACT = re.compile(r"/contacts/(?P<lead>[0-9a-f-]{36})")
_ASSIGNEES = re.compile(r"/leads/(?P<lead>[0-9a-f-]{36})/assignees\Z")
_CAPTURE = re.compile(r"/leads(?:/channels/[^/]+/webhook)?\Z")
ATTRIBUTES: Mapping[str, Mapping[str, Any]] = {
    "buyer_timeline": {"label": "Buying in", "data_type": "text"},
    "price_min": {"label": "Price from", "data_type": "number"},
    "price_max": {"label": "Price to", "data_type": "number"},
}
"""Custom attributes an account may have; syncd's config then names them."""


class Rechat(Traits):
    """One brand."""

    scalars = (
        "title", "first_name", "middle_name", "last_name", "email", "phone", "street", "city", "region",
        "postal_code", "country", "stage", "primary",
    )  # fmt: skip
    sets = ("labels", "phones", "emails")
    stages: Mapping[str, str] = {
        "New": "new", "Attempted": "attempted", "Contacted": "contacted", "Nurturing": "nurturing",
        "Qualified": "qualified", "Appointment": "appointment", "Showing": "showing",
        "Under Contract": "under_contract", "Closed": "closed", "Not Ready": "not_ready", "Lost": "lost",
    }  # fmt: skip
    odd_stages = ("On Hold",)
    note_edit = True
    piecewise = frozenset({"street"})  # rows are changed and added by one call, and deleted by others (§11)
    titles = ("Ms", "ms.", "MR", "Dr", "Prof. Dr.")
    countries = tuple(COUNTRIES)

    def __init__(self, account: Account) -> None:
        """An account may have attributes for what Rechat has no row for."""
        super().__init__(account)
        self.kept = tuple(account.options.get("attributes", {}))
        self.tags = {"lead"} if account.options.get("create_via", "capture") == "capture" else set()

    @property
    def fields(self) -> tuple[str, ...]:
        """With what custom attributes keep."""
        return (*self.scalars, *self.kept, *self.sets)

    def agents(self, sandbox: SandboxVendor) -> dict[str, str]:
        """The brand's first user."""
        return {str(user): row["email"] for user, row in sandbox.store.users.items()}  # type: ignore[attr-defined]

    def read(self, name: str, shown: Mapping[str, Any], agents: Mapping[str, str]) -> Any:
        """Countries by name or code."""
        found = super().read(name, shown, agents)
        return folded_lookup(COUNTRIES, found) or found if name == "country" else found

    def vendors_own(self, seen: View) -> View:
        """A contact always has an owner; a capture is tagged."""
        return {"primary": seen["primary"], "labels": self.tags}

    def frame(self, low: int, high: int | None) -> Any:
        """Typed as text."""
        return (low, high) if "buyer_timeline" in self.kept else None

    def understand(self, ask: Ask) -> Sent:
        """Rows of one contact; captures; and a search that is a POST."""
        name, path, method = self.account.name, ask.path, ask.method
        found = _CONTACT.search(path) or _ASSIGNEES.search(path)
        lead = found["lead"] if found else ""
        if method == "GET" or path.endswith("/contacts/filter"):
            return Sent(name, write=False, lead=lead, single=bool(lead) and path.endswith(lead))
        body = json_of(ask)
        rows = body.get("attributes") or ()
        noted = any(row.get("attribute_type") == "note" and "id" not in row for row in rows)
        creates = method == "POST" and (path.endswith("/contacts") or _CAPTURE.search(path))
        create = "lead" if creates else "note" if noted else ""
        return Sent(name, write=True, create=create, lead=lead, forbidden=_wrong(ask, body))


def _wrong(ask: Ask, body: Mapping[str, Any]) -> str:
    if ask.method in {"DELETE", "PATCH"} and re.search(r"/contacts(?:/attributes|/tags/.*)?/?\Z", ask.path):
        return "a call that is about every contact"
    if ask.method == "DELETE" and "/attributes/" not in ask.path:
        return "a contact is deleted"
    if ask.path.endswith("/merge"):
        return "contacts are merged"
    captured = body.get("lead", body)
    if _CAPTURE.search(ask.path) and isinstance(captured, Mapping) and "note" in captured:
        return "a capture with a note"
    values = (row.get(kind) for row in body.get("attributes") or () for kind in ("text", "number", "date"))
    return "a blank row" if any(value == "" for value in values) else ""
