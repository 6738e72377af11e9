"""The whole simulated vendor: its endpoints, credentials and limits (vendors/chime.md §2, §4, §6, §9)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from syncd.sandbox.base import Ask, Reply, Route
from syncd.sandbox.chime.leads import PAGE_MAX, LeadApi
from syncd.sandbox.chime.notes import NoteApi
from syncd.sandbox.chime.oauth import CONSENT, TOKEN
from syncd.sandbox.chime.people import People
from syncd.sandbox.chime.routing import RoutingApi
from syncd.sandbox.chime.state import Member

WINDOW_S = 60.0
MEDIA_REFUSED = frozenset({"/v1.0/team-features/lead-ponds", "/v1.0/customFields"})
"""Without a content type these answer 415, all others 400 (quirk 13)."""


class ChimeSandbox(People, LeadApi, NoteApi, RoutingApi):
    """A simulated Chime account; switches are listed at `Account`."""

    def routes(self) -> Sequence[Route]:
        """The endpoints of the dialect. Lofty has no update-time list: that path is an unknown lead there."""
        newer = [Route("GET", "/v1.0/teamFeatures/lead-pipelines", self.list_pipelines)]
        older = [
            Route("GET", "/v1.0/leads/updateTime", self.list_changed),
            Route("GET", "/v1.0/leads/createTime", self.list_created),
        ]
        return [
            *(newer if self.lofty else older),
            Route("GET", "/v1.0/leads", self.list_leads),
            Route("POST", "/v1.0/leads", self.create_lead),
            Route("GET", "/v1.0/leads/{id}", self.get_lead),
            Route("PUT", "/v1.0/leads/{id}", self.update_lead),
            Route("DELETE", "/v1.0/leads/{id}", self.delete_lead),
            Route("POST", "/v1.0/leads/{id}/assignment", self.post_assignment),
            Route("GET", "/v1.0/notes", self.list_notes),
            Route("POST", "/v1.0/notes", self.create_note),
            Route("GET", "/v1.0/notes/{id}", self.get_note),
            Route("PUT", "/v1.0/notes/{id}", self.update_note),
            Route("DELETE", "/v1.0/notes/{id}", self.delete_note_call),
            Route("GET", "/v1.0/logType", self.list_logs),
            Route("POST", "/v1.0/logType", self.create_log),
            Route("DELETE", "/v1.0/logType/{id}", self.delete_log),
            Route("GET", "/v1.0/members", self.list_members),
            Route("GET", "/v1.0/members/{email}", self.get_member),
            Route("GET", "/v1.0/me", self.get_me),
            Route("GET", "/v1.0/teamFeatures/listTag", self.list_tags),
            *self.routing_routes(),
            Route("POST", "/v1.0/webhook", self._subscribe),
            Route("GET", "/v1.0/webhooks", lambda _ask: Reply(self.hooks.shown())),
            Route("DELETE", "/v1.0/webhook/{id}", self._unsubscribe),
            Route("GET", CONSENT, self._consent),
            Route("POST", TOKEN, self._token, write=False),
        ]

    def _consent(self, ask: Ask) -> Reply:
        return self.oauth.consent(ask)

    def _token(self, ask: Ask) -> Reply:
        return self.oauth.token(ask)

    def rate(self, ask: Ask) -> tuple[str, int, float] | None:
        """One window for everything but logging in."""
        return None if ask.template in {CONSENT, TOKEN} else ("", int(self.switches["limit"]), WINDOW_S)

    def rate_headers(self, limit: int, remaining: int, reset_in_s: float) -> dict[str, str]:
        """The window, its end in one of the three ways it is documented (quirk 11)."""
        ends_at = self.clock.now().timestamp() + reset_in_s
        reset = {
            "ms": math.ceil(reset_in_s * 1000),
            "epoch_s": math.ceil(ends_at),
            "epoch_ms": math.ceil(ends_at * 1000),
        }[self.switches["reset_style"]]
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": str(reset),
        }

    def refuse_rate(self) -> Reply:
        """The 429."""
        return Reply({"message": "Too Many Requests"}, 429)

    def admit(self, ask: Ask) -> Reply | None:
        """Every call, GET and DELETE too, names the content type and a known token."""
        if ask.template in {CONSENT, TOKEN}:
            return None
        if not ask.headers.get("content-type", "").startswith("application/json"):
            if ask.template in MEDIA_REFUSED:
                return Reply(None, 415)
            return self.refuse(400, 20001, "Content-Type is required")
        style, _, token = ask.headers.get("authorization", "").partition(" ")
        style, token = style.lower(), token.strip()
        if style not in {"token", "bearer"} or not (token == self.token or self.oauth.knows(token)):
            return self._unknown_token()
        # API keys are particular about their style; OAuth tokens go in either.
        wrong = (self.switches["strict_style"] and style == "bearer") or (
            self.switches["bearer_only"] and style == "token"
        )
        if wrong and token == self.token:
            return self.refuse(400, 200058, "User in token does not exist")
        return None

    def unknown(self, _ask: Ask) -> Reply:
        """No such endpoint: an empty body in chime, a bare JSON string in lofty."""
        return Reply("NOT_FOUND" if self.lofty else None, 404)

    def list_members(self, ask: Ask) -> Reply:
        """``GET /v1.0/members``: 404 when there are none."""
        if not self.members:
            return self.refuse(404, 20003, "MEMBER_NOT_EXIST")
        limit, offset = ask.one("limit", "25"), ask.one("offset", "0")
        if not limit.isdigit() or not offset.isdigit() or not 1 <= int(limit) <= PAGE_MAX:
            return self.refuse(400, 20042, "limit is not valid")
        size, first = min(int(limit), 25), int(offset)
        found = [self.show_member(member) for member in self.members.values()]
        meta = {"collection": "members", "limit": size, "offset": first, "total": len(found)}
        return Reply({"_metadata": meta, "members": found[first : first + size]})

    def get_member(self, ask: Ask) -> Reply:
        """``GET /v1.0/members/{email}``."""
        member = self.member_by_email(ask.params["email"])
        return self.refuse(404, 20003, "MEMBER_NOT_EXIST") if member is None else Reply(self.show_member(member))

    def get_me(self, _ask: Ask) -> Reply:
        """``GET /v1.0/me``: the key's own member record; its id is on no lead."""
        return Reply(self.show_member(self.owner))

    def show_member(self, member: Member) -> dict[str, Any]:
        """A member as the API shows them."""
        return {
            "id": member.id,
            "memberUserId": member.user,
            "email": member.email,
            "firstName": member.first,
            "lastName": member.last,
            "phoneNumber": None,
            "role": 1,
            "roleName": "Agent",
            "status": 1,
            "isAdmin": member is self.owner,
            "timeZoneId": "America/Los_Angeles",
            "assignedLeadCount": -1,
        }

    def list_pipelines(self, _ask: Ask) -> Reply:
        """``GET /v1.0/teamFeatures/lead-pipelines``."""
        rows = [{"id": number + 1, "name": name} for number, name in enumerate(self.switches["stages"])]
        return Reply({"_metadata": {"total": len(rows)}, "pipelines": rows})

    def list_tags(self, _ask: Ask) -> Reply:
        """``GET /v1.0/teamFeatures/listTag``: definitions have no lead."""
        return Reply([{"tagId": tag.id, "tagName": tag.name, "leadId": 0} for tag in self.tags.values()])

    def _subscribe(self, ask: Ask) -> Reply:
        made = self.hooks.subscribe(ask.json())
        return self.refuse(400, 20012, made) if isinstance(made, str) else Reply(made)

    def _unsubscribe(self, ask: Ask) -> Reply:
        return Reply(None, 204) if self.hooks.end(ask.params["id"]) else self.refuse(404, 20003, "WEBHOOK_NOT_EXIST")

    def _unknown_token(self) -> Reply:
        if self.lofty:
            return Reply({"code": 401, "message": "Unauthorized"}, 401)
        return Reply(None, 401)
