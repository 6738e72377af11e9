"""`syncd auth`: logging in like a person with a browser, what status shows, pauses and how they end.

Logins and their end by a signal are processes once; everything else runs the same commands in this process, on the same
real sockets and database, because a process costs a second.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import stat
from urllib.parse import parse_qsl, urlsplit

import pytest

from syncd.sandbox.faults import Fault
from syncd.sandbox.oauth import CLIENT_ID, CLIENT_SECRET, FIRST_REFRESH
from tests.system.office import Office, follow, free_port, get, visit
from tests.system.town import Town


@pytest.fixture
def office(town: Town) -> Office:
    """Both vendors, nobody logged in."""
    made = Office(town, f"http://127.0.0.1:{free_port()}/callback/", "https://office.example.com/back")
    made.chime.switches["redirect_uri"] = made.chime_redirect
    made.configure()
    return made


def test_login_sync_and_status(office: Office):
    """From nothing to two connections in step: consent at a loopback address, and by pasting; then a sync works.

    Tokens are neither printed nor readable in the database; the key file is ours alone.
    """
    before = office.status()
    assert {row["logged_in"] for row in before.values()} == {False}
    assert before["cinc"]["mend"] == "run `syncd auth login cinc`"
    done = office.login_as_process("cinc", visit)
    assert done.code == 0, done.err
    assert done.out.strip() == "cinc: logged in as broker@sandbox.example.com"
    done = office.login_as_process("chime", follow)
    assert done.code == 0, done.err
    assert "chime: logged in as Team Owner" in done.out
    office.cinc.add_person(first_name="Ada", email="ada@example.com")
    assert office.syncd("sync").code == 0
    assert len(office.chime.ids()) == 1
    row = office.status()["cinc"]
    assert (row["kind"], row["who"], row["paused"], row["mend"]) == ("oauth2", "broker@sandbox.example.com", "", "")
    assert row["scopes"] == ["api:read", "api:create", "api:update", "api:event"]
    assert row["renewable"] is True
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", row["expires_at"])
    texts = [office.syncd("auth", "status").out, json.dumps(row), done.out, done.err]
    assert not any("sandbox-access" in text or "sandbox-refresh" in text for text in texts)
    key = office.town.folder / "data" / "credentials.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_the_address_has_what_the_vendor_documents(office: Office):
    """client_id, response_type, redirect_uri, scopes space-delimited, state (vendors/cinc.md §2)."""
    seen: list[str] = []

    def look(url: str) -> str:
        seen.append(url)
        return visit(url)

    assert office.login("cinc", browser=look).code == 0
    asked = dict(parse_qsl(urlsplit(seen[0]).query))
    assert len(asked.pop("state")) >= 16
    assert asked == {
        "client_id": CLIENT_ID,
        "response_type": "code",
        "redirect_uri": office.redirect,
        "scope": "api:read api:create api:update api:event",
    }
    assert "%20" in seen[0]


def test_a_wrong_state_is_not_taken(office: Office):
    """Somebody else's redirect is refused by the listener, and waited past; pasted, it ends the login."""

    def forged(url: str) -> str:
        back = follow(url)
        assert get(re.sub("state=[^&]*", "state=forged", back))[0] == 400
        assert get(re.sub("&?state=[^&]*", "", back))[0] == 400
        assert get(f"{office.redirect}elsewhere")[0] == 404
        return visit(url)

    assert office.login("cinc", browser=forged).code == 0
    pasted = office.login("cinc", "--paste", browser=lambda url: follow(url).replace("state=", "state=x"))
    assert pasted.code == 2
    assert "state" in pasted.err
    assert office.cinc.oauth.desk.refused == 0


def test_a_port_that_is_taken(office: Office):
    """Somebody else listens where redirect_uri points: it says so, and takes a paste instead."""
    with socket.create_server(("127.0.0.1", urlsplit(office.redirect).port or 0)):
        done = office.login("cinc", browser=follow)
    assert done.code == 0
    assert "cannot listen" in done.err


