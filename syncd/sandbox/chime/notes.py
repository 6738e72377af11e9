"""Notes and logs over the wire (vendors/chime.md §7)."""

from __future__ import annotations

from abc import ABC
from typing import Any

from syncd.sandbox.base import Ask, Reply
from syncd.sandbox.chime.account import Account
from syncd.sandbox.chime.state import NOTE_MAX, PHONE_MAX, Lead, Log, Note, plain_time

LOG_KINDS = ("logCall", "logEmail", "logText")
LOG_PAGE_MAX = 1000
NOTE_ANSWERS: dict[str, Any] = {
    "object": lambda number: {"noteId": number},
    "number": lambda number: number,
    "string": str,
    "empty": lambda _number: None,
}


class NoteApi(Account, ABC):
    """The endpoints under ``/v1.0/notes`` and ``/v1.0/logType``."""

    def list_notes(self, ask: Ask) -> Reply:
        """``GET /v1.0/notes?leadId=``: all at once, newest first, deleted ones flagged."""
        lead = self.live(_number(ask.one("leadId")))
        if lead is None or not self.visible(lead):
            return self.no_lead()
        system = ask.one("includeSystemNote") == "true"
        found = [self.show_note(note) for note in reversed(self.notes_of(lead.id)) if system or not note.system]
        return Reply({"notes": found} if self.lofty else found)

    def get_note(self, ask: Ask) -> Reply:
        """``GET /v1.0/notes/{id}``."""
        note = self._note(ask, late=True)
        if note is None:
            return self.refuse(404, 20007, "NOTE_NOT_EXIST")
        return Reply({"note": self.show_note(note)} if self.lofty else self.show_note(note))

    def create_note(self, ask: Ask) -> Reply:
        """``POST /v1.0/notes``: the lead as a number, the text cut silently."""
        body = ask.json()
        lead = self._lead_of(body)
        if not self._is_note(body):
            return self.refuse(400, 20012, "leadId, content, isPin are required")
        if lead is None:
            return self.no_lead()
        lag_s = self.switches["lag_s"]
        note = self.new_note(lead, body["content"], pinned=bool(body.get("isPin")), lag_s=lag_s)
        return Reply(NOTE_ANSWERS[self.switches["note_answer"]](self.note_key(note)))

    def update_note(self, ask: Ask) -> Reply:
        """``PUT /v1.0/notes/{id}``: the same body; no answer to speak of."""
        note = self._note(ask, late=True)
        if note is None:
            return self.refuse(404, 20007, "NOTE_NOT_EXIST")
        body = ask.json()
        if not self._is_note(body):
            return self.refuse(400, 20012, "leadId, content, isPin are required")
        note.content, note.updated = body["content"][:NOTE_MAX], self.now()
        note.pinned = bool(body.get("isPin"))
        self.told_note("updatedNote", note)
        return Reply(None)

    def delete_note_call(self, ask: Ask) -> Reply:
        """``DELETE /v1.0/notes/{id}``; works at once after a create."""
        note = self._note(ask, late=False)
        if note is None:
            return self.refuse(404, 20007, "NOTE_NOT_EXIST")
        note.deleted, note.updated = True, self.now()
        self.told_note("deletedNote", note)
        return Reply(None, 204)

    def show_note(self, note: Note) -> dict[str, Any]:
        """A note as the API shows it."""
        creator, editor = self.members.get(note.creator), self.members.get(note.editor)
        row: dict[str, Any] = {
            "id": note.id,
            "leadId": note.lead,
            "content": note.content,
            "isPin": note.pinned,
            "creatorId": note.creator or -1,
            "creatorName": creator.name if creator else None,
            "createTime": plain_time(note.created),
            "lastUpdate": plain_time(note.updated),
            "lastEditorId": note.editor or -1,
            "lastEditorName": editor.name if editor else None,
            "systemNote": note.system,
            "deleteFlag": note.deleted,
        }
        return {"noteId": note.note_id, **row} if self.lofty else row

    def list_logs(self, ask: Ask) -> Reply:
        """``GET /v1.0/logType?leadId&logType&limit&offset``."""
        lead = self.live(_number(ask.one("leadId")))
        if lead is None or not self.visible(lead):
            return self.no_lead()
        limit, offset = _number(ask.one("limit", "25")), _number(ask.one("offset", "0"))
        if not 1 <= limit <= LOG_PAGE_MAX or ask.one("logType") not in LOG_KINDS:
            return self.refuse(400, 20042, "limit or logType is not valid")
        found = [log for log in self.logs.values() if log.lead == lead.id and log.kind == ask.one("logType")]
        rows = [self._show_log(log) for log in found[offset : offset + limit]]
        return Reply({"logType": rows} if self.lofty else rows)

    def create_log(self, ask: Ask) -> Reply:
        """``POST /v1.0/logType``; a call needs the number called."""
        body = ask.json()
        lead = self._lead_of(body)
        kind = body.get("logType") if isinstance(body, dict) else None
        if kind not in LOG_KINDS or not isinstance(body.get("content"), str):
            return self.refuse(400, 20012, "logType, content are required")
        number = body.get("leadPhoneNumber", "")
        if not isinstance(number, str) or len(number) > PHONE_MAX or (kind == "logCall" and not number):
            return self.refuse(400, 20012, "leadPhoneNumber is not valid")
        if lead is None:
            return self.no_lead()
        log = self.new_log(lead, kind, body["content"], number=number, pinned=bool(body.get("isPin")))
        return Reply({"logType": self._show_log(log)})

    def delete_log(self, ask: Ask) -> Reply:
        """``DELETE /v1.0/logType/{id}``."""
        if self.logs.pop(_number(ask.params["id"]), None) is None:
            return self.refuse(404, 20007, "LOG_NOT_EXIST")
        return Reply(None)

    def _show_log(self, log: Log) -> dict[str, Any]:
        return {
            "id": log.id,
            "leadId": log.lead,
            "agentId": -1,
            "content": log.content,
            "isPin": log.pinned,
            "createTime": plain_time(log.created),
            "leadPhoneNumber": log.number or None,
            "outboundOrInbound": log.direction,
            "callingOutcome": None,
        }

    def _note(self, ask: Ask, *, late: bool) -> Note | None:
        """The note of a path; right after its create it cannot be read or edited yet."""
        note = self.notes.get(_number(ask.params["id"]))
        if note is None or note.deleted or self.live(note.lead) is None:
            return None
        return None if late and note.editable_at > self.clock.monotonic() else note

    def _lead_of(self, body: Any) -> Lead | None:
        number = body.get("leadId") if isinstance(body, dict) else None
        return self.live(number) if isinstance(number, int) and not isinstance(number, bool) else None

    def _is_note(self, body: Any) -> bool:
        if not isinstance(body, dict) or not isinstance(body.get("content"), str) or not body["content"]:
            return False
        if not isinstance(body.get("leadId"), int) or isinstance(body["leadId"], bool):
            return False
        return isinstance(body.get("isPin"), bool) or (not self.lofty and "isPin" not in body)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
