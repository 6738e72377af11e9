"""Leads, links and batches the store's tests write: as large as those of a real page."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from syncd.domain.lead import Fields, Member, Phone, Value
from syncd.domain.origin import Origin
from syncd.ports.rows import Batch, Change, Lead, Link

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)

EVERYTHING: Fields = {
    "title": "Dr.", "first_name": "Zoë", "middle_name": "Q.", "last_name": "O'Hara", "email": "zoe@example.com",
    "emails": frozenset({"zoe@example.com", "z@example.org"}), "phone": "+13125550100",
    "phones": frozenset({Phone("+13125550100", "cell"), Phone("ask for Zoë", "")}),
    "street": "1 Main St", "city": "Chicago", "region": "IL", "postal_code": "60601", "country": "US",
    "stage": "qualified", "source": "Zillow", "roles": frozenset({"buyer", "seller"}),
    "buyer_timeline": (3, 6), "seller_timeline": "soon", "price_min": 250000, "price_max": 312500.5,
    "beds_min": 2, "beds_max": 4, "baths_min": 1.5, "baths_max": 3, "size_min": 900, "size_max": 2400,
    "areas": frozenset({"Loop", "River North"}), "property_types": frozenset({"Condo"}), "birthday": date(1980, 2, 29),
    "household": frozenset({Member("spouse", "Max", "O'Hara", "max@example.com", "+13125550101")}),
    "email_opt_out": True, "text_opt_out": False, "call_opt_out": False,
    "registered_at": datetime(2020, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    "labels": frozenset({"VIP", "Open House"}), "assignment.primary": 1, "assignment.lender": 2,
    "custom.mls": "A-1", "custom.score": 7,
}  # fmt: skip
"""A lead with every field filled."""

PAYLOAD = {"id": "x", "info": {f"field_{n}": "some text of a vendor " + str(n) for n in range(40)}}
"""About 1.5 kB as JSON."""


def lead(ident: int, **fields: Value) -> Lead:
    """A lead with these fields, each from the connection "cinc"."""
    origin = Origin("cinc", f"c{ident}", NOW, 0.5, NOW - timedelta(minutes=1))
    return Lead(ident, fields, dict.fromkeys(fields, origin))


def link(external_id: str, node: int | None, connection: str = "cinc", **more: object) -> Link:
    """A live lead link (or whatever ``more`` says)."""
    values: dict[str, object] = {"kind": "lead", "digest": b"d" * 16, "payload": {"id": external_id}, "read_at": NOW}
    return Link(connection=connection, external_id=external_id, node=node, **(values | more))  # type: ignore[arg-type]


def change(ident: int, field: str = "*", old: object = None, new: object = None, who: str = "cinc") -> Change:
    """A row of the journal."""
    return Change(ident, field, old, new, who, NOW, external_id=f"c{ident}")


def page(ids: list[int] | range) -> Batch:
    """A first ingest of these leads: 2 emails, a phone, 2 labels, one link with its payload and one change each."""
    batch = Batch()
    for n in ids:
        fields: dict[str, Value] = {
            "first_name": f"First{n}", "last_name": f"Last{n}", "email": f"p{n}@example.com",
            "emails": frozenset({f"p{n}@example.com", f"q{n}@example.org"}),
            "phone": f"+1312{n:07d}", "phones": frozenset({Phone(f"+1312{n:07d}", "cell")}),
            "city": "Chicago", "region": "IL", "stage": "new", "source": "Zillow", "price_max": 400000,
            "roles": frozenset({"buyer"}), "labels": frozenset({"VIP", f"Area {n % 20}"}),
            "registered_at": NOW,
        }  # fmt: skip
        whole = lead(n, **fields)
        batch.new_leads.append(whole)
        batch.links.append(link(f"c{n}", n, base=fields, payload=PAYLOAD))
        batch.changes.append(change(n, new={"first_name": f"First{n}"}))
    return batch
