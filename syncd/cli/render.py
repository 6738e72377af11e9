"""Values and differences as a person reads them: what `plan`, `leads`, `conflicts` and the demo print.

Everything here takes JSON-ready data (`syncd.domain.lead.encode`) and returns text; nothing is decided here.
Differences come from DeepDiff, which is imported when the first one is wanted: it costs half a second.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from syncd.domain.lead import FIELDS, blank, spec

Json = Any
Agents = Mapping[int, str]
"""Canonical agent id → the agent's name."""

NOTHING: Final = "–"
ARROW: Final = "→"
TEXT_MAX: Final = 160
"""Longer texts are cut in tables; ``--json`` has them whole."""
_ORDER: Final = {name: number for number, name in enumerate(FIELDS)}


def words(field: str, value: Json, agents: Agents | None = None) -> str:
    """One value of a field as a person reads it; an agent by name, a set in order, nothing as a dash."""
    if blank(value) or (isinstance(value, list | dict) and not value):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {words(name, part, agents)}" for name, part in value.items() if not blank(part))
    if field.startswith("assignment.") and isinstance(value, int):
        return (agents or {}).get(value) or f"agent {value}"
    if field.endswith("_timeline") and isinstance(value, list | tuple):
        return _timeline(value)
    if isinstance(value, list | tuple | frozenset):
        elements = sorted(value) if isinstance(value, frozenset) else value
        return ", ".join(_element(element) for element in elements)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return clip(str(value))


def change(field: str, old: Json, new: Json, agents: Agents | None = None) -> str:
    """What became of one field: ``old → new``; of a set what came and what went; of "@chime" what was written there."""
    if field.startswith("@"):
        parts = differences(old or {}, new or {}, agents)
        return "; ".join(f"{name}: {text}" for name, text in parts)
    found = differences({field: old}, {field: new}, agents)
    return found[0][1] if found else f"{words(field, new, agents)} (unchanged)"


def differences(
    before: Mapping[str, Json], after: Mapping[str, Json], agents: Agents | None = None
) -> list[tuple[str, str]]:
    """(field, difference) for every field that differs, in the order people read fields.

    A set shows ``+ came`` and ``- went``, an address only the parts that differ, everything else ``old → new``.
    """
    from deepdiff import DeepDiff

    sets = {name for name in (*before, *after) if _is_set(name)}
    old, new = _comparable(before, sets), _comparable(after, sets)
    # Threshold 0: two leads without a field in common still differ field by field, not as a whole.
    tree = DeepDiff(old, new, view="tree", threshold_to_diff_deeper=0, ignore_type_in_groups=[(int, float)])
    found: dict[str, dict[str, list[Json]]] = {}
    for items in tree.values():
        for item in items:
            path = item.path(output_format="list")
            name = str(path[0])
            there = found.setdefault(name, {"came": [], "went": [], "parts": []})
            if isinstance(old.get(name), frozenset) and isinstance(new.get(name), frozenset):
                came = item.report_type == "set_item_added"
                there["came" if came else "went"].append(item.t2 if came else item.t1)
            elif len(path) > 1:
                there["parts"].append(str(path[1]))
    return [(name, _difference(name, old, new, found[name], agents)) for name in sorted(found, key=_position)]


def clip(text: str, limit: int = TEXT_MAX) -> str:
    """A text on one line, cut to ``limit`` characters."""
    line = " ⏎ ".join(part.strip() for part in text.splitlines() if part.strip())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def moment(value: Json) -> str:
    """A time as a person reads it, in UTC to the second; a dash for none."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return str(value)
    if not isinstance(value, datetime):
        return NOTHING
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def origin(data: Json) -> str:
    """Who said a value: ``chime 4711``; the operator for "admin"."""
    if not isinstance(data, Mapping) or not data.get("connection"):
        return NOTHING
    return f"{data['connection']} {data.get('external_id') or ''}".strip()


def said_at(data: Json) -> str:
    """When a value was said, as far as anybody knows: a time, or "after" the reading before."""
    if not isinstance(data, Mapping):
        return NOTHING
    if data.get("at"):
        return moment(data["at"])
    return f"after {moment(data['since'])}" if data.get("since") else NOTHING


def title(fields: Mapping[str, Json]) -> str:
    """How a lead is called: its name, else its email, else its phone."""
    name = " ".join(str(fields[part]) for part in ("first_name", "last_name") if fields.get(part))
    return clip(name or str(fields.get("email") or fields.get("phone") or "(no name)"), 40)


def ordered(names: Iterable[str]) -> list[str]:
    """Field names in the order people read them."""
    return sorted(names, key=_position)


def count(number: int, one: str, many: str = "") -> str:
    """``1 lead``, ``2 leads``."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def _difference(
    name: str,
    old: Mapping[str, Json],
    new: Mapping[str, Json],
    parts: Mapping[str, Sequence[Json]],
    agents: Agents | None,
) -> str:
    if parts["came"] or parts["went"]:
        signs = [f"+ {_element(e)}" for e in sorted(parts["came"])] + [
            f"- {_element(e)}" for e in sorted(parts["went"])
        ]
        return "  ".join(signs)
    was, becomes = old.get(name), new.get(name)
    if parts["parts"] and isinstance(was, Mapping) and isinstance(becomes, Mapping):
        keys = [key for key in {**was, **becomes} if key in parts["parts"]]
        was, becomes = ({key: side.get(key) for key in keys} for side in (was, becomes))
    return f"{words(name, was, agents)} {ARROW} {words(name, becomes, agents)}"


def _comparable(fields: Mapping[str, Json], sets: Collection[str]) -> dict[str, Json]:
    """Sets as sets (JSON has lists), an absent one as an empty one; other blanks left out."""
    plain = {name: value for name, value in fields.items() if not blank(value) and name not in sets}
    return plain | {
        name: frozenset(tuple(e) if isinstance(e, list) else e for e in fields.get(name) or ()) for name in sets
    }


def _is_set(name: str) -> bool:
    try:
        return spec(name).is_set
    except KeyError:
        return False  # a note's body, a link: not a field of the lead


def _element(element: Json) -> str:
    """One element of a set: a phone with its kind, a person of the household, a word."""
    if isinstance(element, list | tuple):
        first, *rest = (str(part) for part in element)
        more = " ".join(part for part in rest if part)
        return f"{first} ({more})" if first and more else first or more
    return clip(str(element), 60)


def _timeline(value: Sequence[Json]) -> str:
    low, high = value
    return f"{low}+ months" if high is None else f"{low} to {high} months"


def _position(name: str) -> tuple[int, str]:
    return _ORDER.get(name, len(_ORDER)), name
