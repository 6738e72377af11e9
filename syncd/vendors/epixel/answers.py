"""Shapes of answers: the envelope, lists, single leads, new ids (vendors/epixel.md §3, §7, §11). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from syncd.domain.errors import UnreadableError
from syncd.domain.normalize import text

SLUGS = ("slug", "lead_slug")
LEAD_KEYS = ("lead", "lead_details", "details")
LIST_KEYS = ("leads", "lead_list", "list")
NOTE_KEYS = ("notes", "lead_notes", "leadnotes")
BESIDE_LEAD = (*NOTE_KEYS, "appointments", "message")
"""What a view may show beside the lead instead of in it."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of a list.

    rows       as they came
    count      how many rows the whole list has, None if it does not say; ``pages`` likewise
    following  the page a ``next`` address names, None if there is none
    counted    whether counts alone say that there is more
    """

    rows: Sequence[Any]
    count: int | None = None
    pages: int | None = None
    following: int | None = None
    counted: bool = False

    def after(self, page: int, distinct: int) -> int | None:
        """The page to ask for next, None at the end."""
        if self.following is not None:
            return max(self.following, page + 1)
        if not self.counted:
            return None
        more = self.count is not None and distinct < self.count
        return page + 1 if more or (self.pages is not None and page < self.pages) else None


def unwrap(data: Any) -> Any:
    """An answer without its envelope ``{"status_code","errors","data"}``."""
    if isinstance(data, Mapping) and "data" in data and ("status_code" in data or "errors" in data or len(data) == 1):
        return data["data"]
    return data


def listed(data: Any, keys: Sequence[str] = LIST_KEYS) -> Listed:
    """A page in any of the accepted shapes a–e. Raises UnreadableError for anything else."""
    content = unwrap(data)
    if isinstance(content, list):
        return Listed(content)
    if isinstance(content, Mapping):
        if isinstance(content.get("results"), list):
            return Listed(content["results"], number(content.get("count")), following=_next(content.get("next")))
        found = next((content[key] for key in keys if isinstance(content.get(key), list)), None)
        if found is not None:
            count, pages = number(content.get("count")), number(content.get("total_pages"))
            return Listed(found, count, pages, counted=count is not None or pages is not None)
        named = any(key in content and content[key] is None for key in ("results", *keys))
        if named and number(content.get("count")) == 0:
            return Listed([], 0)  # none, in other words
    # Anything else taken for an empty list would read as "all of them are gone".
    message = "the answer is not a list"
    raise UnreadableError(message)


def single(data: Any) -> Mapping[str, Any]:
    """The lead in the answer to a view. Raises UnreadableError if there is no object with a slug."""
    content = unwrap(data)
    if isinstance(content, list) and len(content) == 1:
        content = content[0]
    if isinstance(content, Mapping):
        for key in LEAD_KEYS:
            inner = content.get(key)
            if isinstance(inner, list) and len(inner) == 1:
                inner = inner[0]
            if isinstance(inner, Mapping) and slug_of(inner):
                beside = {name: content[name] for name in BESIDE_LEAD if name in content and name not in inner}
                return {**inner, **beside}
        if slug_of(content):
            return content
    message = "the answer is not a lead"
    raise UnreadableError(message)


def slug_of(row: Any) -> str:
    """The slug of a lead, "" if it has none that can be used."""
    if not isinstance(row, Mapping):
        return ""
    return next((found for key in SLUGS if (found := scalar(row.get(key)))), "")


def slug_told(data: Any) -> str:
    """The slug in the answer to a create: ``slug``, ``lead_slug``, ``lead.slug``; "" if none."""
    content = unwrap(data)
    if isinstance(content, list) and len(content) == 1:
        content = content[0]
    found = slug_of(content)
    return found or (slug_of(content.get("lead")) if isinstance(content, Mapping) else "")


def id_told(data: Any, key: str, inner: str) -> str:
    """The id in the answer to a create: ``{key}``, ``id`` or ``{inner}.id``; "" if none."""
    content = unwrap(data)
    if not isinstance(content, Mapping):
        return ""
    under = content.get(inner)
    candidates = [content.get(key), content.get("id")]
    if isinstance(under, Mapping):
        candidates += [under.get("id"), under.get(key)]
    return next((found for value in candidates if (found := scalar(value))), "")


def scalar(value: Any) -> str:
    """Text or a number as text; "" for anything else."""
    if isinstance(value, bool):
        return ""
    try:
        return text(value)
    except UnreadableError:
        return ""


def number(value: Any) -> int | None:
    """A count, also spelled as text; None for anything else."""
    found = scalar(value)
    return int(found) if found.isascii() and found.isdecimal() else None


def _next(value: Any) -> int | None:
    """The page a ``next`` address names (1 where it names none: then the following one is asked for)."""
    if not value or isinstance(value, bool):
        return None
    named = number(value) if not isinstance(value, str) or value.isdecimal() else None
    if named is None and isinstance(value, str):
        try:
            named = number((parse_qs(urlsplit(value).query).get("page") or [""])[0])
        except ValueError:
            named = None
    return named or 1
