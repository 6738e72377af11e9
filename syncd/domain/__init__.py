"""Pure decisions: values in, values out; no I/O, no clock, no framework.

lead.py       the canonical fields and their value types
normalize.py  normal forms: text, email, phone, labels, times
lens.py       a vendor's mapping as a table of two-way rows
merge.py      the three-way merge of one record into one lead
rules.py      the conflict rules
match.py      which lead a record without a link belongs to
notes.py      header lines, splitting and joining of notes
plan.py       desired minus base = operations
guard.py      plans too large to be plausible
errors.py     the one tree of errors
"""
