"""Values to write and read in the contract suite. Everybody in here is made up."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from syncd.domain.lead import Member, Phone, Value

FIRST: dict[str, Value] = {
    "first_name": "Zoë",
    "last_name": "Müller Ñandú",
    "email": "zoe.mueller@example.com",
    "emails": frozenset({"zoe.mueller@example.com"}),
    "phone": "+14155552671",
    "phones": frozenset({Phone("+14155552671", "cell")}),
    "street": "12 Main St",
    "city": "Atlanta",
    "region": "GA",
    "postal_code": "30301",
    "stage": "new",
    "source": "Open House",
    "roles": frozenset({"buyer"}),
    "buyer_timeline": (3, 6),
    "price_min": 200000,
    "price_max": 350000,
    "beds_min": 2,
    "baths_min": 2,
    "property_types": frozenset({"Condo"}),
}
"""A lead as canonical values, as every vendor should be able to take it."""

OTHER: dict[str, Value] = {
    "title": "Dr",
    "first_name": "Anaïs",
    "middle_name": "Q",
    "last_name": "O’Brien 李",
    "email": "anais+homes@example.org",
    "emails": frozenset({"anais+homes@example.org", "a.obrien@example.net"}),
    "phone": "+12129876543",
    "phones": frozenset({Phone("+12129876543", "cell"), Phone("+13105550188", "home")}),
    "street": '7 Rue de l\'Église, Apt "B"',
    "city": "Springfield",
    "region": "IL",
    "postal_code": "62704",
    "country": "US",
    "stage": "contacted",
    "source": "Zillow & friends",
    "roles": frozenset({"seller", "buyer"}),
    "buyer_timeline": (6, 12),
    "seller_timeline": (1, 3),
    "price_min": 250000,
    "price_max": 475000,
    "beds_min": 3,
    "beds_max": 5,
    "baths_min": 2.5,
    "baths_max": 4,
    "size_min": 1200,
    "size_max": 3000,
    "areas": frozenset({"Springfield, IL"}),
    "property_types": frozenset({"Townhouse", "Condo"}),
    "birthday": date(1984, 2, 29),
    "household": frozenset({Member("spouse", "Kim", "O'Brien", "kim@example.net", "+13105550199")}),
    "email_opt_out": True,
    "text_opt_out": True,
    "call_opt_out": True,
    "registered_at": datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC),
}
"""Another value for every field there is."""

COMPANIONS: dict[str, tuple[str, ...]] = {
    "email": ("emails",),
    "emails": ("email",),
    "phone": ("phones",),
    "phones": ("phone",),
    "street": ("city", "region", "postal_code"),
    "price_max": ("price_min",),
    "beds_max": ("beds_min",),
    "baths_max": ("baths_min",),
    "size_max": ("size_min",),
}
"""Fields that only make sense when these change along with them."""

PERSON: dict[str, Any] = {
    "first_name": "Grace",
    "last_name": "Hopper",
    "email": "grace@example.com",
    "phones": [("(415) 555-2671", "cell")],
    "street": "1 Navy Way",
    "city": "Arlington",
    "region": "VA",
    "postal_code": "22201",
    "stage": "New Lead",
    "source": "Website",
    "roles": ["buyer"],
}
"""A lead as a person types it into the vendor's app."""
