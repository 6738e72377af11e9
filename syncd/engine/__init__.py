"""The five stages, one file each, on ports and domain only.

run.py     the order of the whole: recover → pull → ingest → plan → push → settle
pull.py    pages of remote records, to the depth asked for; agents.py and notes.py read their own kinds
ingest.py  a page becomes graph, journal, bases and cursor in one transaction; journal.py: the rows people read
graph.py   the part of the lead graph a page touches, and whose record each row is
absent.py  what a complete walk no longer shows
plan.py    desired minus base for every dirty lead, and the guard over it
push.py    guarded vendor calls (create.py: new leads);  settle.py  what their answers mean here
pause.py   when refused credentials pause a connection, and when it goes on
inbox.py   what webhooks hint at, read again (hints.py joins them, readings.py reads)
recover.py creates whose answers were never seen (intents.py keeps them)
"""
