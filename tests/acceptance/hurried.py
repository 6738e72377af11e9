"""The `syncd` command, except that a new Chime lead is given three seconds to become visible instead of sixty.

So that a test may kill the real process anywhere without waiting a minute for what was never sent.
"""

from __future__ import annotations

from syncd.cli.main import main
from syncd.vendors.chime import capabilities

if __name__ == "__main__":
    capabilities.CREATE_LAG_S = 3.0
    main()
