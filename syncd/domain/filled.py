"""Defaults that went out because a vendor demands a value and the lead has none (`LensTable.fills`).

Such a default is no statement about the person: as long as the vendor shows exactly it, it reads as blank and travels
nowhere; anything else shown there is an edit. Which leads show one is kept on their links, under the key ``filled``:

    in ``pending``   about to be sent with an update: the next read that tells the field decides
    in ``settled``   sent: it stands until another value is shown, or one of the lead's own is written

Everything here is pure; a vendor that demands nothing costs one look at an empty mapping.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from syncd.domain.lead import Fields
from syncd.domain.lens import LensTable, Payload, Reading

FILLED: Final = "filled"
Entries = Mapping[str, Any]
"""Field → what a link keeps about it (`Link.settled`, `Link.pending`)."""


def entries(table: LensTable, wanted: Fields) -> dict[str, Any]:
    """What a write of ``wanted`` fills, as entries of a link."""
    return {name: {FILLED: default} for name, default in table.fills(wanted).items()}


def blanked(
    table: LensTable, payload: Payload, reading: Reading, settled: Entries, pending: Entries
) -> tuple[Reading, dict[str, Any]]:
    """The reading with defaults that stand as blanks, and those defaults by field."""
    standing: dict[str, Any] = {}
    blank: set[str] = set()
    for name in (*settled, *pending):
        sure = FILLED in settled.get(name, ())
        if name in standing or not (sure or FILLED in pending.get(name, ())):
            continue
        default = (settled if sure else pending)[name][FILLED]
        if table.stands(payload, name, default):
            blank.add(name)
            standing[name] = default
        elif sure and name not in reading.fields and name not in reading.unmapped:
            standing[name] = default  # not shown this time, which is no edit
    if not blank:
        return reading, standing
    fields = {name: value for name, value in reading.fields.items() if name not in blank}
    unmapped = {name: word for name, word in reading.unmapped.items() if name not in blank}
    return Reading(fields, reading.told | blank, unmapped), standing


def without(there: Entries) -> Entries:
    """Entries of a link without anything about defaults."""
    if not any(FILLED in entry for entry in there.values()):
        return there
    plain = {name: {key: v for key, v in entry.items() if key != FILLED} for name, entry in there.items()}
    return {name: entry for name, entry in plain.items() if entry}


def within(there: Entries, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Entries of a link with the defaults that stand, by field."""
    return beside(there, {name: {FILLED: default} for name, default in defaults.items()})


def beside(there: Entries, defaults: Entries) -> dict[str, Any]:
    """Entries of a link and entries about defaults, put together field by field."""
    return {**there, **{name: {**there.get(name, {}), **entry} for name, entry in defaults.items()}}


def kept(new: Entries, old: Entries) -> dict[str, Any]:
    """Entries that take the place of old ones; what those say about defaults stays."""
    return {
        name: {**entry, FILLED: old[name][FILLED]} if FILLED in old.get(name, ()) else entry
        for name, entry in new.items()
    }
