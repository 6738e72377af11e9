"""How urgent the calls of a task are: what a person or another CRM waits for goes before what can wait.

The less urgent leave a part of every window of calls alone, so that the urgent need not wait for its end. A task and
those it starts share their urgency::

    with urgently(Urgency.BACKFILL):
        await pull(...)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum


class Urgency(Enum):
    """What a call is for. The value is the share of a window that it leaves to the more urgent."""

    COMMAND = 0.0, "command"
    """A person waits for it. What nobody named otherwise."""
    HINT = 0.0, "hint"
    """A vendor said that somebody edits this record now."""
    PUSH = 0.0, "push"
    """An edit on its way to another CRM."""
    POLL = 0.05, "poll"
    """Looking for what nobody told."""
    BACKFILL = 0.2, "backfill"
    """Whole walks, full comparisons."""

    @property
    def spare(self) -> float:
        """The share of a window that such calls leave alone."""
        return self.value[0]


_urgency: ContextVar[Urgency] = ContextVar("urgency", default=Urgency.COMMAND)


def urgency() -> Urgency:
    """How urgent the calls of the present task are."""
    return _urgency.get()


@contextmanager
def urgently(value: Urgency) -> Iterator[None]:
    """Calls made inside are this urgent."""
    token = _urgency.set(value)
    try:
        yield
    finally:
        _urgency.reset(token)
