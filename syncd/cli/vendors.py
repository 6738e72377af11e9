"""``syncd vendors``: what each vendor can carry, as its capabilities declare it; ``show`` asks one connection."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from syncd.cli import output, vendors_show

if TYPE_CHECKING:
    from syncd.domain.lens import LensTable
    from syncd.ports.vendor import Adapter, Capabilities
    from syncd.settings import BaseConnection

COLUMNS_MAX = 100
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ASSIGNMENT = "assignment."
MISSING = "missing "
NOTHING = "–"
WORDS: Mapping[str, str] = {"both": "both", "create": "new", "read": "read", "no": NOTHING}
LEGEND = (
    "both: read and written   new: read, and written when a lead is created   read: never written there",
    f"{NOTHING}: not carried         *: with a limit that is named below",
)


def register(app: typer.Typer) -> None:
    """Add the group to the command tree."""
    group = typer.Typer(invoke_without_command=True)
    group.callback()(vendors)
    group.command("show")(vendors_show.show)
    app.add_typer(group, name="vendors", help="Show what each vendor can carry; look at one connection.")


def vendors(ctx: typer.Context, *, as_json: Json = False) -> None:
    """Show which vendors can be connected, what each can carry each way, what it cannot, and why. Calls nobody."""
    if ctx.invoked_subcommand is not None:
        return
    from syncd.settings import LATER

    described = asyncio.run(describe())
    if as_json:
        built = {label: {"built": True, **row.to_json()} for label, row in described.items()}
        output.emit_json({"vendors": {**built, **{name: {"built": False} for name in LATER}}})
        return
    with output.tables_within(COLUMNS_MAX):
        _matrix(described)
        output.emit_line()
        abilities = [row.abilities() for row in described.values()]
        output.emit_table(("", *described), [(name, *(column[name] for column in abilities)) for name in abilities[0]])
        for label, row in described.items():
            output.emit_line()
            output.emit_table((label, "limit, or why not"), row.reasons())
    if LATER:
        output.emit_line()
        output.emit_line(f"not built yet: {', '.join(LATER)}")


def _matrix(described: Mapping[str, Described]) -> None:
    """Field by vendor: which way each is carried."""
    names = next(iter(described.values())).fields
    rows = []
    for name in names:
        cells = [WORDS[row.fields[name]] + ("*" if name in row.limits else "") for row in described.values()]
        rows.append((name, *cells))
    output.emit_table(("field", *described), rows)
    output.emit_line()
    for line in LEGEND:
        output.emit_line(line)


@dataclass(frozen=True, slots=True)
class Described:
    """What one connection can do.

    fields  each canonical field, ``notes`` too → ``both``, ``create`` (written only then), ``read`` or ``no``
    limits  carried field → what of it is lost, or cannot be done
    needs   what a new lead must have, in words; "" if nothing
    """

    can: Capabilities
    fields: Mapping[str, str]
    limits: Mapping[str, str] = field(default_factory=dict)
    needs: str = ""

    def to_json(self) -> dict[str, Any]:
        """The shape of `syncd vendors --json`."""
        return {"fields": self.fields, "limits": self.limits, "create": self.needs, **as_data(self.can)}

    def abilities(self) -> dict[str, str]:
        """What a person asks of a vendor, in words."""
        can = self.can
        notes = ["add", *(word for word, able in (("edit", can.note_edit), ("delete", can.note_delete)) if able)]
        kept = (("author", can.note_author), ("time", can.note_time), ("pin", can.note_pin))
        return {
            "find a lead by": _list(can.find_by),
            "delete a lead": _yes(can.lead_delete),
            "notes": ", ".join(notes),
            "note length": f"{can.note_max:,}" if can.note_max else "no limit",
            "notes keep": _list(word for word, able in kept if able),
            "label length": (f"{can.label_max:,}" if can.label_max else "no limit") if self.carries("labels") else "–",
            "roles emptied": _list(can.unassign),
            "tells changes": _list(can.incremental_covers) if can.incremental else "no, all is read",
            "shows deletes": _yes(can.listing_proves),
            "webhooks": _yes(can.webhooks),
        }

    def carries(self, name: str) -> bool:
        """Whether a field is carried at all."""
        return self.fields.get(name, "no") != "no"

    def reasons(self) -> list[tuple[str, str]]:
        """What is limited or missing, and why; what shares a reason shares a row."""
        grouped: dict[str, list[str]] = {}
        if self.needs:
            grouped[self.needs] = ["a new lead"]
        for name in [*self.fields, *self.can.not_carried]:
            for reason in (self.limits.get(name, ""), self.can.not_carried.get(name, "")):
                if reason and name not in grouped.setdefault(reason, []):
                    grouped[reason].append(name)
        return [(", ".join(names), reason) for reason, names in grouped.items()]


async def describe() -> dict[str, Described]:
    """Every vendor (and dialect) as its adapter declares itself. Nobody is called."""
    from syncd.ports.clock import SystemClock
    from syncd.vendors import registry

    found = {}
    for label, connection in samples():
        adapter = registry.make(connection, registry.Deps(clock=SystemClock()))
        found[label] = described(adapter)
        await adapter.aclose()
    return found


def described(adapter: Adapter) -> Described:
    """What an adapter declares of itself."""
    from syncd.domain.lead import FIELDS

    can, lenses = adapter.capabilities, adapter.lenses
    fields = {name: _way(lenses, name) for name in FIELDS}
    fields["notes"] = "read" if "note create" in can.not_carried else "both"
    limits = {
        name: lens.loss
        for name in FIELDS
        if (lens := lenses.by_field.get(name)) is not None and lens.loss and name not in can.not_carried
        if (fields[name], lens.loss) != ("read", "read only")
    }
    return Described(can, fields, limits, _needs(can, lenses))


def _needs(can: Capabilities, lenses: LensTable) -> str:
    """What a new lead must have; the config may give some of it (``create_defaults``)."""
    needs = [" or ".join(group) for group in can.create_needs]
    obstacle = lenses.obstacle({})
    if obstacle.startswith(MISSING):
        needs += obstacle.removeprefix(MISSING).split(", ")
    return f"needs {', '.join(dict.fromkeys(needs))}" if needs else ""


def _way(lenses: LensTable, name: str) -> str:
    if not lenses.carries(name):
        return "no"
    if lenses.writable(name) or (name.startswith(ASSIGNMENT) and lenses.by_field[name].update):
        return "both"
    return "create" if lenses.writable(name, creating=True) else "read"


def samples() -> list[tuple[str, BaseConnection]]:
    """One connection per vendor, and per dialect where a vendor has several; none of them is ever used."""
    from syncd.settings import VENDORS, Secret

    auth = {"kind": "token", "token": Secret.literal("none")}
    found: list[tuple[str, BaseConnection]] = []
    for vendor, model in VENDORS.items():
        dialect = model.model_fields.get("dialect")
        for word in get_args(dialect.annotation) if dialect else (None,):
            extra = {**getattr(model, "sample", {}), **({"dialect": word} if word else {})}
            label = vendor if word in {None, vendor} else f"{vendor} ({word})"
            found.append((label, model.model_validate({"name": vendor, "auth": auth, **extra})))
    return found


def as_data(can: Capabilities) -> dict[str, Any]:
    """Capabilities as JSON-ready data; sets are sorted."""
    data = asdict(can)
    return {key: sorted(value) if isinstance(value, frozenset) else value for key, value in data.items()}


def _yes(able: bool) -> str:
    return "yes" if able else "no"


def _list(words: Any) -> str:
    return ", ".join(sorted(words)) or NOTHING
