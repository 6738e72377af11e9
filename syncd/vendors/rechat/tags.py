"""Tags: labels, and among them the one that says the stage (vendors/rechat.md §6, §8). Pure.

Rechat has no stage. A *stage tag* is a tag whose text begins with the connection's prefix (with an empty
prefix: one that equals a stage's word). It is never a label, in either direction. Of several the newest
counts; the others are superseded, and go with the next write to that contact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syncd.domain.lead import Fields, Value
from syncd.domain.lens import Got, Lens, Payload, Unmapped
from syncd.domain.normalize import fold, text
from syncd.vendors.rechat.rows import TAG, Fragment, Row, View, add, drop, joined
from syncd.vendors.stages import StageTable

DEFAULT: Mapping[str, Sequence[str]] = {
    "new": ("New",),
    "attempted": ("Attempted",),
    "contacted": ("Contacted",),
    "nurturing": ("Nurturing",),
    "qualified": ("Qualified",),
    "appointment": ("Appointment",),
    "showing": ("Showing",),
    "under_contract": ("Under Contract",),
    "closed": ("Closed",),
    "not_ready": ("Not Ready",),
    "lost": ("Lost",),
}


class Stages(StageTable):
    """The two-way table of one connection."""

    def __init__(self, prefix: str, config: Mapping[str, Sequence[str]]) -> None:
        """``config`` replaces the default words stage by stage; an empty list takes a stage out."""
        super().__init__({**DEFAULT, **config})
        self.prefix = prefix
        self._key = fold(prefix) + (" " if prefix[-1:].isspace() and fold(prefix) else "")

    def is_stage(self, tag: str) -> bool:
        """Whether a tag of this text says a stage, known or not."""
        folded = fold(tag)
        return folded.startswith(self._key) if self._key else folded in self.reads

    def word(self, tag: str) -> str:
        """What a stage tag says after its prefix, as spelled."""
        plain = " ".join(tag.split())
        length = len(self._key)
        return plain[length:].strip() if fold(plain[:length]) == fold(self.prefix) else fold(tag)[length:].strip()

    def says(self, tag: str, stage: str) -> bool:
        """Whether a stage tag already means ``stage``."""
        return self.read(self.word(tag)) == stage

    def tag(self, stage: str) -> str | None:
        """The tag to write for ``stage``; None where it has no word."""
        names = self.names.get(stage)
        return f"{self.prefix}{names[0]}" if names else None


def stage_rows(view: View, stages: Stages, payload: Payload) -> list[Row]:
    """Every stage tag of a contact, the newest (then the greatest id) first."""
    tags = [row for row in view.own(payload, TAG) if stages.is_stage(text(row.value))]
    return sorted(tags, key=lambda row: row.age, reverse=True)


def superseded(view: View, stages: Stages, payload: Payload) -> Fragment:
    """The stage tags that a newer one has made void, to be deleted."""
    return drop(stage_rows(view, stages, payload)[1:])


def stage(view: View, stages: Stages) -> Lens:
    """The row of ``stage``: the new tag is added first, every other stage tag goes afterwards."""

    def get(payload: Payload) -> Got:
        tags = stage_rows(view, stages, payload)
        if not tags:
            return {"stage": None}
        word = stages.word(text(tags[0].value))
        return {"stage": stages.read(word) or Unmapped(word or text(tags[0].value))}

    def squeeze(canonical: Fields, shown: Fields) -> Mapping[str, Value | None]:
        wanted, present = canonical.get("stage"), shown.get("stage")
        return {"stage": stages.show(str(wanted) if wanted else None, str(present) if present else None)}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        tags = stage_rows(view, stages, present)
        value = str(wanted.get("stage") or "")
        if not value:
            return drop(tags)
        keep = next((row for row in tags if stages.says(text(row.value), value)), None)
        if keep is not None:
            return drop(row for row in tags if row is not keep)
        tag = stages.tag(value)
        if tag is None:
            return {}
        return joined(add("stage", {"attribute_type": TAG, "text": tag}), drop(tags))

    return Lens(("stage",), get, squeeze, put, loss="kept as a tag with a prefix")


def label_rows(view: View, stages: Stages, payload: Payload) -> list[tuple[str, Row]]:
    """(name, row) of every label, oldest first."""
    named = ((text(row.value), row) for row in view.own(payload, TAG))
    return [(name, row) for name, row in named if name and not stages.is_stage(name)]


def labels(view: View, stages: Stages) -> Lens:
    """The row of ``labels``. It only adds: labels are taken off row by row (labels.py)."""

    def get(payload: Payload) -> Got:
        names: dict[str, str] = {}
        for name, _ in label_rows(view, stages, payload):
            names.setdefault(fold(name), name)
        return {"labels": frozenset(names.values()) or None}

    def squeeze(canonical: Fields, shown: Fields) -> Mapping[str, Value | None]:
        wanted, present = _texts(canonical), _texts(shown)
        spelled = {fold(name): name for name in sorted(present)}
        fitting = {name for name in map(text, sorted(wanted)) if name and not stages.is_stage(name)}
        return {"labels": frozenset(spelled.get(fold(name), name) for name in fitting) or None}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        there = {fold(name) for name, _ in label_rows(view, stages, present)}
        missing = {fold(name): name for name in sorted(_texts(wanted)) if fold(name) not in there}
        rows = (
            add(f"tag:{folded}", {"attribute_type": TAG, "text": name})
            for folded, name in missing.items()
            if not stages.is_stage(name)
        )
        return joined(*rows)

    return Lens(("labels",), get, squeeze, put, element=_same, loss="a label that reads like a stage is not carried")


def _same(name: Any) -> str:
    return fold(str(name))


def _texts(fields: Fields) -> frozenset[str]:
    value: Any = fields.get("labels")
    return value if isinstance(value, frozenset) else frozenset()
