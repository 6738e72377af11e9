"""A sixth vendor, added the way docs/adding-a-vendor.md says, passes the contract."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.sandbox import SANDBOXES, lazily
from syncd.settings.connections import VENDORS
from syncd.vendors import registry
from tests.vendors.cardfile.settings import CardfileConnection
from tests.vendors.contract.account import Variant
from tests.vendors.contract.suite import VendorContract


@pytest.fixture(autouse=True)
def sixth(monkeypatch: pytest.MonkeyPatch) -> None:
    """The three lines that make a vendor known, for the time of one test."""
    tables: tuple[tuple[Any, Any], ...] = (
        (VENDORS, CardfileConnection),
        (registry.VENDORS, registry.Vendor("tests.vendors.cardfile")),
        (SANDBOXES, lazily("tests.vendors.cardfile.sandbox", "CardfileSandbox")),
    )
    for table, entry in tables:
        monkeypatch.setitem(table, "cardfile", entry)


class TestCardfile(VendorContract):
    """The whole contract, for a folder of a few hundred lines."""

    variants = (Variant("plain", "cardfile", page=50, odd_stage="Somewhere else", update_method="PATCH", few_rows=50),)