def test_refused_again_after_a_renewal_pauses(office: Office):
    """A vendor that takes no token at all: one renewal, then a pause that names the command; the other one goes on."""
    assert office.login("cinc").code == 0
    assert office.login("chime", browser=follow).code == 0
    office.cinc.fault = lambda ask, _: Fault("error", status=401) if "leads" in ask.template else None
    done = office.syncd("sync", "--json")
    assert done.code == 1
    assert "run `syncd auth login cinc`" in done.err
    assert "error" not in done.json["connections"]["chime"]
    assert office.cinc.oauth.desk.refreshes == 1
    assert "run `syncd auth login cinc`" in office.status()["cinc"]["paused"]


def test_consent_denied(office: Office):
    """The person says no: 1, one line; nothing was logged in."""
    office.cinc.switches["consent"] = "denied"

    def deny(url: str) -> str:
        assert get(follow(url))[0] == 400
        return ""

    done = office.login("cinc", browser=deny)
    assert done.code == 1
    assert "error: the vendor refused the consent (access_denied)" in done.err
    assert office.status()["cinc"]["logged_in"] is False


def test_a_used_code_is_refused(office: Office):
    """The vendor refuses the code: 1, and no trace of it in what is printed."""

    def used(url: str) -> str:
        back = follow(url)
        code = dict(parse_qsl(urlsplit(back).query))["code"]
        office.cinc.oauth.desk.exchange(code, None)
        return back

    done = office.login("cinc", "--paste", browser=used)
    assert done.code == 1
    assert "invalid_grant" in done.err
    assert "sandbox-code" not in done.err + done.out.partition("http")[0]


def test_revoked_pauses_that_connection_and_login_ends_it(office: Office):
    """Consent withdrawn: that connection pauses and says which command mends it; the other goes on; the vendor is not
    asked again until somebody logs in. Nothing is lost meanwhile.
    """
    assert office.login("cinc").code == 0
    assert office.login("chime", browser=follow).code == 0
    office.cinc.oauth.desk.forget_all()
    first = office.syncd("sync", "--json")
    assert first.code == 1
    assert "`syncd auth login cinc`" in first.err
    assert "error" not in first.json["connections"]["chime"]
    office.chime.add_person(first_name="Ada", email="ada@example.com")
    office.cinc.forget_calls()
    again = office.syncd("sync", "--json")
    assert again.code == 1
    assert again.json["connections"]["cinc"]["error"].startswith("paused: ")
    assert again.json["connections"]["chime"]["pulled"] == 1
    assert office.cinc.calls == []
    row = office.status()["cinc"]
    assert "syncd auth login cinc" in row["paused"]
    assert row["mend"] == "run `syncd auth login cinc`"
    assert office.login("cinc").code == 0
    assert office.syncd("sync").code == 0
    assert len(office.cinc.ids()) == 1


def test_login_with_a_fixed_token_checks_it(town: Town):
    """Nothing to consent to: it says whose token it is, and ends a pause."""
    plain = Office(town, "", "")
    done = plain.syncd("auth", "login", "chime")
    assert (done.code, done.out) == (0, "chime: logged in as Team Owner\n")
    town.sandboxes["chime"].token = "another"
    refused = plain.syncd("auth", "login", "chime")
    assert refused.code == 1
    assert "error: " in refused.err
    assert "hint: " in refused.err
    assert plain.syncd("auth", "login", "mars").code == 2


def test_status_check_asks_the_vendors(office: Office):
    """`--check` says who we are, and fails with 1 if somebody does not take us."""
    assert office.login("cinc").code == 0
    done = office.syncd("auth", "status", "--check", "--json")
    assert done.code == 1
    rows = done.json["connections"]
    assert (rows["cinc"]["who"], rows["cinc"]["error"]) == ("broker@sandbox.example.com", "")
    assert "nobody logged in yet" in rows["chime"]["error"]
    assert rows["chime"]["mend"] == "run `syncd auth login chime`"


