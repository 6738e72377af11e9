"""What the engine may ask of a vendor: the one Protocol every adapter satisfies.

An adapter translates; it decides nothing. It reads pages of `Remote` objects, turns a payload into a
`Reading` through its lens table, and carries out writes with the vendor's own calls. Every failure
leaves as one of the `VendorError` classes. It keeps no record and no secret in its error messages.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, Protocol

from syncd.domain.lead import Fields
from syncd.domain.lens import LensTable, Payload, Reading
from syncd.ports.hooks import Hooks

Json = Any


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a vendor can and cannot do, as data. The planner reads it, `syncd vendors` prints it.

    roles              assignment roles carried; ``unassign`` those that can be emptied again
    create_needs       fields without which a lead cannot be created ("email"); any one of each tuple
    create_carries     of labels, assignments: what travels in the create call itself
    update_carries     of labels_add, assignments: what may travel in the same call as field changes
    create_idempotent  a repeated create of the same lead is harmless (upsert)
    create_lag_s       for how long a created lead may be invisible
    note_max           characters of one note, longer ones are split; ``label_max`` of a label (0: none)
    note_edit / note_delete / note_author / note_time   what a note call can do or set
    incremental        an update-time filter exists; ``incremental_covers`` is what moves it, of
                       fields, stage, labels, assignments, notes
    walk_every_s       without such a filter: a poll walks the whole list no more often than this
    listing_proves     a completed walk of the leads is evidence for absence
    find_by            of email, phone: look-ups before creating
    time_precision_s   precision of a record's own time; None where records carry no usable time
    time_covers        every mapped field moves the record's time
    notes_sweep        notes of leads that look unchanged are read in turn between full comparisons; False where
                       listings or full comparisons have to do, because each such look costs a call
    """

    roles: frozenset[str]
    unassign: frozenset[str] = frozenset()
    create_needs: tuple[tuple[str, ...], ...] = ()
    create_carries: frozenset[str] = frozenset()
    update_carries: frozenset[str] = frozenset()
    create_idempotent: bool = False
    create_lag_s: float = 0.0
    note_max: int = 0
    note_edit: bool = False
    note_delete: bool = False
    note_author: bool = False
    note_time: bool = False
    note_pin: bool = False
    note_kinds: frozenset[str] = frozenset()
    notes_sweep: bool = True
    label_max: int = 0
    incremental: bool = False
    incremental_covers: frozenset[str] = frozenset()
    walk_every_s: float = 0.0
    listing_proves: bool = False
    find_by: frozenset[str] = frozenset()
    time_precision_s: float | None = None
    time_covers: bool = False
    lead_delete: bool = False
    webhooks: bool = False
    not_carried: Mapping[str, str] = field(default_factory=dict)
    """Canonical field or feature → why this vendor cannot carry it, in words for a person."""


@dataclass(frozen=True, slots=True)
class Remote:
    """One remote object as read.

    kind      lead | note | agent
    digest    16 bytes over what matters of the payload (volatile keys left out); the no-change gate.
              Only comparable between rows of the same kind of answer (``listed``)
    time      the record's own last-change time at the vendor's clock, None if it tells none
    complete  False when sections are missing that a single GET would show
    listed    the payload is a row of a listing (False: a single read)
    """

    kind: str
    external_id: str
    payload: Payload
    digest: bytes
    time: datetime | None = None
    complete: bool = True
    listed: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows and what may be promised after them.

    cursor    what to store in the same transaction as the rows; None leaves the old one standing
    complete  True only on the last page of a walk that proved itself complete (evidence for absence)
    total     how many rows the vendor claims the walk has, None if unknown (for progress)
    broken    rows that have no usable id: (position-independent key, payload) for quarantine
    position  where a walk of all leads goes on after this page, in another process too (`Walked`); "" where
              it cannot, and where it has ended
    """

    rows: Sequence[Remote]
    cursor: str | None = None
    complete: bool = False
    total: int | None = None
    broken: Sequence[tuple[str, Json]] = ()
    position: str = ""


def mark(external_id: str) -> int:
    """A 64-bit hash of an id, the same in every process: a million of them fit where a million strings would not."""
    return int.from_bytes(blake2b(external_id.encode(errors="surrogatepass"), digest_size=8).digest(), signed=True)


@dataclass(frozen=True, slots=True)
class Walked:
    """A walk of all leads that was broken off.

    position  `Page.position` of the last page taken in: JSON of the adapter's own, opaque to everybody else
    seen      `mark` of every external id on the pages up to there; the adapter never changes it
    """

    position: str
    seen: AbstractSet[int]


@dataclass(frozen=True, slots=True)
class Found:
    """A look-up's answer. ``conclusive`` False means "unknown", never "not there"."""

    rows: Sequence[Remote]
    conclusive: bool = True


@dataclass(frozen=True, slots=True)
class Written:
    """A write the vendor accepted.

    external_id  the record written; "" for a note whose answer tells no id (list to find it)
    existed      the vendor had the record already and handed out its id (upsert)
    record       the record as the answer shows it, None where answers hold ids only
    """

    external_id: str
    existed: bool = False
    record: Remote | None = None


@dataclass(frozen=True, slots=True)
class AgentReading:
    """An agent as the vendor knows it; ``email`` lower-cased, "" if none."""

    email: str
    name: str


