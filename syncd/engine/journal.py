"""What a merge decided, as the rows a person reads later: changes of the lead, and conflicts with their evidence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from syncd.domain.lead import encode
from syncd.domain.merge import ConflictFound, Merged
from syncd.ports.rows import Change, Conflict


def changes_of(lead: int, merged: Merged, connection: str, external_id: str, at: datetime) -> list[Change]:
    """One row per canonical value that changed: from what to what, who said it, by which rule."""
    return [
        Change(
            lead=lead,
            field=change.field,
            old=encode(change.old),
            new=encode(change.new),
            who=connection,
            at=at,
            why=change.rule,
            external_id=external_id,
            origin=change.origin.to_json(),
        )
        for change in merged.changes
    ]


def conflicts_of(lead: int, merged: Merged, connection: str, at: datetime) -> list[Conflict]:
    """One row per conflict; a parked one stays open until a person decides."""
    return [_conflict(lead, found, connection, at) for found in merged.conflicts if _worth_telling(found)]


def _conflict(lead: int, found: ConflictFound, connection: str, at: datetime) -> Conflict:
    return Conflict(
        lead=lead,
        field=found.field,
        connection=connection,
        base=_plain(found.base),
        ours=_plain(found.ours),
        theirs=_plain(found.theirs),
        rule=found.rule,
        outcome=found.outcome,
        state="open" if found.outcome == "parked" else "decided",
        at=at,
        ours_origin=found.ours_origin.to_json() if found.ours_origin is not None else None,
        theirs_origin=found.theirs_origin.to_json(),
        evidence=found.evidence,
    )


def _worth_telling(found: ConflictFound) -> bool:
    """Two records' dates of registration always differ at first contact; nobody typed either of them."""
    return not (found.rule == "earliest" and found.base is None)


def _plain(value: object) -> object:
    """A value, or the components of a group, as JSON-ready data."""
    if isinstance(value, Mapping):
        return {name: encode(part) for name, part in value.items()}
    return encode(value)  # type: ignore[arg-type]
