"""Chime passes the contract in both dialects, plain and with the other faces an account may show (vendors/chime.md)."""

from __future__ import annotations

from typing import Any

from tests.vendors.contract.account import Variant
from tests.vendors.contract.suite import VendorContract

ODD = "DNC"
FEW: tuple[dict[str, Any], dict[str, Any]] = ({"cap_25": True}, {})


class TestChime(VendorContract):
    """vendors/chime.md, the first age of the API."""

    variants = (
        Variant("plain", "chime", odd_stage=ODD, few=FEW, few_rows=25),
        Variant(
            "capped",
            "chime",
            {
                "wrap_rows": True,
                "wrap_single": True,
                "hook_list_answer": "object",
                "cap_25": True,
                "ignore_filters": True,
                "ignore_sort": True,
                "create_answer": "unquoted",
                "put_answer": "empty",
                "note_answer": "number",
                "empty_errors": True,
                "reset_style": "epoch_s",
                "strict_style": True,
                "merge_inquiry": True,
            },
            page=25,
            odd_stage=ODD,
            few=FEW,
            few_rows=25,
        ),
    )


class TestLofty(VendorContract):
    """The same vendor under its newer dialect."""

    variants = (
        Variant("plain", "lofty", odd_stage=ODD, few=FEW, few_rows=25),
        Variant(
            "scrolling",
            "lofty",
            {
                "wrap_rows": True,
                "wrap_single": False,
                "scroll": True,
                "hook_list_answer": "string",
                "create_answer": "wrapped",
                "put_answer": "string",
                "note_answer": "empty",
                "reset_style": "epoch_ms",
                "bearer_only": True,
                "limit": 100,
            },
            odd_stage=ODD,
            few=FEW,
            few_rows=25,
        ),
    )
