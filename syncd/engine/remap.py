"""Another mapping: records are read again from their kept payloads, leads planned again, and nothing is fetched.

A stage that got another word, a field that flows now, an agent who was named: each record shows something else than it
did, and that goes through the merge like an edit made when the record was last changed.
"""

from __future__ import annotations

from syncd.engine.agents import recall_agents
from syncd.engine.connection import Connection, Progress, silent
from syncd.engine.ingest import Ingest
from syncd.ports.clock import Clock
from syncd.ports.store import Store
from syncd.ports.vendor import Remote


async def remap(store: Store, clock: Clock, connection: Connection, progress: Progress = silent) -> int:
    """Bring what is kept of a connection to its present mapping, if that is another. Returns how many records changed.

    The caller holds the connection. Broken off, it is done from the beginning the next time.
    """
    before = await store.mapped_with(connection.name)
    if before == connection.mapping:
        return 0
    changed = 0
    if before:
        await recall_agents(store, connection)
        ingest, done = Ingest(store, clock, connection), 0
        async for links in store.payloads(connection.name):
            rows = [Remote("lead", x.external_id, x.payload or {}, x.digest or b"", x.time) for x in links]
            changed += len((await ingest.records(rows)).touched)
            read_at = {link.external_id: link.read_at for link in links if link.read_at is not None}
            await store.restore_read_at(connection.name, read_at)
            done += len(links)
            progress("remap", connection.name, done, None)
    await store.keep_mapping(connection.name, connection.mapping)
    return changed
