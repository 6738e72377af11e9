"""Push: carry out planned operations, one lead at a time, several leads at once.

Three habits make this safe. *Look before writing*: the record is read again right before it is
overwritten, and if a person changed it meanwhile that edit is merged first and the lead planned anew.
*Intents*: a create is written down before it is sent, so that after a crash or a timeout we look for it
instead of sending it twice. *One operation, one settlement*: each answer is committed before the next call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from syncd.domain import filled
from syncd.domain.errors import (
    AuthError,
    ConflictError,
    NotFoundError,
    NotYetError,
    RateLimitedError,
    RejectedError,
    TransientError,
    UnreadableError,
    VendorError,
)
from syncd.domain.lead import Value
from syncd.domain.lens import fills_nothing
from syncd.domain.plan import ASSIGNMENT, LABELS, LeadPlan, Operation, Subject, plan_lead
from syncd.engine import settle
from syncd.engine.connection import Connection, Enough, Progress, never, silent
from syncd.engine.create import Became, Creating, outward
from syncd.engine.ingest import Ingest
from syncd.engine.intents import Intents, never_arrived
from syncd.engine.notes import NoteIngest
from syncd.ports.clock import Clock
from syncd.ports.rows import Link, Snapshot
from syncd.ports.store import Store
from syncd.ports.vendor import NoteDraft, Remote

LEADS_AT_ONCE = 8
FAILURES_MAX = 5
"""After so many transient failures in one push the vendor is left alone until the next cycle."""


@dataclass(slots=True)
class Pushed:
    """What one push did: operations settled, operations that failed, whether the connection gave up."""

    done: int = 0
    failed: int = 0
    replanned: int = 0
    left: int = 0
    """Leads not come to: the time was up, or the vendor failed."""
    error: VendorError | None = None
    errors: list[str] = field(default_factory=list)

    sent: list[Operation] = field(default_factory=list)
    """The operations that are done."""

    def did(self, operation: Operation) -> None:
        """This one is done."""
        self.done += 1
        self.sent.append(operation)

    def count(self, became: Became) -> None:
        """One more operation that became this."""
        setattr(self, became, getattr(self, became) + 1)


def subject_of(snapshot: Snapshot) -> Subject:
    """A stored snapshot in the planner's terms."""
    lead = snapshot.lead
    return Subject(
        id=lead.id,
        version=lead.version,
        fields=lead.fields,
        links=snapshot.links,
        notes=snapshot.notes,
        note_links=snapshot.note_links,
        parked=snapshot.parked,
        waiting=snapshot.waiting,
        refused=snapshot.refused,
        in_review=snapshot.in_review,
    )


