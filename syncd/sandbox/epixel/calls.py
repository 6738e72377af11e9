"""The calls behind the paths: overview, views, and what a write does (vendors/epixel.md §3, §5, §7, §10, §11)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from syncd.sandbox.base import Ask
from syncd.sandbox.epixel import forms
from syncd.sandbox.epixel.app import EpixelApp
from syncd.sandbox.epixel.forms import business, wrong
from syncd.sandbox.epixel.site import DELETED, Lead, Note

PERIODS = frozenset({"upcoming", "today", "week", "month"})
COLOURS = ("#1e88e5", "#43a047", "#fdd835", "#8e24aa", "#e53935")


class Calls(EpixelApp):
    """What the API's user can do."""

    username: str

    # Reading.

    def _overview(self, ask: Ask) -> Any:
        if ask.one("appointment") and ask.one("appointment") not in PERIODS:
            raise wrong("appointment", "Invalid appointment filter value.")
        live = [lead for lead in self.site.leads.values() if not lead.deleted and self._sees(lead)]
        statuses = Counter(lead.values["status"] for lead in live)
        sources = Counter(lead.values["source"] for lead in live)
        return {
            "LeadsData": {
                "status": [
                    {"status": word, "count": statuses[word], "Description": _described(word), "Color": colour}
                    for word, colour in zip(self.site.statuses, COLOURS * len(self.site.statuses), strict=False)
                ],
                "source": [{"source": word, "count": sources[word]} for word in self.site.sources],
            },
            "AppointmentData": list(self.site.appointments.values()),
        }

    def _view(self, ask: Ask) -> Any:
        slug = ask.one("slug")
        if not slug:
            raise wrong("slug", "This field is required and this may not be blank.")
        lead = self.site.leads.get(slug)
        if lead is None or (lead.deleted and self.switches["deleted"] != "listed"):
            raise wrong("slug", "Requested slug is invalid.")
        self._own(lead, "You are not owner of this lead.")
        shown = self._shown(lead)
        if self.switches["notes"] == "view":
            shown[self.switches["notes_key"]] = [self._note(note) for note in lead.notes.values()]
        match self.switches["single"]:
            case "lead":
                return shown
            case "list":
                return [shown]
            case key:
                return {key: shown}

    def _shown(self, lead: Lead) -> dict[str, Any]:
        """A lead as the API shows it."""
        values: dict[str, Any] = dict(lead.values)
        if lead.deleted:
            values["status"] = DELETED
        if self.switches["objects"]:
            values["status"] = {"status": values["status"], "Description": _described(values["status"])}
            email, name = self.site.users.get(values["assignee"], ("", ""))
            if values["assignee"]:
                values["assignee"] = {"username": values["assignee"], "email": email, "name": name}
        times = {"created_at": self._time(lead.created), "updated_at": self._time(lead.updated)}
        return {"slug": lead.slug, **values, **{key: time for key, time in times.items() if time}}

    def _note(self, note: Note) -> dict[str, Any]:
        shown = {"id": note.id, "note": note.text, "created_by": note.author}
        return {**shown, "created_at": time} if (time := self._time(note.created)) else shown

    def _time(self, moment: datetime) -> str:
        match self.switches["times"]:
            case "z":
                return moment.isoformat().replace("+00:00", "Z")
            case "naive":
                return moment.strftime("%Y-%m-%d %H:%M:%S")
            case _:
                return ""

    def _sees(self, lead: Lead) -> bool:
        return not self.switches["own_only"] or lead.values["assignee"] in {"", self.username}

    def _own(self, lead: Lead, words: str) -> None:
        if not self._sees(lead):
            raise business(words)

    # Leads.

    def _create(self, form: Mapping[str, str]) -> Any:
        values = self._checked(form)
        known = {lead.values["email"].lower() for lead in self.site.leads.values() if not lead.deleted}
        if self.switches["known_email"] == "refused" and values["email"].lower() in known:
            raise wrong("email", "Lead with this email already exists.")
        lead = self.site.add({name: value for name, value in values.items() if value})
        return {} if self.switches["create_answer"] == "empty" else {"slug": lead.slug}

    def _update(self, form: Mapping[str, str]) -> Any:
        lead = self.site.leads.get(forms.text(form, "slug", forms.SLUG_MAX))
        if lead is None or lead.deleted:
            raise business("Requested lead does not esixt.")
        self._own(lead, "You are not owner of this lead.")
        self.site.change(lead, self._checked(form))
        return {}

    def _delete(self, form: Mapping[str, str]) -> Any:
        lead = self._addressed(form)
        self._own(lead, "You can't delete this lead.")
        self.site.delete(lead)
        return {}

    def _checked(self, form: Mapping[str, str]) -> dict[str, str]:
        site = self.site
        return forms.lead(form, statuses=site.statuses, sources=site.sources, users=site.users)

    def _addressed(self, form: Mapping[str, str]) -> Lead:
        """The lead a form names. Raises RefusedError, also for one that is deleted."""
        lead = self.site.leads.get(forms.text(form, "slug", forms.SLUG_MAX))
        if lead is None:
            raise wrong("slug", "Requested lead not found.")
        if lead.deleted:
            raise wrong("slug", "Requested lead already has a deleted status.")
        return lead

    # Notes.

    def _create_note(self, form: Mapping[str, str]) -> Any:
        lead = self._addressed(form)
        self._own(lead, "You can't add note on this lead.")
        note = self.site.add_note(lead, forms.text(form, "note", forms.NOTE_MAX), self.username)
        return {} if self.switches["note_answer"] == "empty" else {"note_id": note.id}

    def _delete_note(self, form: Mapping[str, str]) -> Any:
        wanted = forms.text(form, "note_id", forms.CHARACTERS_MAX)
        if not wanted.isdecimal():
            raise wrong("note_id", "Invalid note id.")
        note = self.site.find_note(wanted)
        if note is None:
            raise wrong("note_id", "Requested note not found.")
        lead = self.site.leads[note.slug]
        self._own(lead, "You can't delete this note.")
        del lead.notes[note.id]
        self.site.touched(lead.slug)
        return {}

    # Appointments.

    def _create_appointment(self, form: Mapping[str, str]) -> Any:
        if not form:
            raise business("Body data not found.")
        lead = self._scheduled(form)
        values = forms.appointment(form, creating=True)
        self._free(values, None)
        number = self.site.number()
        blank = {"appointment_note": "", "appointment_status": forms.APPOINTMENT_STATUSES[0]}
        self.site.appointments[number] = {"appointment_id": number, "slug": lead.slug, **blank, **values}
        return {"appointment_id": number}

    def _update_appointment(self, form: Mapping[str, str]) -> Any:
        there = self._appointment(form, "You can't update this appointment.")
        slug = {"slug": self._scheduled(form).slug} if "slug" in form else {}
        values = forms.appointment(form, creating=False)
        self._free({**there, **values}, there["appointment_id"])
        there.update({**slug, **values})
        return {}

    def _delete_appointment(self, form: Mapping[str, str]) -> Any:
        there = self._appointment(form, "You can't delete this appointment.")
        del self.site.appointments[there["appointment_id"]]
        return {}

    def _appointment(self, form: Mapping[str, str], words: str) -> dict[str, Any]:
        wanted = forms.text(form, "appointment_id", forms.CHARACTERS_MAX)
        if not wanted.isdecimal():
            raise wrong("appointment_id", "Invalid appointment id.")
        there = self.site.appointments.get(int(wanted))
        if there is None:
            raise wrong("appointment_id", "Requested appointment not found.")
        self._own(self.site.leads[there["slug"]], words)
        return there

    def _scheduled(self, form: Mapping[str, str]) -> Lead:
        lead = self.site.leads.get(forms.text(form, "slug", forms.SLUG_MAX))
        if lead is None or lead.deleted:
            raise wrong("slug", "Requested slug is invalid.")
        if not self._sees(lead):
            raise wrong("slug", "You can't take appointment under this lead.")
        return lead

    def _free(self, values: Mapping[str, Any], itself: int | None) -> None:
        starts, ends = str(values["appointment_date"]), str(values["appointment_to"])
        if ends < starts:
            raise business("End Date Can't be prior to Start Date.")
        if starts < self.site.now().strftime("%Y-%m-%d %H:%M"):
            raise business("Please Specify a date in the future.")
        for number, row in self.site.appointments.items():
            if number != itself and row["appointment_date"] < ends and starts < row["appointment_to"]:
                raise business("Appointment schedule exists for this time.")


def _described(word: str) -> str:
    return word.replace("_", " ").capitalize()
