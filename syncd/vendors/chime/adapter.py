"""The Chime (Lofty) adapter: `syncd.ports.vendor.Adapter` for both dialects (vendors/chime.md)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from syncd.domain.errors import NotFoundError, RejectedError, TransientError, UnreadableError, VendorError
from syncd.domain.lead import Fields
from syncd.domain.lens import Payload, Reading
from syncd.domain.normalize import fold
from syncd.ports.vendor import (
    AgentReading,
    Found,
    NoteDraft,
    NoteListing,
    NoteReading,
    Page,
    Remote,
    VendorClock,
    Walked,
    Written,
)
from syncd.settings import ChimeConnection
from syncd.vendors.chime.answers import id_in, lead_remote, listed_rows, unwrap, whole
from syncd.vendors.chime.capabilities import capabilities
from syncd.vendors.chime.client import ASSIGNMENT, LEAD, LEADS, ME, PIPELINES, Client, make_client
from syncd.vendors.chime.finding import Finder
from syncd.vendors.chime.mapping import LABEL_MAX as TAG_MAX
from syncd.vendors.chime.mapping import ChimeTable, Options, build, cut, in_pond, tag_names
from syncd.vendors.chime.notes import Notes, read_note
from syncd.vendors.chime.pull import Puller
from syncd.vendors.chime.recent import Recent
from syncd.vendors.chime.roster import Roster, read_agent
from syncd.vendors.chime.routing import Routing
from syncd.vendors.chime.values import identity, plain
from syncd.vendors.chime.webhook import ChimeHooks
from syncd.vendors.registry import Deps

ROLE_WORDS = {"primary": "Agent", "lender": "Lender", "assistant": "Assistant"}
"""How ``/assignment`` calls the roles it can write."""
LABEL_TRIES = 3
_ASSIGNMENT = "assignment."


class ChimeAdapter:
    """One Chime or Lofty account."""

    vendor = "chime"

    def __init__(self, connection: ChimeConnection, deps: Deps) -> None:
        """Made by `make`. Raises ConfigError."""
        self.name = connection.name
        self.capabilities = capabilities(connection)
        self.lenses: ChimeTable = build(options(connection))
        self._connection = connection
        self._lofty = connection.dialect == "lofty"
        self._client: Client = make_client(connection, deps)
        self.hooks = ChimeHooks(self._client, logs=connection.logs != "off")
        self._puller = Puller(self._client, connection, deps.clock, lambda: self.clock)
        self._finder = Finder(self._client, connection.region, deps.memory)
        self._roster = Roster(self._client)
        self._notes = Notes(self._client, deps.clock, connection.logs, self.capabilities.create_lag_s)
        self._recent = Recent(deps.clock, self.capabilities.create_lag_s)
        self._pipelines: tuple[str, ...] | None = None
        self.routing = Routing(self._client)
        """A capability beyond the port (vendors/chime.md §9)."""

    @property
    def clock(self) -> VendorClock:
        """The vendor's clock against ours."""
        return self._client.http.clock_reading

    @property
    def requests(self) -> Mapping[str, int]:
        """Requests sent so far."""
        return self._client.http.requests

    @property
    def memory(self) -> Mapping[str, Any]:
        """The header style that worked, and filters that the account ignores."""
        return {**self._client.http.auth.memory, **self._finder.memory}

    async def check(self) -> str:
        """The name or address of the user behind the key."""
        row = unwrap(await self._client.read(ME), "user")
        if not isinstance(row, Mapping):
            raise UnreadableError(f"GET {ME}: the answer is no user")
        names = (plain(row.get("firstName")), plain(row.get("lastName")))
        return " ".join(name for name in names if name) or plain(row.get("email")) or "a user without a name"

    def leads(self, cursor: str | None, *, full: bool, walked: Walked | None = None) -> AsyncIterator[Page]:
        """Changed leads; see `Puller.pages`."""
        return self._puller.pages(cursor, full=full, walked=walked)

    async def lead(self, external_id: str) -> Remote:
        """One lead. Raises NotFoundError (told when it is in Lofty's trash); TransientError right after our create."""
        try:
            answer = await self._client.read(LEAD, params={"id": external_id})
        except NotFoundError as error:
            if self._lofty and not self._recent.fresh(external_id) and await self._in_trash(external_id):
                raise NotFoundError(f"{error}; it is in the trash", status=404, code=error.code, told=True) from None
            raise self._recent.verdict(external_id, error) from None
        remote = lead_remote(answer, listed=False)
        if remote is None or remote.external_id != external_id:
            raise UnreadableError(f"GET {LEAD}: the answer is not the lead asked for")
        return remote

    def read_lead(self, remote: Remote) -> Reading:
        """The lead in canonical terms."""
        return self.lenses.read(remote.payload)

    async def find_leads(self, *, email: str = "", phone: str = "", since: datetime | None = None) -> Found:
        """Look-ups verified by value; see `Finder.find`."""
        there = None if since is None else since + timedelta(seconds=self.clock.offset_s - self.clock.uncertainty_s)
        return await self._finder.find(email=email, phone=phone, since=there)

    async def create_lead(self, wanted: Fields) -> Written:
        """Create a lead. One try: it may have been carried out although no answer came."""
        try:
            body, roles = await self._new_body(wanted)
        except TransientError as error:
            # Nothing of the create itself was sent: the engine need not look for it.
            error.sent = False
            raise
        answer = await self._client.write("POST", LEADS, json=body, repeat=False)
        external_id = id_in(answer, ("leadId", "id"), ("lead", "data"))
        if not external_id:
            raise TransientError(f"POST {LEADS}: the answer tells no id")
        self._recent.add(external_id)
        if roles:
            # The lead is there and its id must not be lost; the next reading shows which role is missing.
            with suppress(VendorError):
                await self._post_roles(external_id, roles)
        return Written(external_id)

    async def _new_body(self, wanted: Fields) -> tuple[dict[str, Any], dict[str, str | None]]:
        """The body of a create, and the roles that go out in a call of their own."""
        body = self.lenses.write(wanted, wanted.keys(), {})
        await self._fit_stage(body, wanted, {}, alone=False)
        body["firstName"] = body.get("firstName") or self._connection.create_defaults.first_name
        roles = await self._roles_apart(body, _roles(wanted, wanted.keys()), {})
        if "assignedUserId" not in body and "primary" not in roles and self._connection.default_assignee:
            body["assignedUserId"] = int(await self._roster.resolve(self._connection.default_assignee))
            roles |= await self._roles_apart(body, {}, {})
        # True would send mail to the agent and to the lead.
        return {**body, "leadAlert": False, "welcomeEmail": False}, roles

    async def update_lead(self, external_id: str, wanted: Fields, changed: frozenset[str], present: Remote) -> Written:
        """Write the changed fields in one call, roles other than the owner in a second."""
        payload = present.payload
        body = self.lenses.write(wanted, changed, payload)
        roles = await self._roles_apart(body, _roles(wanted, changed), payload)
        await self._fit_stage(body, wanted, payload, alone=len(body) == 1 and not roles)
        if body:
            await self._put(external_id, body)
        if roles:
            await self._post_roles(external_id, roles)
        return Written(external_id)

    async def add_labels(self, external_id: str, names: frozenset[str], present: Remote) -> None:
        """Add tags by name; all others stay."""
        there = {fold(name) for name in tag_names(present.payload)}
        new = sorted({tag for name in names if (tag := cut(name, TAG_MAX)) and fold(tag) not in there})
        if new:
            await self._put(external_id, {"tagsAdd": new})

    async def remove_labels(self, external_id: str, names: frozenset[str], present: Remote) -> None:
        """Take tags off by writing back all others, as they are at this moment (vendors/chime.md §8).

        Raises RejectedError if the vendor keeps a tag all the same (the last one, for example).
        """
        del present  # what was read before says nothing about who else tagged the lead meanwhile
        gone = {fold(cut(name, TAG_MAX)) for name in names}
        now = await self.lead(external_id)
        for _ in range(LABEL_TRIES):
            tags = tag_names(now.payload)
            rest = [tag for tag in tags if fold(tag) not in gone]
            if len(rest) == len(tags):
                return
            await self._put(external_id, {"tags": rest})
            now = await self.lead(external_id)
            if not rest:
                break
        if any(fold(tag) in gone for tag in tag_names(now.payload)):
            hint = "take the last tag of a lead off in the app"
            raise RejectedError(f"PUT {LEAD}: the vendor keeps the tag", hint=hint)

    async def assign(self, external_id: str, roles: Mapping[str, str | None], present: Remote) -> None:
        """Set roles. Raises RejectedError for roles that cannot be written, or cannot be emptied."""
        unknown = sorted(set(roles) - self.capabilities.roles)
        if unknown:
            raise RejectedError(f"assignment: {', '.join(unknown)} cannot be written here")
        if "primary" in roles and not roles["primary"]:
            raise RejectedError("assignment: a lead cannot be without its agent here")
        fields = {_ASSIGNMENT + role: agent for role, agent in roles.items() if agent}
        body = self.lenses.write(fields, [_ASSIGNMENT + role for role in roles], present.payload)
        apart = await self._roles_apart(body, dict(roles), present.payload)
        if body:
            await self._put(external_id, body)
        if apart:
            await self._post_roles(external_id, apart)

    async def delete_lead(self, external_id: str, reason: str) -> None:
        """Move a lead to the trash; one that is gone is done."""
        why = reason.strip() or f"syncd: deleted in {self.name}"
        try:
            await self._client.write("DELETE", LEAD, params={"id": external_id}, query=[("reason", why)])
        except NotFoundError:
            return

    async def notes(self, lead_id: str, known: Mapping[str, str]) -> NoteListing:
        """Notes (and logs) of a lead."""
        try:
            return await self._notes.listing(lead_id, known)
        except NotFoundError as error:
            raise self._recent.verdict(lead_id, error) from None

    def read_note(self, remote: Remote) -> NoteReading:
        """A note in canonical terms."""
        return read_note(remote)

    async def create_note(self, lead_id: str, draft: NoteDraft, present: Remote | None) -> Written:
        """Append a note."""
        try:
            return await self._notes.create(lead_id, draft, present)
        except NotFoundError as error:
            raise self._recent.verdict(lead_id, error) from None

    async def update_note(self, lead_id: str, note_id: str, draft: NoteDraft) -> None:
        """Replace a note's text."""
        await self._notes.update(lead_id, note_id, draft)

    async def delete_note(self, lead_id: str, note_id: str) -> None:
        """Delete a note; ``lead_id`` is not needed here."""
        del lead_id
        await self._notes.delete(note_id)

    async def agents(self) -> Sequence[Remote]:
        """The members of the team."""
        return await self._roster.rows()

    def read_agent(self, remote: Remote) -> AgentReading:
        """A member in canonical terms."""
        return read_agent(remote)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.http.aclose()

    async def _put(self, external_id: str, body: Mapping[str, Any]) -> None:
        try:
            answer = await self._client.write("PUT", LEAD, params={"id": external_id}, json=body)
        except NotFoundError as error:
            raise self._recent.verdict(external_id, error) from None
        whole(answer, f"PUT {LEAD}")

    async def _in_trash(self, external_id: str) -> bool:
        """Whether Lofty shows a lead only with its trash (vendors/chime.md §1, §3)."""
        try:
            answer = await self._client.read(LEAD, params={"id": external_id}, query=[("withTrash", "true")])
        except (NotFoundError, RejectedError):
            return False
        found = lead_remote(answer, listed=False)
        return found is not None and found.external_id == external_id

    async def _roles_apart(
        self, body: dict[str, Any], roles: Mapping[str, str | None], present: Payload
    ) -> dict[str, str | None]:
        """The roles that need ``/assignment``; an owner whose user id nobody knows moves there out of ``body``."""
        apart = {role: agent for role, agent in roles.items() if role != "primary" and role in self.capabilities.roles}
        held = self._connection.pond == "hold" and in_pond(present)
        owner = identity(body.get("assignedUserId"))
        if owner and not held:
            member = await self._roster.agent(owner)
            if member is not None and not member.user:
                del body["assignedUserId"]
                apart["primary"] = owner
        return apart

    async def _post_roles(self, external_id: str, roles: Mapping[str, str | None]) -> None:
        """Set roles by address. The key is the dialect's own: an element without it empties its role."""
        key = "assignee" if self._lofty else "assiginee"
        rows: list[dict[str, str]] = []
        for role, agent in sorted(roles.items()):
            row = {"role": ROLE_WORDS[role]}
            if agent:
                row[key] = await self._roster.email_of(agent)
            rows.append(row)
        try:
            await self._client.write("POST", ASSIGNMENT, params={"id": external_id}, json=rows)
        except NotFoundError as error:
            raise self._recent.verdict(external_id, error) from None

    async def _fit_stage(self, body: dict[str, Any], wanted: Fields, present: Payload, *, alone: bool) -> None:
        """Lofty takes only stages its team has: write the first of our words among them.

        Raises RejectedError if there is none and nothing else is to be written.
        """
        if not self._lofty or not body.get("stage"):
            return
        known = await self._known_stages()
        if known is None:
            return
        word = self.lenses.stages.write(wanted.get("stage"), plain(present.get("stage")), known)
        if word:
            body["stage"] = word
            return
        del body["stage"]
        if alone:
            hint = f"name one of the team's stages in connections.{self.name}.stages"
            raise RejectedError("the team has no stage for this canonical stage", hint=hint)

    async def _known_stages(self) -> tuple[str, ...] | None:
        """The words of the team's stages; None if they cannot be read."""
        if self._pipelines is None:
            try:
                answer = await self._client.read(PIPELINES, query=[("currPage", "0"), ("pageSize", "100")])
                rows = listed_rows(answer, "pipelines", f"GET {PIPELINES}")
            except (RejectedError, NotFoundError, UnreadableError):
                return None
            names = (plain(row.get("name")) if isinstance(row, Mapping) else plain(row) for row in rows)
            self._pipelines = tuple(name for name in names if name) or None
        return self._pipelines


def options(connection: ChimeConnection) -> Options:
    """What the lens table needs of the config."""
    return Options(
        lofty=connection.dialect == "lofty",
        region=connection.region,
        hold_ponds=connection.pond == "hold",
        placeholders={"first_name": connection.create_defaults.first_name},
        role_names={str(role): name for role, name in connection.role_names.items()},
        stages={stage: tuple(words) for stage, words in connection.stages.items()},
        custom=dict(connection.custom),
    )


def make(connection: ChimeConnection, deps: Deps) -> ChimeAdapter:
    """The adapter of one connection. Raises ConfigError if its options cannot be used."""
    return ChimeAdapter(connection, deps)


def _roles(wanted: Fields, changed: Any) -> dict[str, str | None]:
    """Role → external agent id (None: nobody) of the assignments that change."""
    named = [name for name in changed if name.startswith(_ASSIGNMENT)]
    return {name.removeprefix(_ASSIGNMENT): identity(wanted.get(name)) or None for name in named}