class Push:
    """Pushes planned leads to one connection."""

    def __init__(self, store: Store, clock: Clock, connection: Connection, *, run: int | None = None) -> None:
        self._store = store
        self._clock = clock
        self._connection = connection
        self._run = run
        self._creating = Creating(store, clock, connection, run=run)
        self._intents = Intents(store, clock, connection)
        self._result = Pushed()
        self._stop = False

    async def leads(self, plans: Sequence[LeadPlan], progress: Progress = silent, *, enough: Enough = never) -> Pushed:
        """Push every plan's operations, until ``enough`` says that the time is up.

        Errors of one lead stop only that lead; a vendor that fails stops itself.
        """
        queue = list(reversed(plans))
        total = len(queue)

        async def worker() -> None:
            while queue and not self._stop:
                plan = queue.pop()
                await self._guarded(plan)
                progress("push", self._connection.name, total - len(queue), total)
                if enough():
                    return

        async with asyncio.TaskGroup() as group:
            for _ in range(min(LEADS_AT_ONCE, total)):
                group.create_task(worker())
        self._result.left = len(queue)
        return self._result

    async def _guarded(self, plan: LeadPlan) -> None:
        """One lead, with every vendor error turned into what it means for the rest of this push."""
        try:
            await self._lead(plan)
        except (AuthError, RateLimitedError) as error:
            self._stop = True
            self._result.error = error
        except NotYetError as error:
            self._result.errors.append(str(error))  # its turn comes in a later cycle: `unseen` waits for it
        except VendorError as error:
            self._result.failed += 1
            self._result.errors.append(str(error))
            if self._result.failed >= FAILURES_MAX and isinstance(error, TransientError):
                self._stop = True
                self._result.error = error

    async def _lead(self, plan: LeadPlan) -> None:
        operations = [op for op in plan.operations if op.connection == self._connection.name]
        present: Remote | None = None
        external_id = next((op.parent if op.kind == "note" else op.external_id for op in operations), None)
        if external_id is not None and any(op.kind != "note" for op in operations):
            present, operations = await self._look(plan.lead, external_id, operations)
        unnamed_notes = False
        for operation in operations:
            if operation.kind == "lead" and operation.action == "create":
                external_id = await self._create(operation)
                if external_id is None:
                    return
                continue
            if operation.kind == "note":
                unnamed_notes |= await self._note(replace(operation, parent=external_id), external_id or "", present)
                continue
            named = replace(operation, external_id=operation.external_id or external_id)
            if present is None:
                present = await self._connection.adapter.lead(named.external_id or "")
            await self._write(named, present)
        if unnamed_notes and external_id is not None:
            await NoteIngest(self._store, self._clock, self._connection).leads([external_id])

    async def _look(
        self, lead: int, external_id: str, operations: list[Operation]
    ) -> tuple[Remote | None, list[Operation]]:
        """The record as it stands now; operations planned anew if it is not what the plan believed."""
        if self._connection.write_guard == "trust":
            links = {link.external_id: link for link in await self._links(lead)}
            return settle.remote_of(links[external_id]), operations
        try:
            present = await self._connection.adapter.lead(external_id)
        except NotFoundError as error:
            await self._gone(external_id, error)
            return None, []
        ingested = await Ingest(self._store, self._clock, self._connection, run=self._run).records([present])
        if not ingested.touched:
            return present, operations
        self._result.replanned += 1
        return present, await self._again(lead)

    async def _gone(self, external_id: str, error: NotFoundError) -> None:
        """The record itself is not there: a tombstone, unless it is only too young to be seen."""
        await self._not_yet(external_id, error)
        evidence = "told by the vendor" if error.told else "404 on the record itself"
        await settle.settle_gone(self._store, self._clock, self._connection, "lead", [external_id], evidence)

    async def _note_missing(self, lead_id: str) -> None:
        """A 404 about a note: is the lead gone, or a note of it? Either way it is not tried again blindly."""
        try:
            await self._connection.adapter.lead(lead_id)
        except NotFoundError as error:
            await self._gone(lead_id, error)
        else:
            await NoteIngest(self._store, self._clock, self._connection, run=self._run).leads([lead_id])

    async def _not_yet(self, external_id: str, error: NotFoundError) -> None:
        """Raises NotYetError while a record we created ourselves may still be invisible."""
        created_at = (await self._store.unseen(self._connection.name)).get(external_id)
        lag_s = self._connection.adapter.capabilities.create_lag_s
        if created_at is not None and (self._clock.now() - created_at).total_seconds() < lag_s:
            message = f"{error}; created a moment ago, not visible yet"
            raise NotYetError(message, status=error.status) from None

    async def _again(self, lead: int) -> list[Operation]:
        """This lead's operations here, planned from what is known now."""
        async for snapshots in self._store.snapshots(leads=[lead]):
            for snapshot in snapshots:
                plan = plan_lead(subject_of(snapshot), [self._connection.target])
                return list(plan.operations)
        return []

    async def _links(self, lead: int) -> Sequence[Link]:
        async with self._store.reads() as tx:
            return await tx.links_of("lead", [lead], self._connection.name)

    # -- leads ---------------------------------------------------------------------------------

    async def _create(self, operation: Operation) -> str | None:
        """Create a lead, or adopt the one that is there already. The external id, None if it must wait."""
        created = await self._creating.lead(operation)
        if created.became == "done":
            self._result.did(operation)
        else:
            self._result.count(created.became)
        return created.external_id

    async def _ingest(self, rows: Sequence[Remote], pinned: Mapping[str, int] | None = None) -> None:
        await Ingest(self._store, self._clock, self._connection, run=self._run).records(rows, pinned or {})

    async def _write(self, operation: Operation, present: Remote) -> None:
        """One repeatable write to a lead that is there."""
        adapter, external_id = self._connection.adapter, operation.external_id or ""
        await settle.announce(self._store, self._clock, self._connection, operation)
        try:
            if operation.kind == "label":
                await self._labels(operation, present)
            elif operation.kind == "assignment":
                wanted = {n: pair[1] for n, pair in operation.fields.items()}
                roles = {
                    name.removeprefix(ASSIGNMENT): self._connection.agents_out.get(agent)  # type: ignore[arg-type]
                    for name, agent in wanted.items()
                }
                await adapter.assign(external_id, roles, present)
            else:
                changed = frozenset(operation.fields)
                written = await adapter.update_lead(
                    external_id, outward(self._connection, operation.wanted), changed, present
                )
                if written.record is not None:
                    await settle.settle_updated(self._store, self._clock, self._connection, operation)
                    await self._ingest([written.record])
                    self._result.did(operation)
                    return
        except (RejectedError, ConflictError) as error:
            parts = self._parts(operation)
            if len(parts) > 1:
                await self._one_by_one(parts, present)
                return
            await settle.settle_refused(self._store, self._connection, operation, str(error))
            raise
        except NotFoundError:
            await self._look(operation.lead, external_id, [])  # gone for good, or only this call's target?
            raise
        await settle.settle_updated(self._store, self._clock, self._connection, operation)
        self._result.did(operation)

    def _parts(self, operation: Operation) -> list[Operation]:
        """A change of several fields as one operation per row of the lens table."""
        rows: dict[int, dict[str, tuple[Value | None, Value | None]]] = {}
        for name, pair in operation.fields.items():
            rows.setdefault(id(self._connection.adapter.lenses.by_field[name]), {})[name] = pair
        return [replace(operation, fields=fields) for fields in rows.values()]

    async def _one_by_one(self, parts: Sequence[Operation], present: Remote) -> None:
        """Refused together, written apart: only what is refused by itself stays refused. Raises the last refusal."""
        refused: VendorError | None = None
        for part in parts:
            try:
                await self._write(part, present)
            except (RejectedError, ConflictError) as error:
                refused = error
        if refused is not None:
            raise refused

    async def _labels(self, operation: Operation, present: Remote) -> None:
        shown, wanted = (frozenset(v) if isinstance(v, frozenset) else frozenset() for v in operation.fields[LABELS])
        names: Callable[[str, frozenset[str], Remote], Awaitable[None]]
        if operation.action == "add":
            names, moved = self._connection.adapter.add_labels, wanted - shown
        else:
            names, moved = self._connection.adapter.remove_labels, shown - wanted
        await names(operation.external_id or "", frozenset(str(name) for name in moved), present)

    # -- notes ---------------------------------------------------------------------------------

    async def _note(self, operation: Operation, lead_id: str, present: Remote | None) -> bool:
        """Write one note or part. True when the vendor told no id, so the notes must be listed to find it."""
        adapter = self._connection.adapter
        draft = NoteDraft(operation.text, operation.note_kind, operation.pinned, self._author(operation))
        if operation.action == "update":
            try:
                await adapter.update_note(lead_id, operation.external_id or "", draft)
            except RejectedError as error:
                await settle.settle_refused(self._store, self._connection, operation, str(error))
                raise
            except NotFoundError:
                await self._note_missing(lead_id)
                raise
            await settle.settle_note(
                self._store, self._clock, self._connection, operation, operation.external_id or "", None
            )
            self._result.did(operation)
            return False
        await self._announce_defaults(operation.lead, lead_id)
        intent = await self._intents.open(
            operation, {"text": operation.text, "parent": lead_id}, operation.wanted_digest
        )
        try:
            written = await adapter.create_note(lead_id, draft, present)
        except (RejectedError, ConflictError) as error:
            await self._intents.refuse(intent, error)
            raise
        except VendorError as error:
            if isinstance(error, NotFoundError) or never_arrived(error):
                await self._intents.drop(intent)
            if isinstance(error, NotFoundError):
                await self._note_missing(lead_id)
            raise
        self._result.did(operation)
        if not written.external_id:
            return True
        await settle.settle_note(self._store, self._clock, self._connection, operation, written.external_id, intent)
        return False

    async def _announce_defaults(self, lead: int, external_id: str) -> None:
        """Where a note goes out with the whole record: what the vendor demands and the lead has no value for."""
        lenses = self._connection.adapter.lenses
        if lenses.fills is fills_nothing:
            return
        base = next((link.base for link in await self._links(lead) if link.external_id == external_id), None)
        if base is not None and (defaults := filled.entries(lenses, base)):
            await self._store.announce(self._connection.name, external_id, defaults)

    def _author(self, operation: Operation) -> str:
        return self._connection.agents_out.get(operation.author, "") if operation.author is not None else ""


__all__ = ["Push", "Pushed", "UnreadableError", "subject_of"]
