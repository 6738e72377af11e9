"""A simulated Chime account, or Lofty under ``dialect="lofty"`` (vendors/chime.md).

state (what an account holds, and how a lead is shown) · people (what agents do in the app) · bodies (how a write's
body is checked and stored) · leads, notes, routing (the endpoints) · vendor (the whole).
"""

from syncd.sandbox.chime.vendor import ChimeSandbox

__all__ = ["ChimeSandbox"]
