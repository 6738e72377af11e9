"""All five CRMs in one process, on a real database, under the real engine; and people who know the same leads in each.

The sandboxes are called without sockets, so that hundreds of edits cost seconds. Whatever a person does or sees is in
the words of that vendor's own app; `Town.sees` only takes away what no two installations could share: note ids, headers
of our own notes, ids of agents.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncd.bootstrap import open_syncd
from syncd.domain.notes import DEFAULT_TEMPLATE, parse
from syncd.engine.run import Report
from syncd.sandbox import SANDBOXES
from syncd.sandbox.base import SandboxVendor
from syncd.sandbox.inprocess import SandboxTransport
from syncd.sandbox.server import Served
from syncd.settings.load import parse as parse_settings
from tests.vendors.clocks import SkippingClock

VENDORS = ("cinc", "chime", "mycrm", "rechat", "epixel")
AGENTS = ("ann", "bob")
ATTRIBUTES: Mapping[str, str] = {
    "roles": "Roles",
    "buyer_timeline": "Buying in",
    "seller_timeline": "Selling in",
    "price_min": "Price from",
    "price_max": "Price to",
    "areas": "Areas",
    "property_types": "Property types",
}
"""Labels of the custom attributes of a Rechat account that has some."""
FILLED: Mapping[str, Any] = {
    "title": "mr",
    "country": "AE",
    "source": "other/syncd",
    "financial": "other",
    "offering_type": "sale",
    "roles": ["buyer"],
    "areas": ["are.1.1"],
    "property_types": [3],
    "price_min": 1,
    "price_max": 900_000_000,
}
"""What MyCRM demands of every write and an old lead there has not: filled from ``create_defaults``, and no value."""
CONFIG: Mapping[str, str] = {
    "cinc": "",
    "chime": 'custom = { remark = "Remark" }\n',
    "mycrm": 'custom = { remark = "fields.1" }\n',
    "rechat": 'custom = { remark = "company" }\n',
    "epixel": 'custom = { remark = "message" }\nstages = { closed = "converted" }\n',
}
"""What a business would configure: a field of its own, and the stage word of an installation."""


@dataclass(slots=True)
class Town:
    """Five CRMs and the config that connects them."""

    clock: SkippingClock
    sandboxes: Mapping[str, Any]
    config: str
    agents: Mapping[str, Mapping[str, str]]
    transports: Mapping[str, SandboxTransport] = field(default_factory=dict)

    # Syncing.

    async def sync(self, *, until_quiet: bool = True, full: bool = False) -> Report:
        """One `syncd sync`, opened anew as each command is; calls are counted from zero."""
        for sandbox in self.sandboxes.values():
            sandbox.forget_calls()
        settings = parse_settings(self.config)
        async with open_syncd(settings, clock=self.clock, transports=self.transports) as syncd:
            report = await syncd.engine.sync(until_quiet=until_quiet, full=full)
        assert not report.failed, report.connections
        return report

    async def quiet(self) -> Report:
        """`syncd sync --until-quiet`, which has to get there, a minute after whatever people did."""
        await self.clock.sleep(60)
        report = await self.sync()
        assert report.quiet, report
        return report

    def writes(self) -> list[tuple[str, str, str]]:
        """Every write since the last sync began: vendor, method, endpoint."""
        return [(name, c.method, c.template) for name, there in self.sandboxes.items() for c in there.calls if c.write]

    def reads(self, vendor: str) -> list[str]:
        """Endpoint of every read since the last sync began."""
        return [call.template for call in self.sandboxes[vendor].calls if not call.write]

    # People.

    def person(self, number: int, only: str = "", **more: Any) -> dict[str, str]:
        """Somebody whom all five know already (or ``only`` one does); their ids by vendor."""
        plain = {"first_name": f"Pat{number}", "last_name": f"Born{number}", "email": f"pat{number}@example.com",
                 "phones": [(f"(212) 555-{number:04d}", "cell")], **more}  # fmt: skip
        ids = {}
        for name in [only] if only else VENDORS:
            sandbox = self.sandboxes[name]
            self.clock.skipped_s += 3  # CINC, the first, is where everybody registered
            stage = sandbox.stage_words["new"]
            ids[name] = sandbox.add_person(**plain, stage=stage, assignments={"primary": self.agents[name]["ann"]})
            if name == "cinc" and "source" not in more:
                sandbox.edit(ids[name], "source", "")  # the app puts its own word there
        return ids

    def types(self, vendor: str, lead: str, what: str, value: Any) -> None:
        """A person does something: a field by its plain name, ``label``, ``unlabel``, ``note``, ``assign.ROLE``."""
        sandbox = self.sandboxes[vendor]
        if what == "label":
            sandbox.add_label(lead, value)
        elif what == "unlabel":
            sandbox.remove_label(lead, value)
        elif what == "note":
            sandbox.add_note(lead, value)
        elif what.startswith("assign."):
            sandbox.assign(lead, what.removeprefix("assign."), self.agents[vendor][value])
        else:
            sandbox.edit(lead, what, value)

    def sees(self, vendor: str, lead: str) -> dict[str, Any]:
        """What the app shows of a lead; blank fields are absent, agents go by their names, notes are texts."""
        shown = self.sandboxes[vendor].shows(lead)
        names = {number: name for name, number in self.agents[vendor].items()}
        shown["assignments"] = {role: names.get(agent, agent) for role, agent in shown["assignments"].items()}
        shown["labels"] = sorted(shown.get("labels", ()))
        shown["notes"] = bodies([text for _, text in shown["notes"]])
        return {name: value for name, value in shown.items() if value not in (None, "", [], {}, False)}

    def find(self, vendor: str, email: str) -> str:
        """The one lead of a vendor with this address."""
        there = self.sandboxes[vendor]
        [found] = [lead for lead in there.ids() if there.shows(lead).get("email") == email]
        return str(found)

    def find_again(self, vendor: str, number: int, ids: Mapping[str, str]) -> str:
        """A person's lead at a vendor, whether known from the beginning or made since."""
        return ids[vendor] if vendor in ids else self.find(vendor, f"pat{number}@example.com")


