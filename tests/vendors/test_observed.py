"""Every vendor's calls are told of, whoever asks, and each by the class of its end."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.domain import errors
from syncd.sandbox import SANDBOXES
from syncd.sandbox.inprocess import SandboxTransport
from syncd.settings.connections import VENDORS
from syncd.settings.values import Secret
from syncd.vendors.epixel.refusals import NoRouteError
from syncd.vendors.observed import Call, word
from syncd.vendors.registry import Deps, make
from tests.vendors.clocks import SkippingClock


@pytest.mark.parametrize("vendor", sorted(VENDORS))
async def test_an_adapter_tells_of_all_its_calls(vendor: str):
    """As many as it counts, with a path template that nothing was filled into."""
    clock, told = SkippingClock(), list[Call]()
    sandbox = SANDBOXES[vendor](clock)
    lead = sandbox.add_person(first_name="Ada", last_name="Byron", email="ada@example.com")
    options: dict[str, Any] = {**sandbox.config(), "name": "it", "base_url": f"http://it.sandbox{sandbox.prefix}"}
    options["auth"] = {"kind": "token", "token": Secret.literal(sandbox.token), **options.get("auth", {})}
    transport = SandboxTransport({"it.sandbox": sandbox})
    adapter = make(VENDORS[options.pop("vendor")](**options), Deps(clock, transport, observe=told.append))
    await clock.sleep(60)
    await adapter.check()
    await adapter.lead(str(lead))
    await adapter.aclose()
    assert told
    assert len(told) == sum(adapter.requests.values())
    assert all(str(lead) not in call.path and "?" not in call.path for call in told)
    assert told[-1].outcome == "ok"


def test_the_end_of_a_call_is_one_word_of_the_tree():
    """Each class of domain/errors.py has its word; a vendor's own counts as what it refines; all else is broken."""
    assert word(errors.RateLimitedError("…", retry_after_s=1)) == "rate_limited"
    assert word(errors.AuthError("…")) == "auth"
    assert word(errors.NotYetError("…")) == "not_yet"
    assert word(NoRouteError("…")) == "rejected"
    assert word(KeyError("ann@example.com")) == "broken"
