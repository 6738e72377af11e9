"""Logging: an event name and keys, JSON under systemd and in pipes, readable on a terminal.

Contents of leads must never reach a log. Three things see to that beside the discipline of the callers:
exceptions are logged as class and place, never with their text or traceback (an error of the database may
quote a row); records of other libraries lose their arguments; and the chatty ones (an HTTP client logs
addresses with e-mails in them) are held at WARNING whatever the level.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, TextIO

import structlog

LEVELS = ("debug", "info", "warning", "error")
_CHATTY = ("httpx", "httpcore", "sqlalchemy", "psycopg", "psycopg.pool", "apscheduler", "alembic", "asyncio")


def configure(level: str = "warning", *, stream: TextIO | None = None) -> None:
    """Set up logging for the process. Calling it again replaces the set-up.

    level   one of `LEVELS`
    stream  where lines go, standard error by default
    """
    out = stream if stream is not None else sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    pretty = out.isatty() and not _under_systemd()
    renderer: Any = structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer(_json)
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


def _under_systemd() -> bool:
    return "INVOCATION_ID" in os.environ or "JOURNAL_STREAM" in os.environ


def _json(value: object, **_options: object) -> str:
    import orjson

    return orjson.dumps(value, default=str).decode()
