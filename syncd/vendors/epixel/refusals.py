"""What the body of a refusal says, and which error that is (vendors/epixel.md §2, §3, §12). Pure.

Epixel says 401 for business failures too, so the status alone tells little. Every text of a body is compared
with the sentences of the sheet; the one found becomes a *code*, and codes decide. Nothing else of a body ever
gets into a message: it may repeat a value ("Hot is not a valid choice.").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from syncd.domain.errors import AuthError, ConflictError, NotFoundError, RejectedError, TransientError
from syncd.domain.normalize import fold
from syncd.vendors.http import ErrorRow, ErrorTable, Failure

WAIT_S = 60.0
"""The pause after a 429 that names none."""
CLIENT_FAULTS = frozenset(range(400, 500)) - {403, 408, 425, 429}
UNNAMED_EXISTS = "something_exists"
REFUSED_VALUES = frozenset({400, 409, 422})
UNPROVEN = frozenset({404, 405})
DEPTH_MAX = 6
NUMBER = re.compile(r"in (\d+(?:\.\d+)?) ?second")
CHECK = "check the user, the password and the api key"

SENTENCES: Mapping[str, str] = {
    "not_owner": "you are not owner of this lead",
    "no_rights": r"you can't (?:delete|add note on|update|take appointment under)",
    "no_lead": r"(?:^|lead |slug |matching query )does not (?:esixt|exist)|requested lead not found",
    "no_slug": "requested slug is invalid",
    "deleted": "requested lead already has a deleted status",
    "no_note": r"requested note not found|invalid note id",
    "no_appointment": r"requested appointment not found|invalid appointment id",
    "slot_taken": "appointment schedule exists for this time",
    "no_body": "body data not found",
    "end_before_start": "end date can't",
    "not_in_future": "please specify a date",
    "exists": r"already exists|\bunique\b",
    "invalid_choice": "is not a valid choice",
    "required": "this field is required",
    "blank": "may not be blank",
    "too_long": r"no more than \d+ characters",
    "invalid_email": "invalid email",
    "invalid_phone": "phone number must be entered",
    "no_assignee": "assignee not found",
    "invalid_filter": "invalid appointment filter value",
    "invalid_date": "invalid date format",
    "invalid_status": "invalid appointment status",
}
"""Code → what its sentence contains, folded. The first one found in a body is the body's code."""
_SENTENCES = {code: re.compile(pattern) for code, pattern in SENTENCES.items()}
NOT_FOUND = frozenset({"no_lead", "no_slug", "no_note", "no_appointment"})
RIGHTS = frozenset({"not_owner", "no_rights"})
CREDENTIAL_CODES = frozenset({"token_not_valid", "authentication_failed", "not_authenticated"})
_CREDENTIALS = re.compile(r"token|credentials|api ?key|authenticat|inactive account")
_SAYABLE = {
    "exists": "already exists",
    "invalid_choice": "is not a valid choice",
    "required": "is required",
    "blank": "may not be blank",
    "too_long": "is too long",
    "invalid_email": "is not an e-mail address",
    "invalid_phone": "must be up to 15 digits",
    "no_assignee": "names nobody there",
    "invalid_date": "has another form",
    "invalid_status": "is not a valid choice",
    "no_slug": "is invalid",
}
FIELDS = frozenset(
    {"first_name", "last_name", "email", "phone", "location", "message", "status", "source", "assignee", "slug", "note"}
    | {"note_id", "appointment", "appointment_id", "appointment_date", "appointment_to", "appointment_note"}
    | {"appointment_status"}
)
"""Names of form fields: they may be shown, their values may not."""


class UnclearError(AuthError):
    """A 401 that may be about the credentials or about anything else (vendors/epixel.md §2, rule 3)."""


class NoRouteError(RejectedError):
    """404 or 405 on a path that never worked: the next one is tried (vendors/epixel.md §1)."""


