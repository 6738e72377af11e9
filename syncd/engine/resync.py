"""Resync: read again what looks unchanged. Bases stay, so whatever has changed is merged like any other edit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from syncd.domain.errors import NotYetError, VendorError
from syncd.engine.agents import learn_agents
from syncd.engine.connection import Connection, Progress, silent
from syncd.engine.readings import Readings
from syncd.engine.turn import Turn
from syncd.ports.clock import Clock
from syncd.ports.hooks import Hint
from syncd.ports.store import Store

AT_ONCE = 32


@dataclass(slots=True)
class Reread:
    """What reading again brought: records read, changed and gone; those that could not be read, and the first reason.

    withheld  records that look deleted, too many to believe: a full comparison holds them for a person
    """

    read: int = 0
    changed: int = 0
    gone: int = 0
    failed: int = 0
    withheld: int = 0
    error: str = ""


async def reread(
    store: Store, clock: Clock, connection: Connection, external_ids: Sequence[str], progress: Progress = silent
) -> Reread:
    """Read these records and their notes again. The caller holds the connection. Raises VendorError for all of it."""
    readings, result = Readings(store, clock, connection), Reread()
    for error in (await readings.agents(wanted=True)).values():
        if error is not None:
            raise error
    for start in range(0, len(external_ids), AT_ONCE):
        chunk = external_ids[start : start + AT_ONCE]
        leads = await readings.leads({Hint("lead", one): clock.now() for one in chunk})
        there = [hint.external_id for hint, error in leads.items() if error is None]
        notes = await readings.notes([Hint("notes", one) for one in there])
        for error in (*leads.values(), *notes.values()):
            _count(result, error)
        result.read += len(chunk)
        progress("resync", connection.name, result.read, len(external_ids))
    result.changed, result.gone, result.withheld = len(readings.touched), readings.gone, readings.withheld
    return result


async def reread_all(store: Store, clock: Clock, connection: Connection, progress: Progress = silent) -> Reread:
    """Read a whole connection again, its notes too, whatever looks unchanged. Raises VendorError."""
    await learn_agents(store, clock, connection)
    await store.forget_digests(connection.name)
    pulled = await Turn(store, clock, connection, progress).read(full=True)
    return Reread(read=pulled.pulled, changed=pulled.changed)


def _count(result: Reread, error: VendorError | None) -> None:
    if error is not None and not isinstance(error, NotYetError):
        result.failed += 1
        result.error = result.error or str(error)
