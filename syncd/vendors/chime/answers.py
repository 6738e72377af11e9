"""The forms Chime's answers take (vendors/chime.md §3, §7, §11): bare or wrapped, ids as numbers or text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from syncd.domain.errors import TransientError, UnreadableError
from syncd.domain.lens import Payload
from syncd.ports.vendor import Remote
from syncd.vendors.chime.values import identity, when
from syncd.vendors.http import digest

_UNQUOTED = re.compile(r"\{\s*[\"']?(?P<key>\w+)[\"']?\s*[:=]\s*[\"']?(?P<id>\d+)[\"']?\s*\}\Z")
VOLATILE = frozenset({"lastVisit", "lastTouch", "score", "opportunity", "assignCompletionStatus"})
"""Raw keys that move without a person: they do not make a lead a changed one."""


def unwrap(row: Any, key: str) -> Any:
    """``{…}`` or ``{"lead": {…}}``."""
    inner = row.get(key) if isinstance(row, dict) else None
    return inner if isinstance(inner, dict) else row


def lead_remote(row: Any, *, listed: bool) -> Remote | None:
    """A row as a record; None if it has no usable id."""
    lead = unwrap(row, "lead")
    external_id = identity(lead.get("leadId")) if isinstance(lead, dict) else ""
    if not external_id:
        return None
    lasting = lead.copy()  # for 5 keys of 60, copying and popping is far cheaper than picking the others
    for key in VOLATILE:
        lasting.pop(key, None)
    return Remote("lead", external_id, lead, digest(lasting), when(lead.get("lastUpdateTime")), listed=listed)


def id_in(answer: Any, names: tuple[str, ...], wrappers: tuple[str, ...]) -> str:
    """The id an answer tells, in any of its forms; "" if it tells none."""
    if isinstance(answer, str):
        found = _UNQUOTED.match(answer.strip())
        if found is not None:
            return identity(found["id"]) if found["key"] in names else ""
        return identity(answer)
    if not isinstance(answer, Mapping):
        return identity(answer)
    for name in names:
        if told := identity(answer.get(name)):
            return told
    for wrapper in wrappers:
        inner = answer.get(wrapper)
        if inner is not None and (told := id_in(inner, names, ())):
            return told
    return ""


def whole(answer: Any, what: str) -> None:
    """Refuse a write's answer that broke off in the middle. Raises TransientError."""
    if isinstance(answer, str) and answer.lstrip()[:1] in {"{", "["} and not _UNQUOTED.match(answer.strip()):
        raise TransientError(f"{what}: broken JSON")


def listed_rows(answer: Any, key: str, what: str) -> list[Any]:
    """The rows of a list: an array, or an object that holds it under ``key`` (null is none). Raises UnreadableError."""
    if isinstance(answer, list):
        return answer
    if isinstance(answer, Mapping):
        rows = answer.get(key)
        if isinstance(rows, list):
            return rows
        if rows is None and (key in answer or metadata(answer)):
            return []
    raise UnreadableError(f"{what}: the answer holds no {key}")


def metadata(answer: Any) -> Payload:
    """The envelope's facts about a walk; {} if there are none."""
    if isinstance(answer, Mapping):
        for key in ("_metadata", "get_metadata", "metadata"):
            found = answer.get(key)
            if isinstance(found, Mapping):
                return found
    return {}
