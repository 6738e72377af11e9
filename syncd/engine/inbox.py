"""Inbox: deliveries become readings, and readings go the way of every other record.

    waiting rows ─► hints ─► joined: one reading a record ─► agents, leads, notes read ─► ingest ─► rows settled

A hint says "look at this now" and nothing else. A row is settled only after the transaction that took in what it
asked for, so a crash in between costs a second reading and no hint. What could not be read is tried again, later each
time, and after some attempts left as failed for a person; the next pull or full comparison finds it all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from syncd.domain.errors import AuthError, RateLimitedError, TransientError, VendorError
from syncd.engine.connection import Connection, Enough
from syncd.engine.hints import AGENTS, Row, Rows, not_visible_yet, put_back, read_since, readings_of, with_unknown_leads
from syncd.engine.readings import READS_AT_ONCE, Outcomes, Readings
from syncd.ports.clock import Clock
from syncd.ports.hooks import Hint
from syncd.ports.inbox import DONE, IGNORED, Inbox, Retry, Waiting
from syncd.ports.rows import Link
from syncd.ports.store import Store

ROWS_AT_ONCE = 1000
LARGE_BYTES = 1024 * 1024
"""Of bodies: beyond this, there may be rows left that did not fit into one batch."""
LEADS_AT_ONCE = 32
"""Leads of one transaction; between two of them the time is looked at."""
FAILURES_MAX = 5
"""After so many transient failures the vendor is left alone until the next time, and no row is blamed."""
_log = structlog.get_logger()


@dataclass(slots=True)
class Taken:
    """What one call took in.

    done, ignored, failed  deliveries settled: read, hinting at nothing, never to be read;  later  tried again
    leads, notes           readings asked for;  made  those that came;  spared  readings that were not needed any more
    touched                external ids of leads whose record or base changed;  gone  leads found deleted
    withheld               leads that look deleted, too many to believe: the next complete walk asks and holds them
    more                   deliveries are left, because the time was up or the vendor failed
    error                  why the vendor was left alone
    """

    done: int = 0
    ignored: int = 0
    failed: int = 0
    later: int = 0
    leads: int = 0
    notes: int = 0
    made: int = 0
    spared: int = 0
    gone: int = 0
    withheld: int = 0
    touched: set[str] = field(default_factory=set)
    more: bool = False
    error: VendorError | None = None


class Taking:
    """Takes in one connection's deliveries, batch after batch. What was read in one serves the next."""

    def __init__(
        self, store: Store, inbox: Inbox, clock: Clock, connection: Connection, *, run: int | None = None
    ) -> None:
        """Whoever has it holds the connection."""
        self._store, self._inbox, self._clock, self._connection = store, inbox, clock, connection
        self._readings = Readings(store, clock, connection, run=run)
        self._failures = 0
        self.taken = Taken()

    async def batch(self, enough: Enough) -> bool:
        """Take in the oldest that wait. Whether more of them wait.

        enough  asked between readings, of which at least one is made. A vendor that fails is in `Taken.error`.
        """
        waiting = await self._inbox.waiting(self._connection.name, now=self._clock.now(), limit=ROWS_AT_ONCE)
        self.taken.more = False
        if not waiting:
            return False
        newest = waiting[-1].id
        if len(waiting) == ROWS_AT_ONCE or sum(len(row.delivery.body) for row in waiting) > LARGE_BYTES:
            newest = max(newest, await self._inbox.newest(self._connection.name))
        self._readings.horizon = newest
        rows = await self._understood(waiting)
        try:
            await self._read(rows, enough)
        except VendorError as error:
            self.taken.error = error
        await self._put_back(rows)
        self.taken.more = self.taken.more or newest > waiting[-1].id
        self._tell()
        return self.taken.more

    def _tell(self) -> None:
        before, now = self.taken.withheld, self._readings.withheld
        self.taken.touched, self.taken.gone, self.taken.withheld = self._readings.touched, self._readings.gone, now
        if now > before:
            _log.warning("inbox.withheld", connection=self._connection.name, leads=now)

    async def _understood(self, waiting: Sequence[Waiting]) -> Rows:
        """Rows with the readings they ask for. What hints at nothing, or at nothing new, is settled at once."""
        told = [(row, self._hints(row)) for row in waiting]
        empty = [row for row, hints in told if not hints]
        await self._inbox.settle(empty, IGNORED, self._clock.now())
        self.taken.ignored += len(empty)
        name = self._connection.name
        lost = {hint.external_id for _, hints in told for hint in hints if hint.kind == "note" and not hint.parent}
        async with self._store.reads() as tx:
            note_links = await tx.links(name, "note", lost) if lost else {}
            rows = [Row(row, readings_of(hints, note_links)) for row, hints in told if hints]
            ids = {hint.external_id for row in rows for hint in row.readings if hint != AGENTS}
            links = await tx.links(name, "lead", ids) if ids else {}
        for row in rows:
            wanted = with_unknown_leads(row.readings, links)
            row.readings = {hint for hint in wanted if not self._known(hint, row.waiting, links)}
            self.taken.spared += len(wanted) - len(row.readings)
        await self._settle([row for row in rows if not row.readings])
        return Rows.of([row for row in rows if row.readings])

    def _hints(self, row: Waiting) -> Sequence[Hint]:
        """What a row says, or what is left of it."""
        hooks = self._connection.adapter.hooks
        if row.left is not None or hooks is None:
            return row.left or ()
        return [hint for event in hooks.events(row.delivery) for hint in event.hints]

    def _known(self, hint: Hint, row: Waiting, links: Mapping[str, Link]) -> bool:
        """Whether a reading is not needed: it was made since the hint came, by this call or by somebody else."""
        return self._readings.serves(hint, row.id) or read_since(hint, row.received_at, links)

    async def _read(self, rows: Rows, enough: Enough) -> None:
        """Make the readings that the rows ask for, as long as there is time. Raises the VendorError that ends it."""
        if not rows.rows:
            return
        told = await self._readings.agents(wanted=AGENTS in rows.by_hint)
        await self._apply(rows, told)
        if (unknown := told.get(AGENTS)) is not None and not self._connection.agents_in:
            raise unknown  # without them every lead would be read as nobody's
        made = False
        for kind, many in (("lead", LEADS_AT_ONCE), ("notes", READS_AT_ONCE)):
            asked = rows.asked(kind)
            hints = list(asked)
            while hints:
                if made and enough():
                    return
                made = True
                # The first reading goes alone: if the vendor is not well, it finds out for all.
                at_once = many if self.taken.leads or self.taken.notes else 1
                some, hints = hints[:at_once], hints[at_once:]
                if kind == "lead":
                    self.taken.leads += len(some)
                    await self._apply(rows, await self._readings.leads({hint: asked[hint] for hint in some}))
                else:
                    self.taken.notes += len(some)
                    await self._apply(rows, await self._readings.notes(some))

    async def _apply(self, rows: Rows, outcomes: Outcomes) -> None:
        """Tell the rows what was read, and settle those that wait for nothing more. Raises what ends the call."""
        fatal: VendorError | None = None
        concerned: dict[int, Row] = {}
        for hint, error in outcomes.items():
            self.taken.made += error is None
            failed = isinstance(error, TransientError) and not not_visible_yet(error)
            self._failures += failed
            unwell = isinstance(error, AuthError | RateLimitedError) or (failed and not getattr(error, "sent", True))
            if unwell or (failed and self._failures >= FAILURES_MAX):
                fatal = fatal or error
            for row in rows.by_hint.get(hint, ()):
                row.learn(hint, error)
                concerned[row.waiting.id] = row
        await self._settle([row for row in concerned.values() if not row.readings])
        if fatal is not None:
            raise fatal

    async def _settle(self, over: Sequence[Row]) -> None:
        """Rows that wait for nothing more are done, or failed where the vendor will never show what they hint at."""
        now = self._clock.now()
        refused = [
            Retry(row.waiting.id, next(iter(row.refused.values())), list(row.refused), None)
            for row in over
            if row.refused
        ]
        await self._inbox.settle([row.waiting for row in over if not row.refused], DONE, now)
        await self._inbox.again(refused, now)
        self.taken.done += len(over) - len(refused)
        self.taken.failed += len(refused)

    async def _put_back(self, rows: Rows) -> None:
        """Rows that still wait are kept for the next time, with what is left of them."""
        now = self._clock.now()
        waiting = [row for row in rows.rows if row.readings]
        again = [put_back(row, now, blame=self.taken.error is None) for row in waiting]
        await self._inbox.again([retry for retry in again if retry is not None], now)
        self.taken.failed += sum(retry is not None and retry.at is None for retry in again)
        self.taken.later += sum(retry is not None and retry.counted and retry.at is not None for retry in again)
        self.taken.more = self.taken.more or any(retry is None or retry.at == now for retry in again)
