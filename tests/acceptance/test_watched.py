"""What a service is watched by, over a whole sync: who lags, and what was called."""

from __future__ import annotations

from syncd.bootstrap import open_syncd
from syncd.daemon.metrics import Metrics, render
from syncd.sandbox.faults import Fault, always
from syncd.store.measures import Measures, measure
from tests.acceptance.world import World, ada


async def measured(world: World) -> Measures:
    """The numbers as of now."""
    async with world.open() as syncd:
        return measure(syncd.database, world.clock.now())


async def test_a_vendor_that_is_down_lags_alone(world: World):
    """What waits for one that does not answer is its own lag, from the change on; the other is found in step by every
    sync meanwhile; and when it is back, nobody lags.
    """
    lead = world.cinc.add_person(**ada())
    await world.quiet()
    world.chime.fault = always(Fault("error", status=503))
    world.cinc.edit(lead, "city", "Chicago")
    for _ in range(3):
        await world.sync(until_quiet=False)
        await world.clock.sleep(1200)
    await world.sync(until_quiet=False)
    lags = {name: one.lag_s for name, one in (await measured(world)).connections.items()}
    assert lags["cinc"] < 1200
    assert lags["chime"] >= 3600
    world.chime.fault = None
    await world.clock.sleep(1200)
    await world.quiet()
    assert {name: one.lag_s for name, one in (await measured(world)).connections.items()} == {"chime": 0, "cinc": 0}


async def test_what_is_held_for_a_person_is_lag(world: World):
    """A plan over the guard's limit is something left to write, until somebody rejects it."""
    world.chime_options = "[connections.chime.guard]\ncreates = 0"
    world.cinc.add_person(**ada())
    await world.sync()
    await world.clock.sleep(600)
    await world.sync()
    found = await measured(world)
    assert found.held == 1
    assert found.connections["chime"].lag_s >= 600
    assert found.connections["cinc"].lag_s < 600


async def test_every_call_of_a_sync_is_counted_without_what_it_was_about(world: World):
    """As many calls are told as adapters count, of each connection its own; nothing of a person is in any label."""
    world.cinc.add_note(world.cinc.add_person(**ada()), "Likes numbers.")
    metrics = Metrics()
    async with open_syncd(world.settings, clock=world.clock, observe=metrics.calls_of) as syncd:
        report = await syncd.engine.sync(until_quiet=True)
    counted = dict.fromkeys(report.connections, 0.0)
    for family in metrics.registry.collect():
        for sample in family.samples:
            if sample.name == "syncd_vendor_calls_total":
                counted[sample.labels["connection"]] += sample.value
    assert counted == {name: tally.requests for name, tally in report.connections.items()}
    body = render(metrics.registry)[1].decode()
    assert 'outcome="ok"' in body
    for word in ("Ada", "Byron", "ada@", "numbers", *world.cinc.ids(), *world.chime.ids()):
        assert word not in body
