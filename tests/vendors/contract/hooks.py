"""Webhooks: registered once, authentic or not, understood without being believed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.ports.hooks import Delivery, Hint, Hooks, Registration, ours, url_of
from tests.vendors.contract.account import Account

ADDRESS = "http://127.0.0.1:8642/hooks/account"
ELSEWHERE = "http://127.0.0.1:8642/hooks/other"
SECRET, ANOTHER = "s3cret-of-the-hooks", "an0ther-secret-of-ours"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = ("lead", "leadId", "noteId", "listId", "type", "meta", "note", "agent", "updatedLead", "id", "event_id", "data")


@dataclass
class Post(httpx.AsyncBaseTransport):
    """Takes every delivery; ``came`` holds address and delivery."""

    came: list[tuple[str, Delivery]] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One delivery, answered like our receiver does."""
        url = str(request.url)
        base, segment = (url, "") if urlsplit(url).path.count("/") == 2 else url.rsplit("/", 1)
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.came.append((base, Delivery(headers, await request.aread(), segment)))
        return httpx.Response(200)


class HooksContract:
    """Skipped where the vendor has no webhooks."""

    @staticmethod
    def hooks(account: Account) -> Hooks:
        """The adapter's, or a skip."""
        if account.adapter.hooks is None:
            pytest.skip("no webhooks")
        return account.adapter.hooks

    @staticmethod
    async def delivered(account: Account) -> Post:
        """What comes from now on."""
        assert account.sandbox.courier is not None
        account.sandbox.courier.transport = post = Post()
        return post

    @staticmethod
    async def arrived(account: Account) -> None:
        """Everything under way is there."""
        assert account.sandbox.courier is not None
        assert await asyncio.to_thread(account.sandbox.courier.idle.wait, 20)

    @staticmethod
    def hints(hooks: Hooks, post: Post) -> set[Hint]:
        """All that was hinted at so far."""
        return {hint for _, delivery in post.came for event in hooks.events(delivery) for hint in event.hints}

    @staticmethod
    def mine(there: object, address: str = ADDRESS) -> list[Registration]:
        """Registrations of ours that are turned on."""
        assert isinstance(there, list)
        return [one for one in there if one.enabled and (ours(one, address) or not one.url)]

    async def test_the_capability_is_what_the_adapter_has(self, account: Account):
        """`Capabilities.webhooks` and the adapter's `hooks` say the same."""
        assert account.adapter.capabilities.webhooks is (account.adapter.hooks is not None)

    async def test_registering_twice_registers_once(self, account: Account):
        """However often it is said, each change is told once; what is registered is what was asked for."""
        hooks, post = self.hooks(account), await self.delivered(account)
        assert list(await hooks.registered()) == []
        first = await hooks.register(ADDRESS, SECRET)
        again = await hooks.register(ADDRESS, SECRET)
        assert list(first) == list(again) == list(await hooks.registered())
        assert {event for one in self.mine(again) for event in one.events} == set(hooks.subscribes)
        assert {one.url for one in self.mine(again)} <= {url_of(hooks, ADDRESS, SECRET), ""}
        lead = await account.person(email="once@example.com")
        await self.arrived(account)
        post.came.clear()
        account.sandbox.edit(lead, "first_name", "Augusta")
        await self.arrived(account)
        assert len(post.came) == 1
        assert SECRET not in repr(again), "a registration does not show its secret"

    async def test_another_secret_takes_the_place_of_the_first(self, account: Account):
        """After a change of the secret only the new one is used."""
        hooks, post = self.hooks(account), await self.delivered(account)
        await hooks.register(ADDRESS, SECRET)
        await hooks.register(ADDRESS, ANOTHER)
        await account.person()
        await self.arrived(account)
        assert post.came
        for _, delivery in post.came:
            assert hooks.authentic(delivery, ANOTHER)
            assert not hooks.authentic(delivery, SECRET)

    async def test_only_the_whole_secret_is_authentic(self, account: Account):
        """Neither a part of it, nor more, nor nothing; and no empty secret opens anything."""
        hooks, post = self.hooks(account), await self.delivered(account)
        await hooks.register(ADDRESS, SECRET)
        await account.person()
        await self.arrived(account)
        _, delivery = post.came[0]
        assert hooks.authentic(delivery, SECRET)
        for wrong in (SECRET[:-1], f"{SECRET}x", SECRET.upper(), "x", ANOTHER, "é" * 20, ""):
            assert not hooks.authentic(delivery, wrong)
        for nothing in (Delivery({}), Delivery({}, delivery.body, "x"), Delivery({hooks.secret_header: ""})):
            assert not hooks.authentic(nothing, SECRET)
            assert not hooks.authentic(nothing, "")

    async def test_what_people_do_is_hinted_at(self, account: Account):
        """New leads, edits, labels, agents and notes name the records to be read again; ours count like theirs."""
        hooks, post = self.hooks(account), await self.delivered(account)
        await hooks.register(ADDRESS, SECRET)
        lead = await account.person(email="seen@example.com")
        await self.arrived(account)
        assert Hint("lead", lead) in self.hints(hooks, post)
        agent = account.sandbox.add_agent("new@example.com", "New", "Agent")
        await self.arrived(account)
        assert "agents" in {hint.kind for hint in self.hints(hooks, post)}
        for act in (
            lambda: account.sandbox.edit(lead, "city", "Macon"),
            lambda: account.sandbox.add_label(lead, "Hot"),
            lambda: account.sandbox.remove_label(lead, "Hot"),
            lambda: account.sandbox.assign(lead, "primary", agent),
        ):
            post.came.clear()
            act()
            await self.arrived(account)
            assert self.hints(hooks, post) == {Hint("lead", lead)}
        post.came.clear()
        account.sandbox.add_note(lead, "Called back")
        await self.arrived(account)
        assert {hint.parent or hint.external_id for hint in self.hints(hooks, post) if "note" in hint.kind} == {lead}
        post.came.clear()
        present = await account.adapter.lead(lead)
        wanted = {**account.adapter.read_lead(present).fields, "last_name": "Written"}
        await account.adapter.update_lead(lead, wanted, frozenset({"last_name"}), present)
        await self.arrived(account)
        assert Hint("lead", lead) in self.hints(hooks, post)

    async def test_events_have_ids_of_their_own(self, account: Account):
        """The same delivery is the same event, two changes are two."""
        hooks, post = self.hooks(account), await self.delivered(account)
        await hooks.register(ADDRESS, SECRET)
        lead = await account.person()
        for name in ("Ann", "Bea", "Cleo"):
            await account.clock.sleep(2)
            account.sandbox.edit(lead, "first_name", name)
            await self.arrived(account)
        ids = [event.id for _, delivery in post.came for event in hooks.events(delivery)]
        assert len(set(ids)) == len(ids) >= 4
        assert ids == [event.id for _, delivery in post.came for event in hooks.events(delivery)]

    async def test_removing_leaves_other_peoples_hooks(self, account: Account):
        """After `remove` nobody calls us; an address that is not ours is called as before, where there can be two."""
        hooks, post = self.hooks(account), await self.delivered(account)
        await hooks.register(ELSEWHERE, ANOTHER)
        others = self.mine(list(await hooks.registered()), ELSEWHERE)
        await hooks.remove(ADDRESS)
        shown = any(one.url for one in others)
        if shown:  # where the vendor does not say whom it calls, nobody can tell that it is not us
            assert self.mine(list(await hooks.registered()), ELSEWHERE) == others
        await hooks.register(ADDRESS, SECRET)
        await hooks.remove(ADDRESS)
        assert self.mine(list(await hooks.registered())) == []
        await hooks.remove(ADDRESS)
        await account.person()
        await self.arrived(account)
        assert ADDRESS not in {address for address, _ in post.came}

    async def test_no_body_is_too_odd(self, account: Account):
        """Whatever a delivery holds, there is an event; what it hints at has ids that can be asked for."""
        hooks = self.hooks(account)
        shapes = st.dictionaries(st.sampled_from(KEYS), JSON | st.lists(st.fixed_dictionaries({"leadId": JSON})))
        bodies = st.binary(max_size=50) | (JSON | shapes | st.lists(shapes, max_size=3)).map(_dumped)

        @given(bodies, st.dictionaries(st.sampled_from(["x-cinc-event-id", "x"]), st.text(max_size=9)))
        @settings(max_examples=30)
        def look(body: bytes, headers: Mapping[str, str]) -> None:
            events = hooks.events(Delivery(headers, body))
            assert events
            for event in events:
                assert event.id.isascii()
                assert 0 < len(event.id) <= 128
                for hint in event.hints:
                    assert hint.kind == "agents" or hint.external_id
                    assert (hint.external_id + hint.parent).isprintable()

        await asyncio.to_thread(look)


def _dumped(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # numbers beyond 64 bits, half characters
        return repr(value).encode("utf-8", "replace")
