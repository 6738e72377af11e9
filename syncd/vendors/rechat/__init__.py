"""Rechat (vendors/rechat.md).

client.py        addresses, credentials, limits, error table, envelopes
walk.py          the contact list: paging by key, cursor, what a walk proves
mapping.py       the lens table; rows.py, values.py, tags.py, people.py, address.py, custom.py, countries.py
                 are its pure leaves
definitions.py   the account's attribute definitions, kept for an hour
finding.py       look-ups by address, number and time
writes.py        creating and updating: rows to change, to add, to delete
labels.py        tags one by one
notes.py         notes, which are rows too
assignees.py     the assignee besides the owner
agents.py        the brand's people
routing.py       lead channels, their rules, routing groups
capabilities.py  what Rechat can and cannot do, as data
recent.py        what was read a moment ago
adapter.py       all of it behind ports.vendor.Adapter
"""
