"""Rechat behind `ports.vendor.Adapter` (vendors/rechat.md)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from syncd.domain.errors import NotFoundError, RejectedError
from syncd.domain.lead import Fields
from syncd.domain.lens import Payload, Reading
from syncd.ports.vendor import (
    AgentReading,
    Found,
    Json,
    NoteDraft,
    NoteListing,
    NoteReading,
    Page,
    Remote,
    VendorClock,
    Walked,
    Written,
)
from syncd.vendors.rechat import agents, custom, notes
from syncd.vendors.rechat.assignees import Assignees
from syncd.vendors.rechat.capabilities import capabilities
from syncd.vendors.rechat.client import CONTACT, SELF, SHOWING, Client
from syncd.vendors.rechat.contact import contact
from syncd.vendors.rechat.custom import Catalogue
from syncd.vendors.rechat.definitions import Definitions
from syncd.vendors.rechat.finding import Finder
from syncd.vendors.rechat.labels import Labels
from syncd.vendors.rechat.mapping import PRIMARY, Options, build
from syncd.vendors.rechat.recent import Recent
from syncd.vendors.rechat.routing import Routing
from syncd.vendors.rechat.walk import MEMORY as IGNORED
from syncd.vendors.rechat.walk import Walk
from syncd.vendors.rechat.writes import Writer

if TYPE_CHECKING:
    from syncd.settings import RechatConnection
    from syncd.vendors.registry import Deps


class RechatAdapter:
    """One brand at Rechat."""

    vendor = "rechat"
    hooks = None

    def __init__(self, connection: RechatConnection, deps: Deps) -> None:
        """An adapter for ``connection``. Raises ConfigError for credentials or attributes that cannot be used."""
        self.name = connection.name
        self.capabilities = capabilities(connection)
        catalogue = Catalogue()
        options = Options(
            region=connection.region,
            stage_tag_prefix=connection.stage_tag_prefix,
            assignee_role=connection.assignee_role,
            stages=connection.stages,
            custom=connection.custom,
            attributes={str(name): called for name, called in connection.attributes.items()},
        )
        mapping = build(options, catalogue)
        self.lenses = mapping.table
        self._role = connection.assignee_role
        self._client = Client(connection, deps)
        self._recent = Recent(deps.clock)
        named = [*connection.custom.values(), *connection.attributes.values()]
        learned = deps.memory
        self._definitions = Definitions(self._client, deps.clock, catalogue, learned, needed=custom.needed(named))
        ignored = learned.get(IGNORED)
        self._walk = Walk(
            self._client,
            deps.clock,
            self._definitions,
            overlap=connection.overlap,
            page_size=connection.page_size,
            channels=connection.only_channels,
            ignored=ignored if isinstance(ignored, list) else (),
        )
        self._agents = agents.Agents(self._client)
        self._finder = Finder(self._client, mapping.view, connection.region)
        self._writer = Writer(self._client, deps.clock, connection, mapping, self._agents, self._finder, self.lead)
        self._labels = Labels(self._client, deps.clock, mapping, self._writer, self.lead)
        self._assignees = Assignees(self._client, self._agents, self.lead, learned)

    @property
    def clock(self) -> VendorClock:
        """The vendor's clock against ours."""
        return self._client.http.clock_reading

    @property
    def requests(self) -> Mapping[str, int]:
        """Requests sent so far, by ``read`` and ``write``."""
        return self._client.http.requests

    @property
    def memory(self) -> Mapping[str, Json]:
        """Attribute definitions, filters that are ignored, which path assignees have."""
        return {
            **self._client.http.auth.memory,
            **self._definitions.memory,
            **self._walk.memory,
            **self._assignees.memory,
        }

    @property
    def routing(self) -> Routing:
        """The brand's lead channels, rules and routing groups."""
        return Routing(self._client)

    async def check(self) -> str:
        """The user the credentials belong to."""
        user = await self._client.one(SELF, {})
        reading = agents.read(user)
        return reading.email or reading.name or "a Rechat user"

    async def aclose(self) -> None:
        """Close connections."""
        await self._client.http.aclose()

    # Reading.

    async def leads(self, cursor: str | None, *, full: bool, walked: Walked | None = None) -> AsyncIterator[Page]:
        """Pages of contacts changed since ``cursor``, or all of them, perhaps from where a walk was broken off."""
        async for page in self._walk.pages(cursor, full=full, walked=walked):
            self._agents.notice(row.payload for row in page.rows)
            for row in page.rows:
                self._recent.listed(row)
            yield page

    async def lead(self, external_id: str) -> Remote:
        """One contact with its rows, parked or not. Raises NotFoundError (told where it is marked as deleted)."""
        await self._definitions.ready()
        payload = await self._client.one(CONTACT, {"id": external_id}, SHOWING)
        if payload.get("deleted_at"):
            message = f"GET {CONTACT}: the contact is deleted"
            raise NotFoundError(message, status=200, told=True)
        await self._definitions.noticed([payload])
        self._agents.notice([payload])
        remote = contact(payload, listed=False)
        self._recent.read(remote)
        return remote

    def read_lead(self, remote: Remote) -> Reading:
        """The contact in canonical terms. A row of a list without its attributes tells nothing.

        Raises UnreadableError, also where a contact read by itself shows no attributes.
        """
        if not remote.complete:
            return Reading({}, frozenset())
        return self.lenses.read(remote.payload)

    async def find_leads(self, *, email: str = "", phone: str = "", since: datetime | None = None) -> Found:
        """Contacts with this address or number; with neither, those created after ``since``, newest first."""
        await self._definitions.ready()
        if not email and not phone:
            if since is None:
                return Found([])
            offset = timedelta(seconds=self.clock.offset_s - self.clock.uncertainty_s)
            return Found(await self._whole(await self._walk.created_since(since + offset)))
        rows: dict[str, Remote] = {}
        conclusive = True
        for value, ask in ((email, self._finder.by_email), (phone, self._finder.by_phone)):
            if value:
                found = await ask(value)
                rows = {**{row.external_id: row for row in found.rows}, **rows}
                conclusive = conclusive and found.conclusive
        return Found(await self._whole(rows.values()), conclusive=conclusive or bool(rows))

    async def _whole(self, found: Iterable[Remote]) -> list[Remote]:
        """Found contacts with their rows: one that a list shows without is read by itself, for it is compared next."""
        rows: list[Remote] = []
        for row in found:
            with suppress(NotFoundError):
                rows.append(row if row.complete else await self.lead(row.external_id))
        return rows

    async def notes(self, lead_id: str, known: Mapping[str, str]) -> NoteListing:
        """The notes of a contact: its rows, out of the walk that has just shown them or out of a fresh read."""
        payload = self._recent.take_listed(lead_id) or (await self.lead(lead_id)).payload
        return notes.listing(payload, known)

    def read_note(self, remote: Remote) -> NoteReading:
        """The note in canonical terms."""
        return notes.reading(remote)

    async def agents(self) -> Sequence[Remote]:
        """Every agent of the brand, and those whom contacts named."""
        return await self._agents.all()

    def read_agent(self, remote: Remote) -> AgentReading:
        """The agent in canonical terms."""
        return agents.read(remote.payload)

    # Writing.

    async def create_lead(self, wanted: Fields) -> Written:
        """Create a contact; ``existed`` where a capture found one that was there before. Raises VendorError."""
        if obstacle := self.lenses.obstacle(wanted):
            message = f"cannot create: {obstacle}"
            raise RejectedError(message)
        await self._definitions.ready()
        written = await self._writer.create(wanted)
        self._recent.forget(written.external_id)
        return written

    async def update_lead(self, external_id: str, wanted: Fields, changed: frozenset[str], present: Remote) -> Written:
        """Write the changed fields into a contact read just now, by one PATCH and a DELETE per row that goes."""
        payload = await self._fresh(external_id, present)
        names = frozenset(name for name in changed if self.lenses.writable(name))
        return await self._writer.update(external_id, wanted, names, payload)

    async def add_labels(self, external_id: str, names: frozenset[str], present: Remote) -> None:
        """Add tags that are missing."""
        payload = await self._fresh(external_id, present)
        await self._labels.add(external_id, names, payload)

    async def remove_labels(self, external_id: str, names: frozenset[str], present: Remote) -> None:
        """Delete every tag row of these names."""
        payload = await self._fresh(external_id, present)
        await self._labels.remove(external_id, names, payload)

    async def assign(self, external_id: str, roles: Mapping[str, str | None], present: Remote) -> None:
        """Set the owner, and the one assignee besides. Raises RejectedError where the owner is to be nobody."""
        if "primary" in roles and not roles["primary"]:
            message = "Rechat has no contact without an owner"
            raise RejectedError(message)
        payload = await self._fresh(external_id, present)
        if agent := roles.get("primary"):
            await self._writer.update(external_id, {PRIMARY: agent}, frozenset({PRIMARY}), payload)
            if self._role in roles:
                payload = (await self.lead(external_id)).payload  # who is the owner decides whom the role means
        if self._role and self._role in roles:
            await self._assignees.put(external_id, roles[self._role], payload)
        self._recent.forget(external_id)

    async def delete_lead(self, external_id: str, reason: str) -> None:  # noqa: ARG002 -- there is no place for it
        """Delete one contact, softly; done as well if it is gone."""
        self._recent.forget(external_id)
        try:
            await self._client.write("DELETE", CONTACT, {"id": external_id}, repeat=True)
        except NotFoundError:
            return

    async def create_note(self, lead_id: str, draft: NoteDraft, present: Remote | None) -> Written:
        """Append a note."""
        self._recent.forget(lead_id)
        return await notes.create(self._client, lead_id, draft, present)

    async def update_note(self, lead_id: str, note_id: str, draft: NoteDraft) -> None:
        """Replace a note's text."""
        self._recent.forget(lead_id)
        await notes.update(self._client, lead_id, note_id, draft)

    async def delete_note(self, lead_id: str, note_id: str) -> None:
        """Delete a note; done as well if it is gone."""
        self._recent.forget(lead_id)
        await notes.delete(self._client, lead_id, note_id)

    async def _fresh(self, external_id: str, present: Remote) -> Payload:
        """The contact as it stands: as read a moment ago by this adapter, else read again, whatever write_guard says.

        Row ids are needed, and a row may have come or gone since.
        """
        payload: Any = present.payload if self._recent.is_fresh(present) else (await self.lead(external_id)).payload
        self._recent.forget(external_id)
        return payload  # type: ignore[no-any-return]


def make(connection: RechatConnection, deps: Deps) -> RechatAdapter:
    """The adapter of a Rechat connection. Raises ConfigError for credentials or attributes that cannot be used."""
    return RechatAdapter(connection, deps)
