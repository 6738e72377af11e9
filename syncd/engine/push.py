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

from syncd.domain.errors import (
    AuthError,
    ConflictError,
    NotFoundError,
    RateLimitedError,
    RejectedError,
    TransientError,
    UnreadableError,
    VendorError,
)
from syncd.domain.lead import Fields, Value, encode_fields
from syncd.domain.plan import ASSIGNMENT, LABELS, LeadPlan, Operation, Subject, plan_lead
from syncd.engine import settle
from syncd.engine.connection import Connection, Progress, silent
from syncd.engine.ingest import Ingest
from syncd.engine.notes import NoteIngest
from syncd.ports.clock import Clock
from syncd.ports.store import Batch, Intent, Link, Snapshot, Store
from syncd.ports.vendor import NoteDraft, Remote, Written

LEADS_AT_ONCE = 8
IDENTITY = frozenset({"first_name", "last_name", "email", "emails", "phone", "phones"})
"""What a create is tried with again when the vendor refuses the whole of it."""
FAILURES_MAX = 5
"""After so many transient failures in one push the vendor is left alone until the next cycle."""


@dataclass(slots=True)
class Pushed:
    """What one push did: operations settled, operations that failed, whether the connection gave up."""

    done: int = 0
    failed: int = 0
    replanned: int = 0
    error: VendorError | None = None
    errors: list[str] = field(default_factory=list)


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
        self._result = Pushed()
        self._stop = False

    async def leads(self, plans: Sequence[LeadPlan], progress: Progress = silent) -> Pushed:
        """Push every plan's operations. Errors of one lead stop only that lead; a vendor that fails stops itself."""
        queue = list(reversed(plans))
        total = len(queue)

        async def worker() -> None:
            while queue and not self._stop:
                plan = queue.pop()
                await self._guarded(plan)
                progress("push", self._connection.name, total - len(queue), total)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(LEADS_AT_ONCE, total)):
                group.create_task(worker())
        return self._result

    async def _guarded(self, plan: LeadPlan) -> None:
        """One lead, with every vendor error turned into what it means for the rest of this push."""
        try:
            await self._lead(plan)
        except (AuthError, RateLimitedError) as error:
            self._stop = True
            self._result.error = error
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
        """Raises TransientError while a record we created ourselves may still be invisible."""
        created_at = (await self._store.unseen(self._connection.name)).get(external_id)
        lag_s = self._connection.adapter.capabilities.create_lag_s
        if created_at is not None and (self._clock.now() - created_at).total_seconds() < lag_s:
            message = f"{error}; created a moment ago, not visible yet"
            raise TransientError(message, status=error.status) from None

    async def _again(self, lead: int) -> list[Operation]:
        """This lead's operations here, planned from what is known now."""
        async for snapshots in self._store.snapshots(leads=[lead]):
            for snapshot in snapshots:
                plan = plan_lead(subject_of(snapshot), [self._connection.target])
                return list(plan.operations)
        return []

    async def _links(self, lead: int) -> Sequence[Link]:
        async with self._store.transaction() as tx:
            return await tx.links_of("lead", [lead], self._connection.name)

    # -- leads ---------------------------------------------------------------------------------

    async def _create(self, operation: Operation) -> str | None:
        """Create a lead, or adopt the one that is there already. The external id, None if it must wait."""
        adapter = self._connection.adapter
        there = await self._already_there(operation)
        found = [row for row, linked in there if not linked]
        if found:
            await self._adopt(operation, found)
            return None  # its labels, roles and notes are planned again, now that we know what is there
        intent = await self._lead_intent(operation, operation.wanted_digest)
        if there and adapter.capabilities.create_idempotent:
            # Such a create lands on the record of that address and overwrites it, and that one is another lead.
            error = ConflictError("another lead has this address there")
            await self._refuse_create(intent, error)
            raise error
        try:
            written = await self._send_create(operation, intent)
        except RejectedError as error:
            whole, operation = operation, self._bare(operation)
            if operation == whole:
                await self._refuse_create(intent, error)
                raise
            # One bad value must not keep a person away: the rest follows as updates, field by field.
            await self._drop(intent)
            intent = await self._lead_intent(operation, whole.wanted_digest)
            try:
                written = await self._send_create(operation, intent)
            except RejectedError as again:
                await self._refuse_create(intent, again)
                raise
        if written.existed:
            await self._adopt(operation, [await adapter.lead(written.external_id)], intent)
            return None
        settled = await settle.settle_created(
            self._store, self._clock, self._connection, operation, written.external_id, intent
        )
        if not settled:
            self._result.failed += 1
            return None
        self._result.done += 1
        if written.record is not None:
            await self._ingest([written.record])
        return written.external_id

    async def _send_create(self, operation: Operation, intent: Intent) -> Written:
        """The call itself. What certainly was not carried out leaves no intent; a rejection is the caller's."""
        try:
            return await self._connection.adapter.create_lead(self._outward(self._values(operation)))
        except RejectedError:
            raise
        except ConflictError as error:
            await self._refuse_create(intent, error)
            raise
        except VendorError as error:
            if isinstance(error, (AuthError, RateLimitedError)) or (
                isinstance(error, TransientError) and not error.sent
            ):
                await self._drop(intent)
            raise

    def _bare(self, operation: Operation) -> Operation:
        """The same create with nothing but who the person is."""
        return replace(operation, fields={n: pair for n, pair in operation.fields.items() if n in IDENTITY})

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

    async def _adopt(self, operation: Operation, rows: Sequence[Remote], intent: Intent | None = None) -> None:
        """Take what the vendor has already through the ordinary ingest: it matches, merges, or goes to review."""
        pinned = {rows[0].external_id: operation.lead} if intent is not None else {}
        await self._ingest(rows, pinned)
        self._result.replanned += 1
        if intent is not None:
            await self._drop(intent)

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
                written = await adapter.update_lead(external_id, self._outward(operation.wanted), changed, present)
                if written.record is not None:
                    await settle.settle_updated(self._store, self._clock, self._connection, operation)
                    await self._ingest([written.record])
                    self._result.done += 1
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
        self._result.done += 1

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

    def _values(self, operation: Operation) -> Fields:
        return {name: value for name, (_, value) in operation.fields.items() if value is not None}

    def _outward(self, fields: Fields) -> Fields:
        """Wanted values with assignments as this vendor's agent ids, the form adapters take."""
        out = dict(fields)
        for name in [n for n in fields if n.startswith(ASSIGNMENT)]:
            external = self._connection.agents_out.get(out[name])  # type: ignore[arg-type]
            if external is None:
                del out[name]
            else:
                out[name] = external
        return out

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
            self._result.done += 1
            return False
        intent = await self._intent(operation, {"text": operation.text, "parent": lead_id}, operation.wanted_digest)
        try:
            written = await adapter.create_note(lead_id, draft, present)
        except (RejectedError, ConflictError) as error:
            await self._refuse_create(intent, error)
            raise
        except VendorError as error:
            if isinstance(error, (AuthError, RateLimitedError, NotFoundError)) or (
                isinstance(error, TransientError) and not error.sent
            ):
                await self._drop(intent)
            if isinstance(error, NotFoundError):
                await self._note_missing(lead_id)
            raise
        self._result.done += 1
        if not written.external_id:
            return True
        await settle.settle_note(self._store, self._clock, self._connection, operation, written.external_id, intent)
        return False

    def _author(self, operation: Operation) -> str:
        return self._connection.agents_out.get(operation.author, "") if operation.author is not None else ""

    # -- intents -------------------------------------------------------------------------------

    async def _lead_intent(self, operation: Operation, wanted: str) -> Intent:
        """What a created lead is recognised by. ``wanted``: the digest a refusal is remembered with."""
        return await self._intent(operation, {"fields": encode_fields(self._values(operation))}, wanted)

    async def _intent(self, operation: Operation, fingerprint: Mapping[str, object], wanted: str) -> Intent:
        """Write down what is about to be created; committed before the call goes out."""
        return await self._store.open_intent(
            Intent(
                id=0,
                connection=self._connection.name,
                kind=operation.kind,
                lead=operation.lead,
                fingerprint=fingerprint,
                at=self._clock.now(),
                note=operation.note or None,
                part=operation.part,
                wanted=wanted,
            )
        )

    async def _drop(self, intent: Intent) -> None:
        async with self._store.transaction() as tx:
            await tx.save(Batch(intents_dropped=[intent.id]))

    async def _refuse_create(self, intent: Intent, error: VendorError) -> None:
        async with self._store.transaction() as tx:
            await tx.save(Batch(intents_refused={intent.id: f"refused by the vendor: {error}"}))


__all__ = ["Push", "Pushed", "UnreadableError", "subject_of"]
