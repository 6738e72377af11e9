"""What the rooms of the store are built on: one statement in a transaction of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


class Fetching(ABC):
    """A store that can run a statement."""

    @abstractmethod
    async def fetch(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """All rows of one statement in a transaction of its own."""
