"""Creating and updating contacts (vendors/rechat.md §11).

An update is one `PATCH` with the rows that change and the rows that are new, then one `DELETE` for each row
that goes. New rows are not idempotent, so a call whose answer is lost is never sent again as it was: the
contact is read and only what is still missing goes out.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from syncd.domain.errors import ConflictError, NotFoundError, RejectedError, TransientError, VendorError
from syncd.domain.lead import ADDRESS, Fields, Value, blank
from syncd.domain.lens import Payload
from syncd.ports.clock import Clock
from syncd.ports.vendor import Remote, Written
from syncd.vendors.meanwhile import look_again
from syncd.vendors.rechat.agents import Agents
from syncd.vendors.rechat.client import (
    CAPTURE,
    CAPTURE_HOOK,
    CONTACT,
    CONTACTS,
    ROW,
    SHOWING,
    Client,
    contact_told,
    external_id,
    unwrap,
)
from syncd.vendors.rechat.contact import contact
from syncd.vendors.rechat.finding import Finder
from syncd.vendors.rechat.mapping import PRIMARY, Mapped, owner
from syncd.vendors.rechat.rows import Fragment, joined
from syncd.vendors.rechat.tags import superseded
from syncd.vendors.rechat.values import seconds_of, stamp

if TYPE_CHECKING:
    from syncd.settings import RechatConnection

TRIES_MAX = 4
PAUSE_S = 1.0
MADE_KEPT_MAX = 10_000
"""Contacts of our own captures: a capture that returns one of them found it, however young it is."""
SLACK_S = 1
"""Clocks are compared with this much room when a capture may have found an older contact."""
CREATE_QUERY = [("get", "true"), ("relax", "false"), ("activity", "false"), *SHOWING]
NO_CONTENT = 204
NAMED = ("first_name", "last_name", "email", "phone", *ADDRESS)
Read = Callable[[str], Awaitable[Remote]]


class _HiddenError(RejectedError):
    """A captured lead's contact is not ours to see: to send it again would only disturb somebody else's contact."""


class Writer:
    """Writes to one connection's contacts."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        connection: RechatConnection,
        mapping: Mapped,
        agents: Agents,
        finder: Finder,
        read: Read,
    ) -> None:
        """``read``: one contact, fresh."""
        self._client, self._clock, self._connection = client, clock, connection
        self._mapping, self._agents, self._finder, self._read = mapping, agents, finder, read
        self._made: OrderedDict[str, None] = OrderedDict()
        self._tidies = connection.direction("stage") in {"both", "write"}

    # Updating.

    async def update(self, external_id_: str, wanted: Fields, names: frozenset[str], payload: Payload) -> Written:
        """Make ``names`` show what is wanted, in a contact read as ``payload`` a moment ago. Raises VendorError."""
        first = payload
        for attempt in range(1, TRIES_MAX + 1):
            body = self.fragment(wanted, names, payload)
            try:
                return await self.send(external_id_, body)
            except TransientError as error:
                if not error.sent or attempt == TRIES_MAX:
                    raise
                await self._clock.sleep(PAUSE_S * 2**attempt)
                payload = (await self._read(external_id_)).payload
                self._still_ours(first, payload, wanted, names)
            except (RejectedError, ConflictError, NotFoundError):
                # Perhaps a row went away since it was read: then other calls are right now.
                payload = (await self._read(external_id_)).payload
                if attempt == TRIES_MAX or self.fragment(wanted, names, payload) == body:
                    raise
                self._still_ours(first, payload, wanted, names)
        raise AssertionError

    def _still_ours(self, first: Payload, now: Payload, wanted: Fields, names: frozenset[str]) -> None:
        """Raises TransientError where somebody has changed what we are writing."""
        look_again(self._mapping.table, first, now, wanted, names, f"PATCH {CONTACT}")

    def fragment(self, wanted: Fields, names: frozenset[str], payload: Payload) -> Fragment:
        """The rows to write so that ``names`` show what is wanted and their neighbours stay as they stand."""
        together = set(names)
        for row in self._mapping.table.rows:
            if row.fields[0] in {"email", "phone"} and names & set(row.fields):
                together |= set(row.fields)  # the primary and its set are one thing
        shown = self._mapping.table.read(payload).fields
        full = {name: value for name, value in shown.items() if name not in together}
        full |= {name: value for name, value in wanted.items() if name in together}
        body = self._mapping.table.write(full, names, payload)
        if self._tidies and "stage" not in names:
            body = joined(body, superseded(self._mapping.view, self._mapping.stages, payload))
        return body

    async def send(self, external_id_: str, body: Fragment) -> Written:
        """Carry out a fragment. Raises RejectedError where it needs an attribute the account does not have."""
        if missing := body.get("missing"):
            message = f"PATCH {CONTACT}: the account has no custom attribute called {' or '.join(map(repr, missing))}"
            raise RejectedError(message)
        content = content_of(body)
        told: Mapping[str, Any] | None = None
        if content:
            answer = await self._client.write("PATCH", CONTACT, {"id": external_id_}, content, SHOWING)
            told = contact_told(answer.data, external_id_)
        gone = list(body.get("drop", ()))
        for row in gone:
            await self.delete_row(external_id_, row)
        record = contact(told, listed=False) if told is not None and not gone else None
        return Written(external_id_, record=record)

    async def delete_row(self, external_id_: str, row: str) -> None:
        """Delete one row; done as well if it is gone already."""
        try:
            await self._client.write("DELETE", ROW, {"id": external_id_, "row": row}, repeat=True)
        except NotFoundError:
            return

    # Creating.

    async def create(self, wanted: Fields) -> Written:
        """A new contact: captured where the config says so and it can be, else silently. Raises VendorError."""
        reachable = wanted.get("email") or wanted.get("phone")
        if self._connection.create_via == "capture" and reachable:
            return await self._capture(wanted)
        return await self._contact(wanted)

    def _carried(self, wanted: Fields) -> frozenset[str]:
        return frozenset(name for name in wanted if self._mapping.table.writable(name, creating=True))

    async def _contact(self, wanted: Fields) -> Written:
        body = self._mapping.table.write(wanted, self._carried(wanted), {})
        if missing := body.get("missing"):
            message = f"POST {CONTACTS}: the account has no custom attribute called {' or '.join(map(repr, missing))}"
            raise RejectedError(message)
        rows = list(body.get("add", {}).values())
        if not rows:
            message = f"POST {CONTACTS}: there is no value to create a contact with"
            raise RejectedError(message)
        new: dict[str, Any] = {"attributes": rows}
        if user := body.get("user"):
            new["user"] = user
        answer = await self._client.write("POST", CONTACTS, {}, {"contacts": [new]}, CREATE_QUERY)
        made = unwrap(answer.data)
        first = made[0] if isinstance(made, list) and made else made
        found = first if isinstance(first, str) else external_id(first)
        if not found:
            message = f"POST {CONTACTS}: the answer tells no id"
            raise TransientError(message, status=answer.status)
        told = contact_told(first, found)
        return Written(found, record=contact(told, listed=False) if told is not None else None)

    async def _capture(self, wanted: Fields) -> Written:
        sent_at = self._clock.now()
        found = await self._captured(wanted)
        try:
            return await self._completed(found, wanted, sent_at)
        except _HiddenError:
            raise
        except VendorError as error:
            # The contact is there: this must never look like a create that was not carried out.
            message = f"{error}; the lead was captured, what is missing follows"
            raise TransientError(message, status=error.status, code=error.code) from None

    async def _captured(self, wanted: Fields) -> str:
        """Capture a lead; the id of its contact."""
        lead = await self._capture_body(wanted)
        channel = self._connection.lead_channel or ""
        if self._connection.capture_path == "webhook":
            path = CAPTURE_HOOK
            answer = await self._client.write("POST", path, {"channel": channel}, lead)
        else:
            path = CAPTURE
            answer = await self._client.write("POST", path, {}, {"metadata": {"lead_channel": channel}, "lead": lead})
        told = unwrap(answer.data)
        inner = told.get("contact") if isinstance(told, Mapping) else None
        found = inner if isinstance(inner, str) else external_id(inner)
        if not found:
            found = await self._just_made(wanted)
        if not found:
            message = f"POST {path}: the answer tells no contact, and none is found yet"
            raise TransientError(message, status=answer.status)
        return found

    async def _capture_body(self, wanted: Fields) -> dict[str, Any]:
        """What travels in a capture (vendors/rechat.md §5); absent keys are left out. Notes never do."""
        tags = [row["text"] for row in self._tag_rows(wanted)]
        lead: dict[str, Any] = {
            "first_name": wanted.get("first_name"),
            "last_name": wanted.get("last_name"),
            "email": wanted.get("email"),
            "phone_number": wanted.get("phone"),
            "tag": tags,
            "lead_source": wanted.get("source"),
        }
        if email := await self._agents.email(str(wanted.get(PRIMARY) or "")):
            lead["assignees"] = [{"email": email}]
        told = {key: value for key, value in lead.items() if value}
        return {**told, "source_type": self._connection.source_type}

    def _tag_rows(self, wanted: Fields) -> list[Mapping[str, Any]]:
        names = self._carried(wanted) & {"stage", "labels"}
        return list(self._mapping.table.write(wanted, names, {}).get("add", {}).values())

    async def _just_made(self, wanted: Fields) -> str:
        """The contact of a capture that answered nothing: the newest with its address, else its number."""
        if email := wanted.get("email"):
            found = await self._finder.by_email(str(email))
        else:
            found = await self._finder.by_phone(str(wanted.get("phone")))
        return found.rows[0].external_id if found.rows else ""

    async def _completed(self, found: str, wanted: Fields, sent_at: Any) -> Written:
        """Add to a captured contact what a capture does not carry; one that was there before is only reported."""
        remote = await self._captured_contact(found)
        reading = self._client.http.clock_reading
        began = seconds_of(sent_at + timedelta(seconds=reading.offset_s - reading.uncertainty_s - SLACK_S))
        born = stamp(remote.payload.get("created_at"))
        before = found in self._made or (born is not None and born < began)
        self._made[found] = None
        while len(self._made) > MADE_KEPT_MAX:
            self._made.popitem(last=False)
        if before:
            return Written(found, existed=True)
        names = self._carried(wanted) - typed_since(wanted, self._mapping.table.read(remote.payload).fields)
        if wanted.get(PRIMARY) == owner(remote.payload):
            names -= {PRIMARY}
        if not any(self.fragment(wanted, names, remote.payload).values()):
            return Written(found, record=remote)
        try:
            written = await self.update(found, wanted, names, remote.payload)
        except RejectedError:
            await self._bit_by_bit(found, wanted, names)
            return Written(found)
        return Written(found, record=written.record)

    async def _captured_contact(self, found: str) -> Remote:
        """The contact of a capture. Raises RejectedError where it stays hidden.

        A capture lands on whoever of the brand has the address, also where these credentials may not look.
        """
        for attempt in range(1, TRIES_MAX):
            with suppress(NotFoundError):
                return await self._read(found)
            await self._clock.sleep(PAUSE_S * attempt)
        try:
            return await self._read(found)
        except NotFoundError as error:
            message = "the lead landed on a contact that these credentials cannot see"
            raise _HiddenError(message, status=error.status) from None

    async def _bit_by_bit(self, found: str, wanted: Fields, names: frozenset[str]) -> None:
        """Refused together, written apart: what is refused by itself stays away, and is seen when it is read."""
        for row in self._mapping.table.rows:
            part = names & frozenset(row.fields)
            if not part:
                continue
            try:
                await self.update(found, wanted, part, (await self._read(found)).payload)
            except RejectedError:
                continue


def typed_since(wanted: Fields, shown: Fields) -> set[str]:
    """Fields of a contact captured a moment ago that somebody has filled otherwise since: the next reading is theirs.

    Its stage, tags, source and owner are not among them: a capture and its rules set them too.
    """
    typed = {name for name in NAMED if not blank(shown.get(name)) and shown.get(name) != wanted.get(name)}
    for primary, plural in (("email", "emails"), ("phone", "phones")):
        if primary in typed or _keys(shown.get(plural)) - _keys(wanted.get(plural)) - {wanted.get(primary)}:
            typed |= {primary, plural}
    return typed


def _keys(values: Value | None) -> set[object]:
    """The addresses or numbers of a set, without their kinds."""
    found = values if isinstance(values, frozenset) else ()
    return {one[0] if isinstance(one, tuple) else one for one in found}


def content_of(body: Fragment) -> dict[str, Any]:
    """The body of a PATCH, {} if there is nothing to send."""
    gone = body.get("drop", {})
    rows = [row for key, row in body.get("change", {}).items() if key not in gone]
    rows += body.get("add", {}).values()
    content: dict[str, Any] = {"attributes": rows} if rows else {}
    if user := body.get("user"):
        content["user"] = user
    return content
