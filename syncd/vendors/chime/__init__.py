"""Chime, now Lofty: one adapter for both dialects (vendors/chime.md).

client (URLs, auth, limits, errors) · walk (paging and what it proves) · mapping with values, stages, people,
inquiry, custom (the lens table) · roster (agents) · notes (notes and logs) · finding (look-ups) · adapter.
"""
