"""Leads over the wire: lists, single reads, create, update, assignment, trash (vendors/chime.md §3, §8, §9, §11)."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from syncd.sandbox.base import Ask, Reply
from syncd.sandbox.chime.account import Account
from syncd.sandbox.chime.bodies import BadBodyError, apply
from syncd.sandbox.chime.state import ROLES, Lead, digits

PAGE_MAX, PAGE_DEFAULT, PAGE_CAP = 100, 25, 25
VENDOR_ZONE = timezone(timedelta(hours=-7))
"""``leadUpdateTime`` is read in this zone all year, whatever zone times are shown in."""
CREATE_ANSWERS: dict[str, Any] = {
    "object": lambda number: {"leadId": number},
    "number": lambda number: number,
    "string": str,
    "wrapped": lambda number: {"lead": {"leadId": number}},
    "unquoted": lambda number: f"{{leadId: {number}}}".encode(),
}
PUT_ANSWERS: dict[str, Any] = {
    "object": lambda number: {"leadId": number},
    "string": lambda _number: "success",
    "empty": lambda _number: None,
}


class LeadApi(Account, ABC):
    """The endpoints under ``/v1.0/leads``."""

    def list_leads(self, ask: Ask) -> Reply:
        """``GET /v1.0/leads``, filtered by email or phone where filters work."""
        sorts = ask.one("sort") == "CreateTime" and not self.switches["ignore_sort"]
        ids = self.ordered("created" if sorts else "id")
        if sorts and ask.one("desc") == "true":
            ids = ids[::-1]
        if not self.switches["ignore_filters"]:
            ids = self._filtered(ids, ask)
        return self._page(ask, ids)

    def list_changed(self, ask: Ask) -> Reply:
        """``GET /v1.0/leads/updateTime``: by update time, rising; only in the older dialect."""
        return self._since(ask, "updated", "leadUpdateTime")

    def list_created(self, ask: Ask) -> Reply:
        """``GET /v1.0/leads/createTime``."""
        return self._since(ask, "created", "leadCreateTime")

    def get_lead(self, ask: Ask) -> Reply:
        """``GET /v1.0/leads/{id}``."""
        lead = self.leads.get(_number(ask.params["id"]))
        with_trash = self.lofty and ask.one("withTrash") == "true"
        if lead is None or not self.visible(lead) or (lead.trashed and not with_trash):
            return self.no_lead()
        wrap = self.lofty if self.switches["wrap_single"] is None else self.switches["wrap_single"]
        row = self.row(lead.id)
        return Reply({"lead": row} if wrap else row)

    def create_lead(self, ask: Ask) -> Reply:
        """``POST /v1.0/leads``: always another lead, unless the account merges by address."""
        body = ask.json()
        if not isinstance(body, dict) or not isinstance(body.get("firstName"), str) or not body["firstName"]:
            return self.refuse(400, 20012, "firstName is required")
        same = self._same_email(body) if self.switches["dedupe_on_create"] else None
        draft = Lead(0, self.now(), self.now())
        try:
            self._take(body, draft)
        except BadBodyError as error:
            return self.refuse(400, 20012, f"{error} is not valid")
        if same is not None:
            self._take(body, same)
            self.touch(same)
            return Reply(CREATE_ANSWERS[self.switches["create_answer"]](same.id))
        lead = self.new_lead(visible_at=self.clock.monotonic() + self.switches["lag_s"])
        lead.held, lead.tags, lead.owner = draft.held, draft.tags, draft.owner or self.route()
        self.mails += [key for key in ("leadAlert", "welcomeEmail") if body.get(key) is not False]
        self.touch(lead)
        return Reply(CREATE_ANSWERS[self.switches["create_answer"]](lead.id))

    def update_lead(self, ask: Ask) -> Reply:
        """``PUT /v1.0/leads/{id}``: only the keys sent; lists and ``tags`` replace."""
        lead = self.live(_number(ask.params["id"]))
        if lead is None:
            return self.no_lead()
        body = ask.json()
        if not isinstance(body, dict):
            return self.refuse(400, 20012, "a body is required")
        if body.get("tags") == [] and lead.tags and self.switches["empty_tags"] == "refuse":
            return self.refuse(400, 20012, "tags is not valid")
        try:
            self._take(body, lead)
        except BadBodyError as error:
            return self.refuse(400, 20012, f"{error} is not valid")
        self.touch(lead)
        return Reply(PUT_ANSWERS[self.switches["put_answer"]](lead.id))

    def delete_lead(self, ask: Ask) -> Reply:
        """``DELETE /v1.0/leads/{id}?reason=``: into the trash."""
        if not ask.one("reason").strip():
            return self.refuse(400, 20012, "reason is required")
        lead = self.live(_number(ask.params["id"]))
        if lead is None:
            return self.no_lead()
        lead.trashed = True
        self.touch(lead)
        return Reply(None, 204)

    def post_assignment(self, ask: Ask) -> Reply:
        """``POST /v1.0/leads/{id}/assignment``: an element without this dialect's key empties its role."""
        lead = self.live(_number(ask.params["id"]))
        if lead is None:
            return self.no_lead()
        body = ask.json()
        if not isinstance(body, list) or not all(isinstance(row, dict) and row.get("role") in ROLES for row in body):
            return self.refuse(400, 20012, "role is not valid")
        key = "assignee" if self.lofty else "assiginee"
        users: dict[str, int] = {}
        for row in body:
            member = self.member_by_email(str(row.get(key) or ""))
            if row.get(key) and member is None:
                return self.refuse(400, 20012, "no such assignee")
            users[row["role"]] = member.user if member else 0
        if users.get("Agent") == 0:
            return self.refuse(400, 20012, "an agent is required")
        self._hand_over(lead, users)
        return Reply({"leadId": lead.id})

    def _hand_over(self, lead: Lead, users: dict[str, int]) -> None:
        if "Agent" in users:
            lead.owner, lead.pond = users["Agent"], 0
        if "Lender" in users:
            lead.lender = users["Lender"]
        if "Assistant" in users:
            lead.custom_roles["Assistant"] = users["Assistant"]
        self.touch(lead)

    def _take(self, body: dict[str, Any], lead: Lead) -> None:
        """Store a body. Raises BadBodyError, and then nothing is stored."""
        if "tags" in body and "tagsAdd" in body:
            raise BadBodyError("tags")
        names = {key: _tag_names(body[key]) for key in ("tags", "tagsAdd") if key in body}
        owner = body.get("assignedUserId", 0)
        if owner and owner not in self.members:
            raise BadBodyError("assignedUserId")
        apply(
            body,
            lead,
            lofty=self.lofty,
            stages=tuple(self.switches["stages"]),
            merge_inquiry=self.switches["merge_inquiry"],
        )
        if "tags" in names and (names["tags"] or self.switches["empty_tags"] == "clear"):
            lead.tags = []
        for name in (*names.get("tags", ()), *names.get("tagsAdd", ())):
            tag = self.tag(name)
            if tag not in lead.tags:
                lead.tags.append(tag)
        if owner:
            lead.owner, lead.pond = owner, 0

    def _same_email(self, body: dict[str, Any]) -> Lead | None:
        wanted = {str(one).lower() for one in body.get("emails") or ()}
        return next((lead for lead in self.leads.values() if not lead.trashed and wanted & _emails(lead)), None)

    def _filtered(self, ids: list[int], ask: Ask) -> list[int]:
        email, phone = ask.one("email").strip().lower(), digits(ask.one("phone"))
        if email:
            ids = [number for number in ids if email in _emails(self.leads[number])]
        if phone:
            ids = [number for number in ids if phone in map(digits, self.leads[number].held.get("phones") or ())]
        return ids

    def _since(self, ask: Ask, by: str, parameter: str) -> Reply:
        try:
            moment = datetime.strptime(ask.one(parameter, "2000-01-01 00:00:00"), "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007
        except ValueError:
            return self.refuse(400, 20012, f"{parameter} is not valid")
        return self._page(ask, self.ordered(by, moment.replace(tzinfo=VENDOR_ZONE).astimezone(UTC)))

    def _page(self, ask: Ask, ids: Sequence[int]) -> Reply:
        """One page; ``page`` does nothing, ``limit`` may be capped, a ``scrollId`` walks a snapshot."""
        try:
            limit, offset = int(ask.one("limit", str(PAGE_DEFAULT))), int(ask.one("offset", "0"))
        except ValueError:
            return self.refuse(400, 20042, "limit is not valid")
        if not 1 <= limit <= PAGE_MAX or offset < 0:
            return self.refuse(400, 20042, "limit is not valid")
        limit = min(limit, PAGE_CAP) if self.switches["cap_25"] else limit
        scroll = ask.one("scrollId")
        if scroll:
            if scroll not in self.scrolls:
                return self.refuse(400, 20012, "scrollId is not valid")
            ids, offset = self.scrolls.pop(scroll)
            ids = [number for number in ids if not self.leads[number].trashed or number not in ids[offset:]]
        rows = [self.row(number) for number in ids[offset : offset + limit]]
        meta: dict[str, Any] = {"collection": "leads", "limit": limit, "offset": offset, "total": len(ids)}
        if self.switches["scroll"]:
            meta["scrollId"] = self._scroll(ids, offset + len(rows)) if rows else ""
        wrapped = [{"lead": row} for row in rows] if self.switches["wrap_rows"] else rows
        return Reply({"_metadata": meta, "leads": wrapped})

    def _scroll(self, ids: Sequence[int], offset: int) -> str:
        name = f"scroll-{self._next()}"
        self.scrolls[name] = (list(ids), offset)
        return name


def _emails(lead: Lead) -> set[str]:
    return {one.lower() for one in lead.held.get("emails") or ()}


def _tag_names(value: Any) -> list[str]:
    """Tags of a body; a number becomes a tag of that name."""
    if not isinstance(value, list) or not all(isinstance(one, str | int) and one != "" for one in value):
        raise BadBodyError("tags")
    return [str(one) for one in value]


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
