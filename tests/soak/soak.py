"""One soak: the town, the people in it, what goes wrong, and what has to be true in the end."""

# ruff: noqa: S311 -- which edits, faults and kills: nothing secret

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from syncd.domain.notes import DEFAULT_TEMPLATE, parse
from syncd.ports.clock import SystemClock
from syncd.sandbox import SANDBOXES
from syncd.sandbox.base import CannotError, SandboxVendor
from syncd.sandbox.faults import Fault
from syncd.sandbox.message import Ask
from syncd.store.database import Database
from tests.system.office import free_port
from tests.system.service import Process, started
from tests.system.town import Town, serving

VENDORS = ("cinc", "chime", "mycrm", "rechat", "epixel")
PEOPLE = 12
EDITS_PER_S = 3.0
FAULTS = 0.01
"""Share of calls that fail, before or after they are carried out."""
KILL_EVERY_S, OUTAGE_S = 20.0, 8.0
SETTLE_S = 90.0
"""How long everything may take to come to rest once people do."""
SAMPLE_S = 2.0
FIELDS = ("first_name", "last_name")
"""What every one of the five carries and nobody shortens."""


@dataclass(frozen=True, slots=True)
class Size:
    """What the daemon takes up."""

    rss_mb: float
    files: int
    sessions: int


