"""Countries as Rechat shows them: codes and names, some in their own language (vendors/rechat.md §5). Pure."""

from __future__ import annotations

from collections.abc import Mapping

from syncd.domain.normalize import fold
from syncd.vendors import countries

_NATIVE: Mapping[str, str] = {
    "deutschland": "DE", "españa": "ES", "brasil": "BR", "méxico": "MX", "perú": "PE",
    "canadá": "CA", "estados unidos": "US", "éire": "IE",
}  # fmt: skip


def code(country: str) -> str:
    """The alpha-2 code of a country's name or code; "" for what is neither."""
    return countries.code(country) or _NATIVE.get(fold(country), "")
