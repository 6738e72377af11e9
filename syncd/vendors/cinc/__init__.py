"""CINC (vendors/cinc.md).

client.py        addresses, paging, limits, error table
listing.py       one walk of a paged list, with every way it may end
walk.py          the lead list: cursors, search terms, sections that are not told
mapping.py       the lens table; payload.py, stages.py, slots.py and words.py are its pure leaves
labels.py        the site's label catalogue
notes.py         notes: listing, reading, appending
writes.py        request bodies: sparse and whole updates, and which of the two the site needs
capabilities.py  what CINC can and cannot do, as data
adapter.py       all of it behind ports.vendor.Adapter
"""
