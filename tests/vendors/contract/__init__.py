"""What every adapter promises, as tests: subclass `suite.VendorContract`, name the variants, done."""

import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.{part}" for part in ("account", "failures", "hooks", "lenses", "notes", "reading", "writing"))
)
