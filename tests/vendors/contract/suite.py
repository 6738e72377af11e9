"""The whole contract. A vendor buys it with a class of two lines:

    class TestCinc(VendorContract):
        variants = (Variant("plain", "cinc", page=500),)

Every test then runs once per variant.
"""

from __future__ import annotations

from typing import ClassVar

from tests.vendors.contract.account import Variant
from tests.vendors.contract.failures import FailuresContract
from tests.vendors.contract.hooks import HooksContract
from tests.vendors.contract.lenses import LensContract
from tests.vendors.contract.notes import NotesContract
from tests.vendors.contract.reading import ReadingContract
from tests.vendors.contract.resuming import ResumingContract
from tests.vendors.contract.writing import WritingContract


class VendorContract(
    ReadingContract, ResumingContract, WritingContract, NotesContract, FailuresContract, LensContract, HooksContract
):
    """Everything `ports.vendor.Adapter` promises; skips only by declared capability."""

    variants: ClassVar[tuple[Variant, ...]] = ()
