"""News: what a process knows a moment earlier than a plan of everything would find it out.

A live slice *attends* its connection: it hears of deliveries that came and of leads that changed, as soon as they are
committed, and need not ask the database for what it has just been told. Nothing depends on it: deliveries wait in the
inbox and leads are marked as dirty, and every slice begins by looking there. So news that nobody attends to are not
kept; whoever brings them hears that nobody does, and sees to it that somebody comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from syncd.ports.clock import Clock, sleep_or_change


class News:
    """Of one connection, in one process. Belongs to one event loop."""

    def __init__(self) -> None:
        self.attended = False
        self.hooks = False
        """A delivery came since somebody looked into the inbox."""
        self._leads: set[int] = set()
        self._aside: set[int] = set()
        self._stirred = asyncio.Event()

    def __bool__(self) -> bool:
        return self.hooks or bool(self._leads)

    @property
    def has_leads(self) -> bool:
        """Whether leads wait that should be planned soon."""
        return bool(self._leads)

    @property
    def left(self) -> bool:
        """Whether anything at all waits."""
        return bool(self) or bool(self._aside)

    def attend(self) -> None:
        """From now on somebody listens."""
        self.attended = True

    def leave(self) -> None:
        """Nobody listens any more."""
        self.attended = self.hooks = False
        self._leads.clear()
        self._aside.clear()

    def deliveries(self) -> bool:
        """A delivery is in the inbox. False if nobody listens."""
        self.hooks = self.attended
        self._stirred.set()
        return self.attended

    def dirty(self, leads: Collection[int], *, soon: bool = True) -> bool:
        """These leads have to be planned. False if nobody listens.

        soon  else when it is quiet: what a connection itself brought hardly ever asks for a write there
        """
        if self.attended:
            (self._leads if soon else self._aside).update(leads)
            self._stirred.set()
        return self.attended

    def leads(self) -> set[int]:
        """The leads that should be planned soon, once."""
        leads, self._leads = self._leads, set()
        return leads

    def outdated(self, planned: Collection[int]) -> set[int]:
        """Of the leads that were set aside those that are planned already, once: the plan is of before."""
        found = self._aside.intersection(planned)
        self._aside -= found
        return found

    def about(self, planned: Collection[int]) -> set[int]:
        """Of these leads those that there are news of, soon or aside; they stay."""
        return (self._leads | self._aside).intersection(planned)

    def quiet(self) -> bool:
        """Now is the time for leads that were set aside. Whether there are any."""
        self._leads |= self._aside
        self._aside = set()
        return bool(self._leads)

    def stir(self) -> None:
        """Have whoever waits look up, for whatever reason."""
        self._stirred.set()

    async def wait(self, clock: Clock, patience_s: Callable[[], float]) -> bool:
        """Wait for news. Whether there are any; False once the patience, asked anew at every stir, is over."""
        began = clock.monotonic()
        while not self and (left := patience_s() - (clock.monotonic() - began)) > 0:
            await sleep_or_change(clock, left, self._stirred)
        return bool(self)
