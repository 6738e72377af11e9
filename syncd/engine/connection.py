"""One connection as the engine works with it: its adapter and what the config says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from syncd.domain.guard import Limits
from syncd.domain.merge import Policy
from syncd.domain.notes import DEFAULT_TEMPLATE
from syncd.domain.plan import Target
from syncd.ports.vendor import Adapter

Progress = Callable[[str, str, int, int | None], None]
"""(what, connection, done so far, total or None) → shown to a person; never the contents of a record."""


def silent(_what: str, _connection: str, _done: int, _total: int | None) -> None:
    """A `Progress` nobody looks at."""


Enough = Callable[[], bool]
"""Whether a slice of work has used up its time; asked wherever it could be broken off and gone on with."""


def never() -> bool:
    """An `Enough` for work that is done to its end."""
    return False


@dataclass(slots=True)
class Connection:
    """A configured account with everything the stages need to know of it.

    pins       external agent id → email, from the config's [agents]
    archive    what the ``archive`` policy sets elsewhere: {"stage": …} or {"label": …}
    agents_in  external agent id → canonical agent id; ``agents_out`` the other way round
    losses     when hints showed leads to be gone: as few in a while as one run may believe
    walked     when the last walk began that showed every lead whole: what looked unchanged then was unchanged
    mapping  fingerprint of what the config says about its records: once it is another, they are read again
    mend       what a person types when the credentials are refused
    fingerprint  of the credentials in force, made like an earlier one ("": a new one): equal if they are the same
    """

    name: str
    adapter: Adapter
    policy: Policy
    limits: Limits = field(default_factory=Limits)
    write_guard: str = "read"
    on_delete: str = "unlink"
    archive: Mapping[str, str] = field(default_factory=dict)
    on_duplicate: str = "review"
    clears: frozenset[str] = frozenset()
    labels_only: frozenset[str] = frozenset()
    stages_only: frozenset[str] = frozenset()
    note_header: str = DEFAULT_TEMPLATE
    notes_sweep: int = 500
    full_compare: timedelta = timedelta(hours=24)
    pins: Mapping[str, str] = field(default_factory=dict)
    agents_in: dict[str, int] = field(default_factory=dict)
    agents_out: dict[int, str] = field(default_factory=dict)
    agent_names: dict[int, str] = field(default_factory=dict)
    losses: list[datetime] = field(default_factory=list)
    walked: datetime | None = None
    mapping: str = ""
    mend: str = ""
    fingerprint: Callable[[str], str] = field(default=lambda _earlier: "")
    remade: Callable[[Mapping[str, object]], Adapter] | None = None
    """A new adapter of this account that remembers what another process has learned of it."""

    @property
    def target(self) -> Target:
        """This connection as the plan sees it."""
        return Target(
            connection=self.name,
            lenses=self.adapter.lenses,
            can=self.adapter.capabilities,
            directions=self.policy.directions,
            agents=self.agents_out,
            agent_names=self.agent_names,
            clears=self.clears,
            labels_only=self.labels_only,
            stages_only=self.stages_only,
            note_header=self.note_header,
        )
