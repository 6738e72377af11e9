"""CINC behind `ports.vendor.Adapter` (vendors/cinc.md)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from syncd.domain.errors import ConflictError, NotFoundError, RejectedError, UnreadableError
from syncd.domain.lead import Fields, blank
from syncd.domain.lens import Payload, Reading
from syncd.domain.normalize import email as normal_email
from syncd.domain.normalize import fold, national, text
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
from syncd.vendors.cinc import mapping, notes, slots
from syncd.vendors.cinc.capabilities import capabilities
from syncd.vendors.cinc.client import AGENTS, CREATED, LEAD, LEADS, ME, Client, id_told
from syncd.vendors.cinc.labels import Labels
from syncd.vendors.cinc.listing import REFUSALS, whole
from syncd.vendors.cinc.payload import (
    AGENT_SLOTS,
    applied_labels,
    branch,
    fields_of_sections,
    leaf,
    read_email,
    section_names,
)
from syncd.vendors.cinc.walk import VOLATILE, LeadRows, Sections, Walk
from syncd.vendors.cinc.webhook import CincHooks
from syncd.vendors.cinc.writes import WATCHED_MAX, Watch, addressed, whole_sections
from syncd.vendors.http import digest
from syncd.vendors.meanwhile import look_again

if TYPE_CHECKING:
    from syncd.settings import CincConnection
    from syncd.vendors.registry import Deps

EMAIL_TERM = "info.contact.email"
USERNAME_TERM = "username"
CELL_TERM = "info.contact.phone_numbers.cell_phone"
PAIRED = (frozenset({"email", "emails"}), frozenset({"phone", "phones"}))
"""Fields that are one thing at CINC: when one is written, both are as wanted."""


class CincAdapter:
    """One CINC site."""

    vendor = "cinc"

    def __init__(self, connection: CincConnection, deps: Deps) -> None:
        """An adapter for ``connection``. Raises ConfigError for credentials that cannot be used."""
        self.name = connection.name
        self.capabilities = capabilities(connection)
        self.lenses = mapping.build(
            region=connection.region,
            stages=connection.stages,
            custom=connection.custom,
            write_areas=connection.direction("areas") in {"both", "write"},
        )
        self._region = connection.region
        self._fields_of_sections = fields_of_sections(connection.custom)
        read = [name for name in self.lenses.by_field if connection.direction(name) in {"both", "read"}]
        learned = deps.memory
        sections = Sections(section_names(connection.custom, read), learned.get("sections", ()))
        self._rows = LeadRows(sections, VOLATILE - {path.split(".", 1)[0] for path in connection.custom.values()})
        self._refused: set[str] = set(learned.get("refused_terms", ()))
        self._style = connection.update_style
        self._looked = connection.write_guard == "read"
        if self._style == "auto" and learned.get("update_style") == "whole":
            self._style = "whole"
        self._learned_whole = learned.get("update_style") == "whole"
        self._client = Client(connection, deps)
        self.hooks = CincHooks(self._client)
        self._walk = Walk(self._client, deps.clock, self._rows, connection.overlap, self._refused)
        self._labels = Labels(self._client)
        self._watch = Watch()
        self._renamed: dict[str, str] = {}

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
        """The header style that works, sections lists show, search terms refused, the update style found out."""
        learned: dict[str, Json] = dict(self._client.http.auth.memory)
        if self._rows.sections.shown:
            learned["sections"] = sorted(self._rows.sections.shown)
        if self._refused:
            learned["refused_terms"] = sorted(self._refused)
        if self._learned_whole:
            learned["update_style"] = "whole"
        return learned

    async def check(self) -> str:
        """The user the credentials belong to."""
        data = await self._client.get(ME)
        found = data.get("agent", data) if isinstance(data, Mapping) else None
        if not isinstance(found, Mapping):
            message = f"GET {ME}: the answer is not an agent"
            raise UnreadableError(message)
        return text(found.get("username")) or text(found.get("id")) or "a CINC user"

    async def aclose(self) -> None:
        """Close connections."""
        await self._client.http.aclose()

    # Reading.

    async def leads(self, cursor: str | None, *, full: bool, walked: Walked | None = None) -> AsyncIterator[Page]:
        """Pages of leads changed since ``cursor``, or all of them, perhaps from where a walk was broken off."""
        async for page in self._walk.pages(cursor, full=full, walked=walked):
            for remote in page.rows:
                self._notice(remote)
            yield page

    async def lead(self, external_id: str) -> Remote:
        """One complete lead. Raises NotFoundError."""
        remote = self._rows.single(external_id, await self._client.one(LEAD, "lead", {"id": external_id}))
        self._notice(remote)
        return remote

    def read_lead(self, remote: Remote) -> Reading:
        """The lead in canonical terms; what an incomplete row lacks is not told rather than blank."""
        reading = self.lenses.read(remote.payload)
        if remote.complete:
            return reading
        untold: set[str] = set()
        for section, names in self._fields_of_sections.items():
            if remote.payload.get(section) is None:
                untold |= names
        if remote.payload.get("info") is None:
            untold |= reading.told - set().union(*self._fields_of_sections.values()) - {"registered_at"}
        return Reading(
            {name: value for name, value in reading.fields.items() if name not in untold},
            reading.told - untold,
            reading.unmapped,
        )

    async def find_leads(self, *, email: str = "", phone: str = "", since: datetime | None = None) -> Found:
        """Leads with this address or number, each checked by value; with neither, leads touched after ``since``."""
        found: dict[str, Remote] = {}
        if email:
            for term in (EMAIL_TERM, USERNAME_TERM):
                rows = await self._walk.search(term, email, lambda row: _shows_email(row, email))
                found |= {row.external_id: row for row in rows}
                if rows:
                    break
        if phone:
            digits = national(phone, self._region)
            rows = await self._walk.search(CELL_TERM, digits, lambda row: self._rings(row, phone))
            found |= {row.external_id: row for row in rows if row.external_id not in found}
        if not email and not phone and since is not None:
            found = {row.external_id: row for row in await self._walk.since(since)}
        # Only cell numbers can be asked for, and only as the site spells them: none found is no proof.
        return Found(list(found.values()), conclusive=bool(email or found or (since and not phone)))

    async def notes(self, lead_id: str, known: Mapping[str, str]) -> NoteListing:
        """The notes of a lead; those with an unmoved mark are not read again."""
        return await notes.listing(self._client, lead_id, known)

    def read_note(self, remote: Remote) -> NoteReading:
        """The note in canonical terms."""
        return notes.reading(remote)

    async def agents(self) -> Sequence[Remote]:
        """Every agent of the site."""
        rows, _ = await whole(self._client, AGENTS, "agents")
        return [Remote("agent", agent, row, digest(row, VOLATILE)) for agent, row in rows]

    def read_agent(self, remote: Remote) -> AgentReading:
        """The agent in canonical terms."""
        contact = branch(remote.payload, "info.contact")
        names = (text(contact.get("first_name")), text(contact.get("last_name")))
        return AgentReading(read_email(remote.payload), " ".join(filter(None, names)))

    # Writing.

    async def create_lead(self, wanted: Fields) -> Written:
        """Create a lead; ``existed`` where CINC had one with that address. Raises RejectedError without an address."""
        if blank(wanted.get("email")):
            message = "cannot create: missing email"
            raise RejectedError(message)
        carried = [name for name in wanted if self.lenses.writable(name, creating=True)]
        answer = await self._client.post(LEADS, self.lenses.write(wanted, carried, {}))
        external_id = id_told(answer.data, "lead")
        if not external_id:
            found = await self.find_leads(email=str(wanted["email"]))
            if not found.rows:
                message = f"POST {LEADS}: the answer tells no id"
                raise UnreadableError(message)
            external_id = found.rows[0].external_id
        return Written(external_id, existed=answer.status != CREATED)

    async def update_lead(self, external_id: str, wanted: Fields, changed: frozenset[str], present: Remote) -> Written:
        """Write the changed fields: a new address first and by itself, then all others in one call."""
        payload = await self._payload(external_id, present, wanted, changed)
        body = self._body(wanted, changed, payload)
        username = body.pop("username", None)
        if username:
            await self._rename(external_id, username)
        if body:
            await self._update(external_id, payload, body)
        return Written(external_id)

    async def assign(self, external_id: str, roles: Mapping[str, str | None], present: Remote) -> None:
        """Set roles. Raises RejectedError where one is to be emptied: there is no documented way."""
        if not all(roles.values()):
            message = "CINC has no way to take an agent off a lead"
            raise RejectedError(message)
        wanted = {f"assignment.{role}": agent for role, agent in roles.items() if agent}
        payload = await self._payload(external_id, present, wanted, wanted)
        slots_ = {AGENT_SLOTS[role]: {"id": agent} for role, agent in roles.items() if role in AGENT_SLOTS}
        if slots_:
            await self._update(external_id, payload, {"assigned_agents": slots_})

    async def add_labels(self, external_id: str, names: frozenset[str], present: Remote) -> None:  # noqa: ARG002
        """Put labels on a lead: applying twice changes nothing, so ``present`` need not be asked."""
        if names:
            await self._labels.apply(external_id, sorted(names))

    async def remove_labels(self, external_id: str, names: frozenset[str], present: Remote) -> None:
        """Take every label with one of these names off a lead; done as well if somebody else did."""
        folded = {fold(name) for name in names}
        shown = present if present.complete and present.payload else await self.lead(external_id)
        ids = _applied_ids(shown.payload, folded)
        if not ids:
            return
        try:
            await self._labels.remove(external_id, ids)
        except (RejectedError, NotFoundError) as error:
            if error.status not in REFUSALS:
                raise
            left = _applied_ids((await self.lead(external_id)).payload, folded)
            if left and left != ids:
                await self._labels.remove(external_id, left)  # some were gone, and took the rest of the call with them
            elif left:
                raise

    async def create_note(self, lead_id: str, draft: NoteDraft, present: Remote | None) -> Written:
        """Append a note. The answer names the lead only: the new id is found by listing."""
        payload = present.payload if present and present.payload else (await self.lead(lead_id)).payload
        body = addressed(lead_id, self._address(lead_id, payload), {"notes": [notes.entry(draft)]})
        await self._client.post(LEAD, body, {"id": lead_id}, repeat=False)
        return Written("")

    async def delete_lead(self, external_id: str, reason: str) -> None:
        """Raises RejectedError: there is no call."""
        raise _no_call("deletes a lead", external_id, reason)

    async def update_note(self, lead_id: str, note_id: str, draft: NoteDraft) -> None:
        """Raises RejectedError: there is no call."""
        raise _no_call("changes a note", lead_id, note_id, draft)

    async def delete_note(self, lead_id: str, note_id: str) -> None:
        """Raises RejectedError: there is no call."""
        raise _no_call("deletes a note", lead_id, note_id)

    # Helpers.

    def _notice(self, remote: Remote) -> None:
        """Let a read tell whether a sparse update blanked what it left out, and which address stands.

        A list row that lacks sections does not tell: what it leaves out need not be gone.
        """
        self._renamed.pop(remote.external_id, None)
        if not remote.complete or remote.external_id not in self._watch:
            return
        if self._watch.blanked(remote.external_id, remote.payload):
            self._learned_whole = True
            if self._style == "auto":
                self._style = "whole"

    async def _payload(self, external_id: str, present: Remote, wanted: Fields, names: Iterable[str]) -> Payload:
        """What an update is built on: a fresh read where whole sections go out. Raises as `look_again`."""
        if self._style != "whole" and present.payload and present.complete:
            return present.payload
        fresh = (await self.lead(external_id)).payload
        if self._looked and present.complete:
            look_again(self.lenses, present.payload, fresh, wanted, names, f"POST {LEAD}")
        return fresh

    def _body(self, wanted: Fields, changed: frozenset[str], payload: Payload) -> dict[str, Any]:
        """The fragment that makes ``changed`` fields show ``wanted``; their neighbours stay as they stand."""
        names = {name for name in changed if self.lenses.writable(name)}
        together = names.union(*(pair for pair in PAIRED if pair & names))
        shown = self.lenses.read(payload).fields
        full = {name: value for name, value in shown.items() if name not in together}
        full |= {name: value for name, value in wanted.items() if name in together}
        return self.lenses.write(full, names, payload)

    async def _rename(self, external_id: str, address: str) -> None:
        """Change the address, alone and before other fields. Raises ConflictError if somebody else has it."""
        try:
            await self._client.post(LEADS, {"id": external_id, "username": address})
        except RejectedError as error:
            if error.status not in {400, 405, 413, 415, 422}:
                raise
            message = f"POST {LEADS}: {error.status} the new address is refused: another lead may have it"
            raise ConflictError(message, status=error.status) from None
        self._renamed[external_id] = address
        while len(self._renamed) > WATCHED_MAX:
            del self._renamed[next(iter(self._renamed))]

    def _address(self, external_id: str, payload: Payload) -> str:
        """``info.contact.email`` as it stands: as we changed it since ``payload`` was read, else as read; or ""."""
        return self._renamed.get(external_id) or text(leaf(payload, "info.contact.email"))

    async def _update(self, external_id: str, payload: Payload, body: Mapping[str, Any]) -> None:
        email, whole_style = self._address(external_id, payload), self._style == "whole"
        content = addressed(external_id, email, whole_sections(payload, body) if whole_style else body)
        await self._client.post(LEAD, content, {"id": external_id})
        if self._style == "auto":
            self._watch.sent(external_id, payload, content)

    def _rings(self, row: Payload, number: str) -> bool:
        """Whether one of the lead's slots holds this number."""
        try:
            held = slots.held(branch(row, "info.contact.phone_numbers"), self._region)
        except UnreadableError:
            return False
        return number in held.values()


def make(connection: CincConnection, deps: Deps) -> CincAdapter:
    """The adapter of a CINC connection. Raises ConfigError for credentials that cannot be used."""
    return CincAdapter(connection, deps)


def _shows_email(row: Payload, address: str) -> bool:
    try:
        return read_email(row) == normal_email(address)
    except UnreadableError:
        return False


def _applied_ids(payload: Payload, folded: set[str]) -> list[str]:
    """Every applied id whose label has one of these folded names."""
    return [label for label, name in applied_labels(payload) if label and fold(name) in folded]


def _no_call(does: str, *_unused: object) -> RejectedError:
    return RejectedError(f"CINC has no call that {does}")
