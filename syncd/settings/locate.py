"""Where a key of a TOML file stands, so that a problem can be reported as ``file:line:column``.

The standard parser drops positions. This scanner runs only over text that parser has accepted, so it
need not judge anything: it walks keys and skips values.
"""

from __future__ import annotations

import re
from typing import NamedTuple

Path = tuple[str | int, ...]
"""Keys and list positions from the root down."""

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)+")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}\n#]+")
_STRINGS = (
    re.compile(r'"""(?:\\.|[^\\])*?"{3,5}', re.DOTALL),
    re.compile(r"'''.*?'{3,5}", re.DOTALL),
    re.compile(r'"(?:\\.|[^"\\\n])*"'),
    re.compile(r"'[^'\n]*'"),
)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)")


class Place(NamedTuple):
    """A position in the file, counted from 1."""

    line: int
    column: int


class Places:
    """The positions of every key and value of one TOML text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._keys: dict[Path, int] = {}
        self._values: dict[Path, int] = {}
        self._rows: dict[Path, int] = {}
        self._scan()

    def key(self, path: Path) -> Place | None:
        """Where the key (or the table header) is written, None if it is not in the file."""
        return self._place(self._keys.get(path))

    def value(self, path: Path) -> Place | None:
        """Where the value begins; of a table with a header, where its name is."""
        return self._place(self._values.get(path, self._keys.get(path)))

    def _place(self, offset: int | None) -> Place | None:
        if offset is None:
            return None
        line_start = self._text.rfind("\n", 0, offset) + 1
        return Place(self._text.count("\n", 0, offset) + 1, offset - line_start + 1)

    def _scan(self) -> None:
        table: Path = ()
        while self._more():
            if self._text.startswith("[[", self._at):
                self._at += 2
                table = self._header(is_list=True)
                self._at += 2
            elif self._text.startswith("[", self._at):
                self._at += 1
                table = self._header(is_list=False)
                self._at += 1
            else:
                self._pair(table)

    def _header(self, *, is_list: bool) -> Path:
        path: Path = ()
        names = self._dotted()
        for number, (name, offset) in enumerate(names, start=1):
            path = (*path, name)
            self._keys.setdefault(path, offset)
            if is_list and number == len(names):
                self._rows[path] = self._rows.get(path, -1) + 1
            if path in self._rows:
                path = (*path, self._rows[path])
                self._keys.setdefault(path, offset)
        self._skip()
        return path

    def _pair(self, table: Path) -> None:
        path = table
        for name, offset in self._dotted():
            path = (*path, name)
            self._keys.setdefault(path, offset)
        self._at += 1  # the equals sign
        self._value(path)

    def _dotted(self) -> list[tuple[str, int]]:
        names = []
        while True:
            self._skip()
            names.append((self._name(), self._last))
            self._skip()
            if not self._text.startswith(".", self._at):
                return names
            self._at += 1

    def _name(self) -> str:
        self._last = self._at
        found = _BARE.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
            return found[0]
        quoted = self._string()
        return quoted[1:-1] if quoted.startswith("'") else _unescape(quoted[1:-1])

    def _value(self, path: Path) -> None:
        self._skip()
        self._values.setdefault(path, self._at)
        here = self._text[self._at]
        if here == "{":
            self._at += 1
            while self._more() and self._text[self._at] != "}":
                self._pair(path)
                self._comma()
            self._at += 1
        elif here == "[":
            self._at += 1
            number = 0
            while self._more() and self._text[self._at] != "]":
                self._value((*path, number))
                self._comma()
                number += 1
            self._at += 1
        elif here in "\"'":
            self._string()
        else:
            found = _SCALAR.match(self._text, self._at)
            self._at = found.end() if found is not None else self._at + 1

    def _string(self) -> str:
        for pattern in _STRINGS:
            found = pattern.match(self._text, self._at)
            if found is not None:
                self._at = found.end()
                return found[0]
        self._at += 1
        return ""

    def _comma(self) -> None:
        self._skip()
        if self._text.startswith(",", self._at):
            self._at += 1

    def _more(self) -> bool:
        self._skip()
        return self._at < len(self._text)

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        if found is not None:
            self._at = found.end()


_LETTERS = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}


def _unescape(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        code = found[1]
        return chr(int(code[1:], 16)) if code[0] in "uU" and len(code) > 1 else _LETTERS.get(code, code)

    return _ESCAPE.sub(one, text)
