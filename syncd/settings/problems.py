"""From what pydantic found wrong to lines a person can act on.

Each line: place in the file, path of the key, what is wrong, and the nearest thing that would be right.
Values are never repeated, except words that were meant to name one of a few choices.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from syncd.settings.connections import LATER
from syncd.settings.locate import Path, Places
from syncd.settings.models import Settings
from syncd.settings.values import GROUPS, did_you_mean, unknown

_COMING = {"vendor": frozenset(LATER), "on_delete": frozenset({"propagate", "recreate"})}
"""Words that are designed but not built yet, by key."""

_TYPES = {
    "string_type": "expected text in quotes",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "bool_type": "expected true or false",
    "is_instance_of": "expected text in quotes",
    "list_type": "expected a list",
    "dict_type": "expected a table",
    "model_type": "expected a table",
    "model_attributes_type": "expected a table",
}


class Problem(NamedTuple):
    """One thing wrong: the key's path, what is wrong with it, and whether the key itself is."""

    path: Path
    message: str
    at_key: bool = False


class _Spot(NamedTuple):
    """Where a pydantic error is in our terms."""

    path: Path
    model: type[BaseModel] | None
    is_key: bool


def problems_of(error: ValidationError) -> list[Problem]:
    """Every problem of a failed validation, in the order of the models."""
    found = []
    for row in error.errors(include_url=False, include_context=True, include_input=True):
        spot = _locate(row["loc"])
        found.append(_problem(spot, row["type"], row["msg"], row.get("ctx", {}), row.get("input")))
    return found


def render(problem: Problem, file: str, places: Places) -> str:
    """One line: ``file:line:column: path: message``; without a place when the key is not in the file."""
    shown, place = problem.path, None
    for spelling in _spellings(problem.path):
        place = places.key(spelling) if problem.at_key else places.value(spelling)
        if place is not None:
            shown = spelling
            break
    above = problem.path
    while place is None and above:
        above = above[:-1]
        place = places.key(above)
    dotted = ".".join(str(step) for step in shown)
    prefix = f"{file}:{place.line}:{place.column}" if place else file
    return f"{prefix}: {dotted}: {problem.message}" if dotted else f"{prefix}: {problem.message}"


def _spellings(path: Path) -> list[Path]:
    """The ways a person may have written a path: ``"custom.x"`` also nests, and groups stand for fields."""
    last = path[-1] if path else 0
    if not isinstance(last, str):
        return [path]
    groups = [(*path[:-1], name) for name, members in GROUPS.items() if last in members]
    return [path, (*path[:-1], *last.split(".")), *groups]


def _problem(spot: _Spot, kind: str, text: str, context: Mapping[str, Any], value: object) -> Problem:
    last = str(spot.path[-1]) if spot.path else ""
    if kind == "extra_forbidden":
        return Problem(spot.path, "unknown key" + did_you_mean(last, _keys(spot.model)), at_key=True)
    if kind == "missing":
        return Problem(spot.path, "missing; it has to be set", at_key=True)
    if kind == "union_tag_not_found":
        key = str(context["discriminator"]).strip("'")
        return Problem((*spot.path, key), "missing; it has to be set", at_key=True)
    if kind == "union_tag_invalid":
        key = str(context["discriminator"]).strip("'")
        choices = [word.strip(" '") for word in str(context["expected_tags"]).split(",")]
        return Problem((*spot.path, key), _no_such_word(key, str(context["tag"]), choices))
    if kind == "literal_error":
        return Problem(spot.path, _no_such_word(last, value, _choices(str(context["expected"]))))
    if kind == "value_error":
        return Problem(spot.path, text.removeprefix("Value error, "), at_key=spot.is_key)
    return Problem(spot.path, _TYPES.get(kind) or text.replace("Input should be", "it has to be"), at_key=spot.is_key)


def _no_such_word(key: str, word: object, choices: Sequence[str]) -> str:
    listed = ", ".join(f'"{choice}"' for choice in choices)
    if not isinstance(word, str):
        return f"expected one of {listed}"
    if word in _COMING.get(key, ()):
        return f'"{word}" is not built yet, it comes with a later release; now: {listed}'
    return unknown(key if key in {"vendor", "kind"} else "word", word, choices)


def _choices(expected: str) -> list[str]:
    return [word.strip(" '") for word in expected.replace(" or ", ", ").split(",")]


def _keys(model: type[BaseModel] | None) -> list[str]:
    if model is None:
        return []
    return [field.alias or name for name, field in model.model_fields.items() if not field.exclude]


def _locate(loc: tuple[str | int, ...]) -> _Spot:
    """Pydantic's location as a path of the file: union tags and ``[key]`` marks taken out."""
    node: Any = Settings
    owner: type[BaseModel] | None = None
    path: Path = ()
    is_key = False
    for step in loc:
        node = _plain(node)
        owner = None
        if isinstance(node, tuple):  # a union of models: the step is its tag
            node = next((model for model in node if _has_tag(model, step)), None)
        elif isinstance(node, type) and issubclass(node, BaseModel):
            owner = node
            path = (*path, step)
            node = _annotation(node, step)
        elif step == "[key]":
            is_key = True
        else:
            path = (*path, step)
            node = (get_args(node) or (None,))[-1]
    return _Spot(path, owner, is_key)


def _plain(node: Any) -> Any:
    """An annotation without Annotated and None; a union of models as a tuple."""
    while get_origin(node) is Annotated:
        node = get_args(node)[0]
    if get_origin(node) in {Union, types.UnionType}:
        members = tuple(_plain(part) for part in get_args(node) if part is not type(None))
        return members[0] if len(members) == 1 else members
    return node


def _annotation(model: type[BaseModel], key: str | int) -> Any:
    for name, field in model.model_fields.items():
        if key in {name, field.alias}:
            return field.annotation
    return None


def _has_tag(model: Any, tag: object) -> bool:
    return any(
        get_origin(field.annotation) is Literal and tag in get_args(field.annotation)
        for name, field in model.model_fields.items()
        if name in {"vendor", "kind"}
    )
