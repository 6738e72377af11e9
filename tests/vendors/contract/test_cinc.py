"""CINC passes the contract, plain and under every switch of its sandbox."""

from __future__ import annotations

from tests.vendors.contract.account import Variant
from tests.vendors.contract.suite import VendorContract


class TestCinc(VendorContract):
    """vendors/cinc.md."""

    variants = (Variant("plain", "cinc", page=500),)
