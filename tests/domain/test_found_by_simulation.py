"""What the simulation found once, in small: each of these broke a law over a whole run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from syncd.domain import notes
from syncd.domain.lead import Phone, spec
from syncd.domain.lens import LensTable
from syncd.domain.origin import Interval
from syncd.domain.plan import UNCERTAIN, Operation, Subject, Target, plan_lead
from syncd.domain.settled import Pending, made_of, unsent
from syncd.ports.rows import Link, Note
from tests.domain.test_plan import ANN, CAN, TABLE
from tests.domain.toy import LOSSLESS, LOSSY, minutes, read, said

HERE = Target("here", TABLE, replace(CAN, note_max=400), agents={}, agent_names={})
NOTE = Note(3, 1, "Called her.", None, datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "general", pinned=False, origin="there")
LONG = "She likes the kitchen and the porch. " * 20


def planned(note: Note, there: tuple[Link, ...]) -> list[Operation]:
    """The operations for the notes of a lead that is in step otherwise."""
    lead = Link("here", "lead", "1", 1, base=ANN)
    home = Link("there", "note", "home", note.id, base={"text": note.body})
    return list(plan_lead(Subject(1, 1, ANN, (lead,), (note,), (home, *there)), [HERE]).operations)


def written(operations: list[Operation], there: tuple[Link, ...] = ()) -> tuple[Link, ...]:
    """The links of the notes after these operations."""
    after = {link.part: link for link in there}
    for op in operations:
        after[op.part] = Link("here", "note", f"n{op.part}", op.note, op.part, base={"text": op.text})
    return tuple(after.values())


def body(there: tuple[Link, ...]) -> str:
    """What the copies say together, parts in the order of their headers."""
    parsed = [notes.parse(str(link.base["text"])) for link in there]
    parts = sorted((header.part, text) for header, text in parsed if header is not None)
    return " ".join(" ".join(text for _, text in parts).split())


def test_a_note_in_parts_that_becomes_short_stays_one_note():
    """Its parts are rewritten, none is added, and together they say the new words and nothing of the old."""
    long = written(planned(replace(NOTE, body=LONG), ()))
    assert len(long) > 1
    edits = planned(NOTE, long)
    assert {op.action for op in edits} == {"update"}
    after = written(edits, long)
    assert body(after) == NOTE.body
    assert planned(NOTE, after) == []


def test_a_note_of_which_one_part_arrived_and_that_became_short_stays_one_note():
    """A crash between two parts leaves the first alone; it is rewritten whole."""
    first = written(planned(replace(NOTE, body=LONG), ())[:1])
    after = written(planned(NOTE, first), first)
    assert [link.part for link in after] == [1]
    assert body(after) == NOTE.body
    assert planned(NOTE, after) == []


def test_a_note_that_outgrows_its_one_place_goes_on_in_further_parts():
    """The note that is there becomes the first part, the others are added."""
    short = written(planned(NOTE, ()))
    more = planned(replace(NOTE, body=LONG), short)
    assert [op.action for op in more] == ["update", *["create"] * (len(more) - 1)]
    after = written(more, short)
    assert body(after) == " ".join(LONG.split())
    assert planned(replace(NOTE, body=LONG), after) == []


def test_what_is_written_into_an_empty_last_part_is_kept():
    """Words typed into a part beyond the last piece go to the end of the note."""
    assert notes.replace_piece("short", 100, 3, "and more") == "short\nand more"
    assert notes.replace_piece("short", 100, 3, "") == "short"


def test_a_default_of_a_record_made_without_the_value_is_no_edit():
    """A vendor without a word for our stage shows its own default in a new record: its doing, not a person's."""
    pending = unsent(
        {"stage": "lost", "labels": frozenset({"a"})}, ["first_name"], ["first_name", "stage", "labels"], minutes(0)
    )
    assert set(pending) == {"stage"}
    asked = Pending.from_json("stage", pending["stage"])
    assert made_of(spec("stage"), asked, "new", Interval(at=minutes(0)), timed=False) == "new"
    edited = made_of(spec("stage"), asked, "new", Interval(at=minutes(5), uncertainty_s=1.0))
    assert edited is None, "certainly later than our create: somebody acted"


def test_the_older_of_two_edits_loses_even_if_the_newer_one_said_what_was_there_before():
    """Beta showed closed all along; alpha went elsewhere and back to closed after beta's edit was possible.

    Values alone would call beta's edit the only one. The moments say that alpha spoke last.
    """
    options: dict[str, Any] = {"table": LOSSLESS, "at": 10, "since": 5}
    newer = read({"stage": "closed"}, {"stage": "closed"}, {"stage": "new"}, by=said("alpha", 20, "stage"), **options)
    assert newer.fields["stage"] == "closed"
    assert [found.rule for found in newer.conflicts] == ["newest"]
    older = read({"stage": "closed"}, {"stage": "closed"}, {"stage": "new"}, by=said("alpha", 1, "stage"), **options)
    assert older.fields["stage"] == "new"
    assert older.conflicts == ()


