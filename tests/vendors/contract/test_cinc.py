"""CINC passes the contract, plain and with the other faces a site may show (vendors/cinc.md §3, §4, §5, §13)."""

from __future__ import annotations

from typing import Any

from tests.vendors.contract.account import Variant
from tests.vendors.contract.suite import VendorContract

ODD = "Somewhere else"
FEW: tuple[dict[str, Any], dict[str, Any]] = ({"page_max": 5}, {})


class TestCinc(VendorContract):
    """vendors/cinc.md."""

    variants = (
        Variant("plain", "cinc", {"stages": (ODD,)}, page=500, odd_stage=ODD, update_method="POST", few=FEW),
        Variant(
            "wrapped",
            "cinc",
            {
                "wrapper": True,
                "hook_shows_url": False,
                "hook_none": "empty",
                "auth": "bare",
                "list_hides": ("labels",),
                "date_terms": "ignored",
                "reset_unit": "s",
                "paging": "offset",
                "single": "bare",
                "answer_id": "lead",
                "page_max": 40,
                "stages": (ODD,),
            },
            page=40,
            odd_stage=ODD,
            update_method="POST",
            few=FEW,
        ),
        Variant(
            "replacing",
            "cinc",
            {
                "auth": "bearer",
                "date_terms": "refused",
                "reset_unit": "in",
                "updated_moves": "all",
                "update_replaces": True,
                "last_next": "empty",
                "paging": "next",
                "limit": 100,
                "stages": (ODD,),
            },
            options={"update_style": "whole"},
            page=500,
            odd_stage=ODD,
            update_method="POST",
            few=FEW,
        ),
    )
