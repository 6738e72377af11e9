"""A real account, for the part of the contract that can be asked of one.

    SYNCD_LIVE_CINC_CONFIG=/path/to/syncd.toml    the first connection of this vendor in that config is used
    SYNCD_LIVE_CINC_WRITE=1                       also create one lead, change it, and delete it again

Without the second nothing is written. Tokens that renew themselves are kept where that config keeps them: a refresh
token spent here and forgotten would log the account out.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from syncd.bootstrap import open_keeping
from syncd.domain.errors import UnreadableError
from syncd.domain.lead import Fields, Phone
from syncd.ports.clock import SystemClock
from syncd.ports.vendor import Adapter, Remote
from syncd.settings import BaseConnection, Settings
from syncd.settings.load import load
from syncd.vendors.registry import Deps, login, make

PAGES_MAX, SINGLES_MAX = 3, 5
"""A real account is large and its calls are counted: so much of it is looked at."""


@dataclass
class Live:
    """A real account. ``rows``: leads of its first pages; ``made``: what this test created and has to take away."""

    adapter: Adapter
    config: BaseConnection
    rows: list[Remote] = field(default_factory=list)
    cursor: str | None = None
    made: list[str] = field(default_factory=list)

    async def look(self) -> None:
        """Read the first pages of a full walk."""
        pages = self.adapter.leads(None, full=True)
        async with contextlib.aclosing(pages):  # type: ignore[type-var]  # every adapter's is a generator
            seen = 0
            async for page in pages:
                self.rows += page.rows
                self.cursor = page.cursor or self.cursor
                seen += 1
                if seen >= PAGES_MAX:
                    break

    def readable(self) -> list[tuple[Remote, Fields]]:
        """Rows with their canonical fields; what cannot be read is left to quarantine."""
        found = []
        for row in self.rows:
            with contextlib.suppress(UnreadableError):
                found.append((row, self.adapter.read_lead(row).fields))
        return found


def settings_of(vendor: str) -> Settings | None:
    """The config named in the environment, None where there is none."""
    path = os.environ.get(f"SYNCD_LIVE_{vendor.upper()}_CONFIG")
    return load(Path(path)) if path else None


def may_write(vendor: str) -> bool:
    """Whether somebody has said that this account may be written to."""
    return os.environ.get(f"SYNCD_LIVE_{vendor.upper()}_WRITE") == "1"


@contextlib.asynccontextmanager
async def open_live(settings: Settings, vendor: str) -> AsyncIterator[Live]:
    """The account. What it still holds of ours in the end is deleted."""
    config = next((one for one in settings.connections.values() if one.vendor == vendor), None)
    assert config is not None, f"the config has no connection with vendor = {vendor!r}"
    async with contextlib.AsyncExitStack() as stack:
        credentials = None
        if login(config) is not None:
            credentials = (await stack.enter_async_context(open_keeping(settings))).credentials
        adapter = make(config, Deps(SystemClock(), credentials=credentials))
        stack.push_async_callback(adapter.aclose)
        live = Live(adapter, config)
        try:
            yield live
        finally:
            for lead in live.made:
                await adapter.delete_lead(lead, "made by the contract suite")


def somebody() -> Fields:
    """A lead that nobody can take for a person: a number that rings nowhere, an address of a reserved domain."""
    tag = secrets.token_hex(6)
    number = f"+1404555{100 + secrets.randbelow(100):04d}"
    address = f"syncd-contract-{tag}@example.com"
    return {
        "first_name": "Contract",
        "last_name": f"Suite {tag}",
        "email": address,
        "emails": frozenset({address}),
        "phone": number,
        "phones": frozenset({Phone(number, "cell")}),
    }
