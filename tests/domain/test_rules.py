"""The conflict rules and their config forms."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.errors import ConfigError
from syncd.domain.origin import Interval, Origin, later, origin_of
from syncd.domain.rules import PARKED, Clash, Custom, Held, Rule, RuleBook, parse
from tests.domain.toy import ORDER, minutes


def origin(connection: str, at: float | None = None, *, since: float | None = None, blur: float = 1.0) -> Origin:
    """An origin; times in minutes."""
    return Origin(connection, "1", None if at is None else minutes(at), blur, None if since is None else minutes(since))


def clash(ours: Held, theirs: Held, *, one: Origin | None, other: Origin, **more: Any) -> Clash:
    """A clash of two values with these origins."""
    return Clash("f", None, ours, theirs, one, other, ORDER, **more)


A1, A5, B3, G4 = origin("alpha", 1), origin("alpha", 5), origin("beta", 3), origin("gamma", 4)
FORWARD = {"rule": "forward", "order": ["new", "contacted", "closed"]}
OWNER = {"rule": "owner", "connection": "alpha"}
RANKED = {"rule": "ranked", "order": ["gamma", "beta"]}
DAY = date(2026, 1, 1)
WHEN = datetime(2026, 1, 1, tzinfo=UTC)
NOT_CONCURRENT = {"concurrent": False}


@pytest.mark.parametrize(
    ("rule", "ours", "theirs", "one", "other", "more", "outcome"),
    [
        ("newest", "x", "y", A1, B3, {}, "theirs"),
        ("newest", "x", "y", A5, B3, {}, "ours"),
        ("newest", "x", "y", None, B3, {}, "theirs"),
        ("newest", "x", "y", A1, origin("beta"), {}, "ours"),
        ("union", "x", "y", A5, B3, {}, "ours"),
        (RANKED, "x", "y", A5, B3, {}, "theirs"),
        (RANKED, "x", "y", G4, B3, {}, "ours"),
        (RANKED, "x", "y", B3, A5, {}, "ours"),
        (RANKED, "x", "y", A1, origin("delta", 9), {}, "theirs"),
        (RANKED, "x", "y", None, B3, {}, "theirs"),
        (OWNER, "x", "y", B3, A1, {}, "theirs"),
        (OWNER, "x", "y", B3, A1, NOT_CONCURRENT, "theirs"),
        (OWNER, "x", "y", A1, B3, {}, "ours"),
        (OWNER, "x", "y", A1, B3, NOT_CONCURRENT, "ours"),
        (OWNER, None, "y", A1, B3, {}, "theirs"),
        (OWNER, {}, {"city": "y"}, A1, B3, {}, "theirs"),
        (OWNER, "x", "y", G4, B3, {}, "ours"),
        (OWNER, "x", "y", B3, G4, {}, "theirs"),
        (OWNER, "x", "y", G4, B3, NOT_CONCURRENT, "theirs"),
        (FORWARD, "new", "closed", A5, B3, {}, "theirs"),
        (FORWARD, "closed", "new", A1, B3, {}, "ours"),
        (FORWARD, "closed", "new", A1, B3, NOT_CONCURRENT, "ours"),
        (FORWARD, "new", "contacted", A5, B3, NOT_CONCURRENT, "theirs"),
        (FORWARD, "closed", None, A1, B3, {}, "ours"),
        (FORWARD, None, "new", A1, B3, {}, "theirs"),
        (FORWARD, "closed", "lost", A1, B3, {}, "theirs"),
        (FORWARD, "closed", "lost", A5, B3, {}, "ours"),
        (FORWARD, "lost", "new", A5, B3, NOT_CONCURRENT, "theirs"),
        ("keep", "x", "y", A1, B3, {}, "ours"),
        ("keep", "x", "y", A1, B3, NOT_CONCURRENT, "ours"),
        ("keep", None, "y", A1, B3, {}, "theirs"),
        ("keep", "x", None, A1, B3, {"first": True}, "ours"),
        ("keep", "x", "y", A1, B3, {"first": True}, "ours"),
        ("keep", "x", "y", A5, B3, {"first": True}, "theirs"),
        ("keep", "x", "y", A1, origin("beta"), {"first": True}, "ours"),
        ("keep", "x", "y", origin("alpha"), origin("beta"), {"first": True}, "ours"),
        ("keep", "x", "y", origin("beta"), origin("alpha"), {"first": True}, "theirs"),
        ("earliest", WHEN, WHEN - timedelta(days=1), A5, B3, {}, "theirs"),
        ("earliest", WHEN, WHEN + timedelta(days=1), A1, B3, {}, "ours"),
        ("earliest", DAY, DAY - timedelta(days=1), A5, B3, {}, "theirs"),
        ("earliest", 2, 1.5, A5, B3, {}, "theirs"),
        ("earliest", WHEN, DAY, A1, B3, {}, "theirs"),
        ("earliest", WHEN, None, A1, B3, {}, "ours"),
        ("earliest", None, WHEN, A5, B3, {}, "theirs"),
        ("restrictive", True, False, A1, B3, {}, "ours"),
        ("restrictive", True, None, A1, B3, {}, "ours"),
        ("restrictive", False, True, A5, B3, {}, "theirs"),
        ("restrictive", None, False, A5, B3, {}, "theirs"),
        ("manual", "x", "y", A1, B3, {}, "parked"),
    ],
)
def test_every_rule_by_example(
    rule: Any, ours: Held, theirs: Held, one: Origin | None, other: Origin, more: dict[str, Any], outcome: str
):
    """The table of the rules: who stands."""
    assert parse(rule).decide(clash(ours, theirs, one=one, other=other, **more)).outcome == outcome


@pytest.mark.parametrize(
    ("rule", "standing", "whole"),
    [
        ("newest", False, False), ("union", False, False), ("manual", False, False), (RANKED, False, False),
        (OWNER, True, True), (FORWARD, True, False), ("keep", True, True), ("earliest", True, False),
        ("restrictive", True, False),
    ],
)  # fmt: skip
def test_which_rules_are_asked_about_every_change(rule: Any, standing: bool, whole: bool):  # noqa: FBT001
    """Standing rules forbid also what nobody contradicts; whole ones decide a set as one value."""
    parsed = parse(rule)
    assert (parsed.standing, parsed.whole) == (standing, whole)


@pytest.mark.parametrize(
    ("one", "other", "theirs", "concurrent"),
    [
        (origin("alpha", 1), origin("beta", 2), True, False),
        (origin("alpha", 1, blur=31), origin("beta", 2, blur=30), False, True),
        (origin("beta", 1, blur=31), origin("alpha", 2, blur=30), True, True),
        (origin("beta", 1), origin("alpha", 1), True, True),
        (origin("gamma", 1, blur=0), origin("delta", 1, blur=0), False, True),
        (origin("zeta", 1), origin("delta", 1), True, True),
        (origin("alpha", since=1), origin("beta", 2), True, False),
        (origin("alpha", 2), origin("beta", since=1), False, False),
        (origin("alpha", 2), origin("beta", since=3), True, False),
        (origin("beta"), origin("alpha"), True, True),
        (None, origin("beta"), True, True),
        (origin("alpha", 1), origin("alpha", 1), True, True),
    ],
)
def test_which_moment_is_later(one: Origin | None, other: Origin, theirs: bool, concurrent: bool):  # noqa: FBT001
    """Beyond both uncertainties the clock decides, within them the order of connections."""
    verdict = later(one, other, ORDER)
    assert (verdict.theirs, verdict.concurrent) == (theirs, concurrent)
    assert verdict.why


ORIGINS = st.builds(
    origin,
    st.sampled_from([*ORDER, "delta", "zeta"]),
    st.none() | st.integers(0, 5),
    since=st.none() | st.integers(0, 5),
    blur=st.sampled_from([0.0, 1.0, 45.0]),
)


@given(ORIGINS, ORIGINS)
def test_the_later_one_is_the_same_from_both_sides(one: Origin, other: Origin):
    """Whoever is read first, the same origin stands."""
    if one.connection != other.connection:
        assert later(one, other, ORDER).theirs is not later(other, one, ORDER).theirs


@given(ORIGINS)
def test_origins_survive_json(one: Origin):
    """Provenance reads back as itself."""
    assert Origin.from_json(one.to_json()) == one
    assert Origin.from_json(one.by("newest").to_json()).rule == "newest"


def test_a_record_time_before_the_previous_read_is_no_time():
    """A change seen only now cannot have happened before the record was last read."""
    honest = origin_of("alpha", "1", Interval(minutes(5), 1.0, minutes(4)))
    assert honest.point == minutes(5)
    assert origin_of("alpha", "1", Interval(minutes(3), 1.0, minutes(4))).at is None
    assert origin_of("alpha", "1", Interval(minutes(3), 61.0, minutes(4))).at == minutes(3)
    assert origin_of("alpha", "1", Interval(minutes(5), 1.0, minutes(4)), timed=False).point == minutes(4)


def resolver(function: Custom) -> Any:
    """A resolver that knows house:rule."""

    def resolve(module: str, name: str) -> Custom:
        if module != "house":
            raise ImportError(module)
        if name != "rule":
            raise AttributeError(name)
        return function

    return resolve


@pytest.mark.parametrize(
    ("returned", "outcome", "value"),
    [("x", "ours", None), ("y", "theirs", None), ("z", "merged", "z"), ("", "merged", None), (PARKED, "parked", None)],
)
def test_a_rule_in_python(returned: Any, outcome: str, value: Any):
    """Its answer is one of both, a third value, or left to a person."""
    rule = parse("python:house:rule", resolve=resolver(lambda _clash: returned))
    decision = rule.decide(clash("x", "y", one=A1, other=B3))
    assert (decision.outcome, decision.value) == (outcome, value)


def test_a_rule_in_python_that_fails_parks_the_conflict():
    """A bug in somebody's rule stops no sync, and its message, which may hold values, is not kept."""

    def broken(found: Clash) -> Any:
        raise ValueError(found.ours)

    decision = parse("python:house:rule", resolve=resolver(broken)).decide(clash("secret", "y", one=A1, other=B3))
    assert decision.outcome == "parked"
    assert "ValueError" in decision.why
    assert "secret" not in decision.why


