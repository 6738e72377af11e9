"""Agents first: who works with leads, matched across connections by email or by the config's pins.

Assignments can only be read and written once both sides of every agent are known, so each cycle
begins here. The list is short; it is read whole.
"""

from __future__ import annotations

from syncd.domain.errors import UnreadableError
from syncd.engine.connection import Connection
from syncd.ports.clock import Clock
from syncd.ports.rows import Agent, Batch, Link, Quarantined
from syncd.ports.store import Store

KIND = "agent"


async def learn_agents(store: Store, clock: Clock, connection: Connection) -> None:
    """Read all agents of a connection, link them, and keep the translation both ways on the connection."""
    remotes = {remote.external_id: remote for remote in await connection.adapter.agents()}
    async with store.transaction() as tx:
        await tx.serialize()
        known = {agent.email: agent for agent in await tx.agents() if agent.email}
        links = await tx.links(connection.name, KIND, remotes.keys())
        unquestioned = await tx.digests(connection.name, KIND, remotes.keys())
        fresh = iter(await tx.new_ids(KIND, len(remotes)))
        batch = Batch()
        joined: set[int] = set()
        claimed = {link.node for link in links.values()}
        for external_id, remote in remotes.items():
            try:
                reading = connection.adapter.read_agent(remote)
            except UnreadableError as error:
                row = Quarantined(connection.name, KIND, external_id, str(error), remote.payload, clock.now())
                batch.quarantine.append(row)
                continue
            if external_id not in unquestioned:  # new, or in quarantine until now
                batch.unquarantine.append((connection.name, KIND, external_id))
            email = connection.pins.get(external_id, reading.email)
            link = links.get(external_id)
            node = link.node if link is not None else None
            if node is None or external_id in connection.pins:
                match = known.get(email) if email else None
                # A second account with the same address is somebody of their own: links are unique both ways.
                node = match.id if match is not None and (match.id not in claimed or match.id == node) else node
            if node is None:
                node = next(fresh)
                agent = Agent(node, email if email not in known else "", reading.name)
                batch.agents.append(agent)
                if agent.email:
                    known[agent.email] = agent
            claimed.add(node)
            if link is None or link.node != node:
                joined.add(node)
            if link is None or link.node != node or link.digest != remote.digest:
                payload, digest, now = remote.payload, remote.digest, clock.now()
                batch.links.append(
                    Link(connection.name, KIND, external_id, node, payload=payload, digest=digest, read_at=now)
                )
            connection.agents_in[external_id] = node
            connection.agents_out[node] = external_id
        if joined:  # what could not be assigned here for want of an account can be now
            batch.dirty |= await tx.leads_of_agents(joined)
        if batch.links or batch.agents or batch.quarantine or batch.unquarantine:
            await tx.save(batch)


async def recall_agents(store: Store, connection: Connection) -> None:
    """The agents as the store knows them, for planning without asking the vendor."""
    async with store.reads() as tx:
        agents = await tx.agents()
        links = await tx.links_of("agent", [agent.id for agent in agents], connection.name)
    for link in links:
        if link.node is not None:
            connection.agents_in[link.external_id] = link.node
            connection.agents_out[link.node] = link.external_id
    connection.agent_names.update({agent.id: agent.name for agent in agents})
