"""The decisions about a shared window, one visit at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from syncd.domain.quota import LEARNED_S, MARGIN_S, Hold, Seen, Visit, Window, visited


class Rate(NamedTuple):
    """A seed."""

    limit: int
    per_s: float


SEED = Rate(100, 10.0)
NEW = Window(SEED.limit, SEED.per_s)


def _come(window: Window, now: float, holder: str = "a", **said: object) -> tuple[Window, int]:
    return visited(window, replace(Visit(holder, SEED, number=window.number), **said), now)  # type: ignore[arg-type]


def test_the_first_visit_opens_a_window_of_the_seed():
    """And its end is not known before an answer tells it."""
    window, got = _come(NEW, 1000.0, want=8)
    assert (got, window.number, window.left, window.given, window.told) == (8, 1, 92, 8, False)
    window, _ = _come(window, 1000.2, flying=8, seen=Seen(1, ends_in_s=9.9, remaining=99))
    assert (window.told, round(window.ends_at, 6), window.left) == (True, 1010.1, 92)


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.floats(0, 4), st.integers(0, 60), st.integers(0, 60), st.booleans()),
        max_size=40,
    )
)
def test_what_is_given_and_left_is_the_limit(visits: Sequence[tuple[str, float, int, int, bool]]):
    """Whatever is asked for, used, given back and left lying; and nobody gets more than there is."""
    window, now = NEW, 0.0
    held: dict[str, tuple[int, int]] = {}
    for holder, later_s, want, most, back in visits:
        now += later_s
        number, calls = held.get(holder, (0, 0))
        done = min(most, calls)
        report = {"number": number, "done": done, "flying": 0 if back else calls - done, "want": want}
        window, got = _come(window, now, holder, **report)
        held[holder] = (window.number, (0 if back else calls - done) + got)
        assert window.given + window.left == window.limit
        assert not got or window.left >= 0
        assert 0 <= window.answered <= window.given


def test_a_lower_remainder_is_believed_as_far_as_it_can_be_true():
    """Twenty calls are out, of which none was known to be answered: 50 remaining means 31 to 50, so 31 it is."""
    window, _ = _come(NEW, 0.0, want=20)
    window, _ = _come(window, 0.1, done=1, flying=19, seen=Seen(1, ends_in_s=9.9, remaining=50))
    assert window.left == 31
    same, _ = _come(window, 0.2, done=1, flying=18, seen=Seen(1, ends_in_s=9.8, remaining=49, answered=1))
    assert same.left == 31


def test_a_limit_higher_than_the_seed_is_taken_up_at_once():
    """The first of ten answers says 499 of 500."""
    window, _ = _come(NEW, 0.0, want=10)
    window, got = _come(window, 0.1, done=1, flying=9, want=8, seen=Seen(1, 500, ends_in_s=9.9, remaining=499))
    assert (window.limit, got, window.left) == (500, 8, 482)


def test_a_learned_limit_is_forgotten_when_nobody_tells_it_any_more():
    """A limit that a 429 halved holds for ten minutes, also where the process that learned it is gone."""
    window, _ = _come(NEW, 0.0, seen=Seen(0, 50, pause_s=5.0))
    window, _ = _come(window, 20.0)
    assert window.limit == 50
    window, _ = _come(window, LEARNED_S + 1)
    assert window.limit == 100


def test_an_answer_of_a_window_that_is_over_says_nothing():
    """It arrives after the next window's end is known: neither its end nor its remainder count."""
    window, _ = _come(NEW, 0.0, want=5, seen=Seen(0, ends_in_s=10.0))
    window, _ = _come(window, 10.1, flying=5, want=5, seen=Seen(2, ends_in_s=10.0))
    after, _ = _come(window, 10.3, flying=10, seen=Seen(1, ends_in_s=-0.2, remaining=3))
    assert (after.ends_at, after.left, after.number) == (window.ends_at, window.left, 2)


def test_the_vendors_next_window_is_ours_as_soon_as_an_answer_shows_it():
    """We believed in an end a second too late; what others hold may all be counted in the new window."""
    window, _ = _come(NEW, 0.0, "b", want=7, seen=Seen(0, ends_in_s=11.0))
    window, _ = _come(window, 10.2, "a", number=1, done=1, late=1, flying=2, seen=Seen(1, ends_in_s=9.9, remaining=99))
    assert (window.number, round(window.ends_at, 6)) == (2, 20.1)
    assert (window.given, window.left) == (1 + 2 + 7, 90)


def test_a_holder_that_was_not_seen_for_long_holds_nothing_in_the_next_window():
    """One that came by a moment ago may still have calls under way."""
    window = replace(NEW, number=1, ends_at=10.0, told=True, holds={"gone": Hold(6, 5.0), "here": Hold(4, 9.5)})
    window, _ = _come(window, 10.0 + MARGIN_S, "a")
    assert (window.given, window.left) == (4, 96)


def test_a_pause_ends_the_window_for_everybody():
    """Nothing is given before it is over, whatever comes back or is told meanwhile; then there is a new window."""
    window, _ = _come(NEW, 0.0, "b", want=7, seen=Seen(0, ends_in_s=10.0))
    window, _ = _come(window, 1.0, "a", seen=Seen(1, pause_s=4.0))
    window, got = _come(window, 4.9, "b", want=5, seen=Seen(1, ends_in_s=6.0, remaining=80))
    assert got == 0
    window, got = _come(window, 5.0 + MARGIN_S, "b", want=5)
    assert (got, window.number) == (5, 2)


def test_the_less_urgent_leave_a_share():
    """A fifth of a hundred is left to others; of a tiny window nothing is."""
    _, got = _come(NEW, 0.0, want=1000, spare=0.2)
    assert got == 80
    _, got = visited(Window(4, 10.0), Visit("a", Rate(4, 10.0), want=9, spare=0.2), 0.0)
    assert got == 4
