"""All that the laws look at, read once: links, conflicts, journal, the leads as syncd keeps them, and every view."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from syncd.store.database import Database
from tests.simulation.ledger import Edit
from tests.simulation.people import Person, World
from tests.simulation.traits.chime import LABEL_MAX, Chime
from tests.simulation.values import LABELS
from tests.simulation.views import ADDRESS, SETS, View, digits_of, label_of, number_of, text_of

UNCERTAIN = "uncertain"
_TEXTS = ("title", "first_name", "middle_name", "last_name", "email", *ADDRESS, "stage")
_LEADS = f"""
SELECT l.id, {", ".join(f"l.{name}" for name in _TEXTS)}, l.phone, l.phones, l.emails, l.roles, l.buyer_timeline,
       l.price_min, l.price_max, a.email,
       ARRAY(SELECT x.name FROM lead_label x WHERE x.lead = l.id)
FROM lead l LEFT JOIN (assignment s JOIN agent a ON a.id = s.agent) ON s.lead = l.id AND s.role = 'primary'
"""  # noqa: S608 -- names of columns


@dataclass(frozen=True, slots=True)
class Linked:
    """One row of the link table."""

    account: str
    kind: str
    external_id: str
    node: int | None
    state: str
    unmapped: dict[str, str]
    settled: dict[str, Any]


class Evidence:
    """What is known in the end."""

    def __init__(self, world: World, database: Database) -> None:
        self.world = world
        with database.connect(autocommit=True) as connection:
            rows = connection.execute(
                "SELECT connection, kind, external_id, node, state, unmapped, settled FROM link ORDER BY 1, 2, 3"
            )
            self.links = [Linked(*row) for row in rows.fetchall()]
            rows = connection.execute(
                "SELECT lead, field, base, ours, theirs, rule, connection, ours_origin ->> 'connection'"
                " FROM conflict ORDER BY id"
            )
            self.conflicts = rows.fetchall()
            rows = connection.execute("SELECT lead, field, old, new, why FROM change ORDER BY id")
            self.journal = rows.fetchall()
            self.canon = {row[0]: _lead(row) for row in connection.execute(_LEADS.encode()).fetchall()}
            rows = connection.execute(
                "SELECT connection, lead FROM operation WHERE kind = 'note' AND state = 'refused' AND reason LIKE %s",
                [f"{UNCERTAIN}%"],
            )
            self.uncertain: Counter[tuple[str, int]] = Counter((name, lead) for name, lead in rows.fetchall())
            """(account, lead) → notes of which nobody can know whether they arrived, as syncd says itself."""
        cutting = any(isinstance(traits, Chime) for traits in world.traits.values())
        self._label_max = LABEL_MAX if cutting else None
        times = Counter(self.label_key(key) for key in {label_of(label) for label in LABELS})
        self.cut_alike = {key for key, count in times.items() if count > 1}
        """Labels that Chime cannot tell apart: which of them one of its people takes off depends on what it shows."""
        self.leads = {(x.account, x.external_id): x for x in self.links if x.kind == "lead"}
        self.views: dict[tuple[int, str], View] = {}
        for person in world.people:
            for account, lead in person.records.items():
                seen = world.view(account, lead)
                if seen is not None:
                    self.views[person.index, account] = seen

    def label_key(self, label: str) -> str:
        """As much of a label as everybody here can hold."""
        return label[: self._label_max].rstrip()

    def live(self, person: Person, account: str) -> bool:
        """Whether syncd holds this person's record there for a live one."""
        link = self.leads.get((account, person.records.get(account, "")))
        return link is not None and link.state == "live"

    def nodes(self, person: int) -> set[int]:
        """Canonical leads of a person."""
        owned = (link for place, link in self.leads.items() if self.world.owner.get(place) == person)
        return {link.node for link in owned if link.node is not None}

    def keeps(self, edit: Edit) -> bool:
        """Whether syncd itself keeps what was typed: in the lead, or as a word without a translation on a record."""
        if any(self.canon[node][edit.field] == edit.value for node in self.nodes(edit.person) if node in self.canon):
            return True
        link = self.leads.get((edit.account, edit.lead))
        return link is not None and f"? {link.unmapped.get(edit.field)}" == edit.value

    def taken_back(self, account: str, lead: str, name: str) -> bool:
        """Whether somebody put a value back right after syncd wrote another: it cannot be told from a refusal.

        syncd keeps it as settled there and says so; only a value that was typed there last counts.
        """
        link = self.leads.get((account, lead))
        field = "assignment.primary" if name == "primary" else name
        if link is None or "wanted" not in link.settled.get(field, {}):
            return False
        typed = [e for e in self.world.ledger.edits if (e.account, e.lead, e.field) == (account, lead, name)]
        if name in SETS:
            return any(edit.lost for edit in typed)
        seen = self.world.view(account, lead)
        return bool(typed) and seen is not None and typed[-1].value == seen[name]

    def made_primary(self, person: int, name: str, element: str) -> bool:
        """Whether the journal says that a removed element came back because another record made it the primary one."""
        nodes = self.nodes(person)
        return any(
            lead in nodes and field == name and why == "primary" and element in _elements(name, new)
            for lead, field, _old, new, why in self.journal
        )

    def settled_people(self) -> list[Person]:
        """People whose records nobody has to decide about."""
        reviews = {self.world.owner.get(place) for place, link in self.leads.items() if link.state == "review"}
        return [p for p in self.world.people if not p.doubtful and p.index not in reviews]


def _lead(row: tuple[Any, ...]) -> View:
    """A lead as syncd keeps it, in the words of views."""
    texts = dict(zip(_TEXTS, row[1:], strict=False))
    phone, phones, emails, roles, frame, low, high, agent, labels = row[1 + len(_TEXTS) :]
    return {
        **{name: text_of(value) for name, value in texts.items()},
        "phone": digits_of(phone or ""),
        "phones": frozenset(digits_of(number) for number, _ in phones or ()),
        "emails": frozenset(emails or ()),
        "roles": frozenset(roles or ()),
        "buyer_timeline": frame_of(frame),
        "price_min": number_of(low),
        "price_max": number_of(high),
        "primary": agent or "",
        "labels": frozenset(label_of(label) for label in labels),
    }


def frame_of(kept: Any) -> str:
    """A stored time frame as views spell it."""
    if not isinstance(kept, list):
        return str(kept or "")
    return f"{kept[0]}+" if kept[1] is None else f"{kept[0]}-{kept[1]}"


def _elements(name: str, value: Any) -> set[str]:
    return {digits_of(row[0]) for row in value or ()} if name == "phones" else set(value or ())
