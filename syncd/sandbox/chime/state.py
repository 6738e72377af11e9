"""What a Chime account holds, and the shapes in which its API shows it (vendors/chime.md §3, §5, §7, §8, §9, §13)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

NAME_MAX, TAG_MAX, NOTE_MAX, LOG_MAX, STAGE_MAX, PHONE_MAX, FAMILY_MAX = 30, 64, 2000, 5000, 20, 20, 4
FIRST_ID = 9_007_199_254_740_993
"""Above 2**53: a client that reads ids as floating point numbers gets other leads."""
LEAD_STEP = 7
USER_OFFSET, MEMBER_OFFSET, NOTE_OFFSET, TIMELINE_OFFSET = 10**15, 2 * 10**15, 3 * 10**15, 4 * 10**15
TEAM_ID = 860_213

STAGES = (
    "New Lead", "Attempting Contact", "Contacted", "Nurture", "Qualified", "Appointment Set", "Showing",
    "Under Contract", "Closed", "Not Ready", "Lost", "DNC", "Archived", "Agents / Vendors",
)  # fmt: skip
FRAMES = ("1-3", "3-6", "6-12", "12+", "Just Looking", "Refinancing")
PROPERTY_TYPES = (
    "Single Family Home", "Multi-Family", "Condo", "Townhouse",
    "Mobile Home", "Manufactured Home", "Vacant Land", "Commercial",
)  # fmt: skip
YES_NO = ("preQual", "houseToSell", "fthb", "withBuyerAgent", "withListingAgent", "mortgage", "buyHouse")
TEXTS = ("streetAddress", "city", "state", "zipCode", "source", "referredBy")
NAMES = ("firstName", "lastName")
INTEGERS = ("priceMin", "priceMax", "bedroomsMin", "bedroomsMax")
SIZES = ("sizeMin", "sizeMax")
BATHS = ("bathroomsMin", "bathroomsMax")
ROLES = ("Agent", "Lender", "Assistant")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NOT_DIGITS = re.compile(r"\D")


@dataclass(slots=True)
class Tag:
    """One tag of the team; leads share it whatever the case they were tagged in."""

    id: int
    name: str


@dataclass(slots=True)
class Lead:
    """One lead. ``held`` is what was stored under the API's own read keys; absent means unset."""

    id: int
    created: datetime
    updated: datetime
    visible_at: float = 0.0
    trashed: bool = False
    held: dict[str, Any] = field(default_factory=dict)
    tags: list[Tag] = field(default_factory=list)
    owner: int = 0
    lender: int = 0
    custom_roles: dict[str, int] = field(default_factory=dict)
    pond: int = 0


@dataclass(slots=True)
class Note:
    """One note; ``id`` is the row on the timeline, ``note_id`` what addresses it in lofty."""

    id: int
    note_id: int
    lead: int
    content: str
    created: datetime
    updated: datetime
    creator: int = 0
    editor: int = 0
    pinned: bool = False
    system: bool = False
    deleted: bool = False
    editable_at: float = 0.0


@dataclass(slots=True)
class Log:
    """One logged call, e-mail or text."""

    id: int
    lead: int
    kind: str
    content: str
    created: datetime
    pinned: bool = False
    number: str = ""
    direction: str = "outbound"


@dataclass(slots=True)
class Member:
    """One member of the team: the user that leads name, and the member record that nothing else names."""

    id: int
    user: int
    email: str
    first: str
    last: str
    joined: datetime

    @property
    def name(self) -> str:
        """As shown beside assignments."""
        return f"{self.first} {self.last}".strip()


def gmt(moment: datetime) -> str:
    """A lead's time."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SGMT")


def plain_time(moment: datetime) -> str:
    """A note's time."""
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def digits(number: str) -> str:
    """A number as the account shows it after its own formatting: ten digits in the US."""
    found = _NOT_DIGITS.sub("", number)
    return found[1:] if len(found) == 11 and found.startswith("1") else found


def show_lead(lead: Lead, *, lofty: bool, custom_roles: tuple[str, ...], members: Callable[[int], Member | None],
              reformat_phones: bool) -> dict[str, Any]:  # fmt: skip
    """A lead as lists and single reads show it: every key of its dialect, null or −1 where unset."""
    held = lead.held
    owner = members(lead.owner)
    phones = held.get("phones") or []
    row: dict[str, Any] = {
        "leadId": lead.id,
        "leadUserId": lead.id + 1,
        "teamId": TEAM_ID,
        **{key: held.get(key) or None for key in (*NAMES, *TEXTS, *YES_NO)},
        "emails": list(held.get("emails") or []),
        "phones": [digits(number) for number in phones] if reformat_phones else list(phones),
        "phoneStatuses": list(held.get("phoneStatuses") or []),
        "stage": held.get("stage") or None,
        "stageId": -1,
        "leadSource": -1,
        "leadType": _single_type(held.get("types") or []),
        "buyingTimeFrame": held.get("buyingTimeFrame") or None,
        "sellingTimeFrame": held.get("sellingTimeFrame") or None,
        "birthday": held.get("birthday") or None,
        "unsubscription": bool(held.get("unsubscription", False)),
        "tags": [_show_tag(tag, lead) for tag in lead.tags],
        "leadInquiry": _show_inquiry(lead),
        "leadFamilyMemberList": list(held.get("family") or []),
        "leadPropertyList": list(held.get("properties") or []),
        "customAttributes": list(held.get("attributes") or []),
        "assignedUserId": lead.owner or -1,
        "assignedUser": owner.name if owner else None,
        "assignTime": None,
        "assignCompletionStatus": True,
        "lenderUserId": lead.lender or -1,
        "customRoleList": [_show_role(n, name, lead, members) for n, name in enumerate(custom_roles)],
        "pondId": lead.pond,
        "pondName": "Shared pond" if lead.pond else None,
        "score": -1,
        "opportunity": None,
        "facebook": None,
        "twitter": None,
        "language": None,
        "ownershipId": -1,
        "ownershipScope": None,
        "lastTouch": None,
        "lastVisit": None,
        "createTime": gmt(lead.created),
        "lastUpdateTime": gmt(lead.updated),
        "groups": list(held.get("groups") or []),
    }
    if lofty:
        row["leadTypes"] = list(held.get("types") or [])
        row["segments"] = row["groups"]
        row |= {key: bool(held.get(key, False)) for key in ("cannotEmail", "cannotText", "cannotCall")}
    row["hiddenFlag" if lofty else "privateFlag"] = False
    return row


def _single_type(types: list[int]) -> int:
    return 3 if {1, 2} <= set(types) else types[0] if types else -1


def _show_tag(tag: Tag, lead: Lead) -> dict[str, Any]:
    return {"tagId": tag.id, "tagName": tag.name, "leadId": lead.id, "visibleType": 0}


def _show_inquiry(lead: Lead) -> dict[str, Any] | None:
    inquiry = lead.held.get("inquiry")
    if inquiry is None:
        return None
    unset = dict.fromkeys((*INTEGERS, *SIZES), -1) | dict.fromkeys(BATHS)
    return {
        "id": lead.id + 2,
        "leadUserId": lead.id + 1,
        "createTime": gmt(lead.created),
        "updateTime": gmt(lead.updated),
        "propertyType": [],
        "locations": [],
        **unset,
        **inquiry,
    }


def _show_role(number: int, name: str, lead: Lead, members: Callable[[int], Member | None]) -> dict[str, Any]:
    user = lead.custom_roles.get(name, 0)
    member = members(user)
    return {"roleId": number + 4, "role": name, "assigneeId": user, "assignee": member.email if member else None}
