"""Epixel passes the contract, plain and with the other faces of an installation (vendors/epixel.md §1, §3, §5)."""

from __future__ import annotations

from typing import Any

from tests.vendors.contract.account import Variant
from tests.vendors.contract.suite import VendorContract

ODD = "In limbo"
FEW: tuple[dict[str, Any], dict[str, Any]] = ({"page_max": 5}, {})
PAGED: tuple[dict[str, Any], dict[str, Any]] = ({"list": "e", "page_max": 5}, {})
"""Shape a has no pages."""


class TestEpixel(VendorContract):
    """vendors/epixel.md."""

    variants = (
        Variant("plain", "epixel", {"statuses": (ODD,)}, odd_stage=ODD, update_method="POST", few=FEW),
        Variant(
            "samples",
            "epixel",
            {
                "paths": "samples",
                "list": "a",
                "single": "lead_details",
                "objects": True,
                "times": "naive",
                "notes_key": "lead_notes",
                "note_answer": "empty",
                "create_answer": "empty",
                "create_status": 200,
                "known_email": "refused",
                "deleted": "listed",
                "list_hides": ("location", "message"),
                "refusals": "detail",
                "unauthorized": "bare",
                "statuses": (ODD,),
            },
            options={"body": "form"},
            odd_stage=ODD,
            update_method="POST",
            few=PAGED,
            memory={
                "paths": {"create": "/create/lead/", "update": "/update/lead/", "note create": "/create/leadnote/"}
            },
        ),
        Variant(
            "blind",
            "epixel",
            {
                "list": "c",
                "page_max": 40,
                "bare": True,
                "times": "none",
                "notes": "never",
                "note_answer": "empty",
                "limit": 60,
                "statuses": (ODD,),
            },
            options={"body": "json"},
            page=40,
            odd_stage=ODD,
            update_method="POST",
            timed=False,
            few=FEW,
        ),
    )
