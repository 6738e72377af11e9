"""Notes, and logs of calls, e-mails and texts where the config carries them (vendors/chime.md §7)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from syncd.domain.errors import NotFoundError, RejectedError, VendorError
from syncd.domain.normalize import note_text
from syncd.ports.clock import Clock
from syncd.ports.vendor import NoteDraft, NoteListing, NoteReading, Remote, Written
from syncd.vendors.chime.answers import id_in, listed_rows, metadata, unwrap, whole
from syncd.vendors.chime.client import LEAD, LOG, LOGS, NOTE, NOTES, Client
from syncd.vendors.chime.people import PHONE_MAX
from syncd.vendors.chime.recent import Recent
from syncd.vendors.chime.values import flag, identity, plain, rows, when
from syncd.vendors.http import digest

LOG_PREFIX = "log:"
LOG_TYPES = {"logCall": "call", "logEmail": "email", "logText": "text"}
TYPE_OF = {kind: log_type for log_type, kind in LOG_TYPES.items()}
LOG_PAGE = 1000
NOT_FOUND = 404
LOG_PAGES_MAX = 1000
VOLATILE = frozenset({"creatorName", "lastEditorName"})


class Notes:
    """Notes of one connection's leads. ``logs``: off, read (logs are read as notes), both (and written as logs)."""

    def __init__(self, client: Client, clock: Clock, logs: str, lag_s: float) -> None:
        """Calls go through ``client``."""
        self._client, self._logs = client, logs
        self._recent = Recent(clock, lag_s)

    async def listing(self, lead_id: str, known: Mapping[str, str]) -> NoteListing:
        """All notes of a lead; one call without logs, as the list holds every note in full."""
        found, complete = await self._notes_of(lead_id)
        if known and not found:
            # That all notes are gone is said by a lead that is there, not by one in the trash.
            await self._client.read(LEAD, params={"id": lead_id})
        if self._logs != "off":
            for log_type in LOG_TYPES:
                logs, all_ours = await self._logs_of(lead_id, log_type)
                found |= logs
                complete = complete and all_ours
        marks = {name: remote.digest.hex() for name, remote in found.items()}
        new = [remote for name, remote in found.items() if known.get(name) != marks[name]]
        return NoteListing(new, frozenset(found), complete=complete, marks=marks)

    async def create(self, lead_id: str, draft: NoteDraft, present: Remote | None) -> Written:
        """Append a note or a log. One try: the answer may be lost after it was carried out."""
        if self._logs == "both" and draft.kind in TYPE_OF:
            written = await self._create_log(lead_id, draft, present)
            if written is not None:
                return written
        answer = await self._client.write("POST", NOTES, json=_body(lead_id, draft), repeat=False)
        whole(answer, f"POST {NOTES}")
        name = id_in(answer, ("noteId", "id"), ("note", "data", "notes"))
        if not name:
            # The note is there: a failure to find it must not look like a failure to write it.
            with suppress(VendorError):
                name = await self._newest_with(lead_id, draft.text)
        if name:
            self._recent.add(name)
        return Written(name)

    async def update(self, lead_id: str, note_id: str, draft: NoteDraft) -> None:
        """Replace a note's text. Raises RejectedError for logs: there is no call."""
        if note_id.startswith(LOG_PREFIX):
            raise RejectedError("logs cannot be edited")
        try:
            answer = await self._client.write("PUT", NOTE, params={"id": note_id}, json=_body(lead_id, draft))
        except NotFoundError as error:
            raise self._recent.verdict(note_id, error) from None
        whole(answer, f"PUT {NOTE}")

    async def delete(self, note_id: str) -> None:
        """Delete a note or a log; one that is gone already is done."""
        path, name = (LOG, note_id.removeprefix(LOG_PREFIX)) if note_id.startswith(LOG_PREFIX) else (NOTE, note_id)
        try:
            await self._client.write("DELETE", path, params={"id": name})
        except NotFoundError:
            return

    async def _notes_of(self, lead_id: str) -> tuple[dict[str, Remote], bool]:
        query = [("leadId", lead_id), ("includeSystemNote", "false")]
        try:
            answer = await self._client.read(NOTES, query=query)
        except RejectedError as error:
            if error.status == NOT_FOUND:  # without a code: no such lead, or no such list
                await self._client.read(LEAD, params={"id": lead_id})
            raise
        found: dict[str, Remote] = {}
        complete = True
        for raw in listed_rows(answer, "notes", f"GET {NOTES}"):
            row = unwrap(raw, "note")
            name = _note_id(row) if isinstance(row, Mapping) else ""
            if not name or not _of_lead(row, lead_id):
                complete = False  # not the list asked for: it proves nothing about what it lacks
            elif not flag(row.get("deleteFlag")) and not flag(row.get("systemNote")):
                found[name] = Remote("note", name, row, digest(row, VOLATILE), when(row.get("lastUpdate")))
        return found, complete

    async def _logs_of(self, lead_id: str, log_type: str) -> tuple[dict[str, Remote], bool]:
        found: dict[str, Remote] = {}
        complete = True
        received = 0
        for _ in range(LOG_PAGES_MAX):
            query = [("leadId", lead_id), ("logType", log_type), ("limit", str(LOG_PAGE)), ("offset", str(received))]
            answer = await self._client.read(LOGS, query=query)
            page = listed_rows(answer, "logType", f"GET {LOGS}")
            received += len(page)
            before = len(found)
            for raw in page:
                row = unwrap(raw, "logType")
                name = identity(row.get("id")) if isinstance(row, Mapping) else ""
                said = row.get("logType") if isinstance(row, Mapping) else None
                if not name or not _of_lead(row, lead_id):
                    complete = False
                elif (not isinstance(said, str) or said == log_type) and not flag(row.get("deleteFlag")):
                    payload = {**row, "logType": log_type}
                    name = LOG_PREFIX + name
                    found[name] = Remote("note", name, payload, digest(payload, VOLATILE), when(row.get("createTime")))
            total = metadata(answer).get("total")
            if len(found) == before or (isinstance(total, int) and 0 < total <= received):
                break
        return found, complete

    async def _create_log(self, lead_id: str, draft: NoteDraft, present: Remote | None) -> Written | None:
        """A log of the draft's kind; None where it needs a number that the lead does not have."""
        body: dict[str, Any] = {
            "leadId": int(lead_id),
            "logType": TYPE_OF[draft.kind],
            "content": draft.text,
            "isPin": draft.pinned,
            "outboundOrInbound": "outbound",
        }
        number = await self._number(lead_id, present)
        if number:
            body["leadPhoneNumber"] = number
        elif draft.kind == "call":
            return None
        answer = await self._client.write("POST", LOGS, json=body, repeat=False)
        whole(answer, f"POST {LOGS}")
        name = id_in(answer, ("id", "logId"), ("logType", "data"))
        if name:
            return Written(LOG_PREFIX + name)
        with suppress(VendorError):
            logs, _ = await self._logs_of(lead_id, TYPE_OF[draft.kind])
            return Written(_newest(logs, draft.text))
        return Written("")

    async def _number(self, lead_id: str, present: Remote | None) -> str:
        payload = present.payload if present is not None else None
        if payload is None:
            payload = unwrap(await self._client.read(LEAD, params={"id": lead_id}), "lead")
        numbers = (plain(raw) for raw in rows(payload.get("phones")) if not isinstance(raw, Mapping | list))
        return next((number for number in numbers if number and len(number) <= PHONE_MAX), "")

    async def _newest_with(self, lead_id: str, text: str) -> str:
        """The note that an answer without an id created: the newest of this text, "" if it does not show yet."""
        found, _ = await self._notes_of(lead_id)
        return _newest(found, text)


