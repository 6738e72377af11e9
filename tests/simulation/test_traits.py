"""What the simulation itself knows of the vendors: what they can hold, and which requests their sheets forbid."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from syncd.sandbox.message import Ask
from tests.simulation.traits import Account, Traits, traits_of

UUID = "497c9108-1031-4885-9043-5baaf215aed7"
MANDATORY = dict.fromkeys(
    ("title", "first_name", "last_name", "mobile", "category", "country", "status", "source", "source_channel",
     "financial", "offering_type", "preference"), "x"
)  # fmt: skip


def traits(vendor: str, sandbox: str = "", **switches: Any) -> Traits:
    """Those of an account of this vendor."""
    found = traits_of(Account(vendor, vendor, sandbox or vendor, switches))
    found.staff |= {"agent@office.example"}
    return found


def asked(method: str, path: str, body: Any = None, *query: tuple[str, str]) -> Ask:
    """A request with a JSON body."""
    return Ask(method, path, query, {"content-type": "application/json"}, b"" if body is None else orjson.dumps(body))


FORBIDDEN = [
    ("cinc", asked("DELETE", "/v2/site/leads/labels/L1")),
    ("cinc", asked("POST", "/v2/site/leads/L1", {"id": "L1", "notes": [{"notified_agents": ["A"], "content": "x"}]})),
    ("cinc", asked("POST", "/v2/site/leads", {"info": {}, "notes": []})),
    ("cinc", asked("POST", "/v2/site/leads/labels", {"name": "Hot"})),
    ("cinc", asked("GET", "/v2/site/leads/L1", None, ("fields", "info"))),
    ("chime", asked("POST", "/v1.0/leads", {"firstName": "A", "leadAlert": False})),
    ("chime", asked("POST", "/v1.0/leads", {"firstName": "A", "leadAlert": False, "welcomeEmail": True})),
    ("chime", asked("PUT", "/v1.0/leads/1", {"tagsAdd": [7]})),
    ("chime", asked("PUT", "/v1.0/leads/1", {"tags": ["A"], "firstName": "A"})),
    ("chime", asked("PUT", "/v1.0/leads/1", {"isPrivate": True})),
    ("chime", asked("POST", "/v1.0/notes", {"leadId": "1", "content": "x", "isPin": False})),
    ("chime", asked("DELETE", "/v1.0/leads/1", None, ("reason", "x"))),
    ("mycrm", asked("DELETE", "/leads")),
    ("mycrm", asked("DELETE", "/leads/")),
    ("mycrm", asked("DELETE", "/lead/7")),
    ("mycrm", asked("PATCH", "/leads", {"operations": []})),
    ("mycrm", asked("PATCH", "/leads/7", {"operations": [{"op": "replace", "path": "/*/status", "value": "x"}]})),
    ("mycrm", asked("PUT", "/leads/0", {"lead": MANDATORY})),
    ("mycrm", asked("PUT", "/leads/7", {"lead": {"id": 7, "first_name": "A"}})),
    ("mycrm", asked("POST", "/leads", {"lead": {**MANDATORY, "notes": [{"body": "x"}]}})),
    ("rechat", asked("DELETE", "/contacts")),
    ("rechat", asked("PATCH", "/contacts", {})),
    ("rechat", asked("DELETE", "/contacts/attributes")),
    ("rechat", asked("DELETE", "/contacts/tags/Hot")),
    ("rechat", asked("DELETE", f"/contacts/{UUID}")),
    ("rechat", asked("POST", "/leads", {"metadata": {}, "lead": {"email": "a@b.example", "note": "x"}})),
    ("rechat", asked("POST", f"/contacts/{UUID}/attributes", {"attributes": [{"attribute_type": "city", "text": ""}]})),
    ("epixel", asked("POST", "/api/v1/leads/delete/lead/", {"slug": "a-1"})),
    ("epixel", asked("POST", "/api/v1/leads/update/lead/", {"slug": "a-1", "first_name": "A"})),
    ("epixel", asked("POST", "/api/v1/leads/update/lead", {"slug": "a-1"})),
]


@pytest.mark.parametrize(("vendor", "ask"), FORBIDDEN)
def test_what_a_sheet_forbids_is_noticed(vendor, ask):
    """Bulk calls, calls that send mail or alert people, deletes, and writes that would blank by omission."""
    assert traits(vendor).understand(ask).forbidden


ALLOWED = [
    ("cinc", asked("POST", "/v2/site/leads/L1", {"id": "L1", "notes": [{"content": "x"}]}), "note", "L1"),
    ("cinc", asked("POST", "/v2/site/leads", {"info": {}}), "lead", ""),
    ("cinc", asked("POST", "/v2/site/leads", {"id": "L1", "username": "a@b.example"}), "", "L1"),
    ("chime", asked("POST", "/v1.0/leads", {"firstName": "A", "leadAlert": False, "welcomeEmail": False}), "lead", ""),
    ("chime", asked("PUT", "/v1.0/leads/1", {"tags": ["A"]}), "", "1"),
    ("chime", asked("POST", "/v1.0/notes", {"leadId": 1, "content": "x", "isPin": False}), "note", "1"),
    ("mycrm", asked("PUT", "/leads/7", {"lead": {**MANDATORY, "notes": [{"id": 1}, {"body": "x"}]}}), "note", "7"),
    ("mycrm", asked("POST", "/leads", {"lead": MANDATORY}), "lead", ""),
    ("rechat", asked("POST", "/leads", {"metadata": {}, "lead": {"email": "a@b.example"}}), "lead", ""),
    ("rechat", asked("POST", "/contacts", {"contacts": []}), "lead", ""),
    ("rechat", asked("DELETE", f"/contacts/{UUID}/attributes/{UUID}"), "", UUID),
    ("epixel", asked("POST", "/api/v1/create/leadnote/", {"slug": "a-1", "note": "x"}), "note", "a-1"),
    ("epixel", asked("POST", "/api/v1/v1/leads/create/lead/", {"first_name": "A"}), "lead", ""),
]


@pytest.mark.parametrize(("vendor", "ask", "create", "lead"), ALLOWED)
def test_a_request_is_understood(vendor, ask, create, lead):
    """What a write creates and which lead it is about, so that crashes and races happen where they hurt."""
    sent = traits(vendor).understand(ask)
    assert (sent.write, sent.create, sent.lead, sent.forbidden) == (True, create, lead, "")


HELD = [
    ("chime", "first_name", "A name that is longer than thirty characters", "A name that is longer than thi"),
    ("chime", "buyer_timeline", "6-9", "6-12"),
    ("chime", "buyer_timeline", "9+", "6-12"),
    ("chime", "country", "AE", None),
    ("cinc", "stage", "nurturing", None),
    ("cinc", "stage", "closed", "closed"),
    ("mycrm", "stage", "nurturing", "contacted"),
    ("mycrm", "title", "ms.", "Ms"),
    ("mycrm", "title", "Dr", None),
    ("mycrm", "buyer_timeline", "6-12", None),
    ("mycrm", "labels", "hot", None),
    ("rechat", "title", "ms.", "ms."),
    ("rechat", "price_min", "1", None),
    ("epixel", "stage", "showing", None),
    ("epixel", "street", "1 Main St", None),
    ("epixel", "primary", "agent@office.example", None),
    ("cinc", "primary", "agent@office.example", "agent@office.example"),
    ("cinc", "primary", "stranger@office.example", None),
]


@pytest.mark.parametrize(("vendor", "field", "value", "shown"), HELD)
def test_what_a_vendor_can_hold(vendor, field, value, shown):
    """Cut, coerced or not at all, as the sheets say; holding it twice changes nothing more."""
    found = traits(vendor).hold(field, value)
    assert found == shown
    assert found is None or traits(vendor).hold(field, found) == found


def test_the_installation_names_its_stages():
    """Epixel's choices are its own: one that is called like a stage is that stage."""
    found = traits("epixel", statuses=("under_contract", "Not Ready"))
    assert found.hold("stage", "not_ready") == "not_ready"
    assert found.see({"stage": "Not Ready"}, {})["stage"] == "not_ready"
    assert found.see({"stage": "converted"}, {})["stage"] == "? converted"
