"""MyCRM passes the contract, plain and with the other faces an account may show (vendors/mycrm.md §3, §5, §7, §13)."""

from __future__ import annotations

from typing import Any

from syncd.settings.values import Rate
from tests.vendors.contract.account import Variant
from tests.vendors.contract.suite import VendorContract

ODD = "other"
FEW: tuple[dict[str, Any], dict[str, Any]] = ({"page_size": 5}, {})
PACED = {"rate": Rate(60, 20.0)}
"""MyCRM tells no limits: a connection that is to keep to one has to be told."""


class TestMyCrm(VendorContract):
    """vendors/mycrm.md."""

    variants = (
        Variant(
            "plain",
            "mycrm",
            {"old_leads": False, "page_size": 20},
            options=PACED,
            page=20,
            odd_stage=ODD,
            note_method="PUT",
            few=FEW,
        ),
        Variant(
            "bare",
            "mycrm",
            {
                "old_leads": False,
                "list_expanded": False,
                "count": False,
                "lists": "bare",
                "single": "bare",
                "write_answer": "empty",
                "page_size": 20,
                "page": "missing",
                "filters": "refused",
                "dates": "offset",
                "notes_put": "replaces",
                "notes_move": True,
                "note_keys": "text",
                "put_clears": True,
                "delete": "singular",
                "patch_paths": "id",
                "preferences": "object",
                "user": "number",
            },
            options=PACED,
            page=20,
            odd_stage=ODD,
            note_method="PUT",
            few=FEW,
        ),
    )
