"""The leads: walks of the list, what only a view shows, and the rows of both (vendors/epixel.md §3, §10)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from datetime import tzinfo
from hashlib import blake2b
from typing import Any

from pydantic import TypeAdapter

from syncd.domain.errors import NotFoundError, RejectedError, TransientError, UnreadableError
from syncd.domain.lens import Payload
from syncd.ports.vendor import Page, Remote, Walked
from syncd.vendors.epixel.answers import NOTE_KEYS, single, slug_of
from syncd.vendors.epixel.client import LIST, VIEW, Client
from syncd.vendors.epixel.listing import PAGE_SIZE, Chunk, Standing, chunks
from syncd.vendors.epixel.payload import TOGETHER, UPDATED, fields_shown, is_deleted, time_under
from syncd.vendors.epixel.roster import Roster
from syncd.vendors.http import digest
from syncd.vendors.walked import decoded, encoded

LOOKS_MAX = 3
"""So many leads of a page are tried for a look at what views show; one may be hidden."""
VIEWED, LISTED, READABLE, BARE, AGAIN = "viewed", "listed", "notes_readable", "views_without_notes", "read_again"
BARE_VIEWS_MAX = 20
"""After so many views that carry no notes nobody looks for them any more: a full comparison would view every lead."""
AGAIN_MAX = 10_000
UNANNOUNCED = "__unannounced"
ASSIGNEE = "assignment.primary"
Keys = Mapping[str, tuple[str, ...]]


HALFWAY = TypeAdapter(Standing)
"""The position of a walk that was broken off: nothing but where the list stands, for there is no cursor."""


class LeadRows:
    """Makes `Remote` objects of leads, and learns which fields only a view shows."""

    def __init__(self, roster: Roster, zone: tzinfo, keys: Keys, memory: Mapping[str, Any]) -> None:
        """``keys``: the fields that this connection reads, each with the keys it may stand under."""
        self._roster, self._zone, self._keys = roster, zone, keys
        self._viewed = {str(name) for name in memory.get(VIEWED) or ()}
        self._listed = {str(name) for name in memory.get(LISTED) or ()}
        self.notes_shown = memory.get(READABLE) is True
        """Whether a view has ever carried notes: then they can be read here."""
        self._bare = BARE_VIEWS_MAX if memory.get(BARE) is True else 0
        # Where rows hide assignees: leads (as hashes) whose view showed somebody who was not announced yet.
        self._again = {str(mark) for mark in memory.get(AGAIN) or ()}

    @property
    def memory(self) -> Mapping[str, Any]:
        """What lists and views have shown."""
        learned = {
            VIEWED: sorted(self._viewed),
            LISTED: sorted(self._listed),
            READABLE: self.notes_shown,
            BARE: self.write_only,
            AGAIN: sorted(self._again)[:AGAIN_MAX],
        }
        return {name: value for name, value in learned.items() if value}

    @property
    def write_only(self) -> bool:
        """Whether so many views were seen without notes that there is no point in asking for another."""
        return not self.notes_shown and self._bare >= BARE_VIEWS_MAX

    @property
    def views_known(self) -> bool:
        """Whether any view was seen yet."""
        return bool(self._viewed)

    @property
    def hidden(self) -> frozenset[str]:
        """Fields that views show and list rows do not."""
        return frozenset((self._viewed - self._listed) & self._keys.keys()) if self._listed else frozenset()

    def untold(self, remote: Remote) -> frozenset[str]:
        """The canonical fields an incomplete row says nothing of."""
        absent = frozenset() if remote.complete else self.hidden - fields_shown(remote.payload, self._keys)
        return frozenset(name for field in absent for name in TOGETHER.get(field, (field,)))

    def learn(self, rows: Iterable[Payload]) -> None:
        """Note what these list rows show."""
        if self._listed >= self._keys.keys():
            return
        for row in rows:
            self._listed |= fields_shown(row, self._keys)

    def listed(self, slug: str, row: Payload, *, walking: bool = False) -> Remote:
        """One row of the list. ``walking``: of the one that is compared row by row with what was read before."""
        newcomer = self._roster.meet(row)
        if walking and (mark := _mark(slug)) in self._again:
            self._again.discard(mark)
            newcomer = newcomer or AGAIN
        told = digest({**row, UNANNOUNCED: newcomer} if newcomer else row)
        return Remote("lead", slug, row, told, time_under(row, UPDATED, self._zone), not self.hidden, listed=True)

    def single(self, slug: str, payload: Payload, *, handed_on: bool = True) -> Remote:
        """One lead read by itself: what it lacks is blank. It also tells whether views carry notes here.

        ``handed_on`` False where nobody takes the lead from this view, so that it need not be read again either.
        """
        self.notes_shown = self.notes_shown or any(isinstance(payload.get(key), list) for key in NOTE_KEYS)
        self._bare = min(self._bare + 1, BARE_VIEWS_MAX)
        self._viewed |= fields_shown(payload, self._keys)
        if self._roster.meet(payload) and handed_on and ASSIGNEE in self.hidden:
            self._again.add(_mark(slug))
        time = time_under(payload, UPDATED, self._zone)
        return Remote("lead", slug, payload, digest(payload), time, listed=False)


class Walk:
    """Walks and views of one connection's leads."""

    def __init__(self, client: Client, rows: LeadRows) -> None:
        self._client, self._rows = client, rows

    async def view(self, slug: str) -> Payload:
        """A lead as its view shows it. Raises NotFoundError (told, if it is deleted), RejectedError if it is hidden."""
        payload = single(await self._client.get(VIEW, [("slug", slug)]))
        if slug_of(payload) != slug:
            message = f"GET {VIEW}: the answer is another lead"
            raise UnreadableError(message)
        if is_deleted(payload):
            message = f"GET {VIEW}: the lead is deleted"
            raise NotFoundError(message, status=200, code="deleted", told=True)
        return payload

    async def leads(self, walked: Walked | None = None) -> AsyncIterator[tuple[Chunk, list[tuple[str, Payload]]]]:
        """Every answer of a walk with its live leads: those with status "deleted" count, but are not there."""
        standing = decoded(walked.position, HALFWAY) if walked else None
        earlier = walked.seen if walked and standing else frozenset[int]()
        async for chunk in chunks(
            self._client, LIST, standing=standing, earlier=earlier, shows=lambda row: not is_deleted(row)
        ):
            live: list[tuple[str, Payload]] = [(slug, row) for slug, row in chunk.rows if not is_deleted(row)]
            self._rows.learn(row for _, row in live)
            anew = chunk.standing.anew or (walked is not None and standing is None)
            yield replace(chunk, standing=replace(chunk.standing, anew=anew)), live

    async def pages(self, walked: Walked | None = None, *, resumable: bool = True) -> AsyncIterator[Page]:
        """As `Adapter.leads`: at most 100 rows each, whatever the vendor sends at once.

        A walk can be taken up again only behind the last of the pages that one answer is cut into.
        """
        async for chunk, live in self.leads(walked):
            for slug, _ in live[:LOOKS_MAX]:
                if not self._rows.views_known:
                    await self._look(slug)
            remotes = [self._rows.listed(slug, row, walking=True) for slug, row in live]
            broken = [(digest(row).hex(), row) for row in chunk.broken]
            onward = encoded(chunk.standing) if resumable and not chunk.last else ""
            slices = [remotes[at : at + PAGE_SIZE] for at in range(0, len(remotes), PAGE_SIZE)] or [[]]
            for number, rows in enumerate(slices, start=1):
                ends = number == len(slices)
                yield Page(
                    rows=rows,
                    complete=ends and chunk.last and chunk.proved,
                    total=chunk.total,
                    broken=broken if ends else (),
                    position=onward if ends else "",
                )

    async def _look(self, slug: str) -> None:
        """View one lead, once per connection: it may show more than the list does."""
        try:
            self._rows.single(slug, await self.view(slug), handed_on=False)
        except (NotFoundError, RejectedError, TransientError, UnreadableError):
            return


def _mark(slug: str) -> str:
    """A slug as it may be remembered: it is made of a person's name."""
    return blake2b(slug.encode(errors="replace"), digest_size=8).hexdigest()
