"""Rechat passes the contract, plain and with the other faces a brand may show (vendors/rechat.md §3, §7, §11, §13)."""

from __future__ import annotations

from typing import Any

from syncd.sandbox.rechat.people import ATTRIBUTES
from syncd.settings.values import Rate
from tests.vendors.contract.account import Variant
from tests.vendors.contract.suite import VendorContract

ODD = "Somewhere else"
FEW: tuple[dict[str, Any], dict[str, Any]] = ({}, {"page_size": 5})
NOBODY = "00000000-0000-4000-8000-000000000000"
NUMBERS = ("Price from", "Price to")
DEFINITIONS: tuple[dict[str, Any], ...] = (
    *({"label": label, "data_type": "number" if label in NUMBERS else "text"} for label in ATTRIBUTES.values()),
    {"label": "Baths", "data_type": "text"},
)
"""Custom attributes for what Rechat has no place for (vendors/rechat.md §5)."""


class TestRechat(VendorContract):
    """vendors/rechat.md."""

    variants = (
        Variant(
            "captured",
            "rechat",
            options={"rate": Rate(60, 20.0)},
            odd_stage=ODD,
            update_method="PATCH",
            unknown=NOBODY,
            few=FEW,
        ),
        Variant(
            "silent",
            "rechat",
            {
                "total_zero": True,
                "show_deleted": True,
                "row_answer": "contact",
                "assignee_answer": "contact",
                "assignee_path": "leads",
                "agent_rows": "wrapped",
                "sparse_rows": True,
                "tags_null": False,
                "late_commit_s": 1,
                "definitions": DEFINITIONS,
            },
            options={
                "rate": Rate(60, 20.0),
                "create_via": "contacts",
                "page_size": 50,
                "attributes": {**ATTRIBUTES, "baths_min": "Baths"},
            },
            page=50,
            odd_stage=ODD,
            update_method="PATCH",
            unknown=NOBODY,
            few=FEW,
        ),
    )
