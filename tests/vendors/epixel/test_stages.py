"""Stages and sources against the choices of one installation, and its overview (vendors/epixel.md §3, §6)."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.domain.errors import RejectedError, TransientError, UnreadableError
from syncd.domain.lens import Unmapped
from syncd.vendors.epixel import choices as overview
from syncd.vendors.epixel.choices import Choice, Choices
from syncd.vendors.epixel.stages import Stages
from tests.vendors.epixel.support import OVERVIEW, WANTED, Answer, Asked, enveloped, sandboxed, written


def stages(config: Any = None, words: Any = ("new", "contacted", "qualified", "converted", "lost")) -> Stages:
    """The table of a connection on an installation with these choices."""
    known = Choices()
    known.take([Choice(*([word] if isinstance(word, str) else word)) for word in words], [])
    return Stages(config or {}, known)


def test_a_choice_of_the_same_name_is_the_stage():
    """§6: case, spaces, - and _ folded; by status or by Description; the choice's own word is sent."""
    there = stages(words=("NEW", "Under-Contract", ("s3", "Not ready")))
    assert [there.read(word) for word in ("new", "under contract", "s3", "NOT_READY")] == [
        "new", "under_contract", "not_ready", "not_ready",
    ]  # fmt: skip
    assert [there.write(stage) for stage in ("new", "under_contract", "not_ready", "closed")] == [
        "NEW", "Under-Contract", "s3", None,
    ]  # fmt: skip


def test_the_config_names_everything_else():
    """§6: one name or a list, the first is written, all are read."""
    there = stages({"closed": ("converted", "lost"), "lost": ()})
    assert (there.read("converted"), there.read("lost")) == ("closed", "closed")
    assert there.write("closed") == "converted"
    assert there.write("closed", "lost") == "lost", "a word that means the same stays"


def test_stages_that_share_a_choice_equal_each_other():
    """A choice that stands for two stages is neither an edit nor lost."""
    there = stages({"attempted": ("new",)})
    assert there.show("attempted", None) == there.read("new") == "new"
    assert there.show("attempted", "new") == "new"
    assert there.write("attempted") == "new"


def test_a_stage_without_a_choice_is_left_out():
    """§6: left out on create, kept on update; a status without a stage is reported as unmapped."""
    there = stages()
    assert there.show("showing", None) is None
    assert there.show("showing", "new") is None
    assert there.read("converted") is None
    assert stages(words=("deleted",)).write("lost") is None


def test_deleted_is_never_written():
    """§6: "deleted" is not a stage, whatever the config says."""
    assert stages({"lost": ("deleted",)}, words=("deleted", "new")).write("lost") is None


@pytest.mark.parametrize(
    "data",
    [OVERVIEW, enveloped(OVERVIEW)[1], OVERVIEW["LeadsData"], {"data": OVERVIEW}, {"LeadsData": {"status": ["new"]}}],
)
def test_overviews_in_every_form(data: Any):
    """§3: `LeadsData` in the envelope or bare."""
    statuses, _ = overview.read(data)
    assert statuses[0].word == "new"
    with pytest.raises(UnreadableError):
        overview.read({"data": {"LeadsData": {}}})


async def test_the_overview_is_read_at_start_and_hourly():
    """§3: once before the first call, then when an hour has passed; another process goes on with what is known."""
    async with sandboxed() as there:
        lead = there.person()
        await there.adapter.lead(lead)
        await there.adapter.lead(lead)
        assert len(there.wire.of("/overview/")) == 1
        await there.clock.sleep(3599)
        later = there.another()
        await later.lead(lead)
        assert len(there.wire.of("/overview/")) == 1
        await there.clock.sleep(2)
        await later.lead(lead)
        assert len(there.wire.of("/overview/")) == 2


async def test_a_refused_choice_reads_the_overview_again():
    """§3, §6: "is not a valid choice" means that the choices have changed; what is refused is not sent again."""
    async with sandboxed({"statuses": ("showing",)}) as there:
        lead = there.person()
        await there.fields(lead)
        there.sandbox.site.statuses.remove("showing")
        with pytest.raises(RejectedError) as caught:
            await there.update(lead, stage="showing")
        assert "status is not a valid choice" in str(caught.value)
        assert len(there.wire.of("/overview/")) == 2
        assert there.adapter.lenses.show({"stage": "showing"}, {}) == {}
        there.sandbox.site.statuses.append("closed")
        there.sandbox.site.statuses.remove("new")
        with pytest.raises(RejectedError):
            await there.adapter.create_lead({**WANTED, "stage": "new"})
        assert there.adapter.lenses.show({"stage": "closed"}, {}) == {"stage": "closed"}


async def test_a_choice_that_went_stays_where_it_stands():
    """§11: an update says everything again; a status the installation dropped must not keep a name from changing."""
    async with sandboxed({"statuses": ("showing",)}) as there:
        lead = there.person(stage="showing")
        there.sandbox.site.statuses.remove("showing")
        await there.update(lead, first_name="Grace")
        shown = there.sandbox.shows(lead)
        assert (shown["first_name"], shown["stage"]) == ("Grace", "showing")


async def test_an_unknown_status_is_kept_and_reported():
    """§6: read as unmapped, never overwritten by a guess."""
    async with sandboxed() as there:
        lead = there.person(stage="converted")
        reading = there.adapter.read_lead(await there.adapter.lead(lead))
        assert reading.unmapped == {"stage": "converted"}
        assert there.adapter.lenses.by_field["stage"].get({"status": "converted"}) == {"stage": Unmapped("converted")}
        await there.update(lead, first_name="Grace")
        assert there.sandbox.shows(lead)["stage"] == "converted"


async def test_an_installation_without_overview_is_used_all_the_same():
    """Without choices only what the config names is written; a failing overview is asked again, not taken for none."""
    row = {"slug": "ada-1", "status": "new", "first_name": "Ada"}

    def answers(asked: Asked) -> Answer:
        return (200, {"x": 1}) if "overview" in asked.path else enveloped([row])

    adapter, _ = written(answers, stages={"lost": ["dead"]})
    [page] = [page async for page in adapter.leads(None, full=True)]
    assert adapter.read_lead(page.rows[0]).fields["stage"] == "new"
    assert adapter.lenses.show({"stage": "lost"}, {}) == {"stage": "lost"}
    assert adapter.lenses.show({"stage": "contacted"}, {}) == {}
    failing, _ = written(lambda asked: (503, None) if "overview" in asked.path else enveloped([row]))
    with pytest.raises(TransientError):
        [page async for page in failing.leads(None, full=True)]
