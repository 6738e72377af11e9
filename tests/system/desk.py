"""A command typed in this process: as quick as a call, and its exit code, output and complaints are seen."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path
from unittest import mock

import pytest

from syncd.bootstrap import Syncd, open_syncd
from syncd.cli.main import main
from syncd.settings import load
from tests.system.town import Done, Town


def typed(town: Town, *arguments: str, config: Path | None = None) -> Done:
    """What `syncd ARGUMENTS` does with the town's config, or another one. No event loop may be running."""
    out, err = StringIO(), StringIO()
    with (
        mock.patch.multiple(sys, stdout=out, stderr=err),
        mock.patch.dict(os.environ, {"NO_COLOR": "1", **town.environment}),
        pytest.raises(SystemExit) as left,
    ):
        main(["--config", str(config or town.config), *arguments])
    return Done(int(left.value.code or 0), out.getvalue(), err.getvalue())


@asynccontextmanager
async def opened(town: Town) -> AsyncIterator[Syncd]:
    """The town's syncd, open."""
    async with open_syncd(load(town.config)) as syncd:
        yield syncd
