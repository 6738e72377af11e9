"""A card as a lens table: one row per canonical field, pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from syncd.domain.lead import STAGES, Fields, Phone
from syncd.domain.lens import Got, Lens, LensTable, Payload, Unmapped, as_is, nothing
from syncd.domain.normalize import email, fold, phone, text

LINES: Mapping[str, str] = {
    "title": "title", "first_name": "first", "middle_name": "middle", "last_name": "last", "street": "street",
    "city": "town", "postal_code": "zip", "source": "from",
}  # fmt: skip
PRIMARY = "assignment.primary"
CARRIED = frozenset({*LINES, "email", "emails", "phone", "phones", "stage", PRIMARY})
Read = Callable[[Any], Any]


def build(region: str, stages: Mapping[str, Sequence[str]]) -> LensTable:
    """The table of one connection. ``stages``: canonical → this file's words, the first is written."""
    words = {stage: [stage.replace("_", " ").title()] for stage in STAGES} | {s: list(w) for s, w in stages.items()}
    mail = _single("email", "emails", "mail", email, str, "one address a card")
    tel = _single("phone", "phones", "tel", lambda v: phone(v, region), lambda n: Phone(n, "cell"), "one number a card")
    agent = Lens((PRIMARY,), lambda card: {PRIMARY: text(card.get("agent")) or None}, as_is(PRIMARY), nothing)
    return LensTable((*(_line(name, line) for name, line in LINES.items()), mail, tel, _stage(words), agent))


def _line(name: str, line: str) -> Lens:
    return Lens(
        (name,),
        get=lambda card: {name: text(card.get(line)) or None},
        squeeze=lambda canonical, _shown: {name: text(canonical.get(name)) or None},
        put=lambda wanted, _card: {line: wanted.get(name) or ""},
    )


def _single(one: str, several: str, line: str, read: Read, element: Read, loss: str) -> Lens:
    """A primary value and the set it belongs to, on a card that has one line for both."""

    def key(entry: Any) -> str:
        return str(getattr(entry, "number", entry))

    def shown(value: str) -> Any:
        return {one: value or None, several: frozenset({element(value)}) if value else None}

    def squeeze(canonical: Fields, there: Fields) -> Any:
        others = set(map(key, canonical.get(several, ())))  # type: ignore[arg-type]
        kept = str(there[one]) if there.get(one) in others else min(others, default="")
        return shown(str(canonical.get(one) or kept))

    def put(wanted: Fields, card: Payload) -> Mapping[str, Any]:
        value = wanted.get(one) or ""
        return {line: card[line] if value and read(card.get(line)) == value else value}

    return Lens((one, several), lambda card: shown(read(card.get(line))), squeeze, put, loss=loss, element=key)


def _stage(words: Mapping[str, Sequence[str]]) -> Lens:
    read = {fold(word): stage for stage, listed in words.items() for word in listed}

    def get(card: Payload) -> Got:
        word = text(card.get("stage"))
        return {"stage": read.get(fold(word), Unmapped(word)) if word else None}

    def put(wanted: Fields, card: Payload) -> Mapping[str, Any]:
        stage, there = str(wanted.get("stage", "")), text(card.get("stage"))
        return {"stage": there if read.get(fold(there)) == stage else (words.get(stage) or [""])[0]}

    return Lens(("stage",), get, as_is("stage"), put)
