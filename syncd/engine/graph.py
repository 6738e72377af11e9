"""The part of the lead graph that one page of records touches, and whose record each of them is (DESIGN §7).

It is read in a handful of queries at the beginning of the page's transaction. Identity is decided under one lock, so
that two connections cannot make two leads of one person in the same moment.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from syncd.domain import match
from syncd.domain.lead import Fields, Value, encode_fields
from syncd.domain.lens import Reading
from syncd.ports.rows import LIVE, REVIEW, Batch, Intent, Lead, Link
from syncd.ports.store import Tx
from syncd.ports.vendor import Remote

KIND: Final = "lead"


@dataclass(slots=True)
class Graph:
    """Everything one transaction needs to decide its rows, and what it has decided so far."""

    links: dict[str, Link]
    leads: dict[int, Lead]
    by_email: dict[str, set[int]]
    by_phone: dict[str, list[tuple[int, str, str]]]
    occupied: set[int]
    intents: list[Intent]
    ids: list[int]
    batch: Batch = field(default_factory=Batch)
    changed: set[int] = field(default_factory=set)
    fresh: set[int] = field(default_factory=set)

    def decide(self, reading: Reading, pinned: int | None, on_duplicate: str) -> match.Match:
        """Whose record this is: a lead's that is known, a new one's, or a person has to say."""
        fields = reading.fields
        names = match.Facts(str(fields.get("first_name", "")), str(fields.get("last_name", "")))
        candidates = match.Candidates(
            intent=self._intent_for(fields),
            pinned=pinned,
            by_email=frozenset(i for e in _emails(fields) for i in self.by_email.get(e, ())),
            by_phone=tuple(row for n in _numbers(fields) for row in self.by_phone.get(n, ())),
            linked=frozenset(self.occupied),
        )
        return match.match(names, candidates, on_duplicate)

    def _intent_for(self, fields: Fields) -> int | None:
        """The lead whose waiting create this record answers: everything we sent that it shows is the same."""
        shown = encode_fields(fields)
        for intent in self.intents:
            if intent.lead in self.occupied:
                continue
            sent = intent.fingerprint.get("fields", {})
            common = [name for name in ("email", "phone", "first_name", "last_name") if sent.get(name)]
            if common and all(shown.get(name) == sent[name] for name in common):
                return intent.lead
        return None

    def index(self, lead: Lead) -> None:
        """Let later rows of the same page find this lead."""
        for email in _emails(lead.fields):
            self.by_email.setdefault(email, set()).add(lead.id)
        names = (str(lead.fields.get("first_name", "")), str(lead.fields.get("last_name", "")))
        for number in _numbers(lead.fields):
            self.by_phone.setdefault(number, []).append((lead.id, *names))


async def graph_of(
    tx: Tx,
    connection: str,
    rows: Sequence[tuple[Remote, Reading]],
    pinned: Mapping[str, int],
    *,
    lost: Collection[int] = (),
) -> Graph:
    """All links, candidate leads and match keys for these rows. ``lost``: leads that links name and are no more."""
    links = dict(await tx.links(connection, KIND, [remote.external_id for remote, _ in rows])) if rows else {}
    links = {key: replace(link, node=None) if link.node in lost else link for key, link in links.items()}
    unlinked = [reading for remote, reading in rows if homeless(links.get(remote.external_id))]
    by_email: dict[str, set[int]] = {}
    by_phone: dict[str, list[tuple[int, str, str]]] = {}
    intents: list[Intent] = []
    if unlinked:
        await tx.serialize()
        emails = {email for reading in unlinked for email in _emails(reading.fields)}
        phones = {number for reading in unlinked for number in _numbers(reading.fields)}
        by_email = {k: set(v) for k, v in (await tx.leads_by_email(emails)).items()} if emails else {}
        by_phone = {k: list(v) for k, v in (await tx.leads_by_phone(phones)).items()} if phones else {}
        intents = [i for i in await tx.intents(connection) if i.kind == KIND]
    candidates = {i for ids in by_email.values() for i in ids} | {r[0] for found in by_phone.values() for r in found}
    candidates |= {i.lead for i in intents} | set(pinned.values())
    nodes = candidates | {link.node for link in links.values() if link.node is not None}
    leads = dict(await tx.leads(nodes)) if nodes else {}
    gone = {link.node for link in links.values() if link.node is not None} - leads.keys()
    if gone:  # a restored backup, or a row taken away by hand: such a record is matched anew
        return await graph_of(tx, connection, rows, pinned, lost=gone)
    held = await tx.links_of(KIND, candidates, connection) if candidates else []
    occupied = {link.node for link in held if link.node is not None and link.state == LIVE}
    ids = list(await tx.new_ids(KIND, len(unlinked))) if unlinked else []
    return Graph(links, leads, by_email, by_phone, occupied, intents, ids[::-1])


def homeless(link: Link | None) -> bool:
    """Whether a record belongs to no lead yet."""
    return link is None or link.state == REVIEW or link.node is None


def _emails(fields: Fields) -> set[str]:
    emails: Value | frozenset[str] = fields.get("emails", frozenset())
    found = {str(email) for email in emails} if isinstance(emails, frozenset) else set()
    primary = fields.get("email")
    return found | {primary} if isinstance(primary, str) else found


def _numbers(fields: Fields) -> set[str]:
    phones = fields.get("phones", frozenset())
    found = {str(phone[0]) for phone in phones} if isinstance(phones, frozenset) else set()
    primary = fields.get("phone")
    return found | {primary} if isinstance(primary, str) else found