def test_a_refresh_token_in_the_config_needs_no_login(office: Office):
    """The config's token is used once; its successors come from the database (vendors/cinc.md §2)."""
    (office.town.folder / "refresh").write_text(FIRST_REFRESH)
    office.configure(cinc_more=f', refresh_token = {{ file = "{office.town.folder}/refresh" }}')
    for number in (1, 2):
        assert office.syncd("sync", "--connection", "cinc").code == 0
        assert office.cinc.oauth.desk.refreshes == number
        office.cinc.oauth.desk.end_all()
    assert office.cinc.oauth.desk.refused == 0


def test_rotate_key(office: Office):
    """The key file gets a new key, tokens stay readable; with the file gone the connection pauses with the way out."""
    assert office.login("cinc").code == 0
    key = office.town.folder / "data" / "credentials.key"
    old = key.read_text()
    done = office.syncd("auth", "rotate-key")
    assert (done.code, done.err) == (0, "")
    assert "1 secret encrypted" in done.out
    assert key.read_text() != old
    assert office.syncd("sync", "--connection", "cinc").code == 0
    new = key.read_text()
    key.write_text(old)
    failed = office.syncd("sync", "--connection", "cinc")
    assert failed.code == 1
    assert "cannot be decrypted" in failed.err
    assert old.strip() not in failed.err
    key.write_text(new)
    assert "error: cinc" not in office.syncd("sync").err  # mended by putting the key back


def test_no_secret_is_printed(office: Office):
    """Neither tokens, codes, keys nor the client's secret: not by any command, at any log level, nor by a traceback."""
    (office.town.folder / "refresh").write_text(FIRST_REFRESH)
    office.configure(cinc_more=f', refresh_token = {{ file = "{office.town.folder}/refresh" }}')
    loud = ("--log-level", "debug", "--debug")
    seen = [office.syncd(*loud, "sync", "--connection", "cinc", "--json"), office.login("cinc", *loud)]
    assert [done.code for done in seen] == [0, 0]
    shown = [("config", "show"), ("config", "show", "--json"), ("config", "check"), ("auth", "status", "--json"),
             ("auth", "status", "--check"), ("auth", "rotate-key"), ("status", "--json"), ("vendors",)]  # fmt: skip
    seen += [office.syncd(*loud, *command) for command in shown]
    office.cinc.oauth.desk.forget_all()
    seen += [office.syncd(*loud, "sync", "--json"), office.syncd("sync"), office.syncd("status", "--json")]
    traced = office.town.syncd("--debug", "auth", "login", "chime", "--paste", "--no-browser")
    assert "Traceback" in traced.err
    key = (office.town.folder / "data" / "credentials.key").read_text().strip()
    for done in (*seen, traced):
        for secret in (CLIENT_SECRET, key, "sandbox-access", "sandbox-refresh", "sandbox-code"):
            assert secret not in done.out + done.err


def test_the_key_out_of_the_config(office: Office):
    """A key made by `auth make-key` and named like any secret; a missing one is a problem of the config."""
    made = office.syncd("auth", "make-key")
    assert made.code == 0
    (office.town.folder / "key").write_text(made.out)
    office.configure(key=f'credential_key = {{ file = "{office.town.folder}/key" }}')
    assert office.login("cinc").code == 0
    assert not (office.town.folder / "data").exists()
    office.town.environment["CREDENTIALS_DIRECTORY"] = str(office.town.folder)
    office.configure(key='credential_key = { credential = "key" }')
    assert office.syncd("sync", "--connection", "cinc").code == 0
    office.configure(key='credential_key = { credential = "nowhere" }')
    missing = office.syncd("sync")
    assert missing.code == 1
    assert "credential_key" in missing.err
    assert "nowhere" in missing.err


def test_ctrl_c_ends_a_login_that_waits(office: Office):
    """Nobody consents: a signal ends it at once, whether it waits for a browser or for a paste."""
    for more in ([], ["--paste"]):
        with office.town.started_with_input("auth", "login", "cinc", "--no-browser", *more) as process:
            assert process.stderr
            process.stderr.readline()
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=20)
            assert process.returncode == 1
            assert "`syncd auth status`" in err
