"""PATCH of one lead: its status and its user, in one call (vendors/mycrm.md §11).

The documentation spells the path of an operation in two ways: the example without the lead's id, the table with it.
The example's form goes first; where the account takes only the other one, that is remembered.
"""

from __future__ import annotations

from typing import Any

from syncd.domain.errors import RejectedError
from syncd.vendors.http import Answer
from syncd.vendors.mycrm.client import Client
from syncd.vendors.mycrm.refusals import INVALID

PLAIN, WITH_ID = "plain", "id"
NOTHING = Answer(204, {}, None, body_empty=True)


class Operations:
    """Sends operations. ``form`` is the spelling that is known to work, "" while none is."""

    def __init__(self, client: Client, *, form: str = "") -> None:
        """``form``: what an earlier adapter of this connection found out."""
        self._client = client
        self.form = form if form in {PLAIN, WITH_ID} else ""

    async def send(self, external_id: str, *, status: str | None = None, user: int | None = None) -> Answer:
        """Set what is given. Raises RejectedError where both spellings are refused."""
        values: dict[str, Any] = {"status": status, "assignment/user": user}
        values = {path: value for path, value in values.items() if value is not None}
        if not values:
            return NOTHING
        forms = [WITH_ID, PLAIN] if self.form == WITH_ID else [PLAIN, WITH_ID]
        refusal: RejectedError | None = None
        for form in forms:
            prefix = f"/{external_id}" if form == WITH_ID else ""
            rows = [{"op": "replace", "path": f"{prefix}/{path}", "value": value} for path, value in values.items()]
            try:
                answer = await self._client.patch(external_id, rows)
            except RejectedError as error:
                if error.status not in INVALID:
                    raise
                refusal = refusal or error
            else:
                self.form = form
                return answer
        raise refusal or AssertionError