def test_our_own_write_whose_answer_was_lost_says_nothing_anew():
    """Killed between the vendor's commit and ours: the echo is no statement of that moment, so it cannot beat an edit
    elsewhere that is dated from the last read. What was tried and never arrived, or was edited since, is forgotten.
    """
    tried = {"stage": Pending("closed", "new", minutes(9), tried=True)}
    by = said("alpha", 1, "stage")
    echo = read({"stage": "closed"}, {"stage": "new"}, {"stage": "closed"}, at=9, pending=tried, by=by)
    assert (echo.base, echo.pending, echo.changes) == ({"stage": "closed"}, {}, ())
    assert echo.provenance == by
    lost = read({"stage": "closed"}, {"stage": "new"}, {"stage": "new"}, at=0, pending=tried, by=by)
    assert (lost.base, lost.pending, lost.settled, lost.changes) == ({"stage": "new"}, {}, {}, ())
    edited = read({"stage": "closed"}, {"stage": "new"}, {"stage": "contacted"}, at=10, pending=tried, by=by)
    assert edited.fields["stage"] == "contacted"


def test_a_label_cut_by_the_vendor_that_was_read_first_gives_way_to_the_whole_one():
    """Alpha keeps six letters of a label. Read before beta's whole one it must not become a second label there; a
    short label that beta has beside the long one is a label of its own.
    """
    alpha: dict[str, Any] = {"tables": {"alpha": LOSSY, "beta": LOSSLESS}}
    lead = {"labels": frozenset({"Open H", "VIP"})}
    met = read(lead, None, {"labels": frozenset({"Open House"})}, **alpha)
    assert met.fields["labels"] == {"Open House", "VIP"}
    both = read(lead, None, {"labels": frozenset({"Open House", "Open H"})}, **alpha)
    assert both.fields["labels"] == {"Open House", "Open H", "VIP"}
    later = read(lead, lead, {"labels": frozenset({"Open H", "VIP", "Open House"})}, **alpha)
    assert later.fields["labels"] == {"Open House", "Open H", "VIP"}


def test_a_component_that_the_address_that_won_cannot_have_is_taken_all_the_same():
    """Lossy alpha has no country. Read first and winning, it says nothing about beta's; read second it does as much."""
    tables: dict[str, Any] = {"tables": {"alpha": LOSSY, "beta": LOSSLESS}}
    alpha = {"street": "1 Main", "city": "Austin"}
    beta = {"street": "2 Oak", "city": "Dubai", "country": "AE"}
    won = read(alpha, None, beta, by=said("alpha", 20, *alpha), **tables)
    assert won.fields == {**alpha, "country": "AE"}
    assert [(found.field, found.outcome) for found in won.conflicts] == [("address", "ours")]
    lost = read(alpha, None, beta, by=said("alpha", 0, *alpha), **tables)
    assert lost.fields == beta
    owned = {"address": {"rule": "owner", "connection": "alpha"}}
    assert read(alpha, None, beta, by=said("alpha", 20, *alpha), rules=owned, **tables).fields == alpha


def test_of_an_address_only_the_components_that_differ_are_contested():
    """What a third CRM filled in beside the address that won, or agreed to, contradicts nobody: the other two are
    decided by their own moments and the order of connections, whoever was read first.
    """
    filled = {"street": "1 Main", "city": "Austin", "region": "TX"}
    by = said("zulu", 10, "street", "city") | said("alpha", 10, "region")
    order = ("zulu", "beta", "alpha")
    assert read(filled, None, {**filled, "street": "2 Oak"}, by=by, **contest(order)).fields == filled
    agreed = {"street": "1 Main", "city": "Austin", "country": "US"}
    by = said("gamma", 10, "street", "city") | said("zulu", 10, "country")
    moved = read(agreed, None, {**agreed, "country": "AE"}, by=by, **contest(("gamma", "beta", "zulu")))
    assert moved.fields == {**agreed, "country": "AE"}


def test_a_kind_that_only_one_of_two_knows_is_taken_whoever_was_read_first():
    """Alpha tells no kinds of numbers, and beta shows its own where none is told, so it shows what it should: its kind
    is news all the same when the record is met.
    """
    plain, kind = frozenset({Phone("+14045550123", "")}), frozenset({Phone("+14045550123", "home")})
    assert read({"phones": plain}, None, {"phones": kind}, table=KINDLY).fields["phones"] == kind
    assert read({"phones": kind}, None, {"phones": plain}).fields["phones"] == kind


