"""What `verify` found at one connection, in numbers and a few examples; never the contents of a record."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

EXAMPLES_MAX = 20
COUNTS = ("compared", "notes", "unknown", "missing", "absent", "waiting", "unread", "repaired")
NOTES = "notes"
"""The field under which notes that differ are told; as a count, the records whose notes were compared."""


@dataclass(slots=True)
class Drift:
    """What a comparison of one connection found.

    found     the counts of `COUNTS`, and ``field NAME`` → records that show something else there
    examples  (external id, lead, what differs), as many as a person reads
    resumed   it went on with a comparison begun earlier
    noteless  the vendor shows no notes: only what ought to be there was looked at
    """

    found: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[str, int | None, str]] = field(default_factory=list)
    complete: bool = False
    resumed: bool = False
    noteless: bool = False

    @property
    def fields(self) -> dict[str, int]:
        """Field → records that show something else there than they should."""
        return {name.removeprefix("field "): n for name, n in self.found.items() if name.startswith("field ")}

    @property
    def any(self) -> bool:
        """Whether anything differs that nobody is about to write."""
        return bool(self.fields or any(self.found[name] for name in ("unknown", "missing", "absent")))

    def tell(self, external_id: str, lead: int | None, what: str) -> None:
        """Keep it as an example, if there are not enough."""
        if len(self.examples) < EXAMPLES_MAX:
            self.examples.append((external_id, lead, what))
