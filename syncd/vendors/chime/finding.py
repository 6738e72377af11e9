"""Finding leads by address or number (vendors/chime.md §3): every row is verified, since filters may be ignored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any

from syncd.domain import normalize
from syncd.ports.vendor import Found, Remote
from syncd.vendors.chime.answers import lead_remote, listed_rows, unwrap
from syncd.vendors.chime.client import LEADS, Client
from syncd.vendors.chime.values import identity, plain, rows, when
from syncd.vendors.chime.walk import Walk

PAGE = 100
SINCE_MARGIN = timedelta(seconds=60)
Match = Callable[[Remote], bool]


def lead_id(row: Any) -> str:
    """The id of a listed lead, "" if it has none; for `Walk`."""
    found = unwrap(row, "lead")
    return identity(found.get("leadId")) if isinstance(found, dict) else ""


def matcher(region: str, *, email: str = "", phone: str = "") -> Match:
    """Whether a lead really has this address, or this number."""
    wanted = normalize.phone(phone, region) if phone else ""
    address = normalize.email(email) or normalize.fold(email)

    def match(lead: Remote) -> bool:
        if email and any(normalize.email(_text(raw)) == address for raw in rows(lead.payload.get("emails"))):
            return True
        numbers = rows(lead.payload.get("phones")) if phone else []
        return any(normalize.phone(_text(raw), region) == wanted for raw in numbers)

    return match


class Finder:
    """Look-ups of one connection."""

    def __init__(self, client: Client, region: str, memory: Mapping[str, Any]) -> None:
        """``memory`` may name filters that the account ignored before."""
        self._client, self._region = client, region
        self._ignored: set[str] = set(memory.get("ignored_filters") or ())

    @property
    def memory(self) -> Mapping[str, Any]:
        """What was learned."""
        return {"ignored_filters": sorted(self._ignored)} if self._ignored else {}

    async def find(self, *, email: str, phone: str, since: datetime | None) -> Found:
        """Leads with this address or number; with neither, those created after ``since`` (at the vendor's clock)."""
        if not email and not phone:
            return await self._newest(since, lambda _lead: True) if since else Found((), conclusive=False)
        found: dict[str, Remote] = {}
        known = True
        number = normalize.phone(phone, self._region) if phone else ""
        asked = {"email": email, "phone": normalize.national(number, self._region)}
        for name, value in asked.items():
            if value:
                matched, told = await self._filtered(name, value, email=email, phone=phone, since=since)
                found |= {lead.external_id: lead for lead in matched}
                known = known and told
        if not known and since is not None:
            newest = await self._newest(since, matcher(self._region, email=email, phone=phone))
            found |= {lead.external_id: lead for lead in newest.rows}
            known = newest.conclusive
        return Found(tuple(found.values()), conclusive=known)

    async def _filtered(
        self, name: str, value: str, *, email: str, phone: str, since: datetime | None
    ) -> tuple[Sequence[Remote], bool]:
        """Verified rows of a filtered list, and whether none really means none."""
        if name in self._ignored and since is not None:
            return (), False
        answer = await self._client.read(LEADS, query=[(name, value), ("limit", str(PAGE))])
        listed = listed_rows(answer, "leads", f"GET {LEADS}")
        leads = [lead for raw in listed if (lead := lead_remote(raw, listed=True)) is not None]
        match = matcher(self._region, email=email if name == "email" else "", phone=phone if name == "phone" else "")
        matched = [lead for lead in leads if match(lead)]
        if listed and not matched:
            self._ignored.add(name)
        elif matched and len(matched) == len(listed):
            self._ignored.discard(name)
        return matched, bool(matched) or not listed

    async def _newest(self, since: datetime, match: Match) -> Found:
        """Leads created after ``since``, newest first until they are older. If the order is ignored: all of them."""
        earliest = since - SINCE_MARGIN
        walk = Walk(
            self._client,
            LEADS,
            "leads",
            query=[("sort", "CreateTime"), ("desc", "true")],
            limit=PAGE,
            id_of=lead_id,
        )
        found: dict[str, Remote] = {}
        descending = _Descending()
        async with aclosing(walk.pages_of_rows()) as pages:
            async for page in pages:
                for raw in page:
                    lead = lead_remote(raw, listed=True)
                    born = when(lead.payload.get("createTime")) if lead is not None else None
                    descending.see(born)
                    if lead is not None and (born is None or born >= earliest) and match(lead):
                        found[lead.external_id] = lead
                if descending.below(earliest):
                    return Found(tuple(found.values()))
        return Found(tuple(found.values()), conclusive=walk.proven)


class _Descending:
    """Whether create times seen so far fall, as asked for: only then older rows mean that nothing newer follows."""

    def __init__(self) -> None:
        self._first: datetime | None = None
        self._last: datetime | None = None
        self._holds = True

    def see(self, born: datetime | None) -> None:
        """The next row's create time."""
        if born is None or (self._last is not None and born > self._last):
            self._holds = False
            return
        self._first, self._last = self._first or born, born

    def below(self, moment: datetime) -> bool:
        """Whether the rows fell, really, to before ``moment``."""
        if not self._holds or self._first is None or self._last is None:
            return False
        return self._last < moment and self._first > self._last


def _text(raw: Any) -> str:
    if isinstance(raw, Mapping):
        raw = next((raw[key] for key in ("email", "phone") if raw.get(key)), "")
    return "" if isinstance(raw, list) else plain(raw)
