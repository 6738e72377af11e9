"""Words that have no translation, and agents whom only some of the CRMs know."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from syncd.cli import render
from syncd.cli.checks.finding import Finding, Place
from syncd.domain.lead import STAGES
from syncd.domain.normalize import fold
from syncd.domain.plan import ASSIGNMENT

if TYPE_CHECKING:
    from syncd.settings import BaseConnection
    from syncd.store.checkup import Known, Unmapped

STAGE: Final = "stage"
SHOWN_MAX: Final = 20
"""Words and agents told one by one."""
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


async def words(place: Place) -> list[Finding]:
    """Words that vendors show and that nothing translates, stages above all."""
    from syncd.store.checkup import Checkup

    shown = [word for word in await Checkup(place.syncd.store).unmapped() if place.wants(word.connection)]
    found = [_untranslated(word, place.settings.connections) for word in shown[:SHOWN_MAX]]
    if len(shown) > SHOWN_MAX:
        line = f"and {len(shown) - SHOWN_MAX} more words without translation"
        found.append(Finding("words", "warning", line, "translate these first, then ask again"))
    return found or [Finding("words", "ok", "every word has a translation")]


def _untranslated(word: Unmapped, connections: Mapping[str, BaseConnection]) -> Finding:
    line = f'{word.field} "{render.clip(word.word, 60)}" on {render.count(word.leads, "lead")} has no translation'
    return Finding("words", "warning", line, _translation(word, connections), word.connection)


def _translation(word: Unmapped, connections: Mapping[str, BaseConnection]) -> str:
    """The line of the config that translates a word, as far as that can be known."""
    explain = f"`syncd leads explain {word.example} {word.field}`"
    if word.field.startswith(ASSIGNMENT):
        return f"{word.connection} does not list this agent: give the lead to another one there; {explain}"
    config = connections.get(word.connection)
    if word.field != STAGE or config is None:
        return f"{explain} shows it; mend it there"
    near = get_close_matches(word.word.casefold().replace(" ", "_"), STAGES, n=1, cutoff=0.5)
    stage = near[0] if near else "STAGE"
    words = [*config.stages.get(stage, ["the word written for it"]), word.word]
    quoted = ", ".join(json.dumps(one, ensure_ascii=False) for one in words)
    choices = "" if near else f"; STAGE is one of {', '.join(STAGES)}"
    return f"[connections.{_key(word.connection)}.stages] {stage} = [{quoted}]{choices}"


async def agents(place: Place) -> list[Finding]:
    """Agents who have leads and no account where these leads should be theirs as well."""
    from syncd.store.checkup import Checkup

    names = [c.name for c in place.syncd.connections if c.adapter.capabilities.roles and place.wants(c.name)]
    known = await Checkup(place.syncd.store).agents()
    alone = [agent for agent in known if agent.leads and agent.accounts and set(names) - set(agent.accounts)]
    found = [_lonely(agent, known, names) for agent in alone[:SHOWN_MAX]]
    if len(alone) > SHOWN_MAX:
        line = f"and {len(alone) - SHOWN_MAX} more agents without an account everywhere"
        found.append(Finding("agents", "warning", line, "pair these first, then ask again"))
    return found or [Finding("agents", "ok", "everybody who has leads has an account in every CRM")]


def _lonely(agent: Known, known: Sequence[Known], names: Sequence[str]) -> Finding:
    """One agent, and the [agents] line: complete where somebody of the same name is the only other one."""
    missing = [name for name in names if name not in agent.accounts]
    namesakes: defaultdict[str, list[Known]] = defaultdict(list)
    for other in known:
        if other.id != agent.id and agent.name and fold(other.name) == fold(agent.name):
            for name in set(missing) & set(other.accounts):
                namesakes[name].append(other)
    ids = dict(agent.accounts)
    for name in missing:
        ids[name] = namesakes[name][0].accounts[name] if len(namesakes[name]) == 1 else "THEIR ID"
    emails = [agent.email, *(other.email for others in namesakes.values() for other in others)]
    email = next(filter(None, emails), "name@example.com")
    accounts = ", ".join(f"{_key(name)} = {json.dumps(ids[name])}" for name in sorted(ids))
    who = agent.name or agent.email or f"agent {agent.id}"
    line = f"{who} has {render.count(agent.leads, 'lead')} and no account known at {', '.join(missing)}"
    return Finding("agents", "warning", line, f"[agents] {json.dumps(email)} = {{ {accounts} }}")


def _key(name: str) -> str:
    """A key as TOML spells it."""
    return name if _BARE_KEY.fullmatch(name) else json.dumps(name)