def test_pairs_have_rules_of_their_own():
    """A pair's rule applies between those two, whichever way round; the others keep the field's."""
    pair = {"between": ["alpha", "beta"], "rule": "owner", "connection": "beta"}
    rule = parse({"rule": "newest", "pairs": [pair]})
    assert rule.between("beta", "alpha").name == rule.between("alpha", "beta").name == "owner"
    assert rule.between("alpha", "gamma").name == rule.between("", "alpha").name == "newest"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("newst", "did you mean 'newest'?"),
        ("quux", "known rules are newest, union"),
        (7, "write a rule's name"),
        ({"order": []}, "write a rule's name"),
        ({"rule": "owner"}, "owner needs connection"),
        ({"rule": "owner", "conection": "x", "connection": "y"}, "did you mean 'connection'?"),
        ({"rule": "ranked", "order": []}, "ranked needs order"),
        ({"rule": "ranked", "order": "alpha"}, "ranked needs order"),
        ({"rule": "ranked", "order": ["a", "a"]}, "twice"),
        ({"rule": "newest", "order": ["a"]}, "unknown key 'order'"),
        ({"rule": "newest", "pairs": "x"}, "pairs is a list"),
        ({"rule": "newest", "pairs": [{"rule": "keep"}]}, "rules.f.pairs[0]: needs between"),
        ({"rule": "newest", "pairs": [{"between": ["a", "a"], "rule": "keep"}]}, "needs between"),
        ({"rule": "newest", "pairs": [{"between": ["a", "b"], "rule": "kep"}]}, "did you mean 'keep'?"),
        ({"rule": "newest", "pairs": [{"between": ["a", "b"], "rule": "keep", "pairs": []}]}, "no pairs of its own"),
        ("python:house", "is not python:module:function"),
        ("python:nowhere:rule", "cannot be loaded: ImportError"),
        ("python:house:nothing", "cannot be loaded: AttributeError"),
    ],
)
def test_a_wrong_rule_is_one_clear_line(value: Any, says: str):
    """The message names the place, what is wrong and the nearest thing known."""
    with pytest.raises(ConfigError) as caught:
        parse(value, place="rules.f", resolve=resolver(lambda c: c.ours))
    (problem,) = caught.value.problems
    assert problem.startswith("rules.f")
    assert says in problem


