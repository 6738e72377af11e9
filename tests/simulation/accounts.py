"""Which accounts a seed connects, the habits of each, and syncd's config for them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

from syncd.sandbox import SANDBOXES
from syncd.sandbox.base import SandboxVendor
from syncd.settings import Settings
from syncd.settings.values import Secret
from tests.simulation.loop import Clock
from tests.simulation.scenario import Scenario
from tests.simulation.traits.base import Account
from tests.simulation.traits.rechat import ATTRIBUTES

CLOCK_AHEAD_S = 90
Choices = Mapping[str, tuple[Any, ...]]

HABITS: Mapping[str, Choices] = {
    "cinc": {
        "wrapper": (False, False, True),
        "list_hides": ((), (), ("labels",)),
        "date_terms": ("work", "work", "ignored"),
        "reset_unit": ("ms", "s", "in"),
        "updated_moves": ("info", "info", "all"),
        "update_replaces": (False, False, True),
        "paging": ("next", "next", "offset"),
        "last_next": ("absent", "null", "empty"),
        "page_max": (500, 500, 2),
        "single": ("key", "bare"),
        "answer_id": ("id", "lead"),
    },
    "chime": {
        "wrap_rows": (False, True),
        "cap_25": (False, True),
        "scroll": (False, True),
        "ignore_filters": (False, False, True),
        "create_answer": ("object", "number", "string", "wrapped"),
        "put_answer": ("object", "string", "empty"),
        "note_answer": ("object", "number", "string", "empty"),
        "lag_s": (0.0, 2.0, 2.0),
        "reset_style": ("ms", "epoch_s", "epoch_ms"),
        "reformat_phones": (False, False, True),
        "merge_inquiry": (False, True),
    },
    "mycrm": {
        "list_expanded": (True, True, False),
        "count": (True, True, False),
        "lists": ("named", "data", "bare"),
        "single": ("wrapped", "bare"),
        "write_answer": ("lead", "id", "empty"),
        "page_size": (100, 100, 2),
        "page": ("honoured", "missing"),
        "filters": ("work", "work", "ignored", "refused"),
        "dates": ("z", "offset"),
        "notes_put": ("keeps", "keeps", "replaces"),
        "notes_move": (False, True),
        "note_keys": ("body", "note", "text"),
        "put_clears": (False, True),
        "patch_paths": ("both", "plain", "id"),
        "time_frame_stored": (True, True, False),
        "preferences": ("list", "object", "absent"),
        "user": ("object", "number"),
        "country_words": (True, False),
        "old_leads": (True, False),
    },
    "rechat": {
        "total_zero": (False, True),
        "late_commit_s": (2, 2, 0),
        "show_deleted": (False, True),
        "row_answer": ("rows", "contact"),
        "capture_204": (False, True),
        "capture_assigns_only": (False, True),
        "assignee_answer": ("empty", "contact"),
        "agent_rows": ("user", "wrapped"),
        "tags_null": (True, False),
        "sparse_rows": (False, True),
        "ignored": ((), (), ("updated_gte",)),
    },
    "epixel": {
        "paths": ("headings", "samples"),
        "list": ("a", "b", "b", "c", "d", "e"),
        "page_max": (100, 100, 2),
        "count": (True, True, False),
        "bare": (False, True),
        "single": ("lead", "list", "lead_details"),
        "objects": (False, True),
        "times": ("z", "naive", "none"),
        "notes": ("view", "view", "never"),
        "notes_key": ("notes", "lead_notes", "leadnotes"),
        "note_answer": ("id", "empty"),
        "create_answer": ("slug", "empty"),
        "create_status": (200, 201),
        "known_email": ("duplicates", "refused"),
        "deleted": ("gone", "listed"),
        "refusals": ("non_field_errors", "detail"),
        "statuses": ((), ("under_contract", "Not Ready", "Showing")),
    },
}
OPTIONS: Mapping[str, Choices] = {
    "rechat": {"create_via": ("capture", "contacts"), "capture_path": ("leads", "webhook"), "page_size": (100, 2)},
    "epixel": {"body": ("multipart", "form", "json")},
}


def accounts_of(scenario: Scenario) -> list[Account]:
    """The accounts of a run, in the order of trust; a vendor's second one is called "chime-2" and so on."""
    rng = scenario.stream("accounts")
    times: Counter[str] = Counter()
    found = []
    for vendor in scenario.vendors:
        own = random.Random(rng.random())  # noqa: S311 -- chance out of a seed, nothing secret
        times[vendor] += 1
        name = vendor if times[vendor] == 1 else f"{vendor}-{times[vendor]}"
        switches, options = _drawn(own, HABITS[vendor]), _drawn(own, OPTIONS.get(vendor, {}))
        sandbox = own.choice(("chime", "lofty")) if vendor == "chime" else vendor
        if vendor == "rechat" and own.random() < 0.5:
            switches["definitions"] = tuple(ATTRIBUTES.values())
            options["attributes"] = {field: row["label"] for field, row in ATTRIBUTES.items()}
        if switches.get("update_replaces"):
            options["update_style"] = "whole"  # "auto" finds that out by a blanked field
        found.append(Account(name, vendor, sandbox, switches, options))
    return found


def opened(account: Account, ahead_s: float) -> SandboxVendor:
    """The sandbox of an account, its clock ``ahead_s`` wrong."""
    return SANDBOXES[account.sandbox](Clock(ahead_s), **account.switches)


def sandboxes_of(scenario: Scenario, accounts: list[Account]) -> dict[str, SandboxVendor]:
    """Every account's sandbox."""
    rng = scenario.stream("clocks")
    return {one.name: opened(one, rng.uniform(-CLOCK_AHEAD_S, CLOCK_AHEAD_S)) for one in accounts}


def settings_of(scenario: Scenario, accounts: list[Account], sandboxes: Mapping[str, SandboxVendor]) -> Settings:
    """The config that connects them all."""
    tables = {
        account.name: {
            "base_url": f"http://{account.name}.sandbox{sandboxes[account.name].prefix}",
            "auth": {"kind": "token", "token": Secret.literal(SandboxVendor.token)},
            "fields": {"source": "off"},
            **sandboxes[account.name].config(),
            **account.options,
        }
        for account in (accounts[::-1] if scenario.reverse else accounts)
    }
    return Settings.model_validate({"connections": tables, "sync": {"order": [one.name for one in accounts]}})


def _drawn(rng: random.Random, habits: Choices) -> dict[str, Any]:
    return {name: rng.choice(choices) for name, choices in habits.items()}
