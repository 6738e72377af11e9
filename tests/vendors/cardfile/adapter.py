"""Cardfile behind `ports.vendor.Adapter`."""
# ruff: noqa: D102 -- the port says what each of them is

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from syncd.domain.errors import RejectedError, UnreadableError
from syncd.domain.lead import Fields
from syncd.domain.lens import Reading
from syncd.domain.normalize import email as address
from syncd.domain.normalize import moment, note_text, text
from syncd.ports import vendor as port
from syncd.ports.vendor import Remote
from syncd.vendors.http import digest
from syncd.vendors.registry import Deps
from tests.vendors.cardfile.capabilities import capabilities
from tests.vendors.cardfile.client import AGENTS, CARD, CARDS, ME, NOTES, PAGE, make_http
from tests.vendors.cardfile.mapping import PRIMARY, build
from tests.vendors.cardfile.settings import CardfileConnection


class CardfileAdapter:
    """One card file."""

    vendor = "cardfile"
    hooks = None

    def __init__(self, connection: CardfileConnection, deps: Deps) -> None:
        self.name, self.capabilities = connection.name, capabilities(connection)
        self.lenses = build(connection.region, connection.stages)
        self._http = make_http(connection, deps)

    @property
    def clock(self) -> port.VendorClock:
        return self._http.clock_reading

    @property
    def requests(self) -> Mapping[str, int]:
        return self._http.requests

    @property
    def memory(self) -> Mapping[str, Any]:
        return self._http.auth.memory

    async def check(self) -> str:
        return text((await self._object("GET", ME)).get("name")) or "a card file"

    async def leads(
        self, cursor: str | None, *, full: bool, walked: port.Walked | None = None
    ) -> AsyncIterator[port.Page]:
        """By key, which nothing done meanwhile moves: it is the position too. The first short page is the end."""
        after, last = walked.position if walked and walked.position.isdecimal() else "0", False
        while not last:
            rows = await self._rows(CARDS, "cards", after=after)
            last = len(rows) < PAGE
            after = text(rows[-1]["id"]) if rows else after
            onward = after if full and not last else ""
            yield port.Page([_remote("lead", row) for row in rows], complete=last, position=onward)

    async def lead(self, external_id: str) -> Remote:
        return _remote("lead", await self._object("GET", CARD, external_id), listed=False)

    def read_lead(self, remote: Remote) -> Reading:
        return self.lenses.read(remote.payload)

    async def find_leads(self, *, email: str = "", phone: str = "", since: datetime | None = None) -> port.Found:
        if phone and not email:
            return port.Found((), conclusive=False)
        rows = [row async for page in self.leads(None, full=True) for row in page.rows]
        if email:
            return port.Found([row for row in rows if address(row.payload.get("mail")) == email])
        return port.Found(
            [row for row in rows if since and (made := moment(row.payload.get("made"))) and made >= since]
        )

    async def create_lead(self, wanted: Fields) -> port.Written:
        if not wanted.get("email"):
            raise RejectedError("cannot create: missing email")
        card = await self._object("POST", CARDS, json=self.lenses.write(wanted, wanted.keys(), {}), repeat=False)
        return port.Written(text(card["id"]), record=_remote("lead", card, listed=False))

    async def update_lead(self, external_id: str, wanted: Fields, changed: frozenset[str], present: Remote) -> Any:
        body = self.lenses.write(wanted, changed, present.payload)
        card = await self._object("PATCH", CARD, external_id, json=body, repeat=True)
        return port.Written(external_id, record=_remote("lead", card, listed=False))

    async def _refused(self, *_arguments: Any) -> None:
        raise RejectedError("cards have no such thing")

    add_labels = remove_labels = delete_lead = update_note = delete_note = _refused

    async def assign(self, external_id: str, roles: Mapping[str, str | None], present: Remote) -> None:
        if roles.get("primary") is None:
            raise RejectedError(f"{PRIMARY} cannot be emptied")
        await self._object("PATCH", CARD, external_id, json={"agent": roles["primary"]}, repeat=True)

    async def notes(self, lead_id: str, known: Mapping[str, str]) -> port.NoteListing:
        rows = {text(row["id"]): row for row in (await self._object("GET", CARD, lead_id))["notes"]}
        new = [_remote("note", row) for note, row in rows.items() if note not in known]
        return port.NoteListing(new, frozenset(rows), marks=dict.fromkeys(rows, "read"))

    def read_note(self, remote: Remote) -> port.NoteReading:
        return port.NoteReading(note_text(remote.payload.get("text")), written_at=moment(remote.payload.get("made")))

    async def create_note(self, lead_id: str, draft: port.NoteDraft, present: Remote | None) -> port.Written:
        note = await self._object("POST", NOTES, lead_id, json={"text": draft.text}, repeat=False)
        return port.Written(text(note["id"]))

    async def agents(self) -> Sequence[Remote]:
        return [_remote("agent", row) for row in await self._rows(AGENTS, "agents")]

    def read_agent(self, remote: Remote) -> port.AgentReading:
        return port.AgentReading(address(remote.payload.get("mail")), text(remote.payload.get("name")))

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _rows(self, path: str, key: str, **query: str) -> list[Any]:
        data = (await self._http.send("GET", path, query=tuple(query.items()))).data
        return [row for row in data[key] if text(row["id"])] if isinstance(data, Mapping) and key in data else []

    async def _object(self, method: str, path: str, of: str = "", **more: Any) -> Mapping[str, Any]:
        data = (await self._http.send(method, path, params={"id": of} if of or "{" in path else None, **more)).data
        if not isinstance(data, Mapping) or not text(data.get("id")):
            raise UnreadableError(f"{method} {path}: the answer is no object with an id")
        return data


def _remote(kind: str, row: Mapping[str, Any], *, listed: bool = True) -> Remote:
    return Remote(kind, text(row["id"]), row, digest(row), listed=listed)


make = CardfileAdapter