def bodies(texts: Sequence[str]) -> list[str]:
    """Notes as a person reads them: without the header lines that syncd adds, numbered parts put together."""
    whole: dict[tuple[int, int], str] = {}
    for number, text in enumerate(texts):
        header, body = parse(text, DEFAULT_TEMPLATE)
        # What a person typed has no header; white space at a cut is the vendor's to trim.
        key = (-1, number) if header is None else (header.note, 0)
        whole[key] = f"{whole[key]} {body}" if key in whole else body
    return sorted(whole.values())


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What a lead shows otherwise than before; None where it shows nothing any more."""
    return {name: after.get(name) for name in sorted({*before, *after}) if before.get(name) != after.get(name)}


@asynccontextmanager
async def standing(
    folder: Path, database_url: str, *, dialect: str = "chime", attributes: bool = False
) -> AsyncIterator[Town]:
    """The town, empty but for its agents. ``attributes``: Rechat's account has custom attributes; they are mapped."""
    clock = SkippingClock()
    switches: dict[str, dict[str, Any]] = {"chime": {"dialect": dialect}}
    config = dict(CONFIG)
    if attributes:
        kinds = {"price_min": "number", "price_max": "number"}
        rows = [{"label": label, "data_type": kinds.get(name, "text")} for name, label in ATTRIBUTES.items()]
        switches["rechat"] = {"definitions": tuple(rows)}
        mapped = ", ".join(f'{name} = "{label}"' for name, label in ATTRIBUTES.items())
        config["rechat"] += f"attributes = {{ {mapped} }}\n"
    sandboxes: dict[str, SandboxVendor] = {name: SANDBOXES[name](clock, **switches.get(name, {})) for name in VENDORS}
    agents = {
        name: {who: there.add_agent(f"{who}@example.com", who.title(), "Gent") for who in AGENTS}
        for name, there in sandboxes.items()
    }
    urls = {name: f"http://{name}.sandbox{there.prefix}" for name, there in sandboxes.items()}
    transports = {name: SandboxTransport({f"{name}.sandbox": there}) for name, there in sandboxes.items()}
    token = folder / "token"
    token.write_text(SandboxVendor.token)
    text = Served(sandboxes, urls, "").config(token)
    for name in VENDORS:
        text = text.replace(f"[connections.{name}]\n", f"[connections.{name}]\n{config[name]}")
    text += f'\n[database]\nurl = "{database_url}"\n'
    yield Town(clock, sandboxes, text, agents, transports)
