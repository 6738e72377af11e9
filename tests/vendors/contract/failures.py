"""Promises about everything that can go wrong on the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from syncd.domain.errors import AuthError, RejectedError, TransientError, VendorError
from syncd.ports.vendor import NoteDraft, Remote
from syncd.sandbox.faults import Fault, Script, always
from tests.vendors.contract.account import Account
from tests.vendors.contract.samples import FIRST, PERSON

CANARY = "canary-4711"
BODIES = [
    orjson.dumps({"message": CANARY, "error": CANARY, "code": CANARY, "errorCode": CANARY}),
    orjson.dumps(CANARY),
    CANARY.encode(),
    b"",
]


def _calls(account: Account, present: Remote) -> dict[str, Callable[[], Awaitable[Any]]]:
    adapter, lead = account.adapter, present.external_id
    wanted = {**account.adapter.read_lead(present).fields, "first_name": CANARY}
    return {
        "lead": lambda: adapter.lead(lead),
        "walk": account.walk,
        "find": lambda: adapter.find_leads(email=f"{CANARY}@example.com"),
        "create": lambda: adapter.create_lead(adapter.lenses.show({**FIRST, "email": f"{CANARY}@example.com"}, {})),
        "update": lambda: adapter.update_lead(lead, wanted, frozenset({"first_name"}), present),
        "labels": lambda: adapter.add_labels(lead, frozenset({CANARY}), present),
        "notes": lambda: adapter.notes(lead, {}),
        "note": lambda: adapter.create_note(lead, NoteDraft(text=CANARY), present),
        "agents": adapter.agents,
        "check": adapter.check,
    }


class FailuresContract:
    """Errors leave as the class that names the recovery, with no content."""

    async def test_an_unreachable_host_was_certainly_not_reached(self, account: Account):
        """Nobody listens: TransientError with sent=False, also for a create."""
        adapter = account.another(url="http://127.0.0.1:1")
        for call in (adapter.check, lambda: adapter.create_lead(adapter.lenses.show(FIRST, {}))):
            with pytest.raises(TransientError) as caught:
                await call()
            assert not caught.value.sent
            assert "base_url" in caught.value.hint
        assert dict(adapter.requests) == {"read": 0, "write": 0}
        await adapter.aclose()

    async def test_a_wrong_token_pauses_the_connection(self, account: Account):
        """AuthError for a check, a walk and a create; nothing is written."""
        adapter = account.another(token="wrong-token")
        for call in (adapter.check, lambda: adapter.create_lead(adapter.lenses.show(FIRST, {}))):
            with pytest.raises(AuthError):
                await call()
        with pytest.raises(AuthError):
            async for _ in adapter.leads(None, full=True):
                pass
        assert account.sandbox.ids() == []
        await adapter.aclose()

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    async def test_a_read_survives_a_passing_server_fault(self, account: Account, status: int):
        """One 5xx, then the right answer: the caller notices nothing."""
        lead = await account.person(**PERSON)
        account.sandbox.fault = script = Script([("before", Fault("error", status=status))])
        assert (await account.adapter.lead(lead)).external_id == lead
        assert script.over

    @pytest.mark.parametrize(
        "fault", [Fault("error"), Fault("html"), Fault("half"), Fault("drop")], ids=lambda f: f.kind
    )
    @pytest.mark.parametrize("moment", ["before", "after"])
    async def test_lasting_faults_are_transient(self, account: Account, fault: Fault, moment: Any):
        """A server that keeps failing, HTML, half a JSON, a broken connection: TransientError, never nonsense read."""
        lead = await account.person(**PERSON)
        account.sandbox.add_agent("a@example.com", "A", "Gent")
        await account.adapter.check()  # from here on the credentials are known to be right
        account.sandbox.fault = always(fault, moment)
        for call in (lambda: account.adapter.lead(lead), account.walk, account.adapter.agents):
            with pytest.raises(TransientError):
                await call()

    async def test_a_create_is_sent_once_when_its_answer_is_lost(self, account: Account):
        """Created, but the connection broke: TransientError with sent=True, and only one lead exists."""
        account.sandbox.fault = Script([("after", Fault("drop"))], method="POST")
        wanted = account.adapter.lenses.show(FIRST, {})
        if account.adapter.capabilities.create_idempotent:
            written = await account.adapter.create_lead(wanted)
            assert [written.external_id] == account.sandbox.ids()
        else:
            with pytest.raises(TransientError) as caught:
                await account.adapter.create_lead(wanted)
            assert caught.value.sent
        assert len(account.sandbox.ids()) == 1

    async def test_a_note_is_sent_once_when_its_answer_is_lost(self, account: Account):
        """Written, but the connection broke: TransientError with sent=True, and the note is there once."""
        lead = await account.person(**PERSON)
        present, _ = await account.read(lead)
        account.sandbox.fault = Script([("after", Fault("drop"))], method=account.variant.note_method)
        with pytest.raises(TransientError) as caught:
            await account.adapter.create_note(lead, NoteDraft(text="Once"), present)
        assert caught.value.sent
        assert [text for _, text in account.sandbox.shows(lead)["notes"]] == ["Once"]

    async def test_an_update_is_repeated_when_its_answer_is_lost(self, account: Account):
        """An update is safe to repeat: a lost answer is nobody's business."""
        lead = await account.person(**PERSON)
        present, before = await account.read(lead)
        account.sandbox.fault = script = Script([("after", Fault("drop"))], method=account.variant.update_method)
        wanted = {**before.fields, "first_name": "Amazing"}
        await account.adapter.update_lead(lead, wanted, frozenset({"first_name"}), present)
        assert script.over
        assert (await account.fields(lead))["first_name"] == "Amazing"

    async def test_a_429_waits_as_told_and_goes_on(self, account: Account):
        """The pause the vendor asks for is kept, then the call is repeated, even a create."""
        account.sandbox.fault = Script([("before", Fault("rate", delay_s=17))], method="POST")
        before_s = account.clock.skipped_s
        await account.adapter.create_lead(account.adapter.lenses.show(FIRST, {}))
        assert account.clock.skipped_s - before_s >= 17
        assert len(account.sandbox.ids()) == 1

    async def test_a_burst_never_meets_a_429(self, account: Account):
        """Several windows' worth of calls at once: the adapter paces itself by the headers."""
        account.sandbox.rate_override = (60, 20.0)
        lead = await account.person(**PERSON)
        await account.adapter.lead(lead)
        await asyncio.gather(*(account.adapter.lead(lead) for _ in range(200)))
        assert not [call for call in account.sandbox.calls if call.status == 429]
        assert len(account.sandbox.calls) >= 201

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 418, 422, 500])
    async def test_no_content_in_any_error(self, account: Account, status: int):
        """Whatever the vendor echoes and whatever was sent, errors hold none of it."""
        lead = await account.person(**{**PERSON, "last_name": CANARY})
        present, _ = await account.read(lead)
        said: list[str] = []
        for name, call in _calls(account, present).items():
            for body in BODIES if status < 500 else BODIES[:1]:  # each of those is repeated four times
                account.sandbox.fault = always(Fault("error", status=status, body=body))
                try:
                    await call()
                except VendorError as error:
                    said.append(f"{name}: {error} {error.hint} {error!r} {error.code}")
                account.sandbox.fault = None
        assert said
        assert not [words for words in said if CANARY in words or "\n" in words]

    async def test_a_rejected_write_is_not_repeated(self, account: Account):
        """400: RejectedError after exactly one request."""
        lead = await account.person(**PERSON)
        present, before = await account.read(lead)
        account.sandbox.forget_calls()
        account.sandbox.fault = lambda ask, _moment: Fault("error", status=400) if ask.write else None
        with pytest.raises(RejectedError):
            await account.adapter.update_lead(
                lead, {**before.fields, "first_name": "X"}, frozenset({"first_name"}), present
            )
        assert account.sandbox.writes == 1

    async def test_memory_survives(self, account: Account):
        """What was learned is JSON, and the next adapter made with it starts where this one stopped."""
        lead = await account.person(**PERSON)
        await account.adapter.check()
        await account.walk()
        await account.adapter.find_leads(email="grace@example.com")
        memory = orjson.loads(orjson.dumps(dict(account.adapter.memory)))
        assert memory == dict(account.adapter.memory)
        assert account.sandbox.token not in str(memory)
        successor = account.another(memory=memory)
        account.sandbox.forget_calls()
        await successor.lead(lead)
        assert [call.status for call in account.sandbox.calls] == [200]
        assert dict(successor.memory) == memory
        await successor.aclose()

    async def test_the_vendors_clock_is_learned(self, account: Account):
        """After a call the clock reading holds the truth: sandbox and adapter share one clock here."""
        await account.adapter.check()
        reading = account.adapter.clock
        assert abs(reading.offset_s) <= reading.uncertainty_s + 0.001
        assert reading.uncertainty_s < 5
