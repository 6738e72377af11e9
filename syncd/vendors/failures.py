"""The table that turns a vendor's status and body into the one class of error that names the recovery.

Each vendor has its own rows (the "Errors" section of its sheet); they are asked in order, and the rows
of `COMMON` come after them. Nothing of the body gets into a message: only the error code, if the vendor
documents codes, and our own words.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from syncd.domain.errors import (
    AuthError,
    ConflictError,
    NotFoundError,
    RejectedError,
    TransientError,
    VendorError,
)

SERVER_FAULTS = range(500, 600)
SUCCESSES = range(200, 300)


@dataclass(frozen=True, slots=True)
class Failure:
    """What is known of a call that failed. ``path`` is the template; ``code`` the vendor's own error code or ""."""

    method: str
    path: str
    status: int
    write: bool
    code: str = ""
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One row: if everything given fits, this class.

    error    the class raised; its name says the recovery
    status   statuses it is for; None any
    codes    vendor error codes it is for; None any
    write    only for writes (True) or reads (False); None both
    paths    path templates it is for; None any
    when     a further test where the columns do not suffice
    words    a few words for the message, none of the vendor's
    hint     how a person mends it
    told     for NotFoundError: the vendor itself says that the record is in its trash
    """

    error: type[VendorError]
    status: Collection[int] | None = None
    codes: Collection[str] | None = None
    write: bool | None = None
    paths: Collection[str] | None = None
    when: Callable[[Failure], bool] | None = None
    words: str = ""
    hint: str = ""
    told: bool = False

    def fits(self, failure: Failure) -> bool:
        """Whether this row is about ``failure``."""
        return (
            (self.status is None or failure.status in self.status)
            and (self.codes is None or failure.code in self.codes)
            and (self.write is None or failure.write is self.write)
            and (self.paths is None or failure.path in self.paths)
            and (self.when is None or self.when(failure))
        )


COMMON = (
    ErrorRow(AuthError, {401}, words="the credentials are refused", hint="check the token or log in again"),
    ErrorRow(AuthError, {403}, write=False, words="forbidden", hint="check what the credentials may read"),
    ErrorRow(RejectedError, {403}, write=True, words="forbidden", hint="check what the credentials may write"),
    ErrorRow(NotFoundError, {404, 410}, words="not found"),
    ErrorRow(ConflictError, {409}, words="conflict"),
    ErrorRow(TransientError, {408, 425}, words="not answered in time"),
    ErrorRow(TransientError, SERVER_FAULTS, words="the vendor failed"),
    ErrorRow(
        RejectedError,
        range(300, 400),
        words="redirected elsewhere",
        hint="check base_url: the vendor moved or wants https",
    ),
    ErrorRow(RejectedError, words="rejected"),
)
"""What every vendor means by these statuses; the last row catches everything."""


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """The rows of one vendor, before `COMMON`.

    code_of    the vendor's error code in a body ("" if none); codes appear in messages
    disguised  whether a 2xx answer is an error all the same (an error code and no data, say)
    status_of  (status, body) → the status the answer really has, where bodies name their own
    wait_of    seconds a 429's body asks for, None if it names none
    details    what a body says, in words that hold nothing of a record: they appear in messages
    """

    rows: tuple[ErrorRow, ...] = ()
    code_of: Callable[[Any], str] | None = None
    disguised: Callable[[Any], bool] | None = None
    status_of: Callable[[int, Any], int] | None = None
    wait_of: Callable[[Any], float | None] | None = None
    details: Callable[[Any], str] | None = None

    def status(self, status: int, body: Any) -> int:
        """The status an answer really has."""
        return status if self.status_of is None else self.status_of(status, body)

    def wait_s(self, body: Any) -> float | None:
        """How long a 429's body asks to wait."""
        return None if self.wait_of is None else self.wait_of(body)

    def code(self, body: Any) -> str:
        """The vendor's error code in ``body``, short and harmless, or ""."""
        found = self.code_of(body) if self.code_of else ""
        return found if found.isascii() and found.replace("_", "").isalnum() and len(found) <= 32 else ""

    def is_success(self, status: int, body: Any) -> bool:
        """Whether an answer is what it was asked for."""
        return status in SUCCESSES and not (self.disguised is not None and self.disguised(body))

    def translate(self, failure: Failure) -> VendorError:
        """The one error for a failed call. 429 never gets here: `Http` waits for it itself."""
        row = next(row for row in (*self.rows, *COMMON) if row.fits(failure))
        code = f" (code {failure.code})" if failure.code else ""
        message = f"{failure.method} {failure.path}: {failure.status} {row.words or 'failed'}{code}"
        if self.details is not None and (said := self.details(failure.body)):
            message += f": {said}"
        if issubclass(row.error, NotFoundError):
            gone = row.error(message, status=failure.status, code=failure.code, told=row.told)
            gone.hint = row.hint
            return gone
        return row.error(message, status=failure.status, code=failure.code, hint=row.hint)
