"""Which vendors there are, and that making an adapter calls nobody."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from syncd.domain.errors import AuthError, ConfigError, TransientError
from syncd.ports.vendor import Capabilities
from syncd.sandbox.inprocess import SandboxTransport
from syncd.settings.connections import VENDORS as CONNECTIONS
from syncd.settings.values import Secret
from syncd.vendors.registry import VENDORS, Deps, capabilities, login, make, vendor
from tests.vendors.clocks import VirtualClock
from tests.vendors.competing import MemoryQuota

TOKEN: Any = {"kind": "token", "token": Secret.literal("a-token")}
MORE: Any = {
    "rechat": {"brand": "497c9108-1031-4885-9043-5baaf215aed7", "create_via": "contacts"},
    "epixel": {"base_url": "http://127.0.0.1:1/api/v1"},
}
"""What a vendor insists on beside credentials."""
OAUTH2: Any = {"kind": "oauth2", "client_id": "c", "client_secret": Secret.literal("s")}


def sample(name: str, auth: Any) -> Any:
    """A connection of a vendor."""
    return CONNECTIONS[name].model_validate({"name": "mine", "auth": auth, **MORE.get(name, {})})


def test_every_vendor_of_the_config_has_an_adapter():
    """The settings and the registry name the same vendors."""
    assert set(VENDORS) == set(CONNECTIONS)


@pytest.mark.parametrize("name", list(VENDORS))
async def test_an_adapter_is_made_without_a_call(name: str):
    """An adapter knows its name, its lenses and its capabilities before anybody is asked."""
    connection = sample(name, TOKEN)
    adapter = make(connection, Deps(clock=VirtualClock()))
    assert (adapter.name, adapter.vendor) == ("mine", name)
    assert adapter.capabilities == capabilities(connection)
    assert isinstance(adapter.capabilities, Capabilities)
    assert dict(adapter.requests) == {"read": 0, "write": 0}
    assert "a-token" not in repr(adapter)
    await adapter.aclose()


@pytest.mark.parametrize("name", list(VENDORS))
async def test_every_vendor_counts_its_calls_with_the_other_processes(name: str):
    """The first call, which nobody answers, was asked for at the limits that all processes share."""
    quota = MemoryQuota()
    clock = quota._clock = VirtualClock()  # type: ignore[assignment]
    adapter = make(sample(name, TOKEN), Deps(clock, SandboxTransport({}), quota=quota))
    with pytest.raises(TransientError):
        await adapter.check()
    await adapter.aclose()
    assert {connection for connection, _ in quota.windows} == {"mine"}
    assert all(window.given > 0 for window in quota.windows.values())


@pytest.mark.parametrize("name", ["cinc", "chime"])
async def test_oauth2_without_a_login_says_which_command_to_type(name: str):
    """Nobody is called: there is nothing to call with."""
    adapter = make(sample(name, OAUTH2), Deps(clock=VirtualClock()))
    with pytest.raises(AuthError, match="nobody logged in yet"):
        await adapter.check()
    assert dict(adapter.requests) == {"read": 0, "write": 0}
    await adapter.aclose()


@pytest.mark.parametrize("name", list(VENDORS))
def test_a_fixed_token_needs_no_login(name: str):
    """Every vendor takes a token as it is, and says so."""
    assert login(sample(name, TOKEN)) is None


def test_an_unknown_vendor_is_a_config_error():
    """With the names there are."""
    with pytest.raises(ConfigError) as caught:
        vendor("nonsense")
    assert "cinc" in str(caught.value)


def test_vendor_packages_load_when_they_are_used():
    """Importing the registry imports no vendor."""
    code = "import sys, syncd.vendors.registry; print([m for m in sys.modules if m.startswith('syncd.vendors.c')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
