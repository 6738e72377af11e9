"""Pure decisions: values in, values out; no I/O, no clock, no framework.

lead.py       the canonical fields and their value types
normalize.py  normal forms: text, email, phone, labels, times
lens.py       a vendor's mapping as a table of two-way rows
merge.py      the three-way merge of one record into one lead: deciding.py field by field, elements.py
              for sets, settled.py for what a vendor made of our writes, merged.py its types
origin.py     where a value came from and when, and which of two is later
rules.py      the conflict rules
match.py      which lead a record without a link belongs to
notes.py      header lines, splitting and joining of notes
plan.py       desired minus base = operations (their types: operations.py)
guard.py      plans too large to be plausible
errors.py     the one tree of errors
"""
