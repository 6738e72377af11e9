"""Logging: an event name and keys, JSON under systemd and in pipes, readable on a terminal.

Contents of leads must never reach a log. Three things see to that beside the discipline of the callers:
exceptions are logged as class and place, never with their text or traceback (an error of the database may
quote a row); records of other libraries lose their arguments; and the chatty ones (an HTTP client logs
addresses with e-mails in them) are held at WARNING whatever the level.

In the journal every line also carries its level the way journald understands it, so that
``journalctl -u syncd -p warning`` finds what it should.
"""

from __future__ import annotations

import logging
import os
import secrets
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TextIO

from syncd.ports.clock import Clock


@contextmanager
def _left_out(name: str) -> Iterator[None]:
    """Inside, a module cannot be imported, unless it has been already."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]


with _left_out("rich"):
    # For pretty tracebacks, which never get into a line of ours; loading it took a fifth of a short command's time.
    import structlog

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("auto", "json", "pretty")
_CHATTY = ("httpx", "httpcore", "sqlalchemy", "psycopg", "psycopg.pool", "apscheduler", "alembic", "asyncio")
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "exception": 3, "critical": 2}
"""Of a level in the journal (sd-daemon(3))."""


def configure(level: str = "warning", *, stream: TextIO | None = None, form: str = "auto") -> None:
    """Set up logging for the process. Calling it again replaces the set-up.

    level   one of `LEVELS`
    stream  where lines go, standard error by default
    form    one of `FORMATS`; auto: readable on a terminal, JSON elsewhere and under systemd
    """
    out = stream if stream is not None else sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    pretty = form == "pretty" or (form == "auto" and out.isatty() and not _under_systemd())
    renderer: Any = structlog.dev.ConsoleRenderer(colors=out.isatty()) if pretty else _Json(journal=_is_journal(out))
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            exception_place,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, Forward)]:
        root.removeHandler(handler)
    root.addHandler(Forward())
    root.setLevel(number)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


@contextmanager
def about(**ids: object) -> Iterator[None]:
    """Inside, and in tasks started inside, every line carries these keys: ``job=17``, ``connection="cinc"``."""
    with structlog.contextvars.bound_contextvars(**ids):
        yield


def new_id() -> str:
    """A short id for a request or a slice, to find its lines by."""
    return secrets.token_hex(6)


class Spells:
    """States that last (a breaker that is open, a database that is away): told when they begin and when they end.

    What happens meanwhile is counted instead of told, so that an hour's outage is two lines and not a thousand.
    """

    def __init__(self, clock: Clock) -> None:
        """One for whoever watches such states; the clock tells how long they lasted."""
        self._clock = clock
        self._lasting: dict[str, tuple[float, int]] = {}

    def begin(self, key: str, event: str, **told: object) -> bool:
        """The state ``key`` is on: log it as a warning if that is news. Returns whether it was."""
        began, times = self._lasting.get(key, (self._clock.monotonic(), 0))
        self._lasting[key] = began, times + 1
        if times:
            return False
        structlog.get_logger().warning(event, **told)
        return True

    def end(self, key: str, event: str, **told: object) -> bool:
        """The state ``key`` is over: log it if it was on, how long (``lasted_s``) and how often it was met."""
        found = self._lasting.pop(key, None)
        if found is None:
            return False
        began, times = found
        lasted_s = round(self._clock.monotonic() - began, 1)
        structlog.get_logger().warning(event, lasted_s=lasted_s, times=times, **told)
        return True


def exception_place(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace ``exc_info`` by the exception's class and the innermost place of our own code."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["at"] = place_of(error.__traceback__)
    return event


def place_of(trace: TracebackType | None) -> str:
    """``module.py:12`` of the innermost frame of ours, else of the innermost frame."""
    frames = traceback.extract_tb(trace)
    ours = [frame for frame in frames if f"{os.sep}syncd{os.sep}" in frame.filename]
    for frame in (ours or list(frames))[-1:]:
        return f"{os.path.basename(frame.filename)}:{frame.lineno}"  # noqa: PTH119 - a name, not a path
    return ""


class Forward(logging.Handler):
    """Records of other libraries as events of ours: the message's template, without its arguments."""

    def emit(self, record: logging.LogRecord) -> None:
        """Hand one record on."""
        message = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        structlog.get_logger().log(
            record.levelno, "library", logger=record.name, message=message, exc_info=record.exc_info
        )


class _Json:
    """An event as one line of JSON; for the journal behind its level, which journald takes off again."""

    def __init__(self, *, journal: bool) -> None:
        self._journal = journal

    def __call__(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
        import orjson

        line = orjson.dumps(event, default=str).decode()
        return f"<{_PRIORITIES.get(event.get('level', ''), 6)}>{line}" if self._journal else line


def _under_systemd() -> bool:
    return "INVOCATION_ID" in os.environ or "JOURNAL_STREAM" in os.environ


def _is_journal(out: TextIO) -> bool:
    """Whether lines go straight into the journal (systemd.exec(5), ``$JOURNAL_STREAM``)."""
    stated = os.environ.get("JOURNAL_STREAM", "")
    if not stated:
        return False
    try:
        found = os.fstat(out.fileno())
    except (OSError, ValueError):
        return False
    return stated == f"{found.st_dev}:{found.st_ino}"
