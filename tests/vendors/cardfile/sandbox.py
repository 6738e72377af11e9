"""A simulated card file: it knows nothing of syncd."""
# ruff: noqa: D102 -- `SandboxVendor` says what each of them is

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from syncd.sandbox.base import Ask, Reply, Route, SandboxVendor

LINES = {"title": "title", "first_name": "first", "middle_name": "middle", "last_name": "last", "street": "street",
         "city": "town", "postal_code": "zip", "source": "from", "email": "mail", "stage": "stage"}  # fmt: skip
PAGE = 50


class CardfileSandbox(SandboxVendor):
    """One drawer of cards."""

    name = "cardfile"
    prefix = "/api"
    stage_words: ClassVar[Mapping[str, str]] = {**SandboxVendor.stage_words, "new": "New"}

    def __init__(self, clock: Any, **switches: Any) -> None:
        super().__init__(clock, **switches)
        self.cards: dict[str, dict[str, Any]] = {}
        self.people: list[dict[str, Any]] = []

    def routes(self) -> Sequence[Route]:
        return (
            Route("GET", "/me", lambda _: Reply({"id": 1, "name": "The drawer"})),
            Route("GET", "/agents", lambda _: Reply({"agents": self.people})),
            Route("GET", "/cards", self._list),
            Route("POST", "/cards", lambda ask: Reply(self._new(**ask.json()), 201)),
            Route("GET", "/cards/{id}", lambda ask: self._of(ask, lambda card: card)),
            Route("PATCH", "/cards/{id}", lambda ask: self._of(ask, lambda card: [card.update(ask.json()), card][1])),
            Route("POST", "/cards/{id}/notes", lambda ask: self._of(ask, lambda card: self._note(card, **ask.json()))),
        )

    def rate(self, _ask: Ask) -> tuple[str, int, float]:
        return "", 60, 20.0

    def rate_headers(self, limit: int, remaining: int, reset_in_s: float) -> dict[str, str]:
        return {}

    def refuse_rate(self) -> Reply:
        return Reply({"message": "slowly"}, 429, {"retry-after": "20"})

    def admit(self, ask: Ask) -> Reply | None:
        return None if ask.headers.get("authorization") == f"Bearer {self.token}" else Reply({"message": "who?"}, 401)

    def _list(self, ask: Ask) -> Reply:
        after = int(ask.one("after", "0"))
        return Reply({"cards": [card for card in self.cards.values() if card["id"] > after][:PAGE]})

    def _of(self, ask: Ask, work: Callable[[dict[str, Any]], Any]) -> Reply:
        card = self.cards.get(ask.params["id"])
        return Reply({"message": "no card"}, 404) if card is None else Reply(work(card))

    def _new(self, **lines: Any) -> dict[str, Any]:
        number = max((card["id"] for card in self.cards.values()), default=0) + 1
        blank: dict[str, Any] = {**dict.fromkeys((*LINES.values(), "tel"), ""), "agent": None, "notes": []}
        self.cards[str(number)] = {**blank, **lines, "id": number, "made": self.clock.now().isoformat()}
        return self.cards[str(number)]

    def _note(self, card: dict[str, Any], text: str) -> dict[str, Any]:
        number = 1000 * card["id"] + len(card["notes"])
        card["notes"].append({"id": number, "text": text, "made": self.clock.now().isoformat()})
        return dict(card["notes"][-1])

    def add_person(self, **plain: Any) -> str:
        lead = str(self._new()["id"])
        for name, value in plain.items():
            self.edit(lead, name, value)
        return lead

    def edit(self, lead: str, field_name: str, value: Any) -> None:
        if field_name in LINES:
            self.cards[lead][LINES[field_name]] = value or ""
        elif field_name == "phones":
            self.cards[lead]["tel"] = next((text for text, _ in value or ()), "")

    def add_note(self, lead: str, text: str, author: str = "") -> str:
        return str(self._note(self.cards[lead], text)["id"])

    def add_label(self, lead: str, name: str) -> None:
        """There are none."""

    remove_label = add_label

    def assign(self, lead: str, role: str, agent: str | None) -> None:
        self.cards[lead]["agent"] = agent if role == "primary" else self.cards[lead]["agent"]

    def delete(self, lead: str) -> None:
        del self.cards[lead]

    def add_agent(self, email: str, first: str, last: str) -> str:
        self.people.append({"id": f"a{len(self.people)}", "mail": email, "name": f"{first} {last}"})
        return str(self.people[-1]["id"])

    def shows(self, lead: str) -> dict[str, Any]:
        card = self.cards[lead]
        return {name: card[line] for name, line in LINES.items()} | {
            "emails": [card["mail"]] if card["mail"] else [],
            "phones": [(card["tel"], "cell")] if card["tel"] else [],
            "labels": [],
            "assignments": {"primary": card["agent"]} if card["agent"] else {},
            "notes": [(str(note["id"]), note["text"]) for note in card["notes"]],
        }

    def ids(self) -> list[str]:
        return list(self.cards)