def test_without_a_resolver_no_python_is_loaded():
    """The domain itself imports nobody's code."""
    with pytest.raises(ConfigError, match="cannot be loaded here"):
        parse("python:house:rule")


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("first_name", "newest"), ("source", "keep"), ("emails", "union"), ("registered_at", "earliest"),
        ("text_opt_out", "restrictive"), ("address", "newest"), ("assignment.primary", "newest"),
        ("custom.x", "newest"),
    ],
)  # fmt: skip
def test_the_defaults_of_the_fields(name: str, rule: str):
    """Without config every field has the rule of DESIGN §4."""
    assert RuleBook()(name, "alpha", "beta").name == rule


def test_the_rules_table_of_the_config():
    """A field's own rule, then its family's, then its default, where `default` replaces newest only."""
    book = RuleBook.parse(
        {"default": "manual", "stage": OWNER, "assignments": "keep", "assignment.lender": "newest", "custom": RANKED,
         "address": "keep"}
    )  # fmt: skip
    expected: Mapping[str, str] = {
        "stage": "owner", "assignment.primary": "keep", "assignment.lender": "newest", "custom.score": "ranked",
        "address": "keep", "first_name": "manual", "emails": "union", "source": "keep",
    }  # fmt: skip
    assert {name: book(name, "alpha", "beta").name for name in expected} == expected


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"sorce": "keep"}, "did you mean 'source'?"),
        ({"street": "keep"}, "set rules.address"),
        ({"first_name": "restrictive"}, "means nothing"),
        ({"stage": "earliest"}, "means nothing"),
        ({"emails": FORWARD}, "means nothing"),
        ({"emails": {"rule": "union", "pairs": [{"between": ["a", "b"], "rule": "earliest"}]}}, "means nothing"),
        ({"default": "restrictive"}, "means nothing"),
    ],
)
def test_a_rule_must_fit_its_field(config: dict[str, Any], says: str):
    """Fields that do not exist and rules without a meaning are refused."""
    with pytest.raises(ConfigError) as caught:
        RuleBook.parse(config)
    assert says in str(caught.value)


def test_all_wrong_rules_are_told_at_once():
    """Nobody mends a config one line at a time."""
    with pytest.raises(ConfigError) as caught:
        RuleBook.parse({"stage": "newst", "sorce": "keep", "email": "newest"})
    assert len(caught.value.problems) == 2


def test_rules_of_the_design_are_all_known():
    """Every rule named in DESIGN §6 can be configured."""
    rules: list[Rule] = [parse(r) for r in ("newest", "union", "restrictive", "earliest", "keep", "manual")]
    rules += [parse(r) for r in (OWNER, RANKED, FORWARD)]
    assert len({r.name for r in rules}) == 9
