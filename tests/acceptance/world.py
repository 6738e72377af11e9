"""A small business for the acceptance tests: both simulated vendors on real sockets, a real database, the engine.

Time is the machine's, except that waiting skips ahead: a vendor that hides a new lead for two seconds, or an intent
that may be looked up only after a minute, cost a test nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncd.bootstrap import Syncd, open_syncd
from syncd.domain.notes import DEFAULT_TEMPLATE, parse
from syncd.engine.plan import Planned
from syncd.engine.run import Report
from syncd.sandbox import SANDBOXES
from syncd.sandbox.base import Ask, SandboxVendor
from syncd.sandbox.faults import Fault
from syncd.sandbox.server import Served, serve
from syncd.settings import Settings
from syncd.settings.load import parse as parse_settings
from syncd.store.views import Views
from tests.vendors.clocks import SkippingClock

Watcher = Callable[[Ask, str], None]


@dataclass(slots=True)
class World:
    """Both CRMs and a syncd that connects them. The option texts are lines of TOML laid into the config."""

    folder: Path
    database_url: str
    clock: SkippingClock
    served: Served
    cinc: Any
    chime: Any
    cinc_options: str = ""
    chime_options: str = ""
    sync_options: str = ""
    rules: str = ""
    agents: str = ""
    urls: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def sandboxes(self) -> Mapping[str, SandboxVendor]:
        """Both, by connection name."""
        return {"cinc": self.cinc, "chime": self.chime}

    @property
    def writes(self) -> int:
        """Requests to write that the vendors have counted."""
        return sum(sandbox.writes for sandbox in self.sandboxes.values())

    @property
    def reads(self) -> int:
        """Requests to read that the vendors have counted."""
        return sum(sandbox.reads for sandbox in self.sandboxes.values())

    @property
    def config(self) -> str:
        """The config as it stands now."""
        lines = ["[sync]", 'order = ["cinc", "chime"]', self.sync_options]
        for name, options in (("cinc", self.cinc_options), ("chime", self.chime_options)):
            secret = self.folder / f"token-{name}"
            secret.write_text(self.tokens.get(name, SandboxVendor.token))
            kind = "\n".join(f'{key} = "{value}"' for key, value in self.sandboxes[name].config().items())
            auth = f'auth = {{ kind = "token", token = {{ file = "{secret}" }} }}'
            url = self.urls.get(name, self.served.urls[name])
            lines += [f"[connections.{name}]", kind, f'base_url = "{url}"', auth, options]
        lines += ["[rules]", self.rules, "[agents]", self.agents, "[database]", f'url = "{self.database_url}"']
        return "\n".join(lines)

    @property
    def settings(self) -> Settings:
        """The same, parsed."""
        return parse_settings(self.config)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Syncd]:
        """A syncd as a command opens it; each time a new one, as each command is a new process."""
        async with open_syncd(self.settings, clock=self.clock) as syncd:
            yield syncd

    async def sync(self, *, until_quiet: bool = True, full: bool = False) -> Report:
        """One `syncd sync`."""
        async with self.open() as syncd:
            return await syncd.engine.sync(until_quiet=until_quiet, full=full)

    async def quiet(self, *, full: bool = False) -> Report:
        """`syncd sync --until-quiet`, which has to get there."""
        report = await self.sync(full=full)
        assert report.quiet, report
        assert not report.failed, report.connections
        return report

    async def in_step(self) -> None:
        """Everything is quiet: another sync writes nothing and finds nothing to write."""
        await self.quiet()
        self.forget()
        report = await self.sync(until_quiet=False)
        assert self.writes == 0, self.written()
        assert report.pending == 0

    async def plan(self) -> Planned:
        """One `syncd plan`."""
        async with self.open() as syncd:
            return await syncd.engine.preview()

    async def crashing(self, dies: Callable[[Ask, str], bool], *, at: str = "chime") -> None:
        """A sync that dies the moment ``dies`` says so at a call (``before`` or ``after`` the vendor carried it out).

        From then on nothing reaches either vendor, and what was not committed never is.
        """
        died = asyncio.Event()
        sandbox = self.sandboxes[at]

        def fault(ask: Ask, moment: str) -> Fault | None:
            if not died.is_set() and dies(ask, moment):
                died.set()
                for one in self.sandboxes.values():
                    one.fault = _dead
                return Fault("drop")
            return None

        sandbox.fault = fault
        work = asyncio.create_task(self.sync())
        death = asyncio.create_task(died.wait())
        await asyncio.wait({work, death}, return_when=asyncio.FIRST_COMPLETED)
        assert died.is_set(), "nothing died"
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        for one in self.sandboxes.values():
            one.fault = None

    async def shown(self, lead: str | int) -> dict[str, Any]:
        """`syncd leads show`: a lead of the graph by its id, email, phone or record."""
        async with self.open() as syncd:
            views = Views(syncd.store)
            return await views.lead_show(await views.find_lead(str(lead)))

    async def view(self, name: str, *arguments: Any, **options: Any) -> Any:
        """What a method of the read side says."""
        async with self.open() as syncd:
            return await getattr(Views(syncd.store), name)(*arguments, **options)

    async def settle_hold(self, held: str, state: str) -> None:
        """`syncd plan approve` or `reject`."""
        async with self.open() as syncd:
            assert await syncd.store.settle_hold(held, state)

    def watch(self, sandbox: SandboxVendor, watcher: Watcher) -> None:
        """Let somebody act in the middle: ``watcher`` is called before and after each call."""

        def fault(ask: Ask, moment: str) -> None:
            watcher(ask, moment)

        sandbox.fault = fault

    def forget(self) -> None:
        """Count calls from zero."""
        for sandbox in self.sandboxes.values():
            sandbox.forget_calls()

    def written(self) -> list[tuple[str, str]]:
        """Method and endpoint of every write so far."""
        return [(c.method, c.template) for sandbox in self.sandboxes.values() for c in sandbox.calls if c.write]

    def find(self, sandbox: str, **shows: Any) -> str:
        """The one lead of a sandbox that shows these values."""
        there = self.sandboxes[sandbox]
        found = [lead for lead in there.ids() if all(there.shows(lead).get(k) == v for k, v in shows.items())]
        assert len(found) == 1, f"{len(found)} leads at {sandbox}"
        return found[0]

    def only(self, sandbox: str) -> dict[str, Any]:
        """What a sandbox shows of its only lead."""
        (lead,) = self.sandboxes[sandbox].ids()
        return self.sandboxes[sandbox].shows(lead)

    def bodies(self, sandbox: str, lead: str | None = None) -> list[str]:
        """The texts of a lead's notes without the header lines that syncd adds."""
        there = self.sandboxes[sandbox]
        notes = there.shows(lead)["notes"] if lead is not None else self.only(sandbox)["notes"]
        return [parse(text, DEFAULT_TEMPLATE)[1] for _, text in notes]


def _dead(_ask: Ask, moment: str) -> Fault | None:
    """Nothing that a dead process had under way is carried out."""
    return Fault("drop") if moment == "before" else None


def ada(**more: Any) -> dict[str, Any]:
    """Somebody to begin with."""
    return {"first_name": "Ada", "last_name": "Byron", "email": "ada@example.com", **more}


@asynccontextmanager
async def standing(folder: Path, database_url: str, *, dialect: str = "chime", **switches: Any) -> AsyncIterator[World]:
    """Both vendors with their default behaviour, lag included. ``switches`` as ``cinc_NAME`` or ``chime_NAME``."""
    clock = SkippingClock()
    own = {
        name: {key.removeprefix(f"{name}_"): v for key, v in switches.items() if key.startswith(f"{name}_")}
        for name in ("cinc", "chime")
    }
    cinc = SANDBOXES["cinc"](clock, **own["cinc"])
    chime = SANDBOXES["chime"](clock, dialect=dialect, **own["chime"])
    async with serve({"cinc": cinc, "chime": chime}) as served:
        yield World(folder, database_url, clock, served, cinc, chime)
