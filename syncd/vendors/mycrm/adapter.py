"""MyCRM behind `ports.vendor.Adapter` (vendors/mycrm.md)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from syncd.domain.errors import NotFoundError, RejectedError, TransientError, UnreadableError, VendorError
from syncd.domain.lead import Fields, blank
from syncd.domain.lens import Reading
from syncd.domain.normalize import email as normal_email
from syncd.domain.normalize import fold, text
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
from syncd.vendors.http import Answer, digest
from syncd.vendors.meanwhile import look_again
from syncd.vendors.mycrm import finding, mapping, needs, notes
from syncd.vendors.mycrm.capabilities import capabilities
from syncd.vendors.mycrm.client import DELETE, LEAD, LEADS, USERS, Client, addressed, record
from syncd.vendors.mycrm.listing import rows_of, whole
from syncd.vendors.mycrm.mapping import PRIMARY
from syncd.vendors.mycrm.operations import Operations
from syncd.vendors.mycrm.values import identity, number_of
from syncd.vendors.mycrm.walk import VOLATILE, LeadRows, Walk
from syncd.vendors.mycrm.writes import is_whole
from syncd.vendors.mycrm.writes import whole as whole_lead

if TYPE_CHECKING:
    from syncd.settings.connections.mycrm import MyCrmConnection, MyCrmCreateDefaults
    from syncd.vendors.registry import Deps

PATCHED = frozenset({"stage", PRIMARY})
"""What a PATCH can change; anything else takes a PUT of the whole lead."""
NO_SUCH_CALL = 405
NOTES_OFF = "notes_on_update"


class MyCrmAdapter:
    """One MyCRM account."""

    vendor = "mycrm"
    hooks = None

    def __init__(self, connection: MyCrmConnection, deps: Deps) -> None:
        """An adapter for ``connection``. Raises ConfigError for credentials that cannot be used."""
        self.name = connection.name
        self.capabilities = capabilities(connection)
        self._defaults = defaults_of(connection.create_defaults)
        self.lenses = mapping.build(
            mapping.Options(
                region=connection.region,
                stages=connection.stages,
                custom=connection.custom,
                sources={fold(source): pair for source, pair in connection.sources.items()},
                areas=connection.areas,
                types=connection.types,
                defaults=self._defaults,
            )
        )
        self._region = connection.region
        self._looked = connection.write_guard == "read"
        learned = deps.memory
        self._refused: set[str] = set(learned.get("refused_filters", ()))
        self._doubling = notes.Doubling(self.name, found=learned.get(NOTES_OFF) == "off")
        self._notes_on = connection.notes_on_update == "on"
        self._clock = deps.clock
        self._client = Client(connection, deps)
        self._operations = Operations(self._client, form=str(learned.get("patch_paths", "")))
        self._rows = LeadRows(VOLATILE - {path.split(".", 1)[0] for path in connection.custom.values()})
        self._walk = Walk(self._client, self._clock, self._rows, connection.overlap, self._refused)
        self._shelf = notes.Shelf(self._clock)

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
        """Filters refused, the form of PATCH paths, whether notes double."""
        learned: dict[str, Json] = dict(self._client.http.auth.memory)
        if self._refused:
            learned["refused_filters"] = sorted(self._refused)
        if self._operations.form:
            learned["patch_paths"] = self._operations.form
        if self._doubling.found:
            learned[NOTES_OFF] = "off"
        return learned

    async def check(self) -> str:
        """There is no call that says who we are: how many users the account has."""
        rows, total = rows_of(await self._client.page(USERS, [("page", "1")]), USERS, "users")
        return f"a MyCRM account with {len(rows) if total is None else total} users"

    async def aclose(self) -> None:
        """Close connections."""
        await self._client.http.aclose()

    # Reading.

    async def leads(self, cursor: str | None, *, full: bool, walked: Walked | None = None) -> AsyncIterator[Page]:
        """Pages of leads changed since ``cursor``, or all of them, perhaps from where a walk was broken off."""
        self._shelf.clear()
        async for page in self._walk.pages(cursor, full=full, walked=walked):
            for remote in page.rows:
                self._doubling.notice(remote.external_id, remote.payload)
                self._shelf.put(remote.external_id, remote.payload)
            yield page

    async def lead(self, external_id: str) -> Remote:
        """One complete lead. Raises NotFoundError."""
        return self._rows.single(external_id, await self._read(external_id))

    def read_lead(self, remote: Remote) -> Reading:
        """The lead in canonical terms. Of a row that is no whole lead, only what it shows is told."""
        reading = self.lenses.read(remote.payload)
        if remote.complete:
            return reading
        told = {name for name in reading.told if name in reading.fields}
        return Reading(reading.fields, frozenset(told), reading.unmapped)

    async def find_leads(self, *, email: str = "", phone: str = "", since: datetime | None = None) -> Found:
        """Leads with this address, else this number, each checked by value; with neither, those created ``since``."""
        return await finding.find(self._walk, self._region, email=email, phone=phone, since=since)

    async def notes(self, lead_id: str, known: Mapping[str, str]) -> NoteListing:
        """The notes of a lead: as its row has just shown them, else out of the lead."""
        return notes.listing(self._shelf.take(lead_id) or await self._read(lead_id), known)

    def read_note(self, remote: Remote) -> NoteReading:
        """The note in canonical terms."""
        return notes.reading(remote)

    async def agents(self) -> Sequence[Remote]:
        """Every user of the account."""
        return [Remote("agent", user, row, digest(row)) for user, row in await whole(self._client, USERS, "users")]

    def read_agent(self, remote: Remote) -> AgentReading:
        """The user in canonical terms."""
        names = (text(remote.payload.get("first_name")), text(remote.payload.get("last_name")))
        return AgentReading(normal_email(remote.payload.get("email")), " ".join(filter(None, names)))

    # Writing.

    async def create_lead(self, wanted: Fields) -> Written:
        """Create a lead with its defaults. Raises RejectedError, without a call, where MyCRM demands more."""
        carried = [name for name in wanted if self.lenses.writable(name, creating=True)]
        body = _without_nulls(self.lenses.write(wanted, carried, {}))
        if obstacle := needs.obstacle(body, needs.fill(body, self._defaults)):
            message = f"cannot create: {obstacle}"
            raise RejectedError(message)
        self._shelf.clear()
        answer = await self._client.create(body)
        made = record(answer.data, "lead")
        external_id = identity(made.get("id")) if made else ""
        if not external_id:
            external_id = await self._just_created(wanted)
        return self._written(external_id, answer)

    async def update_lead(self, external_id: str, wanted: Fields, changed: frozenset[str], present: Remote) -> Written:
        """Stage and user alone by PATCH, else the whole lead by PUT, built on a fresh read whatever ``present`` is."""
        names = {name for name in changed if self.lenses.writable(name)}
        addressed(external_id)
        self._touched(external_id)
        if names <= PATCHED:
            body = self.lenses.write(wanted, names, {})
            answer = await self._operations.send(external_id, status=body.get("status"), user=body.get("user"))
            return self._written(external_id, answer)
        payload = await self._fresh(external_id)
        if self._looked:
            look_again(self.lenses, present.payload, payload, wanted, names, f"PUT {LEAD}")
        shown = self.lenses.read(payload).fields
        row_names = {name for changed_name in names for name in self.lenses.by_field[changed_name].fields}
        full = {name: value for name, value in shown.items() if name not in names}
        full |= {name: value for name, value in wanted.items() if name in names}
        # Inseparable neighbours: the primary number and the set it is in say the same thing.
        full |= {name: wanted[name] for name in row_names & _PAIRED if name in wanted}
        body, _ = whole_lead(payload, self.lenses.write(full, names, payload), self._defaults)
        answer = await self._client.put(external_id, body)
        return self._written(external_id, answer)

    async def assign(self, external_id: str, roles: Mapping[str, str | None], present: Remote) -> None:  # noqa: ARG002
        """Set the lead's user. Raises RejectedError where it is to be taken off: there is no documented way."""
        agent = roles.get("primary")
        if "primary" in roles and not agent:
            raise RejectedError("MyCRM has no documented way to take the user off a lead")
        if agent:
            self._touched(external_id)
            await self._operations.send(external_id, user=number_of(agent))

    async def delete_lead(self, external_id: str, reason: str) -> None:  # noqa: ARG002
        """Delete one lead; done as well if it is gone already. Never more than one."""
        addressed(external_id)
        self._touched(external_id)
        for path in (DELETE, LEAD):
            try:
                await self._client.delete(path, external_id)
            except (NotFoundError, RejectedError) as error:
                if not isinstance(error, NotFoundError) and error.status != NO_SUCH_CALL:
                    raise
                try:
                    await self._read(external_id)
                except NotFoundError:
                    return
                if path == LEAD:
                    raise
            else:
                return

    async def create_note(self, lead_id: str, draft: NoteDraft, present: Remote | None) -> Written:  # noqa: ARG002
        """Add a note by updating the whole lead. One try. Raises RejectedError where that is turned off."""
        if not self._notes_on:
            raise RejectedError("cannot add note: notes_on_update is off")
        if self._doubling.found:
            raise RejectedError("cannot add note: this account doubles old notes, so it is turned off")
        addressed(lead_id)
        self._touched(lead_id)
        payload = await self._fresh(lead_id)
        if self._doubling.found:
            raise RejectedError("cannot add note: this account doubles old notes, so it is turned off")
        if obstacle := notes.obstacle(payload):
            message = f"cannot add note: {obstacle}"
            raise RejectedError(message)
        body, filled = whole_lead(payload, {}, self._defaults)
        body["notes"] = notes.body_with(payload, draft.text)
        self._doubling.added(lead_id, payload, draft.text)
        try:
            answer = await self._client.put(lead_id, body, repeat=False)
        except RejectedError as error:
            raise _no_note(error, filled.words) from None
        shown = record(answer.data, "lead")
        if shown is None or not notes.told(shown):
            shown = {}
            with suppress(VendorError):  # the note is there: a failure to find it must not look like a failure to write
                shown = await self._client.lead(lead_id)
        self._doubling.notice(lead_id, shown)
        return Written(notes.made(payload, shown, draft.text))

    async def add_labels(self, external_id: str, names: frozenset[str], present: Remote) -> None:
        """Raises RejectedError: there are no labels."""
        raise _no_call("has labels", external_id, names, present)

    async def remove_labels(self, external_id: str, names: frozenset[str], present: Remote) -> None:
        """Raises RejectedError: there are no labels."""
        raise _no_call("has labels", external_id, names, present)

    async def update_note(self, lead_id: str, note_id: str, draft: NoteDraft) -> None:
        """Raises RejectedError: there is no documented way."""
        raise _no_call("changes a note", lead_id, note_id, draft)

    async def delete_note(self, lead_id: str, note_id: str) -> None:
        """Raises RejectedError: there is no documented way."""
        raise _no_call("deletes a note", lead_id, note_id)

    # Helpers.

    async def _read(self, external_id: str) -> Mapping[str, Any]:
        payload = await self._client.lead(external_id)
        self._doubling.notice(external_id, payload)
        return payload

    async def _fresh(self, external_id: str) -> Mapping[str, Any]:
        """The lead as it stands, for a PUT. Raises TransientError that says that nothing was written yet."""
        try:
            return await self._read(external_id)
        except TransientError as error:
            raise TransientError(
                str(error), status=error.status, code=error.code, hint=error.hint, sent=False
            ) from None

    async def _just_created(self, wanted: Fields) -> str:
        """The id of a lead whose creation was answered without one. Raises UnreadableError."""
        email, phone = (str(wanted.get(name) or "") for name in ("email", "phone"))
        found = await self.find_leads(email=email, phone=phone)
        newest = max((int(row.external_id) for row in found.rows), default=0)
        if not newest:
            message = f"POST {LEADS}: the answer tells no id"
            raise UnreadableError(message)
        return str(newest)

    def _written(self, external_id: str, answer: Answer) -> Written:
        """What a write brought: the lead as the answer shows it, where it does."""
        shown = record(answer.data, "lead")
        if shown is None or identity(shown.get("id")) != external_id or not is_whole(shown):
            return Written(external_id)
        self._doubling.notice(external_id, shown)
        return Written(external_id, record=self._rows.single(external_id, shown))

    def _touched(self, external_id: str) -> None:
        """A write goes out: nothing listed before is current any more."""
        self._shelf.clear()
        self._rows.forget(external_id)


