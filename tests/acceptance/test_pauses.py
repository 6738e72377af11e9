"""A paused connection is left alone until its credentials change or somebody asks for it by name (DESIGN §11)."""

from __future__ import annotations

from syncd.engine.run import Report
from syncd.sandbox.faults import Fault
from tests.acceptance.world import World, ada


async def synced(world: World, *only: str) -> Report:
    """One `syncd sync`, in what would be a process of its own."""
    async with world.open() as syncd:
        return await syncd.engine.sync(only=only)


async def paused(world: World, name: str = "chime") -> str:
    """Why a connection is paused, as `syncd status` has it."""
    return str((await world.view("status"))["connections"][name]["paused"])


async def test_the_same_refused_token_is_not_tried_again(world: World):
    """No hot loop: the vendor is not called at all; the others go on, and what is read there waits for this one."""
    world.tokens["chime"] = "wrong"
    first = await synced(world)
    assert not first.connections["chime"].error.startswith("paused")
    assert "`syncd sync --connection chime`" in await paused(world)
    world.forget()
    world.cinc.add_person(**ada())
    for _ in range(2):
        report = await synced(world)
        assert report.connections["chime"].error.startswith("paused: ")
        assert report.connections["chime"].hint
        assert not report.connections["cinc"].error
    assert world.chime.calls == []
    del world.tokens["chime"]
    await world.quiet()
    assert len(world.chime.ids()) == 1


async def test_another_token_is_tried_at_once(world: World):
    """Changed credentials end the pause without any command, right or wrong as they may be; so does another address."""
    world.tokens["chime"] = "wrong"
    await synced(world)
    world.tokens["chime"] = "wrong too"
    world.forget()
    await synced(world)
    assert world.chime.calls
    world.forget()
    await synced(world)
    assert world.chime.calls == []
    world.urls["chime"] = world.served.urls["chime"].replace("127.0.0.1", "localhost")
    await synced(world)
    assert world.chime.calls


async def test_an_operator_who_names_the_connection_is_obeyed(world: World):
    """The vendor was wrong, our token is right: `sync --connection` tries it, and with that the pause is over."""
    world.chime.fault = lambda _ask, _moment: Fault("error", status=401)
    await synced(world)
    assert await paused(world)
    world.chime.fault = None
    world.forget()
    await synced(world, "cinc")
    assert world.chime.calls == []
    assert not (await synced(world, "chime")).failed
    assert not await paused(world)
    assert not (await synced(world)).failed


async def test_a_pause_outlasts_a_vendor_that_is_down(world: World):
    """Asked for by name while the vendor is down: that says nothing of the credentials, so the pause stays."""
    world.tokens["chime"] = "wrong"
    await synced(world)
    why = await paused(world)
    world.chime.fault = lambda _ask, _moment: Fault("error", status=503)
    assert (await synced(world, "chime")).failed
    assert await paused(world) == why
    world.chime.fault = None
    world.forget()
    await synced(world)
    assert world.chime.calls == []


async def test_the_fingerprint_gives_nothing_away(world: World):
    """What is kept to recognise refused credentials is a salted, slow digest: another one for each pause."""
    world.tokens["chime"] = "wrong"
    await synced(world)
    async with world.open() as syncd:
        kept = (await syncd.store.connection("chime", "chime")).paused_with
        again = next(c for c in syncd.connections if c.name == "chime").fingerprint("")
    assert "wrong" not in kept
    assert kept.partition("$")[0] != again.partition("$")[0]
