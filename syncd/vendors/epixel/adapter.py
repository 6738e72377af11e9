"""Epixel behind `ports.vendor.Adapter` (vendors/epixel.md)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from syncd.domain.errors import (
    ConflictError,
    NotFoundError,
    RejectedError,
    TransientError,
    UnreadableError,
    VendorError,
)
from syncd.domain.lead import Fields
from syncd.domain.lens import Reading
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
from syncd.vendors.epixel import mapping, notes, roster, writes
from syncd.vendors.epixel.answers import slug_told
from syncd.vendors.epixel.appointments import Appointments
from syncd.vendors.epixel.capabilities import capabilities
from syncd.vendors.epixel.choices import Choices
from syncd.vendors.epixel.client import CREATE, DELETE, UPDATE, Client
from syncd.vendors.epixel.finding import Finder
from syncd.vendors.epixel.numbers import Numbers
from syncd.vendors.epixel.overview import Overview
from syncd.vendors.epixel.payload import KEYS, keys_of, time_under
from syncd.vendors.epixel.refusals import UNNAMED_EXISTS
from syncd.vendors.epixel.stages import Sources, Stages
from syncd.vendors.epixel.walk import LeadRows, Walk
from syncd.vendors.meanwhile import look_again

if TYPE_CHECKING:
    from syncd.settings import EpixelConnection
    from syncd.vendors.registry import Deps

NUMBERS = "numbers"
PRIMARY = "primary"


class EpixelAdapter:
    """One installation, seen by one user."""

    vendor = "epixel"
    hooks = None

    def __init__(self, connection: EpixelConnection, deps: Deps) -> None:
        """An adapter for ``connection``. Raises ConfigError for credentials that cannot be used."""
        self.name = connection.name
        self.capabilities = capabilities(connection)
        auth = connection.auth
        self._who = auth.username if auth.kind == "password" else "an Epixel user"
        self._zone = ZoneInfo(connection.time_zone)
        self._looked = connection.write_guard == "read"
        choices = Choices()
        numbers = deps.memory.get(NUMBERS)
        self._options = mapping.Options(
            stages=Stages(connection.stages, choices),
            sources=Sources(connection.sources, choices),
            numbers=Numbers(connection.region, map(str, numbers if isinstance(numbers, list) else ())),
            zone=self._zone,
            custom=connection.custom,
            write_source=connection.fields.get("source") in {"both", "write"},
        )
        self.lenses = mapping.build(self._options)
        keys = {n: k for n, k in keys_of(connection.custom).items() if connection.direction(n) in {"both", "read"}}
        self._client = Client(connection, deps)
        self._overview = Overview(self._client, deps.clock, choices, deps.memory)
        self._roster = roster.Roster(deps.memory)
        self._rows = LeadRows(self._roster, self._zone, keys, deps.memory)
        self._walk = Walk(self._client, self._rows)
        self._finder = Finder(self._walk, self._rows, self._options.numbers, deps.clock, self._zone)
        self._notes = notes.Notes(self._client, self._walk, self._rows)
        self.appointments = Appointments(self._client, self._zone)
        """A capability beyond the port (vendors/epixel.md §10)."""

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
        """Paths that work, choices, agents met, what lists and views show, numbers that were agreed."""
        agreed = self._options.numbers.memory
        return {
            **self._client.memory,
            **self._overview.memory,
            **self._roster.memory,
            **self._rows.memory,
            **({NUMBERS: list(agreed)} if agreed else {}),
        }

    async def check(self) -> str:
        """Whether the credentials work; nothing tells whose they are but the config."""
        await self._overview.look()
        return self._who

    async def aclose(self) -> None:
        """Close connections."""
        await self._client.http.aclose()

    # Reading.

    async def leads(
        self,
        cursor: str | None,  # noqa: ARG002
        *,
        full: bool,
        walked: Walked | None = None,
    ) -> AsyncIterator[Page]:
        """Pages of all leads: nothing can be asked for since ``cursor``, so there never is one."""
        self._finder.forget()
        await self._overview.ensure()
        async for page in self._walk.pages(walked, resumable=full):
            yield page
        # Whom the pages before the gap are assigned to, another process has met, and perhaps not remembered.
        self._roster.walked = self._roster.walked or walked is None

    async def lead(self, external_id: str) -> Remote:
        """One complete lead. Raises NotFoundError (told: it is deleted), RejectedError if this user may not see it."""
        await self._overview.ensure()
        return self._rows.single(external_id, await self._walk.view(external_id))

    def read_lead(self, remote: Remote) -> Reading:
        """The lead in canonical terms; what an incomplete row lacks is not told rather than blank."""
        reading = self.lenses.read(remote.payload)
        untold = self._rows.untold(remote)
        if not untold:
            return reading
        return Reading(
            {name: value for name, value in reading.fields.items() if name not in untold},
            reading.told - untold,
            reading.unmapped,
        )

    async def find_leads(self, *, email: str = "", phone: str = "", since: datetime | None = None) -> Found:
        """Leads with this address or number, out of the list; with neither, those created after ``since``."""
        await self._overview.ensure()
        return await self._finder.find(email, phone, since)

    async def notes(self, lead_id: str, known: Mapping[str, str]) -> NoteListing:
        """The notes of a lead, where views carry them."""
        return await self._notes.listing(lead_id, known)

    def read_note(self, remote: Remote) -> NoteReading:
        """The note in canonical terms."""
        return notes.reading(remote, self._zone)

    async def agents(self) -> Sequence[Remote]:
        """Everybody a lead was ever assigned to; the first time, the leads are looked through for them."""
        if not self._roster.walked:
            async for _, live in self._walk.leads():
                for _, row in live:
                    self._roster.meet(row)
            self._roster.walked = True
        return self._roster.announce()

    def read_agent(self, remote: Remote) -> AgentReading:
        """The agent in canonical terms."""
        return roster.reading(remote)

    # Writing.

    async def create_lead(self, wanted: Fields) -> Written:
        """Create a lead; ``existed`` where the address was taken by one that can be seen.

        Raises RejectedError without what a lead needs there.
        """
        if obstacle := mapping.obstacle(wanted):
            message = f"cannot create: {obstacle}"
            raise RejectedError(message)
        await self._prepared()
        self._options.numbers.agree(str(wanted["phone"]))
        carried = [name for name in wanted if self.lenses.writable(name, creating=True)]
        form = {name: str(value) for name, value in self.lenses.write(wanted, carried, {}).items() if value != ""}
        try:
            answer = await self._client.post(CREATE, form, repeat=False)
        except ConflictError as error:
            if error.code not in {"email_exists", UNNAMED_EXISTS}:
                raise
            return await self._existing(str(wanted["email"]), error)
        except RejectedError as error:
            await self._learn_choices(error)
            raise
        slug = slug_told(answer.data) or await self._newest(wanted)
        self._finder.created(slug, str(wanted["email"]), str(wanted["phone"]))
        return Written(slug)

    async def update_lead(self, external_id: str, wanted: Fields, changed: frozenset[str], present: Remote) -> Written:
        """Write the changed fields in a whole form built on a view just read, whatever ``present`` says."""
        await self._overview.ensure()
        view = await self._walk.view(external_id)
        self._rows.single(external_id, view)
        names = [name for name in changed if self.lenses.writable(name)]
        if self._looked:
            look_again(self.lenses, present.payload, view, wanted, names, f"POST {UPDATE}")
        changes = {name: str(value) for name, value in self.lenses.write(wanted, names, view).items()}
        if not changes:
            return Written(external_id)  # no word for it there: nothing would be said
        form = writes.whole(external_id, view, changes, wanted, self._options)
        self._options.numbers.agree(writes.number_sent(form, wanted, view, self._options))
        try:
            await self._client.post(UPDATE, form, repeat=True)
        except RejectedError as error:
            bare = writes.without_unchanged_choices(form, changes)
            if not (await self._learn_choices(error) or error.code == "no_assignee") or bare == form:
                raise
            if writes.about_changes(error, changes):
                raise
            await self._client.post(UPDATE, bare, repeat=True)
        return Written(external_id)

    async def assign(self, external_id: str, roles: Mapping[str, str | None], present: Remote) -> None:
        """Set the assignee. Raises RejectedError where there is to be none: Epixel has no way to say so."""
        agent = roles.get(PRIMARY)
        if not agent or len(roles) > 1:
            message = "Epixel has one assignee a lead, and no way to take that one off"
            raise RejectedError(message)
        name = f"assignment.{PRIMARY}"
        await self.update_lead(external_id, {name: agent}, frozenset({name}), present)

    async def add_labels(self, external_id: str, names: frozenset[str], present: Remote) -> None:
        """Raises RejectedError: there are none."""
        raise _no_call("sets a label", external_id, names, present)

    async def remove_labels(self, external_id: str, names: frozenset[str], present: Remote) -> None:
        """Raises RejectedError: there are none."""
        raise _no_call("sets a label", external_id, names, present)

    async def delete_lead(self, external_id: str, reason: str) -> None:  # noqa: ARG002
        """Give one lead the status "deleted"; done as well if it has it already."""
        try:
            await self._client.post(DELETE, {"slug": external_id}, repeat=True)
        except NotFoundError:
            return

    async def create_note(self, lead_id: str, draft: NoteDraft, present: Remote | None) -> Written:
        """Append a note. An id that begins with "w:" is ours: the vendor neither told one nor shows the note."""
        return await self._notes.create(lead_id, draft, present.payload if present is not None else None)

    async def update_note(self, lead_id: str, note_id: str, draft: NoteDraft) -> None:
        """Raises RejectedError: there is no call."""
        raise _no_call("changes a note", lead_id, note_id, draft)

    async def delete_note(self, lead_id: str, note_id: str) -> None:  # noqa: ARG002
        """Delete a note the vendor gave an id."""
        await self._notes.delete(note_id)

    # Helpers.

    async def _prepared(self) -> None:
        """Read the choices if that is due; a create that fails here was certainly not sent."""
        try:
            await self._overview.ensure()
        except TransientError as error:
            raise TransientError(str(error), status=error.status, hint=error.hint, sent=False) from None

    async def _learn_choices(self, error: RejectedError) -> bool:
        """Read the choices again if one of them was refused."""
        if error.code != "invalid_choice":
            return False
        await self._overview.refresh()
        return True

    async def _existing(self, email: str, error: ConflictError) -> Written:
        """The lead that has the address. Raises RejectedError if this user may not see it.

        Raises the conflict itself where it does not say that the address is what is taken, and nobody shows it.
        """
        found = await self._finder.find(email, "", None, fresh=True)
        if not found.rows and error.code != "email_exists":
            raise error
        if not found.rows:
            message = "exists, but this user may not see it"
            raise RejectedError(message, status=error.status, code=error.code)
        return Written(found.rows[0].external_id, existed=True)

    async def _newest(self, wanted: Fields) -> str:
        """The lead just created, out of the list: the answer told no slug. Raises TransientError.

        Whatever goes wrong here, the create was carried out: nothing but "sent, and not seen yet" may be said.
        """
        email, phone = str(wanted["email"]), str(wanted["phone"])
        try:
            found = await self._finder.find(email, phone, None, fresh=True)
        except VendorError as error:
            message = f"the answer to a create tells no slug; looking for the lead: {error}"
            raise TransientError(message, status=error.status, hint=error.hint) from None
        rows = [row for row in found.rows if self._shows(row, email, phone)]
        if not rows:
            message = "the answer to a create tells no slug, and the list does not show the lead yet"
            raise TransientError(message)
        born = {row.external_id: time_under(row.payload, KEYS["registered_at"], self._zone) for row in rows}
        timed = [row for row in rows if born[row.external_id] is not None]
        # No order of the list is documented; SIM and most frameworks list in the order of creation.
        newest = max(timed, key=lambda row: str(born[row.external_id])) if timed else rows[-1]
        return newest.external_id

    def _shows(self, row: Remote, email: str, phone: str) -> bool:
        try:
            shown = self.read_lead(row).fields
        except UnreadableError:
            return False
        return shown.get("email") == email and shown.get("phone") == phone


def make(connection: EpixelConnection, deps: Deps) -> EpixelAdapter:
    """The adapter of an Epixel connection. Raises ConfigError for credentials that cannot be used."""
    return EpixelAdapter(connection, deps)


def _no_call(does: str, *_unused: object) -> RejectedError:
    return RejectedError(f"Epixel has no call that {does}")
