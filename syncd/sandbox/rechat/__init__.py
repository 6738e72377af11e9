"""A simulated brand at Rechat (vendors/rechat.md, everything marked SIM).

ids.py      UUIDs and moments that no two things share
store.py    contacts, their attribute rows, and what Rechat's rules make of a write
search.py   what the contact lists can be asked for
capture.py  leads that come in through channels, and who gets them
people.py   what people see and do in the app
contacts.py the contacts API; routing.py channels, rules and groups; oauth.py logging in
api.py      all of it at one address: routes, credentials, limits
"""

from syncd.sandbox.rechat.api import RechatSandbox

__all__ = ["RechatSandbox"]
