"""The listener: what comes from outside, and nothing else.

server.py    a thread with an event loop and a database session of its own: no work of the engine delays an answer
protocol.py  HTTP with deadlines: a request that trickles in is cut off, and so is a crowd
app.py       which address is what; the headers of every answer; no error tells what it was
hooks.py     deliveries of webhooks: authenticate, store raw once, answer
secrets.py   the secrets deliveries are checked against
health.py    whether the process lives, whether it can work
login.py     everything else needs the operator's token
wiring.py    settings → all of this
"""
