"""Chime's lens table (vendors/chime.md §5, §6, §8, §9): one row per canonical field, both dialects.

Reading accepts every key of both dialects; the dialect decides only what is written. Three objects are
replaced whole by the vendor (the inquiry, the custom attributes, the address as far as it is shown from a
property), so `ChimeTable.write` completes what the rows put from the payload as it was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from syncd.domain.errors import ConfigError
from syncd.domain.lead import Fields, Value, compact
from syncd.domain.lens import Got, Lens, LensTable, Payload, Unmapped, as_is, deep_merge, nothing
from syncd.domain.normalize import fold, text
from syncd.vendors.chime import custom, inquiry, people
from syncd.vendors.chime.stages import Stages
from syncd.vendors.chime.values import day, day_text, flag, identity, plain, rows, texts, timeline, timeline_word, when

NAME_MAX = 30
LABEL_MAX = 64
DNC_CONTACT = 5
"""In ``phoneStatuses``: do not contact (vendors/chime.md §5)."""
ADDRESS = {"street": "streetAddress", "city": "city", "region": "state", "postal_code": "zipCode"}
_ROLE_CODES: Mapping[int, frozenset[str]] = {
    1: frozenset({"seller"}),
    2: frozenset({"buyer"}),
    3: frozenset({"buyer", "seller"}),
    5: frozenset({"renter"}),
    -1: frozenset(),
    0: frozenset(),
}
_LOFTY_ONLY_ROLES = frozenset({6, 7, 8, 9})
_ROLE_OF = {"seller": 1, "buyer": 2, "renter": 5}


@dataclass(frozen=True, slots=True)
class Options:
    """What of a connection's config the table depends on.

    placeholders  what stands in for a required blank when creating; read as blank where shown exactly
    role_names    assistant, partner, listing → the account's name of that role
    """

    lofty: bool = False
    region: str = "US"
    hold_ponds: bool = True
    placeholders: Mapping[str, str] = field(default_factory=lambda: {"first_name": "-"})
    role_names: Mapping[str, str] = field(default_factory=lambda: {"assistant": "Assistant"})
    stages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    custom: Mapping[str, str] = field(default_factory=dict)


class ChimeTable(LensTable):
    """The rows of one connection, and what completes them when they are written."""

    __slots__ = ("options", "stages")

    options: Options
    stages: Stages

    def write(self, wanted: Fields, changed: Iterable[str], present: Payload) -> dict[str, Any]:
        """The body of a create (``present`` is {}) or an update; see `LensTable.write`.

        Fields that travel in a call of their own (lender, assistant) add nothing.
        """
        names = frozenset(changed)
        body: dict[str, Any] = {}
        attributes: list[Mapping[str, Any]] = []
        for row in self.rows:
            if names.isdisjoint(row.fields):
                continue
            fragment = dict(row.put(wanted, present))
            attributes += fragment.pop("customAttributeList", ())
            if "street" in row.fields:
                fragment = _changed_address(fragment, names, present)
            deep_merge(body, fragment)
        if "inquiry" in body:
            body["inquiry"] = inquiry.complete(body["inquiry"], present, lofty=self.options.lofty)
        if attributes:
            body["customAttributeList"] = custom.complete(attributes, present)
        return body


def build(options: Options) -> ChimeTable:
    """The table of one connection. Raises ConfigError for custom fields Chime does not have."""
    stages = Stages(options.stages)
    table_rows = [
        _text("first_name", "firstName", NAME_MAX, options.placeholders.get("first_name", "")),
        _text("last_name", "lastName", NAME_MAX, options.placeholders.get("last_name", "")),
        people.emails(),
        people.phones(options.region),
        _address(),
        _stage(stages),
        _text("source", "source"),
        _roles(lofty=options.lofty),
        _timeline("buyer_timeline", "buyingTimeFrame", lofty=options.lofty),
        _timeline("seller_timeline", "sellingTimeFrame", lofty=options.lofty),
        *inquiry.lenses(lofty=options.lofty),
        _birthday(),
        people.household(options.region),
        _email_opt_out(lofty=options.lofty),
        *([_opt_out("text_opt_out", "cannotText", lofty=True)] if options.lofty else []),
        _opt_out("call_opt_out", "cannotCall", lofty=options.lofty),
        _registered_at(),
        _labels(),
        *_assignments(options),
        *custom.lenses(options.custom),
    ]
    try:
        table = ChimeTable(tuple(table_rows))
    except ValueError as error:
        raise ConfigError([str(error)]) from None
    object.__setattr__(table, "options", options)
    object.__setattr__(table, "stages", stages)
    return table


def in_pond(payload: Payload) -> bool:
    """Whether the lead waits in a shared pond (vendors/chime.md §9)."""
    return identity(payload.get("pondId")) != ""


def tag_names(payload: Payload) -> list[str]:
    """The tags of a lead as spelled there: objects, or mere names."""
    tags = rows(payload.get("tags"))
    names = (plain(row.get("tagName", row.get("name")) if isinstance(row, Mapping) else row) for row in tags)
    return [name for name in names if name]


def cut(value: str, length: int) -> str:
    """What is left of a text that the vendor cuts, read back trimmed."""
    return value[:length].strip()


def _text(name: str, key: str, limit: int = 0, placeholder: str = "") -> Lens:
    def read(value: object) -> str | None:
        found = plain(value)
        return None if not found or found == placeholder else found

    def get(payload: Payload) -> Got:
        return {name: read(payload.get(key))}

    def squeeze(canonical: Fields, _shown: Fields) -> Mapping[str, Value | None]:
        found = text(canonical.get(name))
        return {name: read(cut(found, limit) if limit else found)}

    def put(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
        return {key: squeeze(wanted, {})[name] or ""}

    return Lens((name,), get, squeeze, put, loss=f"cut to {limit} characters" if limit else "")


def _flat_address(payload: Payload) -> dict[str, str]:
    return {name: plain(payload.get(key)) for name, key in ADDRESS.items()}


def _mail_property(payload: Payload) -> dict[str, str]:
    """The mailing address among the lead's properties, the one with the lowest id; {} if none."""
    every = (row for row in rows(payload.get("leadPropertyList")) if isinstance(row, Mapping))
    found = [row for row in every if flag(row.get("mailAddress")) is True]
    found.sort(key=lambda row: int(identity(row.get("id")) or 0))
    return _flat_address(found[0]) if found else {}


