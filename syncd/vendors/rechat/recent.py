"""What was read a moment ago and need not be read again: notes of a walk, the contact about to be written.

A list shows a contact whole, its notes too; reading each of them again for its notes would cost a call a
contact. What a walk showed is used once and only for a while, and any call of ours about that contact ends
it: after a call whose answer was lost, only a fresh read tells.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from syncd.ports.clock import Clock
from syncd.ports.vendor import Remote
from syncd.vendors.rechat.rows import NOTE, type_of

LISTED_KEPT_MAX = 50_000
LISTED_AGE_MAX_S = 300.0
READ_KEPT_MAX = 256
READ_AGE_MAX_S = 5.0
"""The engine reads a contact right before it writes; within this time that reading is a fresh one."""


class Recent:
    """Bounded memories of one adapter."""

    def __init__(self, clock: Clock) -> None:
        """Nothing was read yet."""
        self._clock = clock
        self._listed: OrderedDict[str, tuple[float, Mapping[str, Any]]] = OrderedDict()
        self._read: OrderedDict[str, tuple[float, Remote]] = OrderedDict()

    def listed(self, row: Remote) -> None:
        """A walk showed this contact; its notes are kept."""
        self._listed.pop(row.external_id, None)
        rows = row.payload.get("attributes")
        if not row.complete or not isinstance(rows, list):
            return
        kept = [raw for raw in rows if isinstance(raw, Mapping) and type_of(raw) == NOTE]
        self._listed[row.external_id] = (self._clock.monotonic(), {"attributes": kept})
        while len(self._listed) > LISTED_KEPT_MAX:
            self._listed.popitem(last=False)

    def take_listed(self, external_id: str) -> Mapping[str, Any] | None:
        """The notes a walk has just shown, once; None where there are none to trust."""
        at, payload = self._listed.pop(external_id, (float("-inf"), None))
        return payload if self._clock.monotonic() - at <= LISTED_AGE_MAX_S else None

    def read(self, remote: Remote) -> None:
        """A contact was read by itself."""
        self._read.pop(remote.external_id, None)
        self._read[remote.external_id] = (self._clock.monotonic(), remote)
        while len(self._read) > READ_KEPT_MAX:
            self._read.popitem(last=False)

    def is_fresh(self, present: Remote) -> bool:
        """Whether this very reading is the last one, a moment old, with no call of ours since."""
        at, remote = self._read.get(present.external_id, (float("-inf"), None))
        return remote is present and self._clock.monotonic() - at <= READ_AGE_MAX_S

    def forget(self, external_id: str) -> None:
        """A call of ours is about to change this contact."""
        self._listed.pop(external_id, None)
        self._read.pop(external_id, None)
