"""The five stages, one file each, on ports and domain only.

run.py     the order of the whole: recover → pull → ingest → plan → push → settle
pull.py    pages of remote records, to the depth asked for; agents.py and notes.py read their own kinds
ingest.py  a page becomes graph, journal, bases and cursor in one transaction; journal.py: the rows people read
absent.py  what a complete walk no longer shows
plan.py    desired minus base for every dirty lead, and the guard over it
push.py    guarded vendor calls;  settle.py  what their answers mean here
recover.py creates whose answers were never seen
"""
