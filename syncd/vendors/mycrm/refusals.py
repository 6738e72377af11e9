"""MyCRM's errors, and what of their text may be repeated (vendors/mycrm.md §12).

A refusal names the fields and says what is wrong with them. Field names are repeated where we know them; of the
vendor's sentences only those made of a few harmless words, because a sentence may quote a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from syncd.domain.errors import AuthError, RejectedError
from syncd.vendors.http import ErrorRow, ErrorTable
from syncd.vendors.mycrm.needs import ORDER

FORBIDDEN = 403
INVALID = frozenset({400, 422})
"""The request itself is wrong: a filter, a path form or a field the account does not know."""
FIELDS = frozenset(
    {key.rpartition(".")[2] for key in ORDER}
    | {"email", "middle_name", "address", "pobox", "city", "quality", "mortgage_status", "time_frame", "user", "notes"}
    | {"fields", "preference", "preferences", "from_size", "to_size", "from_bathroom", "to_bathroom", "properties"}
    | {"from_bedroom", "to_bedroom", "body", "lead", "operations", "path", "value", "id", "channel", "filters"}
)
_PHRASE = re.compile(r"(?:this|the) (?:value|field|form|list|collection)[a-z ,]{0,100}\.?", re.ASCII)
_HARMLESS = frozenset({
    "a", "allowed", "already", "an", "and", "are", "array", "at", "be", "blank", "choice", "collection",
    "contain", "contains", "date", "does", "email", "empty", "exist", "expected", "extra", "field", "fields",
    "form", "greater", "has", "have", "in", "integer", "invalid", "is", "it", "least", "less", "list", "long",
    "missing", "more", "must", "not", "null", "number", "of", "one", "or", "positive", "required", "selected",
    "short", "should", "string", "than", "the", "this", "to", "too", "type", "unexpected", "unknown", "used",
    "valid", "value", "values", "was", "you",
})  # fmt: skip


def _named(body: Any) -> Iterator[str]:
    """Words like "mobile: this value should not be blank" for each field a refusal names."""
    errors = (body.get("errors") or body.get("error")) if isinstance(body, Mapping) else None
    if isinstance(errors, list):
        errors = dict(row for entry in errors if (row := _row(entry)) is not None)
    if not isinstance(errors, Mapping):
        return
    for key, said in errors.items():
        name = str(key).rpartition(".")[2]
        if name not in FIELDS:
            continue
        if isinstance(said, Mapping):
            yield from (f"{name}.{inner}" for inner in _named({"errors": said}))
            continue
        first = said[0] if isinstance(said, list) and said else said
        words = _harmless(first)
        yield f"{name}: {words}" if words else name


def _row(entry: object) -> tuple[str, object] | None:
    """(field, words) of an entry of a list of errors, None if it names no field."""
    if not isinstance(entry, Mapping):
        return None
    name = next((entry[key] for key in ("field", "property", "path", "name") if isinstance(entry.get(key), str)), None)
    return None if name is None else (name, entry.get("message") or entry.get("error"))


def _harmless(said: object) -> str:
    sentence = said.strip().lower() if isinstance(said, str) else ""
    plain = sentence.rstrip(".")
    if not _PHRASE.fullmatch(sentence) or not set(plain.replace(",", " ").split()) <= _HARMLESS:
        return ""
    return plain


ERRORS = ErrorTable(
    rows=(
        ErrorRow(
            RejectedError,
            {FORBIDDEN},
            write=True,
            words="forbidden: right lead.update missing",
            hint="give the user lead.update, lead.update.other and user.update",
        ),
        ErrorRow(AuthError, {FORBIDDEN}, words="forbidden: right lead.read missing", hint="give the user lead.read"),
        ErrorRow(AuthError, {401}, words="the credentials are refused", hint="check the API key and secret"),
    ),
    details=lambda body: "; ".join(_named(body)),
)
