"""The config file: what it may say, and that everything wrong with it is said at once, with its place."""

import re
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

import syncd
from syncd.domain import lead, notes
from syncd.domain.errors import ConfigError
from syncd.domain.guard import Limits
from syncd.settings import (
    Guard,
    Rate,
    Secret,
    Settings,
    advice,
    example,
    find,
    load,
    parse,
    parse_duration,
    parse_rate,
)
from syncd.settings.example import toml
from syncd.settings.locate import Places
from syncd.settings.models import NOTE_HEADER_PLACES
from syncd.settings.values import show_duration

ROOT = Path(syncd.__file__).parent.parent
TWO = """
[connections.cinc]
vendor = "cinc"
auth = { kind = "token", token = { env = "A_TOKEN" } }

[connections.chime]
vendor = "chime"
auth = { kind = "token", token = { env = "A_TOKEN" } }
"""


@pytest.fixture(autouse=True)
def tokens(monkeypatch):
    """The secrets that the texts of this file name."""
    for name in (
        "A_TOKEN",
        "CINC_TOKEN",
        "CHIME_TOKEN",
        "WEBHOOK_SECRET",
        "SYNCD_WEB_TOKEN",
        "SYNCD_KEY",
        "MYCRM_TOKEN",
        "RECHAT_TOKEN",
        "EPIXEL_TOKEN",
        "EPIXEL_API_KEY",
    ):
        monkeypatch.setenv(name, "s3cret")


def problems(text):
    """What is wrong with a config's text, as lines."""
    with pytest.raises(ConfigError) as caught:
        parse(text, "c.toml")
    return caught.value.problems


def test_the_committed_example_is_the_generated_one_and_loads():
    """`config/syncd.example.toml` is current (mend with `make example`), and it is a right config."""
    text = (ROOT / "config" / "syncd.example.toml").read_text(encoding="utf-8")
    assert text == example()
    assert list(parse(text).connections) == ["cinc", "chime", "mycrm", "rechat", "epixel"]


def test_every_key_of_the_example_may_be_uncommented():
    """What the example offers in comments is right as it stands, line by line and all together."""
    text = re.sub(r"(?m)^#(?=\S+ = )", "", example())
    settings = parse(text)
    assert settings.rules["stage"] == {"rule": "owner", "connection": "chime"}
    assert settings.connections["cinc"].stages["under_contract"] == ["Under Contract", "Pending"]


def models(model=Settings):
    """Every table of the config, as its model."""
    yield model
    for field in model.model_fields.values():
        for found in re.findall(r"syncd\.settings\.(?:\w+\.)+(\w+)", str(field.annotation)):
            module = next(
                m for m in __import__("sys").modules.values() if hasattr(m, found) and "syncd.settings" in m.__name__
            )
            inner = getattr(module, found)
            if isinstance(inner, type) and issubclass(inner, BaseModel) and inner is not Secret:
                yield from models(inner)


def test_every_key_is_explained_in_the_example():
    """No setting is undocumented: each has a description, and its name stands in the example."""
    text = example()
    for model in set(models()):
        for name, field in model.model_fields.items():
            if field.exclude or name == "vendor":
                continue
            assert field.description, f"{model.__name__}.{name}"
            assert re.search(rf"(?m)^[#\[ ]*(\w+\.)*{field.alias or name}\b", text), f"{model.__name__}.{name}"
    assert len(set(models())) > 12


def test_defaults_are_those_of_the_contract():
    """A config that names only accounts gets the documented habits."""
    settings = parse(TWO)
    found: Any = settings.connections
    cinc, chime = found["cinc"], found["chime"]
    assert (settings.sync.poll, settings.sync.full_compare) == (timedelta(seconds=60), timedelta(hours=24))
    assert (settings.database.url, settings.database.schema_name, settings.sync.notes_sweep) == (None, "syncd", 500)
    assert settings.order == ("cinc", "chime")
    assert (cinc.name, cinc.base_url, cinc.rate) == ("cinc", "https://public.cincapi.com/v2", Rate(256, 20.0))
    assert (chime.base_url, chime.rate, getattr(chime, "time_zone", "")) == ("https://api.chime.me", None, "-07:00")
    assert (cinc.on_delete, cinc.write_guard, cinc.on_duplicate) == ("unlink", "read", "review")
    assert (cinc.direction("areas"), chime.direction("areas"), cinc.direction("notes")) == ("read", "both", "both")
    assert not settings.clears("cinc", "email")


def test_the_guard_is_the_domains_guard():
    """The limits of the config and of the domain are one set of names and defaults."""
    assert Guard().limits() == Limits()


