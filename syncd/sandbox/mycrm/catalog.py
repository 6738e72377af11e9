"""The fixed lists of the simulated account (vendors/mycrm.md §5, §6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TITLES = ("mr", "ms", "miss", "mrs")
STATUSES = (
    "notYetContacted", "calledNoReply", "prospect", "qualified", "viewingsInProgress", "contractSent", "contractSigned",
    "notReady", "notInterested", "other",
)  # fmt: skip
CATEGORIES = ("residential", "commercial")
FINANCIALS = ("other", "cash", "mortgage")
QUALITIES = ("spam", "poor", "average", "good", "excellent", "hot")
MORTGAGES = ("pre-approved", "in-process", "not-pre-approved")
OFFERINGS = ("sale", "rent")
CHANNELS: Mapping[str, tuple[str, ...]] = {
    "propertyfinder": ("callTracking", "sms", "email"),
    "portal": ("bayut", "dubizzle", "gulfNews", "justProperty", "justRentals", "otherPortal"),
    "socialMedia": ("facebook", "twitter", "google", "linkedIn", "otherSocialMedia"),
    "online": ("ourWebsite", "emailMarketing", "onlineMarketing", "otherOnline"),
    "offline": ("phone", "print", "outdoor", "expo", "walkIn", "referral", "otherOffline"),
    "other": (),
}

LOCATIONS: Mapping[str, Mapping[str, Any]] = {
    "are.1.1": {"city": "Abu Dhabi", "community": "Al Reem Island"},
    "are.2.15": {"city": "Dubai", "community": "Dubai Marina"},
    "are.3.1200": {
        "city": "Dubai",
        "community": "Jumeirah Lake Towers",
        "sub_community": "Lake Almas West",
        "tower": "Wind Tower 1",
        "latitude": 25.067359024462,
        "longitude": 55.137580800802,
    },
    "are.4.7": {"city": "Springfield"},
    "are.4.8": {"city": "Atlanta"},
    "are.4.9": {"city": "Macon"},
}
TYPES: Mapping[int, tuple[str, str]] = {
    2: ("Apartment", "residential"),
    3: ("Villa", "residential"),
    4: ("Townhouse", "residential"),
    5: ("Condo", "residential"),
    9: ("Office Space", "commercial"),
}
AMENITIES: Mapping[int, str] = {1: "swimming pool", 2: "gym", 3: "covered parking"}
