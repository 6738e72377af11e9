"""A vendor's window of calls, shared by every process that calls this vendor: the decisions, as pure functions.

The vendor counts all our processes together, in fixed windows of its own; so the count is kept in one place. A process
*visits* it: it says what became of the calls it holds and what answers have told, and takes a block of further ones.

    given   calls taken out of this window = answered + held
    held    by each process: in flight, or taken and not sent yet
    left    what nobody has taken: limit - given, until the vendor's own count says otherwise. Below zero where more
            turns out to be under way than there is room for

Four habits keep the sum right, whoever comes late or never again:

- A block is good for its window and for an eighth of its length (`LEASE`); then its holder comes by again. What is held
  by a process that died is gone until the window ends, and no longer.
- When a window ends nobody knows which of the calls just under way the vendor counts in the next one. So what was held
  by processes that came by shortly before is held in the next window too, until they come and say.
- An answer of which "r remain" is true at some moment between its sending and now. With u = calls that may have been
  counted after that moment, what is left now lies between r - u and r. Our count stands while it lies in there; it is
  replaced by the safe end, r - u, where it does not (somebody else uses the account, the limit is another).
- Times are seconds on the one clock of whoever keeps the window. What processes tell of times is relative to a visit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

MARGIN_S = 0.02
"""Waited beyond a window's end, so that a rounding of the vendor's does not cost a 429."""
LEASE = 1 / 8
"""For which part of the window a block may be used without coming by."""
ARRIVAL = 1 / 8
"""How long, in parts of the window, a call may be on its way to the vendor."""
LEARNED_S = 600.0
"""So long a limit that was learned holds without being told again: a 429 halves some for ten minutes (vendors/mycrm.md
§4, vendors/rechat.md §4), and the process that would end this may be gone.
"""
CALLS_MAX = 1_000_000_000
"""More than this no vendor means."""
NEVER = float("-inf")


class RateLike(Protocol):
    """``limit`` calls per ``per_s`` seconds (the settings' Rate is one)."""

    @property
    def limit(self) -> int:
        """Calls per window."""
        ...

    @property
    def per_s(self) -> float:
        """Length of the window in seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Hold:
    """What one process holds, and when it last came by."""

    calls: int
    at: float


@dataclass(frozen=True, slots=True)
class Window:
    """The count, as it is kept between visits.

    limit, per_s   the vendor's rate as far as known, learned until ``learned_until``
    number         grows with every window; a block of an earlier one is void
    told           whether the vendor has told this window's end; until then ``ends_at`` is the latest it can be
    paused_until   after a 429, whatever answers claim meanwhile
    """

    limit: int
    per_s: float
    learned_until: float = NEVER
    number: int = 0
    left: int = 0
    given: int = 0
    answered: int = 0
    ends_at: float = NEVER
    told: bool = False
    paused_until: float = NEVER
    holds: Mapping[str, Hold] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the answers since the last visit have told.

    number     the window in which the call was made whose answer this was
    limit, per_s  the rate in its headers
    ends_in_s  seconds from this visit until its window ends; ``inferred``: not told, but the latest it can be
    remaining  what it said remains, None if nothing
    answered   how many calls of that window were known to be answered when that call was sent
    pause_s    seconds from this visit that a 429 asks to wait
    """

    number: int
    limit: int | None = None
    per_s: float | None = None
    ends_in_s: float | None = None
    inferred: bool = False
    remaining: int | None = None
    answered: int = 0
    pause_s: float | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """What a process says and asks for.

    seed     the rate to begin with, while none is learned
    number   the window its calls are of
    done     calls answered since its last visit; ``late``: those of them that may count for the next window
    flying   calls in flight;  kept: calls taken and not sent, still wanted
    want     how many more it asks for
    spare    the share of the limit that it leaves to more urgent calls
    """

    holder: str
    seed: RateLike
    number: int = 0
    done: int = 0
    late: int = 0
    flying: int = 0
    kept: int = 0
    want: int = 0
    spare: float = 0.0
    seen: Seen | None = None


def visited(window: Window, visit: Visit, now: float) -> tuple[Window, int]:
    """The window after a visit, and how many calls were given to the visitor."""
    window = _opened(window, visit, now)
    window = _settled(window, visit, now)
    if visit.seen is not None:
        window = _corrected(window, visit.seen, now)
    if now < window.paused_until + MARGIN_S:
        return window, 0
    got = max(0, min(visit.want, window.left - spared(window.limit, visit.spare)))
    return _taken(window, visit.holder, got, now), got


def spared(limit: int, share: float) -> int:
    """How many calls of a window are left to more urgent ones; of a tiny window few or none."""
    return int(limit * share)


def _opened(window: Window, visit: Visit, now: float) -> Window:
    """The next window, if this one is over by the clock, or by the word of an answer that was counted in the next."""
    if now >= window.ends_at + MARGIN_S:
        rate: RateLike = window if now < window.learned_until else visit.seed
        under_way = (LEASE + ARRIVAL) * rate.per_s
        holds = {name: hold for name, hold in window.holds.items() if hold.at > now - under_way}
        # The vendor's begins with the first call that arrives; whoever made it may not live to tell.
        return _next(window, rate, holds, now + (1 + ARRIVAL) * rate.per_s, told=False)
    seen = visit.seen
    if seen is None or seen.ends_in_s is None or seen.inferred or not window.told or now < window.paused_until:
        return window
    if now + seen.ends_in_s > window.ends_at + window.per_s / 2:
        # Nobody else knows yet: their blocks are still in use, all of them.
        return _next(window, window, window.holds, now + seen.ends_in_s, told=True)
    return window


def _next(window: Window, rate: RateLike, holds: Mapping[str, Hold], ends_at: float, *, told: bool) -> Window:
    held = sum(hold.calls for hold in holds.values())
    return replace(
        window, limit=rate.limit, per_s=rate.per_s, number=window.number + 1, left=rate.limit - held,
        given=held, answered=0, ends_at=ends_at, told=told, holds=holds,
    )  # fmt: skip


def _settled(window: Window, visit: Visit, now: float) -> Window:
    """Replace what we believed of the visitor's calls by what it says of them."""
    same = visit.number == window.number
    done = visit.done if same else visit.late
    held = visit.flying + (visit.kept if same else 0)
    before = window.holds.get(visit.holder)
    more = done + held - (before.calls if before else 0)
    return replace(
        window, left=window.left - more, given=window.given + more, answered=window.answered + done,
        holds={**window.holds, visit.holder: Hold(held, now)},
    )  # fmt: skip


def _corrected(window: Window, seen: Seen, now: float) -> Window:
    """What the vendor says of the rate, of the window's end and of what is left in it."""
    if seen.limit is not None:
        window = replace(window, limit=min(seen.limit, CALLS_MAX), learned_until=now + LEARNED_S)
    if seen.per_s is not None:
        window = replace(window, per_s=seen.per_s)
    if seen.pause_s is not None:
        until = max(window.paused_until, now + seen.pause_s)
        return replace(window, left=0, told=True, ends_at=until, paused_until=until)
    if now < window.paused_until:
        return window
    same = seen.number == window.number
    if seen.inferred:
        if same and not window.told and seen.ends_in_s is not None:
            window = replace(window, ends_at=now + seen.ends_in_s, told=True)
        return window
    if seen.ends_in_s is not None:
        end = now + seen.ends_in_s
        if (window.told or not same) and end < window.ends_at - window.per_s / 2:
            return window  # it speaks of a window that is over
        window = replace(window, ends_at=min(window.ends_at, end) if window.told else end, told=True)
    elif not same:
        return window
    if seen.remaining is None:
        return window
    remaining = min(seen.remaining, CALLS_MAX)
    uncounted = window.given - 1 - (seen.answered if same else 0)
    safe = remaining - uncounted
    return window if safe <= window.left <= remaining else replace(window, left=safe)


def _taken(window: Window, holder: str, calls: int, now: float) -> Window:
    held = window.holds[holder].calls + calls
    others = {name: hold for name, hold in window.holds.items() if name != holder}
    return replace(
        window, left=window.left - calls, given=window.given + calls,
        holds={**others, holder: Hold(held, now)} if held else others,
    )  # fmt: skip
