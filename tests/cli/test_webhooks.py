"""`syncd webhooks`: registered with both vendors, shown without secrets, removed; refused where it would be unsafe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from syncd.cli.main import main
from syncd.cli.webhooks import hidden
from syncd.ports.clock import SystemClock
from syncd.sandbox import SANDBOXES
from syncd.sandbox.base import SandboxVendor
from syncd.store.database import Database
from tests.pg import database, pg_template, pg_url
from tests.system.town import serving

__all__ = ["database", "pg_template", "pg_url"]
PUBLIC = "http://127.0.0.1:8642"


@dataclass
class Desk:
    """Two vendors with webhooks and one without, and somebody who types commands."""

    sandboxes: dict[str, Any]
    config: Path
    capsys: pytest.CaptureFixture[str]
    base: str

    def configure(self, web: str = f'[web]\npublic_url = "{PUBLIC}"') -> None:
        """Write the config anew."""
        self.config.write_text(f"{self.base}\n{web}\n")

    def run(self, *argv: str, code: int = 0) -> str:
        """One command; what it says on standard error is in `err`."""
        with pytest.raises(SystemExit) as left:
            main(["--config", str(self.config), "webhooks", *argv])
        seen = self.capsys.readouterr()
        self.err = seen.err
        assert left.value.code == code, seen.err
        return seen.out

    def rows(self, *argv: str, code: int = 0) -> dict[str, Any]:
        """The same as JSON."""
        rows: dict[str, Any] = json.loads(self.run(*argv, "--json", code=code))["connections"]
        return rows


@pytest.fixture
def desk(tmp_path: Path, database: Database, capsys: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    """CINC, Chime and Rechat, nothing registered."""
    clock = SystemClock()
    sandboxes = {name: SANDBOXES[name](clock) for name in ("cinc", "chime", "rechat")}
    with serving(sandboxes) as served:
        token = tmp_path / "token"
        token.write_text(SandboxVendor.token)
        folder = f'data_dir = "{tmp_path}/data/pg"'
        base = f'{served.config(token)}\n[database]\nurl = "{database.url}"\n{folder}'
        desk = Desk(dict(sandboxes), tmp_path / "syncd.toml", capsys, base)
        desk.configure()
        yield desk


def registered(desk: Desk) -> tuple[Any, list[Any]]:
    """What the vendors have."""
    return desk.sandboxes["cinc"].hooks.registered, list(desk.sandboxes["chime"].hooks.held.values())


def test_register_list_remove(desk: Desk):
    """Both vendors call us, with secrets nobody shows; a second time changes nothing; then none does any more."""
    rows = desk.rows("register")
    assert set(rows) == {"cinc", "chime"}, "Rechat has no webhooks"
    assert {row["problem"] for row in rows.values()} == {""}
    assert {row["secret"] for row in rows.values()} == {"kept"}
    assert rows["cinc"]["address"] == f"{PUBLIC}/hooks/cinc"
    cinc, chime = registered(desk)
    assert cinc["url"] == f"{PUBLIC}/hooks/cinc"
    secrets = {cinc["headers"]["X-Syncd-Secret"], *(one.url.rpartition("/")[2] for one in chime)}
    assert len(secrets) == 2
    assert min(map(len, secrets)) >= 40
    assert {one.list_id for one in chime} == {1, 2, 9, 12}
    shown = desk.run("register") + desk.run("list") + desk.run("list", "--json")
    assert not any(secret in shown + desk.err for secret in secrets)
    assert registered(desk) == (cinc, chime)
    assert {row["problem"] for row in desk.rows("list").values()} == {""}
    assert {one["url"] for one in desk.rows("list")["chime"]["registrations"]} == {f"{PUBLIC}/hooks/chime/…"}
    gone = desk.rows("remove")
    assert {row["problem"] for row in gone.values()} == {"not registered"}
    cinc, chime = registered(desk)
    assert (cinc["is_enabled"], chime) == (False, [])


def test_a_dry_run_changes_nothing(desk: Desk):
    """It says what would be done, calls nobody to write, and makes no secret."""
    out = desk.run("register", "--dry-run")
    assert f"cinc: would register {PUBLIC}/hooks/cinc (not registered)" in out
    assert registered(desk) == (None, [])
    assert desk.rows("list")["cinc"]["secret"] == "none"
    desk.run("register")
    before = registered(desk)
    assert "chime: would remove 4 webhooks" in desk.run("remove", "--dry-run")
    assert registered(desk) == before
    assert sum(sandbox.writes for sandbox in desk.sandboxes.values()) == 5


def test_the_secret_of_the_config_is_used(desk: Desk, tmp_path: Path):
    """A configured secret goes out as it is; after it was changed `list` says so and `register` mends it."""
    (tmp_path / "hook").write_text("first-secret-of-mine")
    desk.base = desk.base.replace(
        "[connections.chime]", f'[connections.chime]\nwebhook_secret = {{ file = "{tmp_path}/hook" }}'
    )
    desk.configure()
    assert desk.rows("register", "--connection", "chime")["chime"]["secret"] == "config"
    assert {one.url for one in registered(desk)[1]} == {f"{PUBLIC}/hooks/chime/first-secret-of-mine"}
    (tmp_path / "hook").write_text("second-secret-of-mine")
    assert desk.rows("list")["chime"]["problem"] == "registered with another secret"
    desk.run("register", "--connection", "chime")
    assert {one.url for one in registered(desk)[1]} == {f"{PUBLIC}/hooks/chime/second-secret-of-mine"}
    (tmp_path / "hook").write_text("with/slash and more")
    row = desk.rows("register", "--connection", "chime", code=1)["chime"]
    assert "connections.chime.webhook_secret: needs at least 16 characters, of letters" in row["error"]
    assert "slash" not in row["error"]


def test_what_is_missing_is_named(desk: Desk):
    """Half a registration is told, and mended."""
    desk.run("register")
    chime = desk.sandboxes["chime"].hooks.held
    note = next(one for one in chime.values() if one.list_id == 9)
    del chime[note.id]
    desk.sandboxes["cinc"].hooks.registered["is_enabled"] = False
    rows = desk.rows("list")
    assert (rows["cinc"]["problem"], rows["chime"]["problem"]) == ("turned off", "does not tell of: note")
    desk.run("register")
    assert {row["problem"] for row in desk.rows("list").values()} == {""}
    assert len(chime) == 4


@pytest.mark.parametrize(
    ("web", "said"),
    [
        ("", "error: web.public_url is not set\nhint: set it to"),
        ('[web]\npublic_url = "http://sync.example.com"', "error: web.public_url must be https"),
    ],
)
def test_without_a_safe_address_nothing_is_registered(desk: Desk, web: str, said: str):
    """One clear line, and how to mend it."""
    desk.configure(web)
    desk.run("register", code=1)
    assert desk.err.startswith(said)
    assert registered(desk) == (None, [])


def test_connections_without_webhooks(desk: Desk):
    """Named, they are a usage error; an unknown name as well."""
    desk.run("register", "--connection", "rechat", code=2)
    assert "rechat: rechat has no webhooks" in desk.err
    desk.run("list", "--connection", "nobody", code=2)


def test_one_vendor_that_fails_stops_no_other(desk: Desk):
    """It is named with what mends it, the exit code is 1, and the other one is registered."""
    desk.sandboxes["cinc"].switches["scopes"] = ("api:read",)
    desk.run("register", code=1)
    assert "error: cinc: POST /site/webhook: 403 forbidden; needs scope api:event" in desk.err
    assert len(registered(desk)[1]) == 4


def test_an_earlier_address_can_be_left(desk: Desk):
    """After a move, what still calls the old address is found in the list and taken away by naming it."""
    desk.run("register")
    desk.configure('[web]\npublic_url = "http://localhost:9000"')
    assert desk.rows("list")["chime"]["problem"] == "not registered"
    assert {one["url"] for one in desk.rows("list")["chime"]["registrations"]} == {"http://127.0.0.1:8642/…"}
    desk.run("register", "--connection", "chime")
    assert len(registered(desk)[1]) == 8
    desk.run("remove", "--connection", "chime", "--public-url", PUBLIC)
    assert {one.url.partition("/hooks")[0] for one in registered(desk)[1]} == {"http://localhost:9000"}
    assert desk.rows("list")["chime"]["problem"] == ""


def test_secrets_of_others_are_hidden_too():
    """Of an address that is not ours only the host is shown."""
    ours = "https://sync.example.com/hooks/chime"
    assert hidden(f"{ours}/secret", ours) == f"{ours}/…"
    assert hidden("https://user:pass@zap.example.com/hooks/abc?key=1", ours) == "https://zap.example.com/…"
    assert hidden("", ours) == ""
    assert hidden(f"{ours}/secret", "") == "https://sync.example.com/…"
