"""Header lines, splitting and joining of notes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.domain import notes

BODY = st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\n \t"), max_size=300)
NAME = st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=20)


@given(BODY, st.integers(min_value=4, max_value=60))
def test_slices_joined_are_the_body_and_each_fits(body: str, room: int) -> None:
    """No character is lost or moved by splitting, and no piece is longer than the vendor takes, in UTF-16 units."""
    pieces = notes.slices(body, room)
    assert "".join(pieces) == body
    assert all(len(piece.encode("utf-16-le")) // 2 <= room for piece in pieces)


@given(NAME, NAME, st.integers(min_value=0, max_value=10**9), st.sampled_from(["", "call", "system"]), BODY)
def test_a_header_read_back_names_the_note_and_leaves_the_body(
    origin: str, author: str, number: int, kind: str, body: str
) -> None:
    """Whatever people and accounts are called, the header comes off again and its reference is exact."""
    header = notes.Header(origin, author, "2026-11-21 08:49 UTC", kind, number)
    found, rest = notes.parse(f"{notes.render(header)}\n{body}")
    assert found is not None
    assert (found.note, found.part, found.parts) == (number, 0, 0)
    assert rest == body


def test_a_header_keeps_its_parts_apart() -> None:
    """Origin, author, time, kind and part come back as they went in."""
    header = notes.Header("cinc", "Rebecca Wood", "2026-11-21 08:49 UTC", "call", 164, 2, 3)
    assert notes.render(header) == "[cinc · Rebecca Wood · 2026-11-21 08:49 UTC · call · #4k · 2/3]"
    assert notes.parse(notes.render(header) + "\nhello") == (header, "hello")


def test_a_note_without_author_and_time_has_no_empty_places() -> None:
    """What is not known is left out, separators included."""
    line = notes.render(notes.Header("cinc", note=5))
    assert line == "[cinc · #5]"
    assert notes.parse(f"{line}\nx")[0] == notes.Header("cinc", note=5)


@pytest.mark.parametrize("text", ["", "[a · b]", "[cinc] hello", "plain\n[cinc · #5]", "[cinc · #5] trailing\nx"])
def test_a_text_without_a_header_stays_whole(text: str) -> None:
    """Brackets people type are not taken for a header of ours."""
    assert notes.parse(text) == (None, text)


def test_a_note_over_the_limit_becomes_numbered_parts() -> None:
    """4,900 characters are three parts at a vendor that takes 2,000, none longer than that."""
    body = "word " * 980
    texts = notes.texts(notes.Header("cinc", "Rebecca Wood", "2026-11-21 08:49 UTC", "", 7), body, 2000)
    assert [notes.parse(text)[0].part for text in texts] == [1, 2, 3]  # type: ignore[union-attr]
    assert max(map(len, texts)) <= 2000


def test_an_edited_part_changes_only_its_piece() -> None:
    """A person edits part 2 of 3: the rest of the body stays to the letter."""
    body = " ".join(f"w{i}" for i in range(200))
    pieces = notes.slices(body, 300)
    edited = notes.replace_piece(body, 300, 2, "new words")
    assert edited == pieces[0] + "new words" + " " + "".join(pieces[2:])


@given(BODY, st.integers(min_value=80, max_value=200), st.data())
def test_an_unedited_part_changes_nothing(body: str, room: int, data: st.DataObject) -> None:
    """Reading a part back as it was written leaves the body as it is, white space at the cuts included."""
    pieces = notes.slices(body, room)
    part = data.draw(st.integers(1, len(pieces)))
    if pieces[part - 1].strip():
        assert notes.replace_piece(body, room, part, pieces[part - 1].strip()) == body


@pytest.mark.parametrize(("one", "other"), [("a\r\nb", "a\nb"), (" a ", "a"), ("a  \nb", "a\nb"), ("a\rb", "a\nb")])
def test_line_ends_and_outer_space_do_not_make_another_note(one: str, other: str) -> None:
    """What vendors do to white space is not an edit."""
    assert notes.same(one, other)
