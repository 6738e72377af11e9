"""What positions and marks are made of: the same in every process, and read back exactly or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

import pytest
from pydantic import AwareDatetime, TypeAdapter

from syncd.ports.vendor import mark
from syncd.vendors.walked import Seen, decoded, encoded

IDS = ("", "1", "LEAD7", "Zoë-1", "\ud800")


@dataclass(frozen=True, slots=True)
class Inner:
    """A part of a position."""

    page: int
    last: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """As adapters have them."""

    began: AwareDatetime
    inner: Inner


KIND = TypeAdapter(Position)
TEXT = '{"began":"2026-01-01T00:00:00+00:00","inner":{"page":2,"last":true}}'


def test_a_mark_is_the_same_in_every_process():
    """Python salts the hashes of text anew in each; marks that are kept must not be."""
    code = "from syncd.ports.vendor import mark; import sys; print(*[mark(name) for name in eval(sys.argv[1])])"
    for salt in ("1", "2"):
        told = subprocess.run(
            [sys.executable, "-c", code, ascii(IDS)],
            env={**os.environ, "PYTHONHASHSEED": salt},
            capture_output=True,
            text=True,
            check=True,
        )
        assert [int(each) for each in told.stdout.split()] == [mark(name) for name in IDS]


def test_marks_fit_a_bigint_and_differ():
    """Signed and of 64 bits, whatever the id."""
    assert all(-(2**63) <= mark(name) < 2**63 for name in IDS)
    assert len({mark(str(number)) for number in range(10_000)}) == 10_000


def test_what_was_seen_is_counted_exactly():
    """Ids of both parts, each once; the earlier marks are left as they were."""
    earlier = frozenset({mark("a"), mark("b")})
    seen = Seen(earlier)
    assert [seen.add(name) for name in ("b", "c", "c", "a", "d")] == [False, True, False, False, True]
    assert len(seen) == len(earlier | {mark("c"), mark("d")})
    assert [name in seen for name in "abcde"] == [True, True, True, True, False]
    assert [seen.before(name) for name in "ac"] == [True, False]


def test_a_position_reads_back_as_it_was():
    """Times and nested parts included."""
    found = decoded(TEXT, KIND)
    assert found is not None
    assert encoded(found) == TEXT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no",
        "{}",
        "[]",
        TEXT[:-1],
        TEXT.replace("2026", "year"),
        TEXT.replace("+00:00", ""),
        TEXT.replace("2,", '"2",'),
        TEXT.replace(',"last":true', ""),
        TEXT.replace("true", 'true,"more":1'),
    ],
)
def test_anything_else_is_none(text: str):
    """Another format, older or newer, a key more or less, a time without a zone."""
    assert decoded(text, KIND) is None
