"""How CINC's rate headers and wrappers are read (vendors/cinc.md §1, §4)."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.vendors.cinc.client import limits_reader, unwrap
from tests.vendors.clocks import START, VirtualClock

NOW = START.timestamp()


def reset(value: float, **more: str) -> float | None:
    """Seconds until the reset that a header tells."""
    told = {"limit": "100", "remaining": "91", "reset": f"{value:.0f}"}
    headers = {**{f"x-rate-limit-{name}": text for name, text in told.items()}, **more}
    limits = limits_reader(VirtualClock(), 20.0)(headers, 200)
    assert limits is not None
    assert (limits.limit, limits.remaining) == (100, 91)
    return limits.reset_in_s


def test_the_reset_is_read_in_every_unit():
    """Milliseconds as documented, seconds as sampled (rounded up, they may be cut off), or seconds from now."""
    assert reset((NOW + 7) * 1000) == pytest.approx(7)
    assert reset(NOW + 7) == pytest.approx(8)
    assert reset(12) == 12


def test_the_reset_is_told_by_the_vendors_clock():
    """An answer's `Date` counts, not our own clock, which may be wrong."""
    assert reset((NOW + 3600 + 7) * 1000, date="Sun, 01 Mar 2026 13:00:00 GMT") == pytest.approx(7)


@pytest.mark.parametrize("value", [NOW - 3600, (NOW + 3600) * 1000, 4000])
def test_a_reset_outside_the_window_is_not_believed(value: float):
    """The documented length of the window then counts instead."""
    assert reset(value) is None


def test_a_reset_is_never_later_than_the_window_is_long():
    """Whole seconds rounded up may seem to be."""
    assert reset(NOW + 20) == 20


def test_no_headers_say_nothing():
    """Also headers that are no numbers."""
    assert limits_reader(VirtualClock(), 20.0)({"x-rate-limit-limit": "many"}, 200) is None


@pytest.mark.parametrize(
    ("data", "bare"),
    [
        ({"body": {"leads": []}, "header": {}}, {"leads": []}),
        ({"body": [1]}, [1]),
        ({"leads": []}, {"leads": []}),
        ([1], [1]),
        ({"body": "text"}, {"body": "text"}),
        (None, None),
    ],
)
def test_the_wrapper_is_taken_off(data: Any, bare: Any):
    """Always, wherever it stands; a `body` that is text is somebody's data."""
    assert unwrap(data) == bare
