"""What every test gets: no way out of this machine, no config of the person who runs it.

Addresses other than loopback are blocked by pytest-socket, and warnings are errors, both through
``[tool.pytest.ini_options]``; ``test_ground.py`` proves that the two are in force.
"""

import logging
import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

settings.register_profile("syncd", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("syncd"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "syncd"))

LONGEST = ("simulation", "system", "acceptance")
_OURS = ("SYNCD_", "XDG_", "CREDENTIALS_DIRECTORY", "INVOCATION_ID", "JOURNAL_STREAM")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tests take longest, they come first: else one worker is busy with them long after the others are done.

    Among each other they stay in the order of chance they come in.
    """

    def place(item: pytest.Item) -> int:
        if item.get_closest_marker("slow"):
            return -1
        folder = item.path.parent.name
        return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)

    items.sort(key=place)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable that syncd reads comes from the environment of the person who runs the tests.

    SYNCD_LIVE_… is read by the tests themselves (vendors/contract/live.py).
    """
    for name in [name for name in os.environ if name.startswith(_OURS) and not name.startswith("SYNCD_LIVE_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def plain_logging() -> Iterator[None]:
    """A command run inside a test may set up logging, to a stream that is closed after it; nobody inherits that."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.disable(logging.NOTSET)
    structlog.reset_defaults()