def test_the_note_header_may_name_what_the_domain_fills_in():
    """Every place a template may name is one the domain renders and reads back."""
    template = " ".join(f"{{{name}}}" for name in sorted(NOTE_HEADER_PLACES))
    header = notes.Header(
        origin="cinc", author="Ann", time="2026-11-21 08:49 UTC", kind="call", note=7, part=1, parts=2
    )
    line = notes.render(header, template)
    assert all(word in line for word in ("cinc", "Ann", "2026-11-21", "call", "#7", "1/2"))


def test_fields_may_be_named_alone_nested_or_as_a_group():
    """Dotted field names nest in TOML, group names stand for their fields, the field's own line wins."""
    text = (
        TWO
        + """
[connections.chime.custom]
referrer = "field:referredBy"
[connections.chime.fields]
assignments = "read"
assignment.primary = "both"
custom.referrer = "write"
notes = "off"
[connections.cinc2]
vendor = "cinc"
base_url = "https://other.example/v2/"
auth = { kind = "token", token = { env = "A_TOKEN" } }
blank = ["birthday"]
[rules]
assignments = "manual"
assignment.primary = { rule = "owner", connection = "cinc" }
"""
    )
    settings = parse(text)
    found: Any = settings.connections
    chime, other = found["chime"], found["cinc2"]
    directions = {name: chime.direction(name) for name in lead.FIELDS if name.startswith("assignment.")}
    assert directions.pop("assignment.primary") == "both"
    assert set(directions.values()) == {"read"}
    assert (chime.direction("custom.referrer"), chime.direction("notes")) == ("write", "off")
    assert other.base_url == "https://other.example/v2"
    assert (settings.clears("cinc2", "birthday"), settings.clears("cinc2", "email")) == (True, False)
    assert set(settings.rules) == {"assignments", "assignment.primary"}


def test_blank_clears_by_connection_field_or_everywhere():
    """A field's own word beats the default of all."""
    settings = parse('[sync]\nblank = "clears"\n' + TWO + 'blank = { email = "keeps" }\n')
    assert settings.clears("cinc", "email")
    assert not settings.clears("chime", "email")
    assert settings.clears("chime", "phone")


def test_the_dialect_brings_its_address():
    """Lofty accounts go to Lofty's address unless another is given."""
    lofty = TWO + 'dialect = "lofty"\n'
    for key, expected in (("", "https://api.lofty.com"), ('base_url = "http://127.0.0.1:9"\n', "http://127.0.0.1:9")):
        chime: Any = parse(lofty + key).connections["chime"]
        assert chime.base_url == expected


