"""A vendor that calls: an edit is carried over at once, long before anybody polls."""

from __future__ import annotations

from pathlib import Path

from syncd.store.database import Database
from tests.system.office import free_port
from tests.system.service import Watch, started
from tests.system.town import standing


def test_an_edit_travels_by_webhook_alone(tmp_path: Path, database: Database):
    """Nobody polls for an hour; both vendors are told to call; what people type here is there, and back again."""
    with standing(tmp_path, database.url) as town:
        port = free_port()
        text = town.config.read_text().replace('poll = "5s"', 'poll = "1h"')
        web = f'[web]\nlisten = "127.0.0.1:{port}"\npublic_url = "http://127.0.0.1:{port}"\n'
        town.config.write_text(f"{text}\n{web}")
        cinc, chime = town.sandboxes["cinc"], town.sandboxes["chime"]
        watch = Watch(town)
        ada = cinc.add_person(first_name="Ada", last_name="Byron", email="ada@example.com")
        with started(town, "run") as daemon:
            watch.until(chime.ids)
            (there,) = chime.ids()
            done = town.syncd("webhooks", "register", "--json")
            assert done.code == 0, done.err
            cinc.edit(ada, "city", "London")
            watch.until(lambda: chime.shows(there).get("city") == "London")
            chime.edit(there, "last_name", "Lovelace")
            watch.until(lambda: cinc.shows(ada).get("last_name") == "Lovelace")
            eve = chime.add_person(first_name="Eve", last_name="Adams", email="eve@example.com")
            watch.until(lambda: len(cinc.ids()) == 2)
            chime.add_note(eve, "Called.")
            watch.until(lambda: any(cinc.shows(lead)["notes"] for lead in cinc.ids()))
            assert daemon.stop() == 0
        assert not any("defect" in line for line in daemon.lines)
