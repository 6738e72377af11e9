"""What people do in each round, drawn before anything runs and without looking at any state.

``pick`` chooses among what is there when an action happens. So two runs of one script do the same things even where
one of them crashed in between.
"""

# ruff: noqa: S311 -- chance out of a seed, nothing secret

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.simulation.scenario import Scenario

WEIGHTS = {
    "first_name": 4, "last_name": 4, "middle_name": 1, "title": 2, "email": 2, "email_add": 1, "phone_add": 2,
    "phone_change": 3, "phone_remove": 1, "street": 2, "move": 2, "country": 1, "stage": 5, "timeline": 3, "price": 2,
    "roles": 2, "label_add": 5, "label_remove": 4, "assign": 3, "note": 9, "note_edit": 3, "note_delete": 1, "blank": 1,
    "delete": 1, "arrive": 2, "clash": 7,
}  # fmt: skip
CLASHES = (
    "first_name", "last_name", "title", "street", "move", "stage", "phone_change", "label_add", "assign", "email",
)  # fmt: skip
APART_S = (0.5, 1.5, 40.0)


@dataclass(frozen=True, slots=True)
class Action:
    """One thing one person does. ``at`` is seconds into the round; ``salt`` decides the value typed."""

    at: float
    kind: str
    person: int
    account: str
    pick: float
    salt: str


def script(scenario: Scenario, accounts: Sequence[str]) -> list[list[Action]]:
    """What people do in each round."""
    rng = scenario.stream("script")
    rounds: list[list[Action]] = []
    for number in range(scenario.rounds):
        own = random.Random(rng.random())  # a shorter run does what the longer one does in these rounds
        count = own.randint(3, 7 + len(accounts))
        moments = sorted(own.uniform(1, 3000) for _ in range(count))
        actions: list[Action] = []
        for n, at in enumerate(moments):
            kind = own.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            person, account, pick = own.randrange(scenario.people), own.choice(accounts), own.random()
            salt = f"{scenario.seed}:{number}:{n}"
            if kind == "clash":  # several sides change the same thing before anybody has synced
                what, apart_s = own.choice(CLASHES), own.choice(APART_S)
                for k, where in enumerate(own.sample(accounts, min(own.choice((2, 2, 3)), len(accounts)))):
                    actions.append(Action(at + k * apart_s, what, person, where, own.random(), f"{salt}:{k}"))
            else:
                actions.append(Action(at, kind, person, account, pick, salt))
        rounds.append(sorted(actions, key=lambda action: action.at))
    return rounds