@dataclass(frozen=True, slots=True)
class NoteReading:
    """A note as the vendor shows it. ``text`` is verbatim but NFC, LF and trimmed; header included.

    author  external agent id or ""; ``written_at`` when the vendor says it was created
    """

    text: str
    author: str = ""
    written_at: datetime | None = None
    kind: str = "general"
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class NoteListing:
    """All notes of one lead: ``rows`` are those read in full, ``present`` every id that exists.

    complete  the listing is the whole list; an id missing from ``present`` may be gone
    readable  False where this vendor shows no notes at all: what was sent there can never be looked for
    marks     external id → the mark to hand in as ``known`` next time (so unmoved notes cost nothing)
    """

    rows: Sequence[Remote]
    present: frozenset[str]
    complete: bool = True
    readable: bool = True
    marks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NoteDraft:
    """A note (or one part of it) to write. ``text`` holds the header line already, where one is needed."""

    text: str
    kind: str = "general"
    pinned: bool = False
    author: str = ""


@dataclass(frozen=True, slots=True)
class VendorClock:
    """How far the vendor's clock is ahead of ours, learned from ``Date`` headers.

    offset_s       vendor minus ours; ``uncertainty_s`` half-width of what it may be
    """

    offset_s: float = 0.0
    uncertainty_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Table:
    """What a vendor knows beside leads, to look at: appointments, routing rules. Rows are as long as ``columns``."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[str | int | bool | datetime | None]]


Extras = Mapping[str, Callable[[], Awaitable[Table]]]
"""What else a connection shows, by its name in words; each asks the vendor anew and fails alone, with a VendorError."""


class Adapter(Protocol):
    """One configured account at one vendor."""

    name: str
    """The connection's name in the config."""
    vendor: str
    capabilities: Capabilities
    lenses: LensTable

    @property
    def hooks(self) -> Hooks | None:
        """The account's webhooks; None where the vendor has none."""
        ...

    @property
    def clock(self) -> VendorClock:
        """The vendor's clock against ours, as far as answers have told."""
        ...

    @property
    def requests(self) -> Mapping[str, int]:
        """Requests sent so far, by ``read`` and ``write``."""
        ...

    @property
    def memory(self) -> Mapping[str, Json]:
        """What this adapter learned of the account: auth style, ignored filters and the like.

        Stored with the connection and handed back to the next adapter made for it.
        """
        ...

    async def check(self) -> str:
        """Who the credentials belong to, in a word or two. Raises AuthError, TransientError."""
        ...

    def leads(self, cursor: str | None, *, full: bool, walked: Walked | None = None) -> AsyncIterator[Page]:
        """Pages of leads changed since ``cursor`` (all of them when ``full`` or cursor is None).

        The last page carries the cursor for next time. A failed page raises and promises nothing.

        walked  only with ``full``: the walk goes on behind this position and promises in the end what it would have
                promised undisturbed. A position that is no use any more begins it anew, with nothing counted as seen.
        """
        ...

    async def lead(self, external_id: str) -> Remote:
        """One complete lead. Raises NotFoundError."""
        ...

    def read_lead(self, remote: Remote) -> Reading:
        """The lead in canonical terms; assignments hold *external* agent ids. Raises UnreadableError. Pure."""
        ...

    async def find_leads(self, *, email: str = "", phone: str = "", since: datetime | None = None) -> Found:
        """Live leads with this email or phone (E.164), verified by value.

        With neither, leads created after ``since``.
        """
        ...

    async def create_lead(self, wanted: Fields) -> Written:
        """Create a lead showing ``wanted`` (assignments hold external agent ids)."""
        ...

    async def update_lead(self, external_id: str, wanted: Fields, changed: frozenset[str], present: Remote) -> Written:
        """Write the ``changed`` fields (and labels_add / assignments where `update_carries` says so).

        ``changed`` may name ``labels`` only when every label shown by ``present`` stays.
        """
        ...

    async def add_labels(self, external_id: str, names: frozenset[str], present: Remote) -> None:
        """Put labels on a lead, leaving all others alone. Safe to repeat."""
        ...

    async def remove_labels(self, external_id: str, names: frozenset[str], present: Remote) -> None:
        """Take labels off a lead, leaving all others alone. Safe to repeat."""
        ...

    async def assign(self, external_id: str, roles: Mapping[str, str | None], present: Remote) -> None:
        """Set roles to external agent ids; None empties a role listed in `unassign`."""
        ...

    async def delete_lead(self, external_id: str, reason: str) -> None:
        """Move one lead to the vendor's trash. Raises RejectedError where there is no call."""
        ...

    async def notes(self, lead_id: str, known: Mapping[str, str]) -> NoteListing:
        """The notes of a lead. ``known`` maps ids to marks already read; unmoved ones are not fetched again."""
        ...

    def read_note(self, remote: Remote) -> NoteReading:
        """The note in canonical terms. Raises UnreadableError. Pure."""
        ...

    async def create_note(self, lead_id: str, draft: NoteDraft, present: Remote | None) -> Written:
        """Append a note to a lead. Not repeatable: the engine writes an intent first."""
        ...

    async def update_note(self, lead_id: str, note_id: str, draft: NoteDraft) -> None:
        """Replace a note's text. Raises RejectedError where there is no call."""
        ...

    async def delete_note(self, lead_id: str, note_id: str) -> None:
        """Delete a note. Raises RejectedError where there is no call."""
        ...

    async def agents(self) -> Sequence[Remote]:
        """Every agent of the account."""
        ...

    def read_agent(self, remote: Remote) -> AgentReading:
        """The agent in canonical terms. Pure."""
        ...

    async def aclose(self) -> None:
        """Close connections; the adapter is not used afterwards."""
        ...
