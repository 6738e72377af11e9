"""Every key of a MyCRM connection (vendors/mycrm.md §1, §2, §5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from syncd.domain.errors import ConfigError
from syncd.settings import Rate, advice, parse
from syncd.vendors.mycrm.adapter import defaults_of

HEAD = '[connections.m]\nvendor = "mycrm"\n'
TOKEN = 'auth = { kind = "token", token = { env = "A_TOKEN" } }\n'


@pytest.fixture(autouse=True)
def tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secret that the texts of this file name."""
    monkeypatch.setenv("A_TOKEN", "s3cret")


def connection(more: str, auth: str = TOKEN) -> Any:
    """The connection a config describes."""
    return parse(HEAD + auth + more).connections["m"]


def problem(more: str, auth: str = TOKEN) -> str:
    """What is wrong with it."""
    with pytest.raises(ConfigError) as caught:
        connection(more, auth)
    assert "s3cret" not in str(caught.value)
    return str(caught.value)


def test_the_defaults_are_those_of_the_sheet():
    """vendors/mycrm.md §1, §4, §5, §7."""
    found = connection("")
    assert (found.base_url, found.region, found.notes_on_update) == ("https://api-v2.mycrm.com", "AE", "on")
    assert (found.overlap, found.rate) == (timedelta(seconds=300), Rate(120, 60.0))
    assert defaults_of(found.create_defaults).values == {"status": "notYetContacted", "preference.amenities": []}


def test_three_ways_to_log_in():
    """vendors/mycrm.md §2: a token, an API key, a user's password; the addresses as they are written."""
    key = connection(
        "", 'auth = { kind = "client_credentials", client_id = "k", client_secret = { env = "A_TOKEN" } }\n'
    )
    assert key.auth.token_url == "https://auth.propertyfinder.com/auth/oauth/v1/token"
    old = connection(
        "",
        'auth = { kind = "password", domain = "d", username = "u", password = { env = "A_TOKEN" },'
        ' token_url = "http://127.0.0.1:1/token" }\n',
    )
    assert (old.auth.domain, old.auth.token_url) == ("d", "http://127.0.0.1:1/token")
    assert "client_secret" in problem("", 'auth = { kind = "client_credentials", client_id = "k" }\n')
    assert "kind" in problem("", 'auth = { kind = "oauth2" }\n')


def test_a_changed_base_url_warns_that_the_token_url_stays():
    """vendors/mycrm.md §2: the address of client_credentials is absolute."""
    text = HEAD + 'base_url = "http://127.0.0.1:1"\n'
    key = 'auth = { kind = "client_credentials", client_id = "k", client_secret = { env = "A_TOKEN" } }\n'
    assert any("token_url" in line for line in advice(parse(text + key)))
    assert not any("token_url" in line for line in advice(parse(text + TOKEN)))


def test_what_is_demanded_may_be_filled_in_any_spelling():
    """vendors/mycrm.md §5: dotted keys nest in TOML, quoted ones say the same."""
    dotted = connection('create_defaults.title = "mr"\ncreate_defaults.preference.types = [2]\n')
    table = connection(
        '[connections.m.create_defaults]\ntitle = "mr"\npreference.types = [2]\npreference.amenities = [1]\n'
    )
    quoted = connection('[connections.m.create_defaults]\n"preference.types" = [2]\n"preference.from_price" = 5\n')
    assert defaults_of(dotted.create_defaults).values["preference.types"] == [2]
    assert defaults_of(table.create_defaults).values["preference.amenities"] == [1]
    assert defaults_of(quoted.create_defaults).values["preference.from_price"] == 5


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ('title = "dr"', "title"),
        ('mobile = "+971501234567"', "mobile"),
        ('country = "UAE"', "country"),
        ('category = "land"', "category"),
        ('status = "other"', "status"),
        ('source = "facebook"', "source"),
        ('source = "portal"\nsource_channel = "facebook"', "source_channel"),
        ('source_channel = "nowhere"', "source_channel"),
        ('financial = "gold"', "financial"),
        ('offering_type = "both"', "offering_type"),
        ('preference.types = ["Apartment"]', "types"),
        ("preference.types = []", "types"),
        ('preference.locations = ["Dubai Marina"]', "locations"),
        ("preference.from_price = 1.5", "from_price"),
        ("preference.colour = 1", "colour"),
        ('"preference.colour" = 1', "colour"),
        ('favourite = "x"', "favourite"),
    ],
)
def test_a_value_outside_its_list_is_a_config_error(line: str, word: str):
    """vendors/mycrm.md §5: unknown keys and values outside their list; there is no default for a number, ever."""
    assert word in problem(f"[connections.m.create_defaults]\n{line}\n")


@pytest.mark.parametrize(
    "more",
    [
        '[connections.m.sources]\nFacebook = "facebook/socialMedia"\n',
        '[connections.m.sources]\nFacebook = "socialMedia"\n',
        '[connections.m.types]\nApartment = "2"\n',
        '[connections.m.areas]\n"Dubai Marina" = "Dubai Marina"\n',
        'notes_on_update = "maybe"\n',
    ],
)
def test_translations_must_be_words_of_mycrm(more: str):
    """vendors/mycrm.md §5, §7."""
    assert problem(more)


def test_translations_are_taken():
    """vendors/mycrm.md §5: a pair, a channel that says its source, any channel of "other"."""
    found = connection(
        '[connections.m.sources]\nFacebook = "socialMedia/facebook"\nBayut = "bayut"\nFriend = "other/a friend"\n'
        '[connections.m.areas]\n"Dubai Marina" = "are.2.15"\n[connections.m.types]\nApartment = 2\n'
    )
    assert found.sources["Friend"] == "other/a friend"
    assert (found.areas, found.types) == ({"Dubai Marina": "are.2.15"}, {"Apartment": 2})
