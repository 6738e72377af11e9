"""A simulated CINC site (vendors/cinc.md, everything marked SIM).

site.py    what the site stores and what its rules make of a write
search.py  search terms of the lead list
app.py     what people see and do
api.py     the HTTP API: routes, credentials, limits, paging
"""

from syncd.sandbox.cinc.api import CincSandbox

__all__ = ["CincSandbox"]
