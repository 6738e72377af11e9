"""MyCRM, the CRM of Property Finder (vendors/mycrm.md).

client.py        addresses, headers, budget, error table
listing.py       one walk of a paged list, with every way it may end
walk.py          the lead list: cursors, filters by day, look-ups
mapping.py       the lens table; values.py, custom.py, stages.py and countries.py are its pure leaves
needs.py         what MyCRM demands of a lead and which defaults fill it
writes.py        the whole lead as an update sends it back
filled.py        whether a lead shows exactly a default of ours
operations.py    stage and user by PATCH
finding.py       look-ups by address and number
refusals.py      the error table
notes.py         notes: read with the lead, added by updating it
capabilities.py  what MyCRM can and cannot do, as data
adapter.py       all of it behind ports.vendor.Adapter
"""
