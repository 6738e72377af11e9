"""The account behind the endpoints: its records, their order, their visibility."""

from __future__ import annotations

from abc import ABC
from bisect import bisect_left
from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

from syncd.ports.clock import Clock
from syncd.sandbox.base import Reply, Rows, SandboxVendor
from syncd.sandbox.chime.hooks import AGENTS, LOGS, NOTES, Subscriptions
from syncd.sandbox.chime.hooks import SWITCHES as HOOKS
from syncd.sandbox.chime.oauth import OauthApi
from syncd.sandbox.chime.state import (
    FIRST_ID,
    LEAD_STEP,
    LOG_MAX,
    MEMBER_OFFSET,
    NOTE_MAX,
    NOTE_OFFSET,
    STAGES,
    TAG_MAX,
    TIMELINE_OFFSET,
    USER_OFFSET,
    Lead,
    Log,
    Member,
    Note,
    Tag,
    show_lead,
)

OWNER = "owner@team.example"


class Account(SandboxVendor, ABC):
    """Records and the helpers that every endpoint and every person needs.

    Switches: ``dialect``; rows and pages ``wrap_rows``, ``wrap_single`` (None: as the dialect does), ``cap_25``,
    ``scroll``, ``ignore_filters``, ``ignore_sort``; answers ``create_answer`` (object, number, string, wrapped,
    unquoted), ``put_answer`` (object, string, empty), ``note_answer`` (object, number, string, empty),
    ``empty_errors``; time ``lag_s``, ``limit``, ``reset_style`` (ms, epoch_s, epoch_ms); credentials
    ``strict_style``, ``bearer_only``, and those of `OauthApi`; store ``dedupe_on_create``, ``reformat_phones``,
    ``empty_tags`` (clear, keep, refuse), ``merge_inquiry``, ``stages``, ``custom_roles``; rights ``distribution``;
    webhooks: ``hook_…`` (hooks.py, courier.py).
    """

    name = "chime"
    switch_defaults: ClassVar[dict[str, Any]] = {
        "dialect": "chime",
        "wrap_rows": False,
        "wrap_single": None,
        "cap_25": False,
        "scroll": False,
        "ignore_filters": False,
        "ignore_sort": False,
        "create_answer": "object",
        "put_answer": "object",
        "note_answer": "object",
        "empty_errors": False,
        "lag_s": 2.0,
        "limit": 500,
        "reset_style": "ms",
        "strict_style": False,
        "bearer_only": False,
        "dedupe_on_create": False,
        "reformat_phones": False,
        "empty_tags": "clear",
        "merge_inquiry": False,
        "stages": STAGES,
        "custom_roles": ("Assistant", "Transaction Coordinator"),
        "distribution": True,
        "token_life_s": 7200,
        "rotation": True,
        "revoked": False,
        "redirect_uri": "",
        "oauth_answer": "plain",
        "client_auth": "any",
        **HOOKS,
    }

    def __init__(self, clock: Clock, **switches: Any) -> None:
        """An account without leads or members."""
        super().__init__(clock, **switches)
        self.oauth = OauthApi(clock, self.switches)
        self.hooks = Subscriptions(clock, self.switches)
        self.courier = self.hooks.courier
        self._numbers = 0
        self.leads: dict[int, Lead] = {}
        self.notes: dict[int, Note] = {}
        self.logs: dict[int, Log] = {}
        self.members: dict[int, Member] = {}
        self.tags: dict[str, Tag] = {}
        self.owner = self.new_member(OWNER, "Team", "Owner")
        """Whose key it is: a member like others, but routing passes them over."""
        self.mails: list[str] = []
        """Mails the vendor sent because a create did not forbid it."""
        self._notes_by_lead: dict[int, list[Note]] = {}
        self._routed = 0
        self._rows = Rows(self._show)
        self._rows_shown_as: tuple[Any, ...] = ()
        self._version = 0
        self._hidden: set[int] = set()
        self._orders: dict[str, tuple[int, list[int], list[Any]]] = {}
        self.scrolls: dict[str, tuple[list[int], int]] = {}

    @property
    def lofty(self) -> bool:
        """Whether this is the newer dialect."""
        return bool(self.switches["dialect"] == "lofty")

    def config(self) -> dict[str, str]:
        """A connection to this account."""
        return {"vendor": "chime", "dialect": self.switches["dialect"]}

    # Records.

    def new_lead(self, *, visible_at: float) -> Lead:
        """An empty lead, created now; hidden until ``visible_at`` (monotonic)."""
        now = self.now()
        lead = Lead(FIRST_ID + LEAD_STEP * self._next(), now, now, visible_at)
        self.leads[lead.id] = lead
        if visible_at > self.clock.monotonic():
            self._hidden.add(lead.id)
        self._version += 1
        self.hooks.lead("newLead", lead)
        return lead

    def new_note(self, lead: Lead, content: str, *, creator: int = 0, pinned: bool = False, lag_s: float = 0.0) -> Note:
        """A note on a lead, cut as the vendor cuts. Notes do not move the lead's update time."""
        number = self._next()
        now = self.now()
        note = Note(
            FIRST_ID + TIMELINE_OFFSET + 3 * number, FIRST_ID + NOTE_OFFSET + 5 * number, lead.id, content[:NOTE_MAX],
            now, now, creator, creator, pinned, editable_at=self.clock.monotonic() + lag_s,
        )  # fmt: skip
        self.notes[note.note_id if self.lofty else note.id] = note
        self._notes_by_lead.setdefault(lead.id, []).append(note)
        self.told_note("createdNote", note)
        return note

    def told_note(self, bucket: str, note: Note) -> None:
        """Something happened to a note: whoever wants to hear of it does."""
        self.hooks.said(NOTES, bucket, {"noteId": self.note_key(note), "leadId": note.lead})

    def note_key(self, note: Note) -> int:
        """The id that addresses a note in this dialect."""
        return note.note_id if self.lofty else note.id

    def notes_of(self, lead: int) -> list[Note]:
        """Notes of a lead, oldest first, deleted ones too."""
        return self._notes_by_lead.get(lead, [])

    def new_log(self, lead: Lead, kind: str, text: str, *, number: str = "", pinned: bool = False) -> Log:
        """A log on a lead, cut as the vendor cuts."""
        name = FIRST_ID + TIMELINE_OFFSET + 3 * self._next()
        log = Log(name, lead.id, kind, text[:LOG_MAX], self.now(), pinned, number)
        self.logs[log.id] = log
        list_id, bucket = LOGS[kind]
        self.hooks.said(list_id, bucket, {"leadId": lead.id})
        return log

    def new_member(self, email: str, first: str, last: str) -> Member:
        """Somebody joins the team."""
        number = self._next()
        user, record = FIRST_ID + USER_OFFSET + 11 * number, FIRST_ID + MEMBER_OFFSET + 13 * number
        member = Member(record, user, email, first, last, self.now())
        self.members[member.user] = member
        self.hooks.said(AGENTS, "updatedAgent", {"memberUserId": member.user})
        return member

    def member_by_email(self, email: str) -> Member | None:
        """The member with this address."""
        return next((member for member in self.members.values() if member.email.lower() == email.strip().lower()), None)

    def tag(self, name: str) -> Tag:
        """The team's tag of this name, created where there is none; cut silently."""
        name = name[:TAG_MAX]
        key = " ".join(name.casefold().split())
        if key not in self.tags:
            self.tags[key] = Tag(FIRST_ID + self._next(), name)
        return self.tags[key]

    def touch(self, lead: Lead) -> None:
        """Anything but a note changed: the update time moves."""
        lead.updated = self.now()
        self._version += 1
        self._rows.touch(lead.id)
        self.hooks.lead("deletedLead" if lead.trashed else "updatedLead", lead)

    def route(self) -> int:
        """Whose turn it is to get an unassigned lead; 0 if there is nobody."""
        users = [user for user in self.members if user != self.owner.user]
        if not users:
            return 0
        self._routed += 1
        return users[(self._routed - 1) % len(users)]

    def live(self, number: int) -> Lead | None:
        """A lead that is not in the trash, visible or not."""
        lead = self.leads.get(number)
        return None if lead is None or lead.trashed else lead

    def visible(self, lead: Lead) -> bool:
        """Whether reads show a lead already."""
        return lead.visible_at <= self.clock.monotonic()

    def now(self) -> datetime:
        """The moment, in the whole seconds that the vendor keeps."""
        return self.clock.now().replace(microsecond=0)

    def _next(self) -> int:
        self._numbers += 1
        return self._numbers

    # Lists.

    def ordered(self, by: str, since: datetime | None = None) -> list[int]:
        """Ids of visible live leads by ``updated``, ``created`` (both rising) or ``id`` (falling)."""
        moment = self.clock.monotonic()
        seen = {number for number in self._hidden if self.leads[number].visible_at <= moment}
        if seen:
            self._hidden -= seen
            self._version += 1
        version, ids, keys = self._orders.get(by, (-1, [], []))
        if version != self._version:
            ids = list(self._listed())
            if by == "id":
                ids.sort(reverse=True)
            else:
                ids.sort(key=lambda number: (getattr(self.leads[number], by), number))
            keys = [] if by == "id" else [getattr(self.leads[number], by) for number in ids]
            self._orders[by] = (self._version, ids, keys)
        return ids[bisect_left(keys, since) :] if since is not None else ids

    def row(self, number: int) -> Any:
        """A lead's row, ready for a page."""
        shown_as = (self.switches["reformat_phones"], tuple(self.switches["custom_roles"]), self.lofty)
        if shown_as != self._rows_shown_as:
            self._rows.clear()
            self._rows_shown_as = shown_as
        return self._rows(number)

    def _listed(self) -> Iterator[int]:
        return (number for number, lead in self.leads.items() if not lead.trashed and number not in self._hidden)

    def _show(self, number: int) -> dict[str, Any]:
        return show_lead(
            self.leads[number],
            lofty=self.lofty,
            custom_roles=tuple(self.switches["custom_roles"]),
            members=self.members.get,
            reformat_phones=self.switches["reformat_phones"],
        )

    # Refusals.

    def refuse(self, status: int, code: int, message: str) -> Reply:
        """An error in the vendor's form."""
        if self.switches["empty_errors"]:
            return Reply(None, status)
        return Reply({"code": code, "message": message}, status)

    def no_lead(self) -> Reply:
        """There is no such lead, or it is in the trash."""
        return self.refuse(404, 20006, "LEAD_NOT_EXIST")
