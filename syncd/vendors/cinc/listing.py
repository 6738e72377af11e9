"""One walk of a paged list, with every way it may end (vendors/cinc.md §3, Paging).

    `next` told, and new           → ask with it
    no `next`, page shorter than the limit → the end
    no `next`, page full           → ask once more by `offset`; an empty page ends it
    an empty page, or a `next` that was sent before → the end

A walk is *proved* when it began at the beginning and nothing was strange on the way. Offsets count rows, so
a row deleted behind the walk's back would hide another one: each page got by offset is followed by a look
whether the row before it still stands in its place. If another row stands there that this walk has read, or the row
is found further on, then rows came in front and none slid over the edge: that costs the proof, and no row is *missed*.

A walk that was broken off is taken up again at its `Standing`. By offset the first row is looked at too: where as many
rows came in front of it as went, the last one alone would tell nothing. A refused hash gives way to ``from=id:``, which
costs the proof; where that is refused too, or does not begin with that lead, the walk begins anew and counts nothing it
has seen before. So does one taken up by offset where a page's worth of rows came in front.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any

from syncd.domain.errors import NotFoundError, RejectedError, UnreadableError, VendorError
from syncd.domain.normalize import text
from syncd.ports.vendor import mark
from syncd.vendors.cinc.client import NONE, Client, Params, external_id, unwrap
from syncd.vendors.walked import Seen

LIMIT = 500
REFUSALS = frozenset({400, 404, 410, 422})
TERM_REFUSALS = frozenset({400, 422})
Query = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Position:
    """Where a walk stands.

    next    the vendor's hash of the next page, "" if it told none
    offset  rows so far, for walks without hashes
    start   id the walk was taken up from again, "" for one from the beginning
    last    id of the last row seen
    """

    next: str = ""
    offset: int = 0
    start: str = ""
    last: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """A walk after a page, so that it can be taken up again.

    at      where it goes on
    first   `mark` of its first row's id
    proved  so far it missed nothing, and nothing was strange
    anew    it had to begin anew: older marks say nothing of it
    missed  it may have passed over rows
    """

    at: Position
    first: int
    proved: bool
    anew: bool = False
    missed: bool = False


@dataclass(frozen=True, slots=True)
class Chunk:
    """One page. ``rows`` have ids and are new to this walk; ``after`` None: the list has ended.

    proved   so far the walk missed nothing, and nothing was strange: evidence for absence
    bare     the search terms were refused and this walk goes without them
    missed   the walk may have passed over rows: what stands behind them is no news of everything (if ``prove``)
    """

    rows: Sequence[tuple[str, Mapping[str, Any]]]
    broken: Sequence[Any]
    after: Position | None
    proved: bool
    bare: bool = False
    first: int = 0
    anew: bool = False
    missed: bool = False

    @property
    def standing(self) -> Standing | None:
        """Where the walk can be taken up again, None where it has ended."""
        return None if self.after is None else Standing(self.after, self.first, self.proved, self.anew, self.missed)


@dataclass(frozen=True, slots=True)
class _List:
    """A list that can be asked for: as `chunks` is told."""

    client: Client
    path: str
    key: str
    params: Params
    terms: Sequence[tuple[str, str]]
    resumable: bool

    async def page(self, position: Position, *, bare: bool, limit: int = LIMIT) -> Any:
        return await self.client.get(self.path, self.params, _query(position, () if bare else self.terms, limit))

    async def id_at(self, position: Position, *, bare: bool) -> str:
        """The id of the row that stands there now, "" for none."""
        rows, _ = _rows(await self.page(position, bare=bare, limit=1), self.path, self.key)
        return external_id(rows[0]) if rows and isinstance(rows[0], Mapping) else ""

    async def unmoved(self, position: Position, first: int | None, known: Seen, *, bare: bool) -> tuple[bool, bool]:
        """Whether the last row before ``position`` is still the last one before it, and ``first`` the first.

        The second answer: whether it is at least a row that was read, so that no other one slid over the edge.
        """
        last = await self.id_at(replace(position, offset=position.offset - 1), bare=bare)
        if last != position.last or not last:
            return False, bool(last) and last in known
        return first is None or mark(await self.id_at(Position(start=position.start), bare=bare)) == first, True


@dataclass(slots=True)
class _State:
    """What a walk knows of itself.

    seen     its rows, not to be told again
    turn     the rows since it began, was taken up, or began anew: a page without others is a list that repeats itself
    renewed  it began anew in the middle; it does so once
    """

    seen: Seen
    first: int | None
    proved: bool
    anew: bool
    missed: bool
    turn: Seen
    renewed: bool = False
    sent: set[str] = field(default_factory=set)

    @property
    def known(self) -> Seen:
        """What it has read from its beginning to where it stands."""
        return self.turn if self.renewed else self.seen

    def begin_anew(self, *, taken_up: bool) -> None:
        """From the beginning; a walk that was just taken up has told nothing yet and may prove itself."""
        self.first, self.anew, self.missed, self.proved = None, True, False, taken_up
        self.sent.clear()
        self.turn, self.renewed = Seen(), not taken_up
        if taken_up:
            self.seen = self.turn

    def sift(self, sound: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[list[tuple[str, Mapping[str, Any]]], bool]:
        """The rows that are new to the walk, and whether any are new to this turn of it."""
        if self.first is None and sound:
            self.first = mark(sound[0][0])
        fresh = [(found, row) for found, row in sound if self.seen.add(found)]
        if self.turn is self.seen:
            return fresh, bool(fresh)
        return fresh, bool([found for found, _ in sound if self.turn.add(found)])


def _begun(standing: Standing | None, earlier: AbstractSet[int], *, proved: bool) -> _State:
    """A walk at its beginning, or where it was broken off."""
    if standing is None:
        seen = Seen()
        return _State(seen, None, proved, anew=False, missed=False, turn=seen)
    seen = Seen(frozenset() if standing.anew else earlier)
    return _State(seen, standing.first, standing.proved, standing.anew, standing.missed, turn=Seen())


async def chunks(
    client: Client,
    path: str,
    key: str,
    *,
    terms: Sequence[tuple[str, str]] = (),
    at: Position | None = None,
    standing: Standing | None = None,
    earlier: AbstractSet[int] = frozenset(),
    resumable: bool = False,
    prove: bool = False,
    params: Params = NONE,
) -> AsyncIterator[Chunk]:
    """Walk the list ``key`` at ``path`` from ``at`` to its end.

    terms      search terms; refused ones are left out of the whole walk (`Chunk.bare`)
    standing   take up a walk of everything that stood there; ``earlier``: the marks of what it has seen
    resumable  ``from=id:`` exists here, for when a hash is refused
    prove      somebody will ask whether the walk missed nothing
    Raises VendorError, UnreadableError for an answer that is no such list.
    """
    source = _List(client, path, key, params, terms, resumable)
    position, bare = standing.at if standing else at or Position(), False
    taken_up = standing is not None
    state = _begun(standing, earlier, proved=at is None)
    while True:
        data, position, refused, bare = await _fetch(source, position, bare, taken_up=taken_up, renewed=state.renewed)
        if refused and position == Position():
            state.begin_anew(taken_up=taken_up)
            taken_up = False
        elif refused:
            state.proved = False
        rows, paging = _rows(data, path, key)
        sound, broken = _sift(rows)
        moved = False
        if prove and position.offset and not position.next and not state.missed:
            stands, kept = await source.unmoved(position, state.first if taken_up else None, state.known, bare=bare)
            moved = not stands
            state.proved = state.proved and stands
            state.missed = not kept and position.last not in {found for found, _ in sound}
        fresh, further = state.sift(sound)
        if taken_up and moved and sound and not fresh:
            state.begin_anew(taken_up=True)
            position, taken_up = Position(), False
            continue
        taken_up = False
        if position.next:
            state.sent.add(position.next)
        after, odd = _after(position, rows, paging, state.sent, fresh=further)
        state.missed = state.missed or odd
        state.proved = state.proved and not broken and not odd
        yield Chunk(fresh, broken, after, state.proved, bare, state.first or 0, state.anew, state.missed)
        if after is None:
            return
        position = after


async def whole(
    client: Client, path: str, key: str, params: Params = NONE
) -> tuple[list[tuple[str, Mapping[str, Any]]], bool]:
    """All rows of a list that fits in memory, and whether the walk was proved."""
    rows: list[tuple[str, Mapping[str, Any]]] = []
    proved = False
    async for chunk in chunks(client, path, key, prove=True, params=params):
        rows += chunk.rows
        proved = chunk.proved
    return rows, proved


async def _fetch(
    source: _List,
    position: Position,
    bare: bool,  # noqa: FBT001 - state of the walk, handed through
    *,
    taken_up: bool,
    renewed: bool,
) -> tuple[Any, Position, bool, bool]:
    """The page at ``position`` or, where that is refused, at the best position left.

    A walk that was ``renewed`` does not begin anew again: a list that refuses its own hashes would go on for ever.
    Returns (answer, position it is of, whether a position was refused, whether the terms were refused).
    """
    ways = [(position, bare)]
    if position.next and source.resumable:
        ways += [(Position(start=position.last, last=position.last), bare)] if position.last else []
        ways += [] if renewed else [(Position(), bare)]
    elif taken_up and position != Position():
        ways += [(Position(), bare)]
    if source.terms and not bare and (source.resumable or position == Position()) and not position.offset:
        ways += [(Position(), True)]
    refusal: VendorError | None = None
    for way, without in ways:
        if without and not bare and refusal is not None and refusal.status not in TERM_REFUSALS:
            break
        try:
            data = await source.page(way, bare=without)
        except (RejectedError, NotFoundError) as error:
            if error.status not in REFUSALS:
                raise
            refusal = error
            continue
        if refusal and way.start and not _begins_with(_rows(data, source.path, source.key)[0], way.start):
            continue  # `from` is inclusive: an answer without that lead, even an empty one, is another list
        # Going without terms is no refused position: such a walk began at the beginning.
        return data, way, way is not position and position != Position(), without
    raise refusal or AssertionError


def _query(position: Position, terms: Sequence[tuple[str, str]], limit: int) -> Query:
    query = [*terms, ("limit", str(limit))]
    if position.next:
        return [*query, ("next", position.next)]
    if position.start:
        query.append(("from", f"id:{position.start}"))
    if position.offset:
        query.append(("offset", str(position.offset)))
    return query


def _rows(data: Any, path: str, key: str) -> tuple[list[Any], Mapping[str, Any]]:
    found = unwrap(data)
    if isinstance(found, list):
        return found, {}
    if isinstance(found, Mapping) and key in found:
        rows, paging = found[key], found.get("paging")
        if isinstance(rows, list) or rows is None:
            return rows or [], paging if isinstance(paging, Mapping) else {}
    # Anything else taken for an empty list would read as "all of them are gone".
    message = f"GET {path}: the answer is not a list of {key}"
    raise UnreadableError(message)


def _begins_with(rows: Sequence[Any], lead: str) -> bool:
    return bool(rows) and isinstance(rows[0], Mapping) and external_id(rows[0]) == lead


def _sift(rows: Sequence[Any]) -> tuple[list[tuple[str, Mapping[str, Any]]], list[Any]]:
    """Rows with an id, and rows without a usable one."""
    sound: list[tuple[str, Mapping[str, Any]]] = []
    broken: list[Any] = []
    for row in rows:
        found = external_id(row) if isinstance(row, Mapping) else ""
        if found:
            sound.append((found, row))
        else:
            broken.append(row)
    return sound, broken


def _after(
    position: Position, rows: Sequence[Any], paging: Mapping[str, Any], sent: set[str], *, fresh: bool
) -> tuple[Position | None, bool]:
    """The next position (None: the end), and whether the end is odd: a list that repeats itself."""
    if not rows:
        return None, False
    last = next((external_id(row) for row in reversed(rows) if isinstance(row, Mapping)), "") or position.last
    offset = position.offset + len(rows)
    moved = replace(position, next="", offset=offset, last=last)
    following = _hash(paging.get("next"))
    if following:
        if following in sent:
            return None, following != position.next
        return replace(moved, next=following), False
    if len(rows) < _limit(paging.get("limit")):
        return None, False
    # Full, without a hash and without anything new: the list does not know `offset` and would go on for ever.
    return (moved, False) if fresh else (None, True)


def _hash(value: Any) -> str:
    return "" if value is None or isinstance(value, bool) else text(value)


def _limit(value: Any) -> int:
    try:
        told = int(text(value))
    except (ValueError, UnreadableError):
        return LIMIT
    return told if told > 0 else LIMIT
