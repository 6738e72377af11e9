"""Lenses of the fields a config maps itself (vendors/mycrm.md §5, custom). Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from syncd.domain.lead import Fields, Value
from syncd.domain.lens import Got, Lens, Payload, as_is, nest, nothing
from syncd.domain.normalize import fold, text
from syncd.settings.connections.mycrm_words import FINANCIALS, MORTGAGE_STATUSES, QUALITIES

WORDS: Mapping[str, tuple[str, ...]] = {
    "quality": QUALITIES,
    "financial": FINANCIALS,
    "mortgage_status": MORTGAGE_STATUSES,
}
"""Paths whose values are a fixed list."""
_FIELD = re.compile(r"fields\.[^.]+")


def custom(name: str, path: str) -> Lens:
    """A field of the user's own: writable where MyCRM documents that it is, else read only."""
    if path in WORDS:
        return _word(name, path, WORDS[path])

    def get(payload: Payload) -> Got:
        return {name: _read(_at(payload, path))}

    if not _FIELD.fullmatch(path):
        return Lens((name,), get, as_is(name), nothing, create=False, update=False, loss="read only")

    def squeeze(canonical: Fields, _shown: Fields) -> Mapping[str, Value | None]:
        value = canonical.get(name)
        return {name: (text(value) or None) if isinstance(value, str) else value}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        there = _at(present, path)
        same = there is not None and _read(there) == wanted.get(name)
        return nest(path, there if same else squeeze(wanted, {})[name])

    return Lens((name,), get, squeeze, put)


def _word(name: str, path: str, words: tuple[str, ...]) -> Lens:
    """One of a fixed list; another word is kept where it stands and never written."""
    known = {fold(word): word for word in words}

    def squeeze(canonical: Fields, shown: Fields) -> Mapping[str, Value | None]:
        value = canonical.get(name)
        word = text(value) if isinstance(value, str) else ""
        return {name: known.get(fold(word)) or (word if word and word == shown.get(name) else None)}

    def get(payload: Payload) -> Got:
        word = text(payload.get(path))
        return {name: known.get(fold(word), word) or None}

    return Lens(
        (name,),
        get,
        squeeze,
        lambda wanted, _: {path: squeeze(wanted, wanted)[name]},
        loss=f"one of {', '.join(words)}",
    )


def _read(raw: Any) -> Value | None:
    if isinstance(raw, list | dict):
        return json.dumps(raw, sort_keys=True, ensure_ascii=False) if raw else None
    return raw if isinstance(raw, bool | int | float) else text(raw) or None


def _at(payload: Payload, path: str) -> Any:
    """The value at a dotted path; numbers count into lists. None where a step is missing."""
    here: Any = payload
    for step in path.split("."):
        if isinstance(here, list) and step.isdecimal():
            here = here[int(step)] if int(step) < len(here) else None
        else:
            here = here.get(step) if isinstance(here, Mapping) else None
    return here
