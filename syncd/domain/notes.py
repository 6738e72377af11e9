"""Notes as vendors can hold them: one header line, and numbered parts where a note is too long.

A vendor that cannot store who wrote a note and when gets one header line in front of the text:

    [cinc · Rebecca Wood · 2026-11-21 08:49 UTC · #4k · 2/3]
    She prefers to be called after six.

The header carries a reference to the canonical note. It makes every text we write unique, so a note
found after a crash is recognised as ours even when a person typed the same words twice. Reading a
note back takes the header off; joining the parts gives the body to the last character, because a
part is a slice of the body and nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

BODY_CHARS_MAX = 100_000
"""A longer text is no note a person typed: it would be more numbered parts than anybody reads."""
DEFAULT_TEMPLATE = "[{origin} · {author} · {time}{kind} · {ref}{part}]"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PATTERNS = {
    "origin": r"(?P<origin>[^\n·]*)",
    "author": r"(?P<author>[^\n·]*?)",
    "time": r"(?P<time>(?:\d{4}-\d\d-\d\d \d\d:\d\d UTC)?)",
    "kind": r"(?: · (?P<kind>call|email|text|meeting|system))?",
    "ref": r"#(?P<ref>[0-9a-z]+)",
    "part": r"(?: · (?P<part>\d+)/(?P<parts>\d+))?",
}


@dataclass(frozen=True, slots=True)
class Header:
    """What one header line says. ``part`` is 0 for a note in one piece, else 1…``parts``."""

    origin: str
    author: str = ""
    time: str = ""
    kind: str = ""
    note: int = 0
    part: int = 0
    parts: int = 0


def render(header: Header, template: str = DEFAULT_TEMPLATE) -> str:
    """The header line, without a line end."""
    line = template.format(
        origin=_flat(header.origin),
        author=_flat(header.author),
        time=header.time,
        kind=f" · {header.kind}" if header.kind not in {"", "general"} else "",
        ref=f"#{_base36(header.note)}",
        part=f" · {header.part}/{header.parts}" if header.part else "",
    )
    return re.sub("(?: · ){2,}", " · ", line)


def parse(text: str, template: str = DEFAULT_TEMPLATE) -> tuple[Header | None, str]:
    """The header of a text, if its first line is one, and the text without it."""
    line, _, rest = text.partition("\n")
    found = _pattern(template).fullmatch(line.strip())
    if found is None:
        return None, text
    groups = found.groupdict()
    header = Header(
        origin=groups.get("origin") or "",
        author=groups.get("author") or "",
        time=groups.get("time") or "",
        kind=groups.get("kind") or "",
        note=int(groups.get("ref") or "0", 36),
        part=int(groups.get("part") or 0),
        parts=int(groups.get("parts") or 0),
    )
    return header, rest


def slices(body: str, room: int) -> list[str]:
    """The body in pieces of at most ``room`` UTF-16 units; joined they are the body again.

    UTF-16 units, because a vendor that counts them calls an emoji two characters, and one that counts
    code points is then never exceeded either. A cut falls after white space where the last tenth of a
    piece has any, and never inside a surrogate pair.
    """
    if room < 1:
        message = "no room for a note behind its header"
        raise ValueError(message)
    pieces: list[str] = []
    rest = body
    while _units(rest) > room:
        cut = _fit(rest, room)
        floor = max(1, cut - cut // 10)
        space = max((i + 1 for i in range(floor - 1, cut) if rest[i].isspace()), default=cut)
        pieces.append(rest[:space])
        rest = rest[space:]
    return [*pieces, rest]


def texts(header: Header, body: str, limit: int, template: str = DEFAULT_TEMPLATE, *, parts_min: int = 1) -> list[str]:
    """The texts to store for one note at a vendor that takes ``limit`` characters (0: any number).

    parts_min  how many notes it is there already: one that became shorter keeps them, the last ones say nothing
    """
    whole = f"{render(header, template)}\n{body}"
    if not limit or (_units(whole) <= limit and parts_min <= 1):
        return [whole]
    numbered = Header(header.origin, header.author, header.time, header.kind, header.note, 99, 99)
    room = limit - _units(render(numbered, template)) - 1
    pieces = slices(body, room)
    pieces += [""] * (parts_min - len(pieces))
    return [
        render(Header(header.origin, header.author, header.time, header.kind, header.note, part, len(pieces)), template)
        + (f"\n{piece.strip()}" if piece.strip() else "")
        for part, piece in enumerate(pieces, start=1)
    ]


def same(one: str, other: str) -> bool:
    """Whether two texts are the same note: line ends, outer space and trailing space aside."""
    return _bare(one) == _bare(other)


def replace_piece(body: str, room: int, part: int, text: str) -> str:
    """The body after a person changed piece ``part`` (1…) to ``text``; the white space around it stays.

    What is written into a part beyond the last piece (see `texts`) is added at the end.
    """
    pieces = slices(body, room)
    if not 1 <= part <= len(pieces):
        return f"{body}\n{text.strip()}" if text.strip() else body
    old = pieces[part - 1]
    lead, trail = old[: len(old) - len(old.lstrip())], old[len(old.rstrip()) :]
    pieces[part - 1] = f"{lead}{text.strip()}{trail}"
    return "".join(pieces)


def room_for(header: Header, limit: int, template: str = DEFAULT_TEMPLATE) -> int:
    """How many units of body fit into one numbered part."""
    numbered = Header(header.origin, header.author, header.time, header.kind, header.note, 99, 99)
    return limit - _units(render(numbered, template)) - 1


def _bare(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").strip().split("\n"))


def _flat(text: str) -> str:
    """One line, without the characters that would close the header."""
    return " ".join(text.replace("]", ")").replace("[", "(").replace("·", "-").split())


def _units(text: str) -> int:
    return len(text) + sum(1 for c in text if ord(c) > 0xFFFF)


def _fit(text: str, room: int) -> int:
    """How many leading characters of ``text`` fit into ``room`` UTF-16 units."""
    used = 0
    for index, char in enumerate(text):
        used += 2 if ord(char) > 0xFFFF else 1
        if used > room:
            return max(1, index)
    return len(text)


def _base36(number: int) -> str:
    digits = ""
    while True:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
        if not number:
            return digits


@lru_cache(maxsize=16)
def _pattern(template: str) -> re.Pattern[str]:
    """The template as a pattern. A blank author or time leaves no empty separator behind."""
    pieces = re.split(r"\{(\w+)\}", template)
    out = ""
    for index, piece in enumerate(pieces):
        if index % 2:
            out += _PATTERNS[piece]
        else:
            out += re.escape(piece).replace(re.escape(" · "), "(?: · )?")
    return re.compile(out)
