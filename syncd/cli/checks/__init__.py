"""The checks of `syncd doctor`, one file for each kind of thing that can be wrong.

    config.py    the file, its secrets, what is allowed but not meant       no database yet
    database.py  the server, the schema, room on the disk                    no connection yet
    vendors.py   who we are there, what we may, clocks                       asks vendors
    pace.py      when everything was read last, what is awaited
    meanings.py  words without translation, agents without a counterpart
    people.py    what waits for a person's decision
    service.py   whether a daemon works, whether vendors call us, deliveries that were given up

To add a check, write an async function (Place) → findings and name it in `CHECKS`; it is called once, in this order.
Each check finds something: that all is well, if nothing else.
"""

from __future__ import annotations

from syncd.cli.checks.database import writable
from syncd.cli.checks.finding import Check, Finding, Place
from syncd.cli.checks.meanings import agents, words
from syncd.cli.checks.pace import creates, notes, readings
from syncd.cli.checks.people import conflicts, plans, quarantine, reviews
from syncd.cli.checks.service import daemon, deliveries, webhooks
from syncd.cli.checks.vendors import logins

CHECKS: tuple[Check, ...] = (
    writable,
    logins,
    daemon,
    webhooks,
    deliveries,
    readings,
    creates,
    notes,
    words,
    agents,
    quarantine,
    plans,
    conflicts,
    reviews,
)

__all__ = ["CHECKS", "Check", "Finding", "Place"]
