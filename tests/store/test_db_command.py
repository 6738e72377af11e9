"""``syncd db``: the tables are made with one command, and where they stand is told in words and in JSON."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
import typer
from typer.testing import CliRunner, Result

from syncd.cli import db
from syncd.cli.main import Globals
from syncd.store import schema
from syncd.store.database import Database


@pytest.fixture
def config(tmp_path: Path, empty_database: Database) -> Path:
    """A config file that points at a database without tables."""
    path = tmp_path / "syncd.toml"
    path.write_text(f'[database]\nurl = "{empty_database.url}"\nschema = "leads"\n')
    return path


def _run(config: Path, *arguments: str) -> Result:
    app = typer.Typer()
    db.register(app)
    return CliRunner().invoke(app, ["db", *arguments], obj=Globals(config))


def test_status_and_upgrade_tell_where_the_tables_stand(config: Path):
    """Behind is exit code 1 with the command to type; after the upgrade, and after a second one, all is well."""
    before = _run(config, "status")
    assert before.exit_code == 1
    assert "no tables yet" in before.output
    assert "syncd db upgrade" in before.output
    assert "from nothing to" in _run(config, "upgrade").output
    assert "up to date" in _run(config, "upgrade").output
    after = _run(config, "status")
    assert (after.exit_code, "up to date" in after.output) == (0, True)


def test_json_has_the_stable_shape(config: Path):
    """`--json` prints schema, versions, server and whether it is behind, and nothing else."""
    behind = _run(config, "status", "--json")
    found = orjson.loads(behind.stdout)
    assert set(found) == {"schema", "current", "head", "server", "embedded", "behind"}
    assert (found["schema"], found["current"], found["behind"], found["embedded"]) == ("leads", "", True, False)
    upgraded = orjson.loads(_run(config, "upgrade", "--json").stdout)
    assert (upgraded["was"], upgraded["current"], upgraded["behind"]) == ("", schema.HEAD, False)
