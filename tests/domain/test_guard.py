"""The guard against implausible plans."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.guard import PARTS, Counts, Lately, Limits, check

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
WITHIN = timedelta(minutes=10)


def test_a_plan_at_its_limits_runs():
    """A limit is the most that is allowed, not the first that is not."""
    counts = Counts(creates=500, deletes=10, blanks=50, reassignments=100, overwrites=200)
    assert check(counts, linked=1000) == []


@pytest.mark.parametrize("kind", ["creates", "deletes", "blanks", "reassignments"])
def test_one_more_than_a_limit_is_held_with_both_numbers(kind: str):
    """The reason names the count, the limit and its key in the config."""
    limits = Limits(creates=3, deletes=3, blanks=3, reassignments=3)
    assert check(Counts(**{kind: 3}), 10, limits) == []
    (reason,) = check(Counts(**{kind: 4}), 10, limits)
    assert reason.startswith("4 ")
    assert f"guard.{kind} allows 3" in reason


def test_every_reason_is_told_at_once():
    """A plan that is too large in two ways says both."""
    assert len(check(Counts(creates=501, deletes=11), linked=0)) == 2


@pytest.mark.parametrize(
    ("overwrites", "linked", "held"),
    [(99, 100, False), (100, 499, True), (100, 500, False), (101, 500, True), (100, 0, True)],
)
def test_the_share_counts_overwritten_records_and_has_a_floor(overwrites: int, linked: int, held: bool):  # noqa: FBT001
    """Above 20 % of the linked records a plan is held, but never for fewer than 100 of them."""
    reasons = check(Counts(overwrites=overwrites), linked)
    assert bool(reasons) is held
    if held:
        assert f"{overwrites} of {linked} linked leads" in reasons[0]


def test_a_limit_of_zero_allows_nothing():
    """Deletes = 0 holds the first delete."""
    assert check(Counts(deletes=1), 100, Limits(deletes=0))


@given(st.lists(st.tuples(st.floats(0, 3600), st.integers(0, 3), st.sets(st.integers(1, 9), max_size=3)), max_size=30))
def test_what_was_written_lately_counts_as_one_with_what_is_planned(writes: list[tuple[float, int, set[int]]]):
    """Everything of the last ten minutes is counted, each lead once however often it was overwritten; what is older by
    more than a twentieth of that is forgotten.
    """
    lately, now = Lately(WITHIN), BEGAN + timedelta(seconds=3600)
    written = sorted((BEGAN + timedelta(seconds=at), creates, leads) for at, creates, leads in writes)
    for at, creates, leads in written:
        lately.add(at, Counts(creates=creates, overwrites=len(leads)), leads)
    together = lately.together(now, Counts(creates=1, overwrites=1), {99})
    surely = [one for one in written if now - one[0] < WITHIN - WITHIN / PARTS]
    maybe = [one for one in written if now - one[0] <= WITHIN]
    assert 1 + sum(one[1] for one in surely) <= together.creates <= 1 + sum(one[1] for one in maybe)
    assert len({99}.union(*(one[2] for one in surely))) <= together.overwrites
    assert together.overwrites <= len({99}.union(*(one[2] for one in maybe)))