@pytest.mark.parametrize(
    ("before", "line", "place", "says"),
    [
        ("[sync]", "pol = '60s'", "2:1", 'sync.pol: unknown key; did you mean "poll"?'),
        ("[sync]", "poll = 60", "2:8", "sync.poll: write a duration"),
        ("[sync]", 'order = ["cinc", "chmie"]', "2:18", 'unknown connection "chmie"; did you mean "chime"?'),
        ("[sync]", 'order = ["cinc", "cinc"]', "2:18", '"cinc" is named twice'),
        ("[sync]", "notes_sweep = -1", "2:15", "greater than or equal to 0"),
        ("[sync]", "notes_sweep = 1.5", "2:15", "expected a whole number"),
        ("[sync]", 'note_header = "{origin}"', "2:15", "{ref} and {part}"),
        ("[sync]", 'blank = "clear"', "2:9", 'did you mean "clears"?'),
        ("[snyc]", "x = 1", "1:2", 'snyc: unknown key; did you mean "sync"?'),
        ("[database]", 'schema = "Drop Me"', "2:10", "plain lower-case schema name"),
        ("[database]", 'url = "mysql://x"', "2:7", "PostgreSQL address"),
        ("[database]", 'url = { env = "UNSET" }', "2:7", "environment variable UNSET is not set"),
        ("[database]", "data_dir = 3", "2:12", "expected text in quotes"),
        ("[web]", 'listen = "8642"', "2:10", "an address and a port"),
        ("[rules]", 'phon = "newest"', "2:8", "did you mean 'phone'?"),
        ("[rules]", 'phone = "newst"', "2:9", "did you mean 'newest'?"),
        ("[rules]", 'custom.shoe = "newest"', "2:8", 'unknown custom field "shoe"'),
        ("[rules]", 'stage = { rule = "owner", connection = "chim" }', "2:40", 'did you mean "chime"?'),
        ("[rules]", 'phone = { rule = "ranked", order = ["x"] }', "2:37", 'unknown connection "x"; known: chime, cinc'),
        ("[agents]", '"a@b.com" = { cink = "1" }', "2:15", 'unknown connection "cink"'),
        ("[agents]", "bob = {}", "2:1", "named by their e-mail"),
        ("[connections.x]", "", "1:14", "connections.x.vendor: missing"),
        ("[connections.x]", 'vendor = "cinq"', "2:10", 'unknown vendor "cinq"; did you mean "cinc"?'),
        ("[connections.x]", 'vendor = "cinc"', "1:14", "connections.x.auth: missing"),
    ],
)
def test_a_problem_is_reported_with_its_place_and_what_would_be_right(before, line, place, says):
    """One wrong line gives one problem: file, line, column, key, and the nearest right thing."""
    (problem,) = problems(f"{before}\n{line}\n{TWO}")
    assert problem.startswith(f"c.toml:{place}: ")
    assert says in problem


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('on_delete = "propagate"', '"propagate" is not built yet'),
        ('archive = { stage = "lots" }', 'unknown stage "lots"; did you mean "lost"?'),
        ("archive = {}", "exactly one of stage, label"),
        ('fields = { colour = "read" }', 'unknown field "colour"'),
        ('fields = { email = "reed" }', 'did you mean "read"?'),
        ('fields = { custom.shoe = "read" }', 'unknown custom field "shoe"'),
        ('blank = ["custom.shoe"]', 'unknown custom field "shoe"'),
        ('stages = { neww = "New" }', 'unknown stage "neww"; did you mean "new"?'),
        ("stages = { new = [] }", "a word, or a list of words"),
        ('region = "us"', "two capital letters"),
        ('base_url = "chime.me"', "a whole address"),
        ('rate = "fast"', "requests per time"),
        ('time_zone = "PST"', "a fixed offset"),
        ('name = "x"', "unknown key; the table has a name already"),
        ("guard = { share = 2 }", "less than or equal to 1"),
        ('webhook_secret = "abc"', "a secret is never in this file"),
        ('webhook_secret = { env = "A", file = "b" }', "exactly one of env, file, credential"),
        ('webhook_secret = { evn = "A" }', 'unknown key; did you mean "env"?'),
        ('webhook_secret = { file = "/nowhere/at/all" }', "secret file /nowhere/at/all cannot be read"),
        ('webhook_secret = { credential = "x" }', "CREDENTIALS_DIRECTORY is not set"),
        ("update_style = 'whole'", "unknown key"),
    ],
)
def test_a_wrong_key_of_a_connection_is_explained(line, says):
    """One wrong key of a connection gives one problem, on its own line of the file."""
    (problem,) = problems(TWO + line)
    assert problem.startswith("c.toml:9:")
    assert says in problem


def test_archiving_needs_to_know_how():
    """`on_delete = "archive"` without a stage or a label is a problem of that connection."""
    (problem,) = problems(TWO + 'on_delete = "archive"')
    assert problem.startswith("c.toml:6:14: connections.chime: ")
    assert "needs archive =" in problem


def test_all_problems_are_reported_at_once_in_the_order_of_the_file():
    """Nobody mends a config one error at a time."""
    lines = ["[sync]", "poll = 1", "[web]", 'listen = "x"', "[connections.x]", 'vendor = "cinc"']
    text = "\n".join([*lines, 'auth = { kind = "oauth2" }', 'rate = "x"', ""])
    found = problems(text)
    assert [int(line.split(":")[1]) for line in found] == [2, 4, 7, 7, 8]


def test_a_syntax_error_has_its_place():
    """Text that is not TOML gives one line with the position."""
    (problem,) = problems('[sync]\npoll = "60s\n')
    assert re.match(r"c\.toml:2:\d+: not valid TOML: ", problem)
    (problem,) = problems("[sync")
    assert re.match(r"c\.toml:1:\d+: not valid TOML: ", problem)


def test_a_secret_never_shows():
    """Neither a problem, nor the settings' text, nor their dump contains what a secret holds."""
    assert not any("hunter2" in line for line in problems(TWO + 'webhook_secret = "hunter2"'))
    settings = parse(TWO)
    cinc: Any = settings.connections["cinc"]
    auth = cinc.auth
    assert auth.token.reveal() == "s3cret"
    assert "s3cret" not in f"{settings!r}{settings}{settings.model_dump_json()}"
    assert "abc" not in f"{Secret.literal('abc')!r}{Secret.literal('abc')}"
    assert Secret.literal("abc").reveal() == "abc"


