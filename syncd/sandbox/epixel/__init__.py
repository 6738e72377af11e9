"""A simulated installation of Epixel's "Leads & CRM" (vendors/epixel.md, everything marked SIM).

site.py   what the installation stores
forms.py  what its forms accept, and the words with which they refuse
app.py    what people see and do
login.py  users, tokens that are JWTs
bodies.py request bodies in three encodings
api.py    the HTTP API: paths, envelopes, lists
calls.py  the calls behind those paths
"""

from syncd.sandbox.epixel.api import EpixelSandbox

__all__ = ["EpixelSandbox"]
