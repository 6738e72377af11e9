"""Epixel's "Leads & CRM" (vendors/epixel.md).

client.py        the wire: paths tried in order, bodies, the probe after a 401 that says nothing
login.py         how a user logs in
refusals.py      what a refusal's body says, and the error table made of it
answers.py       shapes of answers: envelope, lists, single leads, new ids
choices.py       the valid choices of status and source; overview.py reads them
stages.py        canonical stages and sources against those choices
payload.py       names under which a lead may show its fields
numbers.py       telephone numbers that travel without their "+"
mapping.py       the lens table
walk.py          the lists, page by page, and what a walk proves
finding.py       leads by address or number, out of the list
roster.py        agents, learned from leads
writes.py        whole forms: creating, updating
notes.py         notes, readable or write-only
appointments.py  a further capability: typed calls the engine does not use
capabilities.py  what Epixel can and cannot do, as data
adapter.py       all of it behind ports.vendor.Adapter
"""
