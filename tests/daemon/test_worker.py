"""How long a slice may take."""

from __future__ import annotations

from syncd.daemon.worker import LIVE_S, SHARE_S, SLICE_S, Room


def test_a_slice_makes_room_for_who_waits():
    """A pull at once, a live one after its share; without anybody waiting both go on for a while."""
    alone, wanted = Room(), Room(wanted=True)
    assert (alone.lasts_s("pull"), alone.lasts_s("live")) == (SLICE_S, LIVE_S)
    assert (wanted.lasts_s("pull"), wanted.lasts_s("live")) == (0.0, SHARE_S)


def test_what_was_planned_for_long_is_written_for_as_long():
    """A plan of a hundred thousand leads takes longer than a slice's share: the slice would write next to nothing."""
    room = Room(wanted=True)
    room.planned(25.0)
    assert room.lasts_s("live") >= 50.0