@dataclass
class Soak:
    """A soak of so many minutes."""

    folder: Path
    database: Database
    seed: int
    minutes: float
    counts: Counter[str] = field(default_factory=Counter)
    samples: list[Size] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Empty CRMs."""
        self._rng = random.Random(self.seed)
        clock = SystemClock()
        self.sandboxes: dict[str, SandboxVendor] = {name: SANDBOXES[name](clock) for name in VENDORS}
        self._notes: dict[str, set[str]] = {}
        self._down = ""
        self._started: dict[str, Process] = {}

    def run(self) -> list[str]:
        """All of it; what is wrong in the end."""
        with ExitStack() as stack:
            served = stack.enter_context(serving(self.sandboxes))
            town = Town(self.folder, self.folder / "syncd.toml", self.sandboxes, served.urls)
            self._configure(town, served.config(self._token()))
            self._populate()
            processes = {name: Living(town, name) for name in ("run", "worker")}
            for process in processes.values():
                stack.enter_context(process.alive())
            processes["run"].now.says("service.started")
            registered = town.syncd("webhooks", "register")
            if registered.code:
                return [f"webhooks cannot be registered: {registered.err}"]
            for name, sandbox in self.sandboxes.items():
                sandbox.fault = partial(self._fault, name)
            self._work(processes)
            for sandbox in self.sandboxes.values():
                sandbox.fault = None
            complaints = self._rest(town, processes["run"])
            self._sample(processes["run"].now.popen.pid)
            complaints += [f"{name} ended with {code}" for name, one in processes.items() if (code := one.now.stop())]
            complaints += [f"a defect: {line.strip()[:200]}" for one in processes.values() for line in one.defects()]
            complaints += self._laws(town)
        return complaints + self._leaks()

    def sizes(self) -> str:
        """What the daemon took up, at first and at last."""
        first, last = self.samples[0], self.samples[-1]
        memory, files = f"{first.rss_mb:.0f} → {last.rss_mb:.0f} MB", f"{first.files} → {last.files} files"
        return f"daemon: {memory}, {files}, {first.sessions} → {last.sessions} database sessions"

    # -- the town -----------------------------------------------------------------------------------

    def _token(self) -> Path:
        token = self.folder / "token"
        token.write_text(SandboxVendor.token)
        return token

    def _configure(self, town: Town, served: str) -> None:
        port = free_port()
        guard = "creates = 100000\nshare = 1.0\nreassignments = 100000\n"
        guards = "".join(f"[connections.{name}.guard]\n{guard}" for name in VENDORS)
        text = served.replace('poll = "5s"', 'poll = "2s"\nfull_compare = "60s"')
        town.config.write_text(
            f'{text}\n{guards}\n[database]\nurl = "{self.database.url}"\nschema = "{self.database.schema}"\n'
            f'[web]\nlisten = "127.0.0.1:{port}"\npublic_url = "http://127.0.0.1:{port}"\n'
        )

    def _populate(self) -> None:
        for number in range(PEOPLE):
            self._arrive(number)

    def _arrive(self, number: int) -> None:
        name = self._rng.choice(VENDORS)
        self.sandboxes[name].add_person(
            first_name=f"First{number}", last_name=f"Last{number}", email=f"p{number}@example.com",
            phones=[(f"(212) 555-{number:04d}", "cell")],
        )  # fmt: skip
        self._notes[f"p{number}@example.com"] = set()

    # -- people, faults, kills ----------------------------------------------------------------------

    def _work(self, processes: dict[str, Living]) -> None:
        """People edit, vendors fail, processes die, until the time is up."""
        ends = time.monotonic() + 60 * self.minutes
        kill_at, sample_at = time.monotonic() + KILL_EVERY_S / 2, 0.0
        up_at = 0.0
        while (now := time.monotonic()) < ends:
            self._edit()
            if now >= kill_at:
                kill_at = now + self._rng.uniform(0.5, 1.5) * KILL_EVERY_S
                if self._rng.random() < 0.5:
                    self._down, up_at = self._rng.choice(VENDORS), now + OUTAGE_S
                    self.counts["outages"] += 1
                else:
                    processes["worker"].again(hard=self._rng.random() < 0.7)
                    self.counts["kills"] += 1
            if self._down and now >= up_at:
                self._down = ""
            if now >= sample_at:
                sample_at = now + SAMPLE_S
                self._sample(processes["run"].now.popen.pid)
            time.sleep(self._rng.expovariate(EDITS_PER_S))  # the pace of people, not a wait for something
        self._down = ""

    def _edit(self) -> None:
        """Somebody does something in some CRM."""
        vendor = self._rng.choice(VENDORS)
        sandbox = self.sandboxes[vendor]
        ids = sandbox.ids()
        if not ids or self._rng.random() < 0.01:
            self._arrive(len(self._notes))
            self.counts["arrivals"] += 1
            return
        lead = self._rng.choice(ids)
        token = f"{self.counts['edits']}x{self._rng.randrange(10**6)}"
        try:
            if self._rng.random() < 0.25:
                sandbox.add_note(lead, f"Note {token}.")
                self._notes[str(sandbox.shows(lead)["email"]).lower()].add(f"Note {token}.")
                self.counts["notes"] += 1
            else:
                sandbox.edit(lead, self._rng.choice(FIELDS), f"Name{token}")
            self.counts["edits"] += 1
        except (CannotError, KeyError):
            return

    def _fault(self, vendor: str, _ask: Ask, moment: str) -> Fault | None:
        if vendor == self._down and moment == "before":
            return Fault("error")
        draw = random.random()
        if draw < FAULTS:
            self.counts["faults"] += 1
            return Fault("error" if draw < FAULTS / 2 else "drop")
        return None

    # -- the end ------------------------------------------------------------------------------------

    def _rest(self, town: Town, daemon: Living) -> list[str]:
        """People rest: the service comes to the end of its work by itself."""
        ends = time.monotonic() + SETTLE_S
        while time.monotonic() < ends:
            if not list(self._differing()):
                return []
            time.sleep(1.0)  # looking from time to time, as a person would
        return [f"not at rest after {SETTLE_S:.0f} s: {line}" for line in self._differing()]

    def _laws(self, town: Town) -> list[str]:
        """What a person would look at: nothing left to write, nobody twice, nothing lost."""
        found = list(self._differing())
        quiet = town.syncd("sync", "--until-quiet", "--full", "--json")
        if quiet.code not in {0, 3} or not quiet.json["quiet"]:
            found.append(f"a full sync did not come to rest: {quiet.err[:300]}")
        before = town.writes
        town.syncd("sync", "--full")
        if town.writes != before:
            found.append(f"law 1: {town.writes - before} writes after the end")
        verified = town.syncd("verify", "--json")
        if verified.code:
            found.append(f"verify finds drift: {verified.out[:500]}")
        return found

    def _differing(self) -> Iterator[str]:
        """Where what one CRM shows is not what the others show."""
        shown: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in VENDORS}
        for name, sandbox in self.sandboxes.items():
            for lead in sandbox.ids():
                fields = sandbox.shows(lead)
                email = str(fields["email"]).lower()
                if email in shown[name]:
                    yield f"law 5: {email} is twice in {name}"
                shown[name][email] = fields
        for email, typed in self._notes.items():
            records = {name: shown[name].get(email) for name in VENDORS}
            if missing := [name for name, record in records.items() if record is None]:
                yield f"law 2: {email} is not in {', '.join(missing)}"
                continue
            for one in FIELDS:
                values = {str(record[one]) for record in records.values() if record is not None}
                if len(values) > 1:
                    yield f"law 2: {one} of {email} is {values}"
            for name, record in records.items():
                bodies = Counter(_body(text) for _, text in (record or {})["notes"])
                if odd := {text for text in typed if bodies[text] != 1}:
                    yield f"law 3/5: {len(odd)} of {len(typed)} notes of {email} are not once in {name}"

    def _sample(self, pid: int) -> None:
        status = Path(f"/proc/{pid}/status").read_text()
        rss = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
        files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        with self.database.connect(autocommit=True) as admin:
            row = admin.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'syncd'").fetchone()
        self.samples.append(Size(rss / 1024, files, int(row[0]) if row else 0))

    def _leaks(self) -> list[str]:
        """Whether the daemon takes more in the last third than in the second one."""
        third = len(self.samples) // 3
        if third < 3:
            return []
        middle, last = self.samples[third : 2 * third], self.samples[2 * third :]
        found = []
        for name, room in (("rss_mb", 25.0), ("files", 12), ("sessions", 8)):
            before, after = (sum(getattr(one, name) for one in part) / len(part) for part in (middle, last))
            if after > before + room:
                found.append(f"{name} grows: {before:.0f} → {after:.0f}")
        return found


class Living:
    """A process that is started again whenever it has died."""

    def __init__(self, town: Town, command: str) -> None:
        self._town, self._command = town, command
        self._stack = ExitStack()
        self._past: list[Process] = []
        self.now: Process

    @contextmanager
    def alive(self) -> Iterator[Living]:
        """While this lasts."""
        with self._stack:
            self.now = self._stack.enter_context(started(self._town, self._command))
            yield self

    def again(self, *, hard: bool) -> None:
        """Kill it, or tell it to stop, and start it anew."""
        if hard:
            self.now.kill()
        else:
            self.now.stop()
        self._past.append(self.now)
        self.now = self._stack.enter_context(started(self._town, self._command))

    def defects(self) -> list[str]:
        """Lines of its logs that should not be there."""
        lines = [line for process in (*self._past, self.now) for line in process.lines]
        return [line for line in lines if "slice.defect" in line or "Traceback" in line]


def _body(text: str) -> str:
    header, body = parse(text, DEFAULT_TEMPLATE)
    return (body if header is not None else text).strip()
