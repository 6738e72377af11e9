"""Look at quarantined records again, one by one, without taking anything in: can they be read now?

Leads are asked for by their id, notes through their lead, agents through the list of agents. Nothing is written, here
or at the vendor, so a dry run is this and no more.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from syncd.domain.errors import AuthError, NotFoundError, UnreadableError, VendorError
from syncd.engine.connection import Connection
from syncd.engine.ingest import NO_ID
from syncd.ports.rows import Quarantined
from syncd.ports.vendor import NoteListing, NoteReading, Remote

AT_ONCE = 8
FAILURES_MAX = 5
"""After so many calls that failed the vendor is left alone."""


class Outcome(StrEnum):
    """What a look at a quarantined record came to."""

    READ = "read"
    BROKEN = "broken"
    GONE = "gone"
    """The vendor does not have the record any more."""
    LEFT = "left"
    """It cannot be asked for, or not yet."""
    FAILED = "failed"
    """The vendor could not be asked."""


@dataclass(frozen=True, slots=True)
class Look:
    """One quarantined record looked at. ``remote``: a lead, where the vendor handed it out."""

    entry: Quarantined
    outcome: Outcome
    detail: str = ""
    remote: Remote | None = None


class Looking:
    """Looks at records of one connection."""

    def __init__(self, connection: Connection, read_note: Callable[[Remote], NoteReading]) -> None:
        """``read_note`` is how the engine reads a note, its own limits included."""
        self._connection, self._adapter, self._read_note = connection, connection.adapter, read_note
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._failures = 0
        self._refused: VendorError | None = None

    @property
    def refused(self) -> VendorError | None:
        """The refusal of our credentials, if there was one: from then on nobody was asked anything."""
        return self._refused

    async def look(self, entries: Sequence[Quarantined]) -> list[Look]:
        """What each is now, in the order given."""
        looks: list[Look] = []
        agents: list[Quarantined] = []
        notes: defaultdict[str, list[Quarantined]] = defaultdict(list)
        work: list[Awaitable[list[Look]]] = []
        for entry in entries:
            if entry.error == NO_ID:
                looks.append(Look(entry, Outcome.LEFT, "without an id it cannot be asked for by itself"))
            elif entry.kind == "agent":
                agents.append(entry)
            elif entry.kind == "note":
                notes[entry.parent].append(entry)
            else:
                work.append(self._asked([entry], partial(self._lead, entry)))
        if agents:
            work.append(self._asked(agents, partial(self._agents, agents)))
        for parent, hanging in notes.items():
            work.append(self._asked(hanging, partial(self._notes, parent, hanging)))
        for found in await asyncio.gather(*work):
            looks += found
        order = {entry.id: place for place, entry in enumerate(entries)}
        return sorted(looks, key=lambda look: order[look.entry.id])

    async def _asked(self, entries: Sequence[Quarantined], ask: Callable[[], Awaitable[list[Look]]]) -> list[Look]:
        """Ask the vendor, a few at a time; what goes wrong with the call is no news of the record."""
        async with self._gate:
            if self._refused is not None:
                return _all(entries, Outcome.FAILED, str(self._refused))
            if self._failures >= FAILURES_MAX:
                return _all(entries, Outcome.FAILED, "not asked: too many calls failed before")
            try:
                return await ask()
            except NotFoundError:
                return _all(entries, Outcome.GONE)
            except UnreadableError as error:
                return _all(entries, Outcome.BROKEN, str(error))
            except AuthError as error:
                self._refused = error
                return _all(entries, Outcome.FAILED, str(error))
            except VendorError as error:
                self._failures += 1
                return _all(entries, Outcome.FAILED, str(error))

    async def _lead(self, entry: Quarantined) -> list[Look]:
        remote = await self._adapter.lead(entry.external_id)
        try:
            self._adapter.read_lead(remote)
        except UnreadableError as error:
            return [Look(entry, Outcome.BROKEN, str(error), remote)]
        return [Look(entry, Outcome.READ, "", remote)]

    async def _agents(self, entries: Sequence[Quarantined]) -> list[Look]:
        there = {remote.external_id: remote for remote in await self._adapter.agents()}
        return [_judged(entry, there.get(entry.external_id), self._adapter.read_agent) for entry in entries]

    async def _notes(self, parent: str, entries: Sequence[Quarantined]) -> list[Look]:
        if not parent:
            return _all(entries, Outcome.LEFT, "which lead it hangs on is not known")
        if self._connection.policy.directions.get("notes", "both") in {"write", "off"}:
            return _all(entries, Outcome.LEFT, "the config reads no notes here")
        listing = await self._adapter.notes(parent, {})
        if not listing.readable:
            return _all(entries, Outcome.LEFT, "this vendor shows no notes now")
        rows = {row.external_id: row for row in listing.rows}
        return [self._note(entry, listing, rows.get(entry.external_id)) for entry in entries]

    def _note(self, entry: Quarantined, listing: NoteListing, row: Remote | None) -> Look:
        if row is None and (entry.external_id in listing.present or not listing.complete):
            return Look(entry, Outcome.LEFT, "the vendor did not show it this time")
        return _judged(entry, row, self._read_note)


def _judged(entry: Quarantined, remote: Remote | None, read: Callable[[Remote], object]) -> Look:
    """What one row of a whole list is: readable, broken, or not in it."""
    if remote is None:
        return Look(entry, Outcome.GONE)
    try:
        read(remote)
    except UnreadableError as error:
        return Look(entry, Outcome.BROKEN, str(error))
    return Look(entry, Outcome.READ)


def _all(entries: Iterable[Quarantined], outcome: Outcome, detail: str = "") -> list[Look]:
    return [Look(entry, outcome, detail) for entry in entries]
