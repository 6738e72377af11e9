"""No lead's content in any log line or error message, at any level."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncd import logs
from syncd.sandbox.base import Ask
from syncd.sandbox.faults import Fault
from syncd.store.database import Database
from tests.acceptance.world import World, ada
from tests.system.town import standing as town_standing

SECRETS = (
    "xanthippe", "quillfeather", "zyzzyva", "xanadu", "5550199", "555-0199", "wobbegong", "ultramarine",
    "kookaburra", "peacock",
)  # fmt: skip
"""Words of names, addresses, numbers, notes, labels and sources that occur nowhere but in leads."""


def person(**more: Any) -> dict[str, Any]:
    """Somebody all of whose values are recognisable."""
    return {
        "first_name": "Xanthippe", "last_name": "Quillfeather", "email": "xanthippe@zyzzyva.example",
        "phones": [("(404) 555-0199", "cell")], "street": "1 Peacock Lane", "city": "Xanadu", "source": "Kookaburra",
        **more,
    }  # fmt: skip


def fill(cinc: Any, chime: Any) -> None:
    """Good and bad records, conflicts, duplicates, all of them recognisable."""
    lead = cinc.add_person(**person(labels=["Ultramarine"]))
    cinc.add_note(lead, "wobbegong " * 500)
    cinc.add_note(lead, "bad wobbegong\x00")
    other = chime.add_person(**person(last_name="Quillfeather-Peacock", stage="Peacock"))
    chime.add_note(other, "wobbegong")
    chime.add_person(**person(first_name="Peacock"))
    bad = chime.add_person(first_name="Xanthippe", email="bad@zyzzyva.example")
    chime.leads[int(bad)].held["firstName"] = {"name": "Xanthippe"}
    nul = cinc.add_person(first_name="Quillfeather", email="nul@zyzzyva.example")
    cinc.site.leads[nul]["info"]["contact"]["last_name"] = "Peacock\x00"
    cinc.site.touched(nul)


def trouble() -> Any:
    """Vendors that fail and quote what they were sent: each kind of fault for a while."""
    kinds: list[Any] = ["drop", "error", "html", "half", "rate"]
    count = 0

    def fault(ask: Ask, moment: str) -> Fault | None:
        nonlocal count
        count += 1
        if ask.write and moment == "before" and count % 4 == 0:
            quoted = b'{"message": "Xanthippe Quillfeather <xanthippe@zyzzyva.example> is not valid", "code": 20012}'
            return Fault("error", status=400, body=quoted)
        if count % 7 == 0:
            kind = kinds[count // 7 % len(kinds)]
            body = b"<html>Xanthippe Quillfeather</html>" if kind == "html" else b""
            return None if kind == "rate" and moment == "after" else Fault(kind, body=body)
        return None

    return fault


def leaks(text: str) -> list[str]:
    """Lines that tell something of a lead."""
    return [line for line in text.splitlines() if any(word in line.casefold() for word in SECRETS)]


class Everything(logging.Handler):
    """Every record as the most talkative handler would write it, tracebacks included."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.lines.append(self.format(record))


LIBRARIES = ("", "syncd", "httpx", "httpcore", "sqlalchemy", "sqlalchemy.pool", "psycopg", "psycopg.pool", "asyncio")


@pytest.fixture
def everything() -> Iterator[tuple[Everything, io.StringIO]]:
    """Logging as `--log-level debug` sets it up, and then every library talking as much as it can."""
    stream, handler, root = io.StringIO(), Everything(), logging.getLogger()
    before = {name: logging.getLogger(name).level for name in (*LIBRARIES, *logs._CHATTY)}
    handlers = list(root.handlers)
    logs.configure("debug", stream=stream)
    for name in before:
        logging.getLogger(name).setLevel(logging.DEBUG)
    root.addHandler(handler)
    try:
        yield handler, stream
    finally:
        root.handlers = handlers
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


async def test_no_content_in_any_log_line(
    world: World, everything: tuple[Everything, io.StringIO], capfd: pytest.CaptureFixture[str]
):
    """A sync with faults and bad records, every library logging at DEBUG: no line, no standard error, no error that is
    kept in the database tells anything of a lead.
    """
    handler, stream = everything
    fill(world.cinc, world.chime)
    for _ in range(3):
        for sandbox in world.sandboxes.values():
            sandbox.fault = trouble()
        report = await world.sync(full=True)
        for name, tally in report.connections.items():
            assert not leaks(f"{name} {tally}")
    for sandbox in world.sandboxes.values():
        sandbox.fault = None
    report = await world.sync(full=True)
    assert report.quarantined >= 3
    assert handler.lines
    assert leaks("\n".join(handler.lines)) == []
    assert leaks(stream.getvalue()) == []
    out, err = capfd.readouterr()
    assert leaks(out + err) == []
    async with world.open() as syncd:
        kept = [
            *await syncd.store.fetch("SELECT error FROM quarantine"),
            *await syncd.store.fetch("SELECT error FROM run"),
            *await syncd.store.fetch("SELECT last_error, paused FROM connection"),
            *await syncd.store.fetch("SELECT reason::text FROM operation WHERE type = 'intent'"),
            *await syncd.store.fetch("SELECT jsonb_path_query(settled, '$.*.refused')::text FROM link"),
        ]
    assert any(row[0] for row in kept)
    assert leaks("\n".join(str(row) for row in kept)) == []


def test_no_content_on_standard_error_of_the_command(tmp_path: Path, database: Database):
    """`syncd sync --log-level debug` as a process, with faults and bad records: nothing of a lead on standard
    error; the JSON on standard output has numbers only.
    """
    with town_standing(tmp_path, database.url) as town:
        fill(town.sandboxes["cinc"], town.sandboxes["chime"])
        for sandbox in town.sandboxes.values():
            sandbox.fault = trouble()
        done = town.syncd("sync", "--json", "--log-level", "debug")
        assert done.code in {0, 1, 3}
        assert leaks(done.err + done.out) == []
        assert not re.search("Traceback", done.err)


async def test_errors_of_the_database_tell_nothing(world: World, everything: tuple[Everything, io.StringIO]):
    """A database that fails in the middle of a page is one line without any row of it."""
    handler, stream = everything
    async with world.open() as syncd:
        await syncd.store.execute("ALTER TABLE lead ADD CONSTRAINT nobody CHECK (first_name <> 'Xanthippe')")
    world.cinc.add_person(**person())
    world.chime.add_person(**ada())
    with pytest.raises(BaseException) as caught:  # noqa: PT011 -- whatever it is, its words count
        await world.sync()
    told = "\n".join(_words(caught.value))
    assert leaks(told + stream.getvalue() + "\n".join(handler.lines)) == []


def _words(error: BaseException) -> Iterator[str]:
    yield f"{type(error).__name__}: {error}"
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _words(one)
