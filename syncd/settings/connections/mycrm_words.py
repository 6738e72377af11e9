"""The words MyCRM knows (vendors/mycrm.md §5, §6): its config is checked against them and its mapping uses them.

Plain data without imports, so that the config and the mapping can share it.
"""

from __future__ import annotations

from collections.abc import Mapping

OTHER_SOURCE = "other"
"""The source whose channel may be any text."""

CHANNELS: Mapping[str, tuple[str, ...]] = {
    "propertyfinder": ("callTracking", "sms", "email"),
    "portal": ("bayut", "dubizzle", "gulfNews", "justProperty", "justRentals", "otherPortal"),
    "socialMedia": ("facebook", "twitter", "google", "linkedIn", "otherSocialMedia"),
    "online": ("ourWebsite", "emailMarketing", "onlineMarketing", "otherOnline"),
    "offline": ("phone", "print", "outdoor", "expo", "walkIn", "referral", "otherOffline"),
    OTHER_SOURCE: (),
}
"""Source → its channels."""

SOURCE_OF: Mapping[str, str] = {channel: source for source, channels in CHANNELS.items() for channel in channels}
"""Channel → the source it belongs to."""

TITLES = ("mr", "ms", "miss", "mrs")
STATUSES = (
    "notYetContacted",
    "calledNoReply",
    "prospect",
    "qualified",
    "viewingsInProgress",
    "contractSent",
    "contractSigned",
    "notReady",
    "notInterested",
)
CATEGORIES = ("residential", "commercial")
FINANCIALS = ("other", "cash", "mortgage")
OFFERING_TYPES = ("sale", "rent")
QUALITIES = ("spam", "poor", "average", "good", "excellent", "hot")
MORTGAGE_STATUSES = ("pre-approved", "in-process", "not-pre-approved")


def pair_of(text: str) -> tuple[str, str] | None:
    """(source, channel) that a text names exactly: "portal/bayut", "other/anything", "bayut". None: it names none."""
    source, slash, channel = text.partition("/")
    if slash:
        known = channel in CHANNELS.get(source, ()) or (source == OTHER_SOURCE and channel.strip() != "")
        return (source, channel) if known else None
    return (SOURCE_OF[text], text) if text in SOURCE_OF else None
