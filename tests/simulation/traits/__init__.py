"""What each vendor's people see and can hold, one small file per vendor; nothing here is shared with the adapters."""

from __future__ import annotations

from collections.abc import Mapping

from tests.simulation.traits.base import Account, Sent, Traits
from tests.simulation.traits.chime import Chime
from tests.simulation.traits.cinc import Cinc
from tests.simulation.traits.epixel import Epixel
from tests.simulation.traits.mycrm import MyCrm
from tests.simulation.traits.rechat import Rechat

__all__ = ["TRAITS", "Account", "Sent", "Traits", "traits_of"]

TRAITS: Mapping[str, type[Traits]] = {
    "cinc": Cinc,
    "chime": Chime,
    "mycrm": MyCrm,
    "rechat": Rechat,
    "epixel": Epixel,
}


def traits_of(account: Account) -> Traits:
    """The traits of an account."""
    return TRAITS[account.vendor](account)
