"""Creating a lead: look first, write the intent down, send, settle.

What is there already is adopted instead. A create that is refused as a whole is tried once more with nothing but
who the person is (docs/decisions.md, 22).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from syncd.domain.errors import ConflictError, RejectedError, VendorError
from syncd.domain.lead import Fields, encode_fields
from syncd.domain.plan import ASSIGNMENT, Operation
from syncd.engine import settle
from syncd.engine.connection import Connection
from syncd.engine.ingest import Ingest
from syncd.engine.intents import Intents, never_arrived
from syncd.ports.clock import Clock
from syncd.ports.rows import LIVE, Intent
from syncd.ports.store import Store
from syncd.ports.vendor import Remote, Written

IDENTITY = frozenset({"first_name", "last_name", "email", "emails", "phone", "phones"})
"""What a create is tried with again when the vendor refuses the whole of it."""
Became = Literal["done", "replanned", "failed"]


@dataclass(frozen=True, slots=True)
class Created:
    """What came of a create. ``external_id``: the new record, None where the lead's further operations must wait."""

    external_id: str | None
    became: Became


class Creating:
    """Creates leads at one connection."""

    def __init__(self, store: Store, clock: Clock, connection: Connection, *, run: int | None = None) -> None:
        self._store = store
        self._clock = clock
        self._connection = connection
        self._run = run
        self._intents = Intents(store, clock, connection)

    async def lead(self, operation: Operation) -> Created:
        """Create a lead, or adopt the one that is there already. Raises VendorError."""
        adapter = self._connection.adapter
        if await self._linked(operation.lead):
            return Created(None, "replanned")  # it came in by itself since this was planned
        there = await self._already_there(operation)
        found = [row for row, linked in there if not linked]
        if found:
            await self._adopt(operation, found)
            if not await self._known(found):
                unreadable = ConflictError("a record with this address or number is there, and cannot be read")
                await self._intents.refuse(await self._open(operation, operation.wanted_digest), unreadable)
                raise unreadable
            return Created(None, "replanned")  # what else it needs is planned again, now that we know what is there
        intent = await self._open(operation, operation.wanted_digest)
        if there and adapter.capabilities.create_idempotent:
            # Such a create lands on the record of that address and overwrites it, and that one is another lead.
            error = ConflictError("another lead has this address there")
            await self._intents.refuse(intent, error)
            raise error
        try:
            written = await self._send(operation, intent)
        except RejectedError as error:
            whole, operation = operation, bare(operation)
            if operation == whole:
                await self._intents.refuse(intent, error)
                raise
            # One bad value must not keep a person away: the rest follows as updates, field by field.
            await self._intents.drop(intent)
            intent = await self._open(operation, whole.wanted_digest)
            try:
                written = await self._send(operation, intent)
            except RejectedError as again:
                await self._intents.refuse(intent, again)
                raise
        if written.existed:
            if await self._another(operation, written.external_id):
                taken = ConflictError("the vendor takes it for another lead that is there")
                await self._intents.refuse(intent, taken)
                raise taken
            await self._adopt(operation, [await adapter.lead(written.external_id)], intent)
            return Created(None, "replanned")
        settled = await settle.settle_created(
            self._store, self._clock, self._connection, operation, written.external_id, intent
        )
        if not settled:
            return Created(None, "failed")
        if written.record is not None:
            await self._ingest([written.record])
        return Created(written.external_id, "done")

    async def _send(self, operation: Operation, intent: Intent) -> Written:
        """The call itself. What certainly was not carried out leaves no intent; a rejection is the caller's."""
        try:
            return await self._connection.adapter.create_lead(outward(self._connection, _values(operation)))
        except RejectedError:
            raise
        except ConflictError as error:
            await self._intents.refuse(intent, error)
            raise
        except VendorError as error:
            if never_arrived(error):
                await self._intents.drop(intent)
            raise

    async def _already_there(self, operation: Operation) -> list[tuple[Remote, bool]]:
        """Look before creating: records of this vendor with the lead's email or phone, and whether each is linked."""
        adapter, can = self._connection.adapter, self._connection.adapter.capabilities
        email, phone = operation.wanted.get("email"), operation.wanted.get("phone")
        rows: Mapping[str, Remote] = {}
        if isinstance(email, str) and "email" in can.find_by:
            rows = {row.external_id: row for row in (await adapter.find_leads(email=email)).rows}
        elif isinstance(phone, str) and "phone" in can.find_by:
            rows = {row.external_id: row for row in (await adapter.find_leads(phone=phone)).rows}
        if not rows:
            return []
        async with self._store.transaction() as tx:
            links = await tx.links(self._connection.name, "lead", rows.keys())
        return [(row, external_id in links) for external_id, row in rows.items()]

    async def _linked(self, lead: int) -> bool:
        """Whether the lead has a record here by now."""
        async with self._store.transaction() as tx:
            return any(link.state == LIVE for link in await tx.links_of("lead", [lead], self._connection.name))

    async def _known(self, rows: Sequence[Remote]) -> bool:
        """Whether any of these records is linked now, or waits for a person: if none is, they are in quarantine."""
        async with self._store.transaction() as tx:
            return bool(await tx.links(self._connection.name, "lead", [row.external_id for row in rows]))

    async def _another(self, operation: Operation, external_id: str) -> bool:
        """Whether the record that a create was answered with is that of another lead."""
        async with self._store.transaction() as tx:
            link = (await tx.links(self._connection.name, "lead", [external_id])).get(external_id)
        return link is not None and link.node not in {None, operation.lead}

    async def _adopt(self, operation: Operation, rows: Sequence[Remote], intent: Intent | None = None) -> None:
        """Take what the vendor has already through the ordinary ingest: it matches, merges, or goes to review."""
        pinned = {rows[0].external_id: operation.lead} if intent is not None else {}
        await self._ingest(rows, pinned)
        if intent is not None:
            await self._intents.drop(intent)

    async def _ingest(self, rows: Sequence[Remote], pinned: Mapping[str, int] | None = None) -> None:
        await Ingest(self._store, self._clock, self._connection, run=self._run).records(rows, pinned or {})

    async def _open(self, operation: Operation, wanted: str) -> Intent:
        return await self._intents.open(operation, {"fields": encode_fields(_values(operation))}, wanted)


def bare(operation: Operation) -> Operation:
    """The same create with nothing but who the person is."""
    return replace(operation, fields={n: pair for n, pair in operation.fields.items() if n in IDENTITY})


def outward(connection: Connection, fields: Fields) -> Fields:
    """Wanted values with assignments as this vendor's agent ids, the form adapters take."""
    out = dict(fields)
    for name in [n for n in fields if n.startswith(ASSIGNMENT)]:
        external = connection.agents_out.get(out[name])  # type: ignore[arg-type]
        if external is None:
            del out[name]
        else:
            out[name] = external
    return out


def _values(operation: Operation) -> Fields:
    return {name: value for name, (_, value) in operation.fields.items() if value is not None}
