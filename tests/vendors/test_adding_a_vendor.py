"""docs/adding-a-vendor.md is one page and true: what it names exists, and following it to the letter adds a vendor."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from syncd.ports.clock import SystemClock
from syncd.sandbox import SANDBOXES
from syncd.sandbox.base import SandboxVendor
from syncd.store.database import Database
from tests.pg import database, pg_template, pg_url
from tests.system.town import serving
from tests.vendors.cardfile.sandbox import CardfileSandbox

__all__ = ["database", "pg_template", "pg_url"]
ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "adding-a-vendor.md").read_text()
TOY = ROOT / "tests" / "vendors" / "cardfile"
LINES_MAX, LINES_OF_CODE_MAX = 80, 420
PLACES = {"settings.py": "syncd/settings/connections/cardfile.py", "sandbox.py": "syncd/sandbox/cardfile.py"}
"""Files of the toy that do not belong into its vendor's folder."""


def test_it_is_one_page_and_the_toy_is_small():
    """A page is what a person reads in one go."""
    assert len(PAGE.splitlines()) <= LINES_MAX
    assert sum(len(path.read_text().splitlines()) for path in TOY.glob("*.py")) < LINES_OF_CODE_MAX


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(syncd(?:\.\w+)+)`", PAGE))))
def test_every_object_it_names_exists(name: str):
    """Dotted names are modules, or something in one."""
    module, _, thing = name.rpartition(".")
    try:
        import_module(name)
    except ImportError:
        assert hasattr(import_module(module), thing)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:syncd|tests|docs|pyproject)[\w/]*[/.][\w/]*)`", PAGE))))
def test_every_file_it_names_exists(path: str):
    """In the tree as it is, or, with ``cardfile`` in its name, in the toy. Dotted names are the other test's."""
    if re.fullmatch(r"syncd(\.\w+)+", path):
        pytest.skip("an object")
    own = {place: name for name, place in PLACES.items()}
    toy = TOY / own.get(path, Path(path).name)
    optional = path.endswith(("extras.py", "webhook.py")) and (ROOT / path.replace("cardfile", "chime")).exists()
    assert (ROOT / path).exists() or ("cardfile" in path and (toy.exists() or optional))


def test_what_it_says_of_the_files_is_there():
    """The functions and classes named for each file of the toy, and the words of the config tables."""
    for path, has in re.findall(r"^\| `(syncd/[\w/]+\.py)` \| ([^|]+) \|", PAGE, re.MULTILINE):
        toy = TOY / {place: name for name, place in PLACES.items()}.get(path, Path(path).name)
        names = re.findall(r"`(?:class )?(\w+)(?:\([\w, ]*\))?`", has)
        for name in names if toy.exists() else ():
            assert re.search(rf"\b{name}\b", toy.read_text()), (path, name)
    assert "DEFAULT_VENDORS" in (ROOT / "syncd/cli/sandbox.py").read_text()
    assert '"independence"' in (ROOT / "pyproject.toml").read_text()
    assert re.search(r"^example:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    contract = (ROOT / "tests/vendors/contract/test_cardfile.py").read_text()
    [block] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert all(line.strip() in contract for line in block.splitlines())


def patches() -> Iterator[tuple[str, str, str]]:
    """(file, the line that is there, the line to add below it), from the page's own block."""
    [block] = re.findall(r"```diff\n(.*?)```", PAGE, re.DOTALL)
    path = below = ""
    for line in block.splitlines():
        if line.startswith("# "):
            path = line.removeprefix("# ")
        elif line.startswith("+"):
            yield path, below, line.removeprefix("+")
        else:
            below = line.removeprefix(" ")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of syncd with a sixth vendor, made by following the page."""
    made = tmp_path / "tree"
    shutil.copytree(ROOT / "syncd", made / "syncd", ignore=shutil.ignore_patterns("*.pyc.*"))  # half-written ones
    (made / "migrations").symlink_to(ROOT / "migrations")
    for source in TOY.glob("*.py"):
        text = source.read_text()
        for own, place in PLACES.items():
            module = place.removesuffix(".py").replace("/", ".")
            text = text.replace(f"tests.vendors.cardfile.{own.removesuffix('.py')} ", f"{module} ")
        target = made / PLACES.get(source.name, f"syncd/vendors/cardfile/{source.name}")
        target.parent.mkdir(exist_ok=True)
        target.write_text(text.replace("tests.vendors.cardfile", "syncd.vendors.cardfile"))
    for path, below, line in patches():
        text = (made / path).read_text()
        assert text.count(f"{below}\n") == 1, f"{path} has no line {below!r}"
        (made / path).write_text(text.replace(f"{below}\n", f"{below}\n{line}\n"))
    return made


def syncd(tree: Path, *arguments: str) -> str:
    """Run a command of that tree; its standard output."""
    done = subprocess.run(
        [sys.executable, "-m", "syncd.cli.main", *arguments],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "PYTHONWARNINGS": "error", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_following_it_adds_a_vendor(tree: Path, tmp_path: Path, database: Database):
    """Described by `vendors`, explained in the example config, and in step with CINC after one sync, both ways."""
    described = json.loads(syncd(tree, "vendors", "--json"))["vendors"]["cardfile"]
    assert described["fields"]["city"] == "both"
    assert described["not_carried"]["labels"]
    assert 'vendor = "cardfile"' in syncd(tree, "config", "example")
    sandboxes: dict[str, SandboxVendor] = {
        "cinc": SANDBOXES["cinc"](SystemClock()),
        "cardfile": CardfileSandbox(SystemClock()),
    }
    sandboxes["cinc"].add_person(first_name="Ada", last_name="Byron", email="ada@example.com", city="London")
    sandboxes["cardfile"].add_person(first_name="Grace", last_name="Hopper", email="grace@example.com")
    with serving(sandboxes) as served:
        token, config = tmp_path / "token", tmp_path / "syncd.toml"
        token.write_text(SandboxVendor.token)
        config.write_text(f'{served.config(token)}\n[database]\nurl = "{database.url}"\n')
        report = json.loads(syncd(tree, "--config", str(config), "sync", "--until-quiet", "--json"))
        assert report["quiet"]
        for sandbox in sandboxes.values():
            shown = {sandbox.shows(lead)["email"]: sandbox.shows(lead) for lead in sandbox.ids()}
            assert set(shown) == {"ada@example.com", "grace@example.com"}
            assert shown["ada@example.com"]["city"] == "London"
