"""The tables, as SQLAlchemy models: what a person looks up first, and what migrations are checked against.

    graph.py    leads and what hangs on them, and the links to the vendors' records
    journal.py  what happened and was decided, and what waits for a person
    work.py     what processes tell each other: how far they are, what came in, what may be called

Names are never qualified: every connection has the configured schema as its ``search_path``, so the same
statements serve any number of schemas on one server. Statements stand beside the code they serve.
"""

from __future__ import annotations

from syncd.store.tables import graph, journal, work
from syncd.store.tables.base import Base

__all__ = ["Base", "graph", "journal", "work"]
