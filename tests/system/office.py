"""Somebody at a desk: a town logged in to with OAuth2, commands run in this process, a browser, a keyboard."""

from __future__ import annotations

import os
import queue
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from typing import Any
from unittest import mock

import httpx
import pytest

from syncd.cli.main import main
from syncd.sandbox.oauth import CLIENT_ID, CLIENT_SECRET
from tests.system.town import Done, Town

LISTENING = "waiting for the browser"
PASTE = "paste the whole address"


def free_port() -> int:
    """A loopback port nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Screen(StringIO):
    """What a command prints, line by line for whoever watches."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: queue.Queue[str] = queue.Queue()

    def write(self, text: str) -> int:
        """Some text."""
        for line in filter(None, text.splitlines()):
            self.lines.put(line)
        return super().write(text)


class Keyboard:
    """Lines that are yet to be typed."""

    def __init__(self) -> None:
        self.lines: queue.Queue[str] = queue.Queue()

    def readline(self) -> str:
        """Wait for one."""
        return self.lines.get(timeout=60)


@dataclass
class Office:
    """A town whose CINC and Chime are logged in to with OAuth2."""

    town: Town
    redirect: str
    chime_redirect: str

    @property
    def cinc(self) -> Any:
        """The simulated site."""
        return self.town.sandboxes["cinc"]

    @property
    def chime(self) -> Any:
        """The simulated account."""
        return self.town.sandboxes["chime"]

    def configure(self, *, cinc_more: str = "", key: str = "") -> None:
        """Write the config."""
        folder, urls = self.town.folder, self.town.urls
        (folder / "secret").write_text(CLIENT_SECRET + "\n")
        secret = f'client_id = "{CLIENT_ID}", client_secret = {{ file = "{folder}/secret" }}'
        text = self.town.config.read_text()
        database = "\n".join(text[text.index("[database]") :].splitlines()[:3])
        self.town.config.write_text(f"""
[connections.cinc]
vendor = "cinc"
base_url = "{urls["cinc"]}"
auth = {{ kind = "oauth2", {secret}, token_url = "{urls["cinc"]}/integrator/token", \
auth_url = "{urls["cinc"]}/integrator/authorize", redirect_uri = "{self.redirect}"{cinc_more} }}

[connections.chime]
vendor = "chime"
base_url = "{urls["chime"]}"
auth = {{ kind = "oauth2", {secret}, auth_url = "{urls["chime"]}/page/vendor-auth.html", \
redirect_uri = "{self.chime_redirect}" }}

{database}
data_dir = "{folder}/data/pg"
{key}
""")

    def syncd(self, *arguments: str, person: Callable[[Screen, Screen, Keyboard], None] | None = None) -> Done:
        """A command in this process; ``person`` watches what is printed and types, in a thread."""
        out, err, keys = Screen(), Screen(), Keyboard()
        failed: list[BaseException] = []

        def watch() -> None:
            try:
                if person is not None:
                    person(out, err, keys)
            except BaseException as error:  # noqa: BLE001 -- told to the test below
                failed.append(error)
                signal.raise_signal(signal.SIGINT)  # nobody will come any more

        watching = threading.Thread(target=watch)
        environment = {"NO_COLOR": "1", **self.town.environment}
        watching.start()
        with (
            mock.patch.multiple(sys, stdout=out, stderr=err, stdin=keys),
            mock.patch.dict(os.environ, environment),
            pytest.raises(SystemExit) as left,
        ):
            main(["--config", str(self.town.config), *arguments])
        watching.join(60)
        if failed:
            raise failed[0]
        return Done(int(left.value.code or 0), out.getvalue(), err.getvalue())

    def status(self, *arguments: str) -> dict[str, Any]:
        """`syncd auth status --json`."""
        shown: dict[str, Any] = self.syncd("auth", "status", "--json", *arguments).json["connections"]
        return shown

    def login(self, name: str, *arguments: str, browser: Callable[[str], str] | None = None) -> Done:
        """`syncd auth login` with somebody who opens the address that is printed and does ``browser`` with it."""

        def person(out: Screen, err: Screen, keys: Keyboard) -> None:
            line = ""
            while not line.strip().startswith("http"):
                line = out.lines.get(timeout=30)
            waits = ""
            while not (PASTE in waits or LISTENING in waits):
                waits = err.lines.get(timeout=30)
            answer = (browser or visit)(line.strip())
            if PASTE in waits:
                keys.lines.put(f"{answer}\n")

        return self.syncd("auth", "login", name, "--no-browser", *arguments, person=person)

    def login_as_process(self, name: str, browser: Callable[[str], str]) -> Done:
        """The same with a process."""
        with self.town.started_with_input("auth", "login", name, "--no-browser") as process:
            assert process.stdout
            assert process.stderr
            line = ""
            while not line.strip().startswith("http"):
                line = process.stdout.readline()
                assert line, process.stderr.read()
            waits = process.stderr.readline()
            answer = browser(line.strip())
            out, err = process.communicate(f"{answer}\n" if PASTE in waits else None, timeout=60)
            return Done(process.returncode, out, err)


def follow(url: str) -> str:
    """Where the vendor sends the browser."""
    answer = httpx.get(url, trust_env=False)
    assert answer.status_code == 302
    return answer.headers["location"]


def get(url: str) -> tuple[int, str]:
    """Status and page."""
    answer = httpx.get(url, trust_env=False)
    return answer.status_code, answer.text


def visit(url: str) -> str:
    """A person consents, and the browser goes where the vendor sends it."""
    back = follow(url)
    status, page = get(back)
    assert status == 200
    assert "close this window" in page
    return back