_PAIRED = frozenset({"email", "emails", "phone", "phones"})


def make(connection: MyCrmConnection, deps: Deps) -> MyCrmAdapter:
    """The adapter of a MyCRM connection. Raises ConfigError for credentials that cannot be used."""
    return MyCrmAdapter(connection, deps)


def defaults_of(config: MyCrmCreateDefaults) -> needs.Defaults:
    """`create_defaults` by the names of the sheet."""
    flat = config.model_dump(exclude_none=True)
    inner = flat.pop("preference")
    return needs.Defaults({**flat, **{f"preference.{key}": value for key, value in inner.items()}})


def _without_nulls(body: Mapping[str, Any]) -> dict[str, Any]:
    """A new lead says nothing where it has nothing to say."""
    plain = {key: _without_nulls(value) if isinstance(value, Mapping) else value for key, value in body.items()}
    return {key: value for key, value in plain.items() if not blank(value) and value != {}}


def _no_note(error: RejectedError, missing: str) -> RejectedError:
    """The refusal of a note; where the lead lacks what MyCRM demands, that is why."""
    why = f"missing {missing}" if missing else str(error)
    return RejectedError(f"cannot add note: {why}", status=error.status, code=error.code, hint=error.hint)


def _no_call(does: str, *_unused: object) -> RejectedError:
    return RejectedError(f"MyCRM has no call that {does}")