def test_secrets_are_read_where_they_are_named(tmp_path, monkeypatch):
    """A file's trailing line end is dropped; a credential comes from systemd's folder; an empty file is refused."""
    (tmp_path / "token").write_text("abc\n")
    (tmp_path / "empty").write_text("\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert Secret(file=str(tmp_path / "token")).reveal() == "abc"
    assert Secret(credential="token").reveal() == "abc"
    with pytest.raises(ConfigError, match="is empty"):
        Secret(file=str(tmp_path / "empty")).reveal()


def test_a_database_password_may_come_from_outside_and_is_not_shown(monkeypatch):
    """The database's address may be named like a secret; it never shows in the settings' text."""
    monkeypatch.setenv("A_URL", "postgresql://syncd:hunter2@db/syncd")
    settings = parse('[database]\nurl = { env = "A_URL" }\n' + TWO)
    assert settings.database.url == "postgresql://syncd:hunter2@db/syncd"
    assert "hunter2" not in repr(settings)


BRAND = "497c9108-1031-4885-9043-5baaf215aed7"
OAUTH2 = 'kind = "oauth2", client_id = "i", client_secret = { env = "A_TOKEN" }'


def test_addresses_for_logging_in_do_not_follow_base_url():
    """`config check` warns where base_url points elsewhere and an absolute token_url does not (vendors/cinc.md §2)."""
    text = TWO.replace('kind = "token", token = { env = "A_TOKEN" }', OAUTH2, 1)
    assert advice(parse(text)) == []
    moved = text.replace("\n\n", '\nbase_url = "http://127.0.0.1:1"\n\n')
    token, consent = advice(parse(moved))
    assert "connections.cinc: base_url is changed, but auth.token_url still is https://authv2.cincapi.com" in token
    assert "auth.auth_url" in consent
    own = 'token_url = "http://127.0.0.1:1/t", auth_url = "http://127.0.0.1:1/a", client_id'
    assert advice(parse(moved.replace("client_id", own, 1))) == []
    lofty = TWO.replace('kind = "token", token = { env = "A_TOKEN" }', OAUTH2)
    assert not any("chime" in line for line in advice(parse(lofty.replace('"chime"', '"chime"\ndialect = "lofty"'))))
    assert advice(parse("")) == ["no connections are configured: there is nothing to synchronise"]


@pytest.mark.parametrize(
    ("lines", "keys"),
    [
        (f'"mycrm"\nauth = {{ {OAUTH2.replace("oauth2", "client_credentials")} }}', ["token_url"]),
        ('"mycrm"\nauth = { kind = "password", domain = "d", username = "u", password = { env = "A_TOKEN" } }', []),
        (f'"rechat"\nbrand = "{BRAND}"\ncreate_via = "contacts"\nauth = {{ {OAUTH2} }}', ["token_url", "auth_url"]),
        (f'"chime"\nauth = {{ {OAUTH2} }}', []),
    ],
    ids=["mycrm by key", "mycrm by password", "rechat", "chime"],
)
def test_which_addresses_stay_behind(lines, keys):
    """Those of MyCRM's API keys and Rechat's web app; the others follow (mycrm.md, rechat.md, chime.md §2)."""
    text = f'{TWO}\n[connections.moved]\nbase_url = "http://127.0.0.1:1"\nvendor = {lines}'
    found = [line for line in advice(parse(text)) if line.startswith("connections.moved:")]
    assert len(found) == len(keys)
    assert all(f"auth.{key} " in line for key, line in zip(keys, found, strict=True))


def test_addresses_for_logging_in_stay_as_they_are_written():
    """A redirect address must be what was registered with the vendor, to the last slash."""
    own = 'redirect_uri = "http://127.0.0.1:8643/back/", client_id'
    settings = parse(TWO.replace('kind = "token", token = { env = "A_TOKEN" }', OAUTH2.replace("client_id", own, 1), 1))
    cinc: Any = settings.connections["cinc"]
    assert getattr(cinc.auth, "redirect_uri", "") == "http://127.0.0.1:8643/back/"


@pytest.mark.parametrize("spelling", ['{ env = "A_TOKEN" }', '[{ env = "A_TOKEN" }, { env = "CINC_TOKEN" }]'])
def test_keys_are_one_or_several(spelling):
    """One key may stand alone; of several the first encrypts. They are never in the file."""
    keys = parse(f"[database]\ncredential_key = {spelling}\n{TWO}").database.credential_key
    assert keys[0].source == "env A_TOKEN"
    assert any("never in this file" in line for line in problems(f'[database]\ncredential_key = ["x"]\n{TWO}'))
    assert any("SYNCD_NONE" in line for line in problems('[database]\ncredential_key = { env = "SYNCD_NONE" }\n' + TWO))


def test_users_own_rules_are_loaded(tmp_path, monkeypatch):
    """A rule in Python is found by its module, and a missing one is a problem of the config."""
    (tmp_path / "house_rules.py").write_text("def mine(clash):\n    return clash.ours\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert parse(TWO + '[rules]\nstage = "python:house_rules:mine"\n').rules == {"stage": "python:house_rules:mine"}
    (problem,) = problems(TWO + '[rules]\nstage = "python:house_rules:yours"\n')
    assert "cannot be loaded" in problem


def test_the_config_is_looked_for_in_order(tmp_path, monkeypatch):
    """--config, SYNCD_CONFIG, here, the person's folder, /etc; none at all says where it was looked for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    with pytest.raises(ConfigError, match=r"looked for syncd.toml, .*home/syncd/syncd.toml, /etc"):
        find()
    home = tmp_path / "home" / "syncd" / "syncd.toml"
    home.parent.mkdir(parents=True)
    home.write_text("")
    assert find() == home
    Path("syncd.toml").write_text("")
    assert find() == Path("syncd.toml")
    monkeypatch.setenv("SYNCD_CONFIG", "named.toml")
    with pytest.raises(ConfigError, match=r"named.toml"):
        find()
    Path("named.toml").write_text(TWO)
    assert find() == Path("named.toml")
    assert find(Path("given.toml")) == Path("given.toml")
    assert list(load().connections) == ["cinc", "chime"]
    with pytest.raises(ConfigError, match=r"given.toml: there is no such file"):
        load(Path("given.toml"))


@given(st.timedeltas(timedelta(seconds=1), timedelta(days=400)))
def test_durations_read_back(value):
    """What is shown of a duration reads back as the same duration, to the second."""
    whole = timedelta(seconds=int(value.total_seconds()))
    assert parse_duration(show_duration(whole)) == whole


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("1h30m", 5400), ("500ms", 0.5), ("2d", 172800)]
)
def test_durations_have_units(text, seconds):
    """A number with its unit, or several in a row."""
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "60", "60 x", "s", "-5s", 60, None, "1h?"])
def test_durations_without_units_are_refused(text):
    """A bare number could mean anything."""
    with pytest.raises(ValueError, match="with its unit"):
        parse_duration(text)


def test_rates_are_requests_per_time():
    """`256/20s` is 256 requests in 20 seconds; none at all is refused."""
    assert parse_rate("500/1m") == Rate(500, 60.0)
    assert str(Rate(256, 20.0)) == "256/20s"
    for text in ("0/20s", "5/0s", "5", "5/x", 5):
        with pytest.raises(ValueError, match="requests per time"):
            parse_rate(text)


KEYS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)
TREES = st.recursive(
    st.integers(-9, 9) | st.booleans() | KEYS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def paths(tree, path=()):
    """Every path of a tree of tables and lists."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in pairs:
        yield (*path, key)
        yield from paths(value, (*path, key))


@given(st.dictionaries(KEYS, TREES, max_size=4))
def test_every_key_of_any_toml_is_found_where_it_stands(tree):
    """The locator knows every path of a text, and reading the text there gives the key."""
    text = "# head\n" + "".join(f"{toml(key)} = {toml(value)}  # note [x]\n" for key, value in tree.items())
    assert tomllib.loads(text) == tree
    places = Places(text)
    for path in paths(tree):
        place = places.value(path)
        assert place is not None
        if isinstance(path[-1], str):
            key = places.key(path)
            assert key is not None
            there = text.split("\n")[key.line - 1][key.column - 1 :]
            assert there.startswith((toml(path[-1]), path[-1]))


LONG = """\
a.b = '''x = 1
[c]'''
[[rows]]
x = 1
[[rows]]
x = [ # [
  "[",
  2 ]
[rows.in]
"y z" = {q.r = 1, s = [ { t = 2 } ]}
"""


def test_the_locator_knows_headers_rows_and_long_strings():
    """Headers, dotted keys, arrays of tables, multi-line strings and lists over several lines."""
    text = LONG
    assert tomllib.loads(text)["rows"][1]["in"]["y z"]["s"] == [{"t": 2}]
    places = Places(text)
    assert places.key(("a", "b")) == (1, 3)
    assert places.key(("c",)) is None
    assert places.value(("rows", 0, "x")) == (4, 5)
    assert places.value(("rows", 1, "x", 1)) == (8, 3)
    assert places.key(("rows", 1, "in", "y z", "q", "r")) == (10, 12)
    assert places.key(("rows", 1, "in", "y z", "s", 0, "t")) == (10, 27)
