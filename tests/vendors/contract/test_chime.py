"""Chime passes the contract in both dialects, plain and under every switch of its sandbox."""

from __future__ import annotations

from tests.vendors.contract.account import Variant
from tests.vendors.contract.suite import VendorContract


class TestChime(VendorContract):
    """vendors/chime.md."""

    variants = (Variant("chime", "chime"), Variant("lofty", "lofty"))
