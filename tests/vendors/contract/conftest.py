"""Fixtures of the contract suite; a test class names its variants."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.vendors.contract.account import Account, Variant, open_account


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test of a contract class once per variant of that class."""
    if "variant" in metafunc.fixturenames and metafunc.cls is not None:
        metafunc.parametrize("variant", metafunc.cls.variants, ids=str)


@pytest.fixture
async def account(variant: Variant) -> AsyncIterator[Account]:
    """A fresh account of this variant on a loopback socket."""
    async with open_account(variant) as opened:
        yield opened
