"""One tree of errors; the class names the recovery.

SyncdError
├── ConfigError          the config is wrong: every problem at once, each with its place
├── DatabaseError        the store cannot be used: one line that says how to mend it
├── UsageError           a command was given something that does not exist
└── VendorError          a vendor call failed, translated once at the boundary
    ├── TransientError   try again later (5xx, timeout, broken JSON on a 2xx)
    │   └── NotYetError  made a moment ago and not shown yet: says nothing about the vendor's health
    ├── RateLimitedError slow down; ``retry_after_s`` says how long
    ├── AuthError        pause the connection until a person logs in again
    ├── RejectedError    the vendor will never take this; do not repeat unchanged
    ├── ConflictError    look again: the record is not what we thought (409, email taken)
    ├── NotFoundError    the record is gone or hidden; evidence for a delete, graded
    └── UnreadableError  a record that cannot be read: quarantine

Messages never contain the contents of a record: status, class, method and path template only.
"""

from __future__ import annotations


class SyncdError(Exception):
    """Base of all errors a person may see; ``str()`` is one line, ``hint`` how to mend it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(SyncdError):
    """The config cannot be used. ``problems`` holds every problem found, one line each."""

    def __init__(self, problems: list[str], *, hint: str = "") -> None:
        super().__init__("; ".join(problems), hint=hint)
        self.problems = problems


class DatabaseError(SyncdError):
    """The database cannot be reached, is behind, or cannot be started."""


class UsageError(SyncdError):
    """A command names something that does not exist or cannot be done now."""


class VendorError(SyncdError):
    """A vendor call failed. ``status`` is the HTTP status, 0 if there was none."""

    def __init__(self, message: str, *, status: int = 0, code: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code


class TransientError(VendorError):
    """Worth repeating later, unchanged."""

    def __init__(
        self, message: str, *, status: int = 0, code: str = "", hint: str = "", sent: bool = True,
        retry_after_s: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(message, status=status, code=code, hint=hint)
        self.sent = sent
        """False when the request certainly never reached the vendor (connection refused)."""
        self.retry_after_s = retry_after_s
        """How long the vendor asks to be left alone; 0 if it does not say."""


class NotYetError(TransientError):
    """A record of our own that the vendor does not show yet; it will."""


class RateLimitedError(VendorError):
    """The vendor asks for a pause of ``retry_after_s`` seconds."""

    def __init__(self, message: str, *, retry_after_s: float, status: int = 429) -> None:
        super().__init__(message, status=status)
        self.retry_after_s = retry_after_s


class AuthError(VendorError):
    """The credentials are refused; the connection pauses until somebody logs in."""


class RejectedError(VendorError):
    """The vendor refuses this request for good."""


class ConflictError(VendorError):
    """The vendor's record is not what the request assumed."""


class NotFoundError(VendorError):
    """The record is not there. ``told`` is True when the vendor says it is in the trash."""

    def __init__(self, message: str, *, status: int = 404, code: str = "", told: bool = False) -> None:
        super().__init__(message, status=status, code=code)
        self.told = told


class UnreadableError(VendorError):
    """A payload that does not have the shape its sheet promises. Never contains the payload."""