def _address() -> Lens:
    names = tuple(ADDRESS)

    def get(payload: Payload) -> Got:
        flat = _flat_address(payload)
        shown = flat if any(flat.values()) else _mail_property(payload)
        return {name: shown.get(name) or None for name in names}

    def squeeze(canonical: Fields, _shown: Fields) -> Mapping[str, Value | None]:
        return {name: text(canonical.get(name)) or None for name in names}

    def put(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
        shown = squeeze(wanted, {})
        return {key: shown[name] or "" for name, key in ADDRESS.items()}

    return Lens(names, get, squeeze, put)


def _changed_address(fragment: dict[str, Any], changed: frozenset[str], present: Payload) -> dict[str, Any]:
    """Only the parts that change; all of them when the address was shown from a property until now."""
    from_property = not any(_flat_address(present).values()) and any(_mail_property(present).values())
    return {key: fragment[key] for name, key in ADDRESS.items() if name in changed or (from_property and fragment[key])}


def _stage(stages: Stages) -> Lens:
    def get(payload: Payload) -> Got:
        word = plain(payload.get("stage"))
        return {"stage": (stages.read(word) or Unmapped(word)) if word else None}

    def squeeze(canonical: Fields, _shown: Fields) -> Mapping[str, Value | None]:
        stage = canonical.get("stage")
        return {"stage": stages.squeeze(stage) if stage else None}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        stage = wanted.get("stage")
        if not stage:
            return {"stage": ""}
        word = stages.write(stage, plain(present.get("stage")))
        return {"stage": word} if word else {}

    return Lens(("stage",), get, squeeze, put)


def _codes(payload: Payload) -> list[int | None]:
    """The type codes of a lead, None for what is no number; the list goes before the single one."""
    raw = rows(payload.get("leadTypes")) or [payload.get("leadType")]
    numbers = [identity(code) for code in raw if code is not None and plain(code) not in {"", "0", "-1"}]
    return [int(number) if number else None for number in numbers]


def _roles(*, lofty: bool) -> Lens:
    def known(codes: list[int | None]) -> frozenset[str]:
        return frozenset().union(*(_ROLE_CODES.get(code, frozenset()) for code in codes if code is not None))

    def get(payload: Payload) -> Got:
        codes = _codes(payload)
        strange = [code for code in codes if code not in _ROLE_CODES and not (lofty and code in _LOFTY_ONLY_ROLES)]
        if strange and not known(codes):
            return {"roles": Unmapped(", ".join("?" if code is None else str(code) for code in strange))}
        return {"roles": known(codes)}

    def squeeze(canonical: Fields, _shown: Fields) -> Mapping[str, Value | None]:
        roles = texts(canonical, "roles").intersection(_ROLE_OF)
        if not lofty and roles & {"buyer", "seller"}:
            roles -= {"renter"}
        return {"roles": roles or None}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        roles = texts(compact(squeeze(wanted, {}).items()), "roles")
        if not lofty:
            return {"leadType": next((code for code, held in _ROLE_CODES.items() if held == roles), -1)}
        there = [code for code in _codes(present) if code is not None]
        kept = [code for code in there if _ROLE_CODES.get(code, frozenset()) <= roles]
        missing = roles - known([*kept])
        return {"leadTypes": kept + sorted(_ROLE_OF[role] for role in missing)}

    loss = "" if lofty else "one of buyer, seller, both, renter: with buyer or seller the renter is lost"
    return Lens(("roles",), get, squeeze, put, loss=loss)


def _timeline(name: str, key: str, *, lofty: bool) -> Lens:
    def get(payload: Payload) -> Got:
        return {name: timeline(payload.get(key))}

    def squeeze(canonical: Fields, _shown: Fields) -> Mapping[str, Value | None]:
        found = timeline(timeline_word(canonical.get(name), lofty=lofty))
        return {name: None if isinstance(found, Unmapped) else found}

    def put(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
        if not wanted.get(name):
            return {key: ""}
        word = timeline_word(wanted[name], lofty=lofty)
        return {key: word} if word else {}

    return Lens((name,), get, squeeze, put, loss="1-3, 3-6, 6-12 or 12+ months, Just Looking, Refinancing")


def _birthday() -> Lens:
    def get(payload: Payload) -> Got:
        return {"birthday": day(payload.get("birthday"))}

    def put(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
        value = wanted.get("birthday")
        return {"birthday": day_text(value) if value else ""}  # type: ignore[arg-type]

    return Lens(("birthday",), get, as_is("birthday"), put)


def _email_opt_out(*, lofty: bool) -> Lens:
    keys = ("unsubscription", "cannotEmail") if lofty else ("unsubscription",)

    def get(payload: Payload) -> Got:
        said = [flag(payload.get(key)) for key in ("unsubscription", "cannotEmail")]
        flags = [value for value in said if isinstance(value, bool)]
        strange = next((value for value in said if isinstance(value, Unmapped)), None)
        return {"email_opt_out": any(flags) if flags else strange}

    def put(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
        return dict.fromkeys(keys, bool(wanted.get("email_opt_out")))

    return Lens(("email_opt_out",), get, as_is("email_opt_out"), put)


def _opt_out(name: str, key: str, *, lofty: bool) -> Lens:
    """Texts and calls: Lofty's own flags. Chime tells only who must not be called at all, and takes neither."""

    def get(payload: Payload) -> Got:
        said = flag(payload.get(key))
        if said is None and key == "cannotCall" and "phoneStatuses" in payload:
            dnc = any(plain(status) == str(DNC_CONTACT) for status in rows(payload.get("phoneStatuses")))
            return {name: True if dnc else None}
        return {name: said} if key in payload else {}

    def put(wanted: Fields, _present: Payload) -> Mapping[str, Any]:
        return {key: bool(wanted.get(name))}

    loss = "" if lofty else "read only"
    return Lens((name,), get, as_is(name), put if lofty else nothing, create=lofty, update=lofty, loss=loss)


def _registered_at() -> Lens:
    def get(payload: Payload) -> Got:
        return {"registered_at": when(payload.get("createTime"))}

    return Lens(("registered_at",), get, as_is("registered_at"), nothing, create=False, update=False, loss="read only")


def _labels() -> Lens:
    def get(payload: Payload) -> Got:
        return {"labels": frozenset(tag_names(payload))}

    def squeeze(canonical: Fields, shown: Fields) -> Mapping[str, Value | None]:
        fitting = frozenset(cut(text(name), LABEL_MAX) for name in texts(canonical, "labels"))
        return {"labels": inquiry.as_spelled(fitting, shown.get("labels"), fold) or None}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        there = frozenset(tag_names(present))
        new = sorted(texts(compact(squeeze(wanted, {"labels": there}).items()), "labels") - there)
        if not new:
            return {}
        return {"tagsAdd": new} if present else {"tags": new}

    def element(name: str) -> str:
        # Two long labels that are cut alike are one tag: taking it off takes off both.
        return fold(cut(text(name), LABEL_MAX))

    return Lens(("labels",), get, squeeze, put, element=element, loss=f"cut to {LABEL_MAX} characters")


def _assignments(options: Options) -> list[Lens]:
    known = {"assistant", "partner", "listing"}
    named = {role: name for role, name in options.role_names.items() if role in known and name}
    return [
        _primary(hold_ponds=options.hold_ponds),
        Lens(("assignment.lender",), _lender, as_is("assignment.lender"), nothing),
        *(_named_role(role, name) for role, name in sorted(named.items())),
    ]


def _primary(*, hold_ponds: bool) -> Lens:
    name = "assignment.primary"

    def get(payload: Payload) -> Got:
        if hold_ponds and in_pond(payload):
            return {}
        return {name: identity(payload.get("assignedUserId")) or None}

    def put(wanted: Fields, present: Payload) -> Mapping[str, Any]:
        agent = identity(wanted.get(name))
        if not agent or (hold_ponds and in_pond(present)):
            return {}
        return {"assignedUserId": int(agent)}

    return Lens((name,), get, as_is(name), put)


def _lender(payload: Payload) -> Got:
    return {"assignment.lender": identity(payload.get("lenderUserId")) or None}


def _named_role(role: str, called: str) -> Lens:
    """A role of the team's own list; only the assistant can be written (vendors/chime.md §9)."""
    name = f"assignment.{role}"
    writable = role == "assistant"

    def get(payload: Payload) -> Got:
        if "customRoleList" not in payload:
            return {}
        found = [row for row in rows(payload["customRoleList"]) if isinstance(row, Mapping)]
        held = (identity(row.get("assigneeId")) for row in found if fold(plain(row.get("role"))) == fold(called))
        return {name: next((agent for agent in held if agent), None)}

    loss = "" if writable else "read only"
    return Lens((name,), get, as_is(name), nothing, create=writable, update=writable, loss=loss)
