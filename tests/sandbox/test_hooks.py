"""The simulated vendors call back as their sheets say: registration endpoints, bodies, and deliveries on bad days."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
import pytest

from syncd.sandbox import SANDBOXES
from syncd.sandbox.base import Ask
from syncd.sandbox.courier import SWITCHES, Courier
from tests.vendors.clocks import VirtualClock

CINC = {
    "url": "https://syncd.test/hooks/cinc",
    "event_filters": ["lead.*.updated", "lead.created", "agent.info.updated"],
    "headers": {"X-Syncd-Secret": "s"},
}


@dataclass
class Post(httpx.AsyncBaseTransport):
    """Takes deliveries, on virtual time; ``statuses`` are answered in turn, then 200."""

    clock: VirtualClock
    statuses: list[int] = field(default_factory=list)
    came: list[tuple[float, str, dict[str, str], Any]] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One delivery."""
        body = orjson.loads(await request.aread())
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.came.append((self.clock.elapsed_s, str(request.url), headers, body))
        return httpx.Response(self.statuses.pop(0) if self.statuses else 200)

    @property
    def bodies(self) -> list[Any]:
        """What came, in order."""
        return [body for *_, body in self.came]


@asynccontextmanager
async def standing(name: str, **switches: Any):
    """A sandbox on virtual time whose courier runs."""
    sandbox: Any = SANDBOXES[name](VirtualClock(), **switches)
    sandbox.courier.transport = post = Post(sandbox.clock)
    work = asyncio.create_task(sandbox.courier.run())
    try:
        yield sandbox, post
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def call(sandbox: Any, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """One request to the API."""
    headers = {"authorization": f"Bearer {sandbox.token}", "content-type": "application/json"}
    content = orjson.dumps(body) if body is not None else b""
    reply = await sandbox.answer(Ask(method, f"{sandbox.prefix}{path}", (), headers, content))
    return reply.status, orjson.loads(reply.encoded() or b"null")


async def calm(sandbox: Any) -> None:
    """Wait, on virtual time, until nothing is under way."""
    while not sandbox.courier.idle.is_set():
        await sandbox.clock.sleep(1)


async def test_cinc_has_one_webhook():
    """An upsert; shown with its headers; disabled and enabled; 404 while there is none; api:event is needed."""
    async with standing("cinc") as (cinc, _):
        assert (await call(cinc, "GET", "/site/webhook"))[0] == 404
        assert (await call(cinc, "POST", "/site/webhook/disable"))[0] == 404
        assert (await call(cinc, "POST", "/site/webhook", CINC))[0] == 201
        assert (await call(cinc, "POST", "/site/webhook", {**CINC, "event_filters": ["lead.created"]}))[0] == 200
        status, shown = await call(cinc, "GET", "/site/webhook")
        assert (status, shown["event_filters"], shown["is_enabled"]) == (200, ["lead.created"], True)
        assert (await call(cinc, "POST", "/site/webhook/disable"))[0] == 200
        assert not (await call(cinc, "GET", "/site/webhook"))[1]["is_enabled"]
        assert (await call(cinc, "POST", "/site/webhook/enable"))[0] == 200
        wrongs: tuple[dict[str, Any], ...] = (
            {"url": "test.com"}, {"event_filters": []}, {"event_filters": ["a.*.*"]}, {"headers": {"a": 1}},
            {"is_enabled": "yes"}, {"url": None},
        )  # fmt: skip
        for wrong in wrongs:
            assert (await call(cinc, "POST", "/site/webhook", {**CINC, **wrong}))[0] == 400
        cinc.switches["scopes"] = ("api:read", "api:create", "api:update")
        for method, path in (("GET", "/site/webhook"), ("POST", "/site/webhook")):
            assert (await call(cinc, method, path, CINC if method == "POST" else None))[0] == 403


async def test_cinc_posts_what_its_documents_print():
    """One object with meta, type and ids; the standard headers and ours; only what the filters let through."""
    async with standing("cinc") as (cinc, post):
        lead = cinc.add_person(email="before@example.com")
        await call(cinc, "POST", "/site/webhook", CINC)
        cinc.edit(lead, "city", "Macon")
        agent = cinc.add_agent("a@example.com", "A", "B")
        cinc.assign(lead, "primary", agent)
        cinc.edit_agent(agent, "C", "D")
        cinc.add_note(lead, "not asked for")
        cinc.edit(lead, "stage", "Sold")
        cinc.edit(lead, "logged_in", "")
        await calm(cinc)
        kinds = [body["type"] for body in post.bodies]
        assert kinds == ["lead.info.updated", "lead.assigned_agents.primary_agent.updated", "agent.info.updated"]
        assert [body["lead"]["id"] for body in post.bodies] == [lead, lead, agent], "an agent under the key of a lead"
        _, url, headers, body = post.came[0]
        assert (url, headers["x-syncd-secret"]) == (CINC["url"], "s")
        assert headers["x-cinc-event-id"] == body["meta"]["event_id"]
        assert headers["x-cinc-event-type"] == body["type"]
        assert len({body["meta"]["event_id"] for body in post.bodies}) == 3


async def test_cinc_may_send_lists_and_undocumented_events():
    """Switches: an event in a list with the one before it; a stage that is told."""
    async with standing("cinc", hook_lists=True, hook_stage=True) as (cinc, post):
        await call(cinc, "POST", "/site/webhook", CINC)
        lead = cinc.add_person(email="a@example.com")
        cinc.edit(lead, "stage", "Sold")
        await calm(cinc)
        assert [[event["type"] for event in body] for body in post.bodies] == [
            ["lead.created"],
            ["lead.created", "lead.pipeline.updated"],
        ]


@pytest.mark.parametrize("name", ["chime", "lofty"])
async def test_chime_subscribes_as_often_as_it_is_asked(name: str):
    """Every POST is another subscription, listed and ended by its id; nonsense is a 400."""
    async with standing(name) as (chime, post):
        body = {"listId": 2, "callbackUrl": "https://syncd.test/hooks/chime/s", "limit": 5000}
        for _ in range(2):
            assert (await call(chime, "POST", "/v1.0/webhook", body))[0] == 200
        rows = (await call(chime, "GET", "/v1.0/webhooks"))[1]
        assert [row["listId"] for row in rows] == [2, 2]
        lead = chime.add_person(first_name="Ada")
        await calm(chime)
        assert len(post.came) == 2, "each subscription is told"
        assert (await call(chime, "DELETE", f"/v1.0/webhook/{rows[0]['subscribeId']}"))[0] == 204
        assert (await call(chime, "DELETE", f"/v1.0/webhook/{rows[0]['subscribeId']}"))[0] == 404
        post.came.clear()
        chime.edit(lead, "city", "Macon")
        await calm(chime)
        [told] = post.bodies
        assert (told["listId"], told["updatedLead"][0]["leadId"]) == (2, int(lead))
        for wrong in ({"listId": 13}, {"listId": "2"}, {"callbackUrl": "nowhere"}, {"limit": 5001}, {"limit": 0}):
            assert (await call(chime, "POST", "/v1.0/webhook", {**body, **wrong}))[0] == 400
        plain = await call(chime, "POST", "/v1.0/webhook", {**body, "callbackUrl": "http://syncd.test/x"})
        assert plain[0] == (400 if name == "lofty" else 200), "Lofty demands https"
        loopback = await call(chime, "POST", "/v1.0/webhook", {**body, "callbackUrl": "http://127.0.0.1:1/x"})
        assert loopback[0] == 200


async def test_chime_groups_and_limits():
    """Changes within a window go out together; beyond the limit of half an hour they are dropped."""
    async with standing("chime", hook_group_s=60.0) as (chime, post):
        chime.hooks.subscribe({"listId": 2, "callbackUrl": "http://127.0.0.1:1/x", "limit": 2})
        lead = chime.add_person(first_name="Ada")
        for n in range(5):
            chime.edit(lead, "city", f"Town {n}")
        await calm(chime)
        assert [len(next(iter(body[key] for key in body if key.endswith("Lead")))) for body in post.bodies] == [1, 5]
        chime.edit(lead, "city", "too many")
        await calm(chime)
        assert (len(post.came), chime.hooks.dropped) == (2, 1)
        await chime.clock.sleep(1800)
        chime.edit(lead, "city", "another half hour")
        await calm(chime)
        assert len(post.came) == 3


async def test_chime_tells_of_notes_stages_trash_and_members():
    """Each in its own list and bucket."""
    async with standing("chime") as (chime, post):
        lead = chime.add_person(first_name="Ada", stage="New Lead", phones=[("2125550100", "cell")])
        for list_id in (1, 2, 6, 9, 12):
            chime.hooks.subscribe({"listId": list_id, "callbackUrl": "http://127.0.0.1:1/x"})
        chime.edit(lead, "city", "Macon")
        note = chime.add_note(lead, "one")
        chime.edit_note(lead, note, "two")
        chime.delete_note(lead, note)
        chime.edit(lead, "stage", "Closed")
        chime.add_log(lead, "logCall", "called")
        chime.add_agent("a@example.com", "A", "B")
        chime.delete(lead)
        await calm(chime)
        buckets = [(body["listId"], next(key for key in body if isinstance(body[key], list))) for body in post.bodies]
        assert buckets == [
            (2, "updatedLead"), (9, "createdNote"), (9, "updatedNote"), (9, "deletedNote"), (2, "updatedLead"),
            (12, "changePipeline"), (6, "createdCall"), (1, "updatedAgent"), (2, "deletedLead"),
        ]  # fmt: skip


async def test_bad_days_of_the_courier():
    """Dropped, doubled, overtaken and late deliveries come as the switches say, the same for the same seed."""
    outcomes = []
    for _ in range(2):
        clock = VirtualClock()
        switches = {**SWITCHES, "hook_drop": 0.2, "hook_repeat": 0.2, "hook_reorder": 0.5, "hook_delay_s": 30.0}
        courier = Courier(clock, switches)
        courier.transport = post = Post(clock)
        for n in range(100):
            courier.post("http://syncd.test/x", {}, orjson.dumps(n))
        work = asyncio.create_task(courier.run())
        while not courier.idle.is_set():
            await clock.sleep(1)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        outcomes.append(post.bodies)
        assert min(at for at, *_ in post.came) >= 30
        assert 5 < courier.dropped < 40
        assert len(set(post.bodies)) == 100 - courier.dropped < len(post.bodies)
        assert post.bodies != sorted(post.bodies)
    assert outcomes[0] == outcomes[1]


async def test_what_is_not_taken_is_tried_again():
    """A 503, or no answer, is repeated a few times, later each time; then it is given up."""
    clock = VirtualClock()
    courier = Courier(clock, SWITCHES)
    courier.transport = post = Post(clock, [503, 500, 404, 503])
    work = asyncio.create_task(courier.run())
    courier.post("http://syncd.test/x", {}, b"1")
    while not courier.idle.is_set():
        await clock.sleep(1)
    assert [round(at) for at, *_ in post.came] == [0, 5, 15, 30]
    assert courier.statuses == {503: 2, 500: 1, 404: 1}
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


async def test_nobody_asked_nothing_posted():
    """Without a registration the courier has nothing to do, however much people do."""
    for name in ("cinc", "chime"):
        sandbox: Any = SANDBOXES[name](VirtualClock())
        lead = sandbox.add_person(first_name="Ada", email="a@example.com")
        for n in range(20):
            sandbox.edit(lead, "city", f"Town {n}")
        assert sandbox.courier.idle.is_set()
