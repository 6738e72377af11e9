"""Two made-up vendors as lens tables, for the tests of the domain.

`LOSSLESS` carries everything verbatim. `LOSSY` loses in every way a real vendor does: names and streets are cut to
8 characters, labels to 6 and compared without case, one phone without its kind, one email, no country, and
only three words for stages, one of them for two of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from syncd.domain.lead import Fields, Member, Phone, Value, blank, decode, encode
from syncd.domain.lens import Got, Lens, LensTable, Payload, Reading, Unmapped, as_is
from syncd.domain.merge import Interval, Merged, Origin, Pending, Policy, Seen, merge
from syncd.domain.normalize import fold
from syncd.domain.rules import RuleBook

T0 = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
NAME_MAX = 8
LABEL_MAX = 6
STREET_MAX = 8
WORDS = {"new": "Fresh", "attempted": "Tried", "contacted": "Tried", "closed": "Sold"}
READ_AS = {"Fresh": "new", "Tried": "attempted", "Sold": "closed"}
PLAIN = (
    "first_name", "last_name", "email", "emails", "phone", "phones", "street", "city", "region", "postal_code",
    "country", "stage", "source", "roles", "buyer_timeline", "price_max", "areas", "birthday", "household",
    "text_opt_out", "registered_at", "labels", "assignment.primary", "custom.score",
)  # fmt: skip


def minutes(count: float) -> datetime:
    """That many minutes after the start of the tests' day."""
    return T0 + timedelta(minutes=count)


def values(words: st.SearchStrategy[str]) -> dict[str, st.SearchStrategy[Any]]:
    """Values by the type of their field, made of these words."""
    return {
        "text": words,
        "number": st.integers(0, 10**9) | st.floats(0, 1e9, allow_nan=False),
        "flag": st.booleans(),
        "day": st.dates(),
        "moment": st.datetimes(timezones=st.just(UTC)),
        "timeline": st.tuples(st.integers(0, 60), st.none() | st.integers(0, 60)) | words,
        "agent": st.integers(1, 10**6),
        "texts": st.frozensets(words, max_size=4),
        "phones": st.frozensets(st.builds(Phone, words, st.sampled_from(["", "cell", "home"])), max_size=4),
        "members": st.frozensets(st.builds(Member, words, words, words, words, words), max_size=3),
    }


