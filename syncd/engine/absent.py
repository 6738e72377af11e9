"""Absence from a proved complete listing starts a question; only the record's own 404 answers it.

Evidence is graded: told by the vendor > 404 on the record itself > absent from a complete listing. A
failed, partial or empty listing never gets here. More losses than the connection's delete limit are
held for a person, whatever the grade.
"""

from __future__ import annotations

from collections.abc import Collection

from syncd.domain.errors import NotFoundError, RejectedError, TransientError, UnreadableError
from syncd.domain.plan import digest
from syncd.engine.connection import Connection
from syncd.engine.settle import settle_gone
from syncd.ports.clock import Clock
from syncd.ports.rows import HeldPlan
from syncd.ports.store import Store
from syncd.ports.vendor import mark

LOSSES = frozenset({"unlink", "archive"})
"""Actions of plans held here: what would be done about leads that are gone."""


async def settle_absent(store: Store, clock: Clock, connection: Connection, seen: Collection[int]) -> int:
    """Ask for every linked record that a complete walk did not show, and tombstone those that are gone.

    seen   hashes (`mark`) of all external ids the walk showed; an empty walk proves nothing

    Returns how many are gone. Too many missing ones are held as a plan instead; it is released by approval.
    """
    if not seen:
        return 0
    unseen = await store.unseen(connection.name)  # created by us and not shown yet: pull.py waits for them
    missing: list[str] = []
    async for ids in store.live_ids(connection.name, "lead"):
        missing += [external_id for external_id in ids if mark(external_id) not in seen and external_id not in unseen]
    wanted = _held(connection, missing, clock) if len(missing) > connection.limits.deletes else None
    for old in await store.held(connection.name):
        if any(op["action"] in LOSSES for op in old.operations) and (
            not wanted or old.fingerprint != wanted.fingerprint
        ):
            await store.settle_hold(old.id, "superseded")
    held = await store.hold(wanted) if wanted is not None else None
    if held is not None and held.state != "approved":
        return 0
    evidence: dict[str, list[str]] = {}
    for external_id in missing:
        try:
            await connection.adapter.lead(external_id)
        except NotFoundError as error:
            grade = "told by the vendor" if error.told else "404 on the record itself"
            evidence.setdefault(grade, []).append(external_id)
        except (TransientError, RejectedError, UnreadableError):
            continue  # no answer, or none for us, is no evidence; the next complete walk asks again
    gone = 0
    for grade, ids in evidence.items():
        gone += await settle_gone(store, clock, connection, "lead", ids, grade)
    if held is not None:
        await store.settle_hold(held.id, "done")
    return gone


def _held(connection: Connection, missing: list[str], clock: Clock) -> HeldPlan:
    fingerprint = digest([connection.name, "absent", sorted(missing)])
    limit = connection.limits.deletes
    return HeldPlan(
        id=fingerprint[:8],
        connection=connection.name,
        fingerprint=fingerprint,
        reasons=[f"{len(missing)} leads are missing from a complete listing; the limit is {limit} (guard.deletes)"],
        operations=[
            {
                "id": digest([connection.name, external_id])[:8],
                "connection": connection.name,
                "kind": "lead",
                "action": connection.on_delete,
                "lead": None,
                "external_id": external_id,
                "fields": {},
            }
            for external_id in sorted(missing)
        ],
        state="held",
        at=clock.now(),
    )