def keeps_kinds(canonical: Any, shown: Any) -> dict[str, Any]:
    """What a vendor shows that needs a kind: its own where none is told."""
    known = {phone.number: phone for phone in shown.get("phones", ())}
    return {"phones": frozenset(p if p.kind else known.get(p.number, p) for p in canonical.get("phones", ())) or None}


KINDLY = LensTable(
    tuple(replace(row, squeeze=keeps_kinds) if row.fields == ("phones",) else row for row in LOSSLESS.rows)
)


def contest(order: tuple[str, ...]) -> dict[str, Any]:
    """Connections in their order of trust, none of which loses anything."""
    return {"order": order, "tables": dict.fromkeys(order, LOSSLESS)}


def test_a_value_half_written_is_no_edit_and_is_written_to_its_end():
    """Cut off between two calls, the vendor shows a mixture: it becomes the base, and ours stays to be written."""
    table = LensTable(
        tuple(
            replace(row, halfway=lambda _name, wanted, _before, shown: str(shown).startswith(str(wanted)))
            if "street" in row.fields
            else row
            for row in LOSSLESS.rows
        )
    )
    ours, old, mixture = {"street": "83 Oak"}, {"street": "12 Main St"}, {"street": "83 Oak St"}
    tried = {"street": Pending("83 Oak", "12 Main St", minutes(9), tried=True)}
    cut_off = read(ours, old, mixture, pending=tried, table=table)
    assert (cut_off.fields, cut_off.base, cut_off.pending, cut_off.changes) == (ours, mixture, {}, ())
    assert read(ours, old, mixture, pending=tried).fields == mixture
    assert read(ours, old, mixture, table=table).fields == mixture


def test_where_nobody_edits_notes_no_part_of_new_words_is_put_beside_old_ones():
    """A note that outgrew the limit would be its old text and four fifths of the new one."""
    here = replace(HERE, can=replace(CAN, note_edit=False, note_max=400))
    short = written(planned(NOTE, ()))
    lead, home = Link("here", "lead", "1", 1, base=ANN), Link("there", "note", "home", NOTE.id, base={"text": LONG})
    grown = plan_lead(Subject(1, 1, ANN, (lead,), (replace(NOTE, body=LONG),), (home, *short)), [here])
    assert grown.operations == ()
    assert [one.reason for one in grown.not_carried] == ["this vendor lets nobody edit a note"]
    some = written(planned(replace(NOTE, body=LONG), ())[:1])
    rest = plan_lead(Subject(1, 1, ANN, (lead,), (replace(NOTE, body=LONG),), (home, *some)), [here])
    assert [op.part for op in rest.operations] == [2, 3]


def test_a_number_displaced_by_a_write_that_was_cut_off_was_taken_away_by_nobody():
    """Killed after the vendor's commit: a slot holds our number instead of another. That a person then changed a third
    one must not make the displaced one theirs to remove.
    """
    cell, home, new, typed = (Phone(f"+1512555010{n}", "cell") for n in range(4))
    before = {"phones": frozenset({cell, home})}
    wanted = {"phones": frozenset({new, home})}
    lead = {"phones": frozenset({cell, home, new})}
    tried = {"phones": Pending(wanted["phones"], before["phones"], minutes(9), tried=True)}
    merged = read(lead, before, {"phones": frozenset({new, typed})}, pending=tried)
    assert merged.fields["phones"] == {cell, new, typed}
    untouched = read(lead, before, {"phones": frozenset({cell, typed})}, pending=tried)
    assert untouched.fields["phones"] == {cell, new, typed}


def test_a_note_that_is_uncertain_is_not_sent_in_newer_words():
    """Nobody can look whether the older words arrived, nor edit them: sent once, never again. Its other parts go on,
    and so does a note whose older words were really refused.
    """
    here = replace(HERE, can=replace(CAN, note_edit=False, note_max=400))
    lead, home = Link("here", "lead", "1", 1, base=ANN), Link("there", "note", "home", NOTE.id, base={"text": LONG})

    def sent(refused: dict[Any, Any]) -> list[int]:
        lead_ = Subject(1, 1, ANN, (lead,), (replace(NOTE, body=LONG),), (home,), refused=refused)
        return [op.part for op in plan_lead(lead_, [here]).operations]

    first = planned(replace(NOTE, body=LONG), ())[0].wanted_digest
    key = ("here", "note", NOTE.id, 0)
    assert sent({key: ("another", UNCERTAIN)}) == []
    assert sent({(*key[:3], 1): (first, UNCERTAIN)}) == [2, 3]
    assert sent({key: ("another", "refused by the vendor")}) == [1, 2, 3]