def _plain(name: str) -> Lens:
    def get(payload: Payload) -> Got:
        return {name: decode(name, payload[name])} if name in payload else {}

    def put(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
        return {name: encode(wanted.get(name))}

    return Lens((name,), get, as_is(name), put)


def _cut(name: str, limit: int) -> Lens:
    def squeeze(canonical: Fields, _shown: Fields) -> Mapping[str, Value | None]:
        value = canonical.get(name)
        return {name: value[:limit].strip() if isinstance(value, str) else None}

    def get(payload: Payload) -> Got:
        return {name: payload.get(name) or None}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        return {name: squeeze(wanted, {})[name] or ""}

    return Lens((name,), get, squeeze, put, loss=f"cut to {limit} characters")


def _label_key(label: str) -> str:
    return fold(label[:LABEL_MAX])


def _squeeze_labels(canonical: Fields, shown: Fields) -> Mapping[str, Value | None]:
    labels, there = canonical.get("labels", frozenset()), shown.get("labels", frozenset())
    assert isinstance(labels, frozenset)
    assert isinstance(there, frozenset)
    spelled = {_label_key(str(e)): str(e) for e in there}
    cut = {_label_key(str(e)): str(e)[:LABEL_MAX].strip() for e in sorted(labels, key=str, reverse=True)}
    return {"labels": frozenset(spelled.get(k, e) for k, e in cut.items())}


def _squeeze_phones(canonical: Fields, shown: Fields) -> Mapping[str, Value | None]:
    phones, there = canonical.get("phones", frozenset()), shown.get("phones", frozenset())
    assert isinstance(phones, frozenset)
    assert isinstance(there, frozenset)
    numbers = sorted(p.number for p in phones if isinstance(p, Phone))
    kept = [p.number for p in there if isinstance(p, Phone) and p.number in numbers]
    primary = canonical.get("phone")
    chosen = primary if primary in numbers else next(iter(kept or numbers), None)
    return {"phones": frozenset((Phone(chosen),)) if isinstance(chosen, str) else None, "phone": chosen}


def _get_phones(payload: Payload) -> Got:
    number = payload.get("tel") or None
    return {"phone": number, "phones": None if number is None else frozenset((Phone(number),))}


def _squeeze_email(canonical: Fields, _shown: Fields) -> Mapping[str, Value | None]:
    email = canonical.get("email")
    return {"email": email, "emails": frozenset((email,)) if isinstance(email, str) else None}


def _get_email(payload: Payload) -> Got:
    email = payload.get("mail") or None
    return {"email": email, "emails": None if email is None else frozenset((email,))}


def _squeeze_stage(canonical: Fields, _shown: Fields) -> Mapping[str, Value | None]:
    stage = canonical.get("stage")
    word = WORDS.get(stage) if isinstance(stage, str) else None
    return {"stage": None if word is None else READ_AS[word]}


def _get_stage(payload: Payload) -> Got:
    word = payload.get("status") or None
    return {"stage": None if word is None else READ_AS.get(word, Unmapped(word))}


def _put_stage(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
    stage = wanted.get("stage")
    return {"status": WORDS.get(stage, "") if isinstance(stage, str) else ""}


LOSSLESS = LensTable(tuple(_plain(name) for name in PLAIN))
LOSSY = LensTable(
    (
        _cut("first_name", NAME_MAX),
        _cut("last_name", NAME_MAX),
        Lens(("email", "emails"), _get_email, _squeeze_email, lambda w, _p: {"mail": w.get("email", "")}),
        Lens(("phones", "phone"), _get_phones, _squeeze_phones, lambda w, _p: {"tel": _squeeze_phones(w, {})["phone"]}),
        _cut("street", STREET_MAX),
        *(_plain(name) for name in ("city", "postal_code", "text_opt_out")),
        Lens(("stage",), _get_stage, _squeeze_stage, _put_stage),
        Lens(
            ("labels",),
            lambda p: {"labels": frozenset(p.get("tags", ()))},
            _squeeze_labels,
            lambda w, p: {"tags": sorted(str(e) for e in _labels(w, p))},
            element=_label_key,
            loss=f"cut to {LABEL_MAX} characters",
        ),
    )
)


def _labels(wanted: Fields, present: Payload) -> frozenset[Any]:
    found = _squeeze_labels(wanted, {"labels": frozenset(present.get("tags", ()))})["labels"]
    return found if isinstance(found, frozenset) else frozenset()


def seen(
    connection: str,
    fields: Mapping[str, Any],
    *,
    at: float | None = None,
    since: float | None = None,
    uncertainty_s: float = 1.0,
    table: LensTable = LOSSLESS,
    told: frozenset[str] | None = None,
    unmapped: Mapping[str, str] | None = None,
) -> Seen:
    """A record as read. Told are all fields of the table unless said; times in minutes."""
    names = frozenset(table.by_field) - frozenset(unmapped or ()) if told is None else told
    values = {n: v for n, v in fields.items() if v is not None and not blank(v) and n in names}
    moment = Interval(None if at is None else minutes(at), uncertainty_s, None if since is None else minutes(since))
    return Seen(connection, f"{connection}-1", Reading(values, names, unmapped or {}), moment)


ORDER = ("alpha", "beta", "gamma")


def policy(connection: str, **more: Any) -> Policy:
    """A policy with the tests' order of connections."""
    return Policy(connection, order=more.pop("order", ORDER), **more)


def said(connection: str, at: float, *names: str) -> dict[str, Origin]:
    """Provenance: this connection said these fields then."""
    return dict.fromkeys(names, Origin(connection, f"{connection}-1", minutes(at), 1.0))


def read(
    lead: Mapping[str, Any],
    base: Mapping[str, Any] | None,
    theirs: Mapping[str, Any],
    *,
    table: LensTable = LOSSLESS,
    by: Mapping[str, Origin] | None = None,
    settled: Mapping[str, Any] | None = None,
    pending: Mapping[str, Pending] | None = None,
    at: float | None = 10,
    since: float | None = 5,
    told: frozenset[str] | None = None,
    unmapped: Mapping[str, str] | None = None,
    **config: Any,
) -> Merged:
    """Merge a record of beta into a lead that, unless said, alpha spoke about at minute 0."""
    rules = RuleBook.parse(config.pop("rules", {}))
    by = said("alpha", 0, *lead) if by is None else by
    record = seen("beta", theirs, at=at, since=since, table=table, told=told, unmapped=unmapped)
    waiting = {n: p.to_json() for n, p in (pending or {}).items()}
    shown = None if base is None else {n: v for n, v in base.items() if v is not None}
    return merge(lead, by, table, shown, settled or {}, waiting, record, policy("beta", rules=rules, **config))


def outcomes(merged: Merged) -> list[tuple[str, str, str]]:
    """The conflicts as (field, rule, outcome)."""
    return [(c.field, c.rule, c.outcome) for c in merged.conflicts]
