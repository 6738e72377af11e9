"""What may be told of a vendor call: how long it took and how it ended, nothing of what it was about."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from syncd.domain import errors

OK = "ok"


@dataclass(frozen=True, slots=True)
class Call:
    """One request on the wire, repeats counted one by one.

    path     the template, never what fills it
    outcome  ``ok``, or the class of error in one word: transient, rate_limited, auth, rejected, not_found, …
    seconds  from sending to the answer understood; waiting for the budget is not in it
    """

    method: str
    path: str
    outcome: str
    seconds: float


Observe = Callable[[Call], None]
"""Told of every call as it ends. Must not raise or wait."""


def silent(_call: Call) -> None:
    """An `Observe` that nobody looks at."""


def word(error: BaseException) -> str:
    """The class of an error in one word, as the tree of domain/errors.py has it; what is no error of ours: ``broken``.

    A vendor's own subclass counts as the class it refines, so that there are never more words than recoveries.
    """
    ours = next((kind for kind in type(error).__mro__ if kind.__module__ == errors.__name__), None)
    if ours is None:
        return "broken"
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", ours.__name__.removesuffix("Error")).lower()
