"""A simulated MyCRM account (vendors/mycrm.md, everything marked SIM).

catalog.py  the fixed lists: statuses, sources, locations, types, amenities
records.py  what the account stores and what its rules make of a write
shapes.py   how a lead is shown: expanded or not, with the oddities of the documentation
filters.py  the filters of the lead list
tokens.py   the two token endpoints
app.py      what people see and do
api.py      the HTTP API: routes, rights, paging
"""

from syncd.sandbox.mycrm.api import MyCrmSandbox

__all__ = ["MyCrmSandbox"]