def said(body: Any, field: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """(form field or "", folded text) of everything a body says; ``data`` holds records and is left out."""
    if depth > DEPTH_MAX:
        return
    if isinstance(body, str):
        yield field, fold(body.replace("’", "'"))
    elif isinstance(body, list):
        for item in body:
            yield from said(item, field, depth + 1)
    elif isinstance(body, Mapping):
        for key, value in body.items():
            if key != "data":
                # ``{"message": "…"}`` says why; the lead's own message is refused with a list of texts.
                is_field = key in FIELDS and not (key == "message" and isinstance(value, str))
                yield from said(value, key if is_field else field, depth + 1)


def codes(body: Any) -> list[tuple[str, str]]:
    """(code, form field or "") of every known sentence in a body, in the order of `SENTENCES`."""
    texts = list(said(body))
    return [(code, field) for code, sentence in _SENTENCES.items() for field, text in texts if sentence.search(text)]


def code_of(body: Any) -> str:
    """The code of a refusal, "" if it says nothing known.

    An address that is taken is ``email_exists``, something that is taken and not named `UNNAMED_EXISTS`.
    """
    found = codes(body)
    if not found:
        return ""
    code, field = found[0]
    if code != "exists":
        return code
    named = {field for code, field in found if code == "exists"} - {""}
    if "email" in named or (not field and any("email" in text for _, text in said(body))):
        return "email_exists"
    return code if named else UNNAMED_EXISTS


def details(body: Any) -> str:
    """Fields and what is wrong with them, without their values: ``phone is required, status is not a valid choice``."""
    found = dict.fromkeys(f"{field} {_SAYABLE[code]}" for code, field in codes(body) if field and code in _SAYABLE)
    return ", ".join(found)


def about_credentials(body: Any) -> bool:
    """Whether a 401 is about who we are (§2, rule 1)."""
    if body is None or body in ("", {}, []):
        return True
    return any(_CREDENTIALS.search(text) or text in CREDENTIAL_CODES for _, text in said(body))


def status_of(status: int, body: Any) -> int:
    """The status an answer really has: a ``status_code`` of 400 and more inside a 200 counts, so do errors there."""
    if not 200 <= status < 300 or not isinstance(body, Mapping):
        return status
    told = body.get("status_code")
    if isinstance(told, str) and told.isdecimal():
        told = int(told)
    if isinstance(told, int) and not isinstance(told, bool) and 400 <= told < 600:
        return told
    return 400 if body.get("errors") and ("data" in body or "status_code" in body or len(body) == 1) else status


def wait_of(body: Any) -> float:
    """Seconds a 429 asks for in words, else a minute (§4)."""
    for _, text in said(body):
        if (found := NUMBER.search(text)) is not None:
            return float(found[1])
    return WAIT_S


def error_table(proven: Callable[[str], bool]) -> ErrorTable:
    """The table of §12. ``proven`` tells whether a path has ever worked."""

    def of(error: type[RejectedError | ConflictError | NotFoundError], codes_: frozenset[str], **more: Any) -> ErrorRow:
        return ErrorRow(error, CLIENT_FAULTS | {403}, codes=codes_, **more)

    def unclear(failure: Failure) -> bool:
        return not about_credentials(failure.body)

    def no_route(failure: Failure) -> bool:
        return not proven(failure.path)

    def html(failure: Failure) -> bool:
        return failure.body is None and "html" in failure.headers.get("content-type", "")

    return ErrorTable(
        rows=(
            ErrorRow(
                AuthError,
                {401},
                when=lambda f: about_credentials(f.body),
                words="the credentials are refused",
                hint=CHECK,
            ),
            of(RejectedError, RIGHTS, words="this user has no right to that lead"),
            of(NotFoundError, frozenset({"deleted"}), words="already deleted", told=True),
            of(NotFoundError, NOT_FOUND, words="not found"),
            of(ConflictError, frozenset({"slot_taken"}), words="another appointment stands there"),
            ErrorRow(
                ConflictError, REFUSED_VALUES, codes={"exists", "email_exists", UNNAMED_EXISTS}, words="taken already"
            ),
            ErrorRow(RejectedError, CLIENT_FAULTS, codes=frozenset(SENTENCES), words="rejected"),
            ErrorRow(NoRouteError, UNPROVEN, when=no_route, words="no such route"),
            ErrorRow(TransientError, UNPROVEN, when=html, words="answered HTML, not JSON", hint="check base_url"),
            ErrorRow(UnclearError, {401}, when=unclear, words="refused", hint=CHECK),
        ),
        code_of=code_of,
        status_of=status_of,
        wait_of=wait_of,
        details=details,
    )
