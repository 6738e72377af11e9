"""`syncd vendors`: what each vendor declares, without a config and without calling anybody."""

import json

import pytest

from syncd.cli.main import main
from syncd.domain.lead import FIELDS
from syncd.settings import LATER, VENDORS


@pytest.fixture
def run(capsys):
    """Runs one command that succeeds and gives its standard output."""

    def command(*argv):
        with pytest.raises(SystemExit) as left:
            main(argv)
        seen = capsys.readouterr()
        assert (left.value.code, seen.err) == (0, "")
        return seen.out

    return command


def test_every_vendor_is_described_and_nothing_is_hidden(run):
    """The JSON names every vendor, built or not; what a built one does not carry has a reason."""
    shown = json.loads(run("vendors", "--json"))["vendors"]
    assert set(VENDORS) | set(LATER) <= set(shown)
    assert shown["chime (lofty)"]["built"]
    for name, row in shown.items():
        assert row["built"] is not (name in LATER)
        missing = [field for field, way in row.get("fields", {}).items() if way == "no"]
        assert [field for field in missing if field not in row["not_carried"]] == []


def test_the_tables_show_every_field_and_the_reasons(run):
    """A person sees a row for every field, and why something is not carried."""
    out = run("vendors")
    for name in FIELDS:
        assert name.startswith("assignment.") or any(line.startswith(f"{name} ") for line in out.splitlines())
    assert "cinc cannot carry" in out
    assert f"not built yet: {', '.join(LATER)}" in out