def read_note(remote: Remote) -> NoteReading:
    """A note or a log in canonical terms."""
    row = remote.payload
    log_type = row.get("logType")
    kind = LOG_TYPES.get(log_type, "general") if isinstance(log_type, str) else "general"
    return NoteReading(
        text=note_text(row.get("content")),
        author=identity(row.get("creatorId")) or identity(row.get("agentId")),
        written_at=when(row.get("createTime")),
        kind="system" if flag(row.get("systemNote")) is True else kind,
        pinned=flag(row.get("isPin")) is True,
    )


def _body(lead_id: str, draft: NoteDraft) -> dict[str, Any]:
    """All three keys are required, and the lead as a number (vendors/chime.md §7)."""
    return {"leadId": int(lead_id), "content": draft.text, "isPin": draft.pinned}


def _note_id(row: Mapping[str, Any]) -> str:
    return identity(row.get("noteId")) or identity(row.get("id"))


def _of_lead(row: Mapping[str, Any], lead_id: str) -> bool:
    """Whether a row is about this lead, as far as it says."""
    said = identity(row.get("leadId"))
    return not said or said == lead_id


def _newest(found: Mapping[str, Remote], text: str) -> str:
    wanted = note_text(text)
    same = [remote for remote in found.values() if read_note(remote).text == wanted]
    newest = max(same, key=_age, default=None)
    return newest.external_id if newest is not None else ""


def _age(remote: Remote) -> tuple[str, int]:
    """What orders notes of one lead from old to new."""
    return plain(remote.payload.get("createTime")), int(remote.external_id.removeprefix(LOG_PREFIX))
