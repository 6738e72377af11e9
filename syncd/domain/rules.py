"""The conflict rules: who is right when a field changed on both sides.

Each rule is one small function from a `Clash` to a `Decision`, listed in `RULES`. Most are asked only
when both sides changed since they last agreed. The *standing* ones (owner, forward, keep, earliest,
restrictive) are asked about every change a connection makes, because they say what may never happen,
concurrent or not.

Config forms (DESIGN §6), read by `parse`:

    "newest"                                                a rule without parameters
    {rule = "owner", connection = "chime"}                  that connection is the source of truth
    {rule = "ranked", order = ["chime", "cinc"]}            the first of these that spoke
    {rule = "forward", order = ["new", "contacted", …]}     a stage never goes back along this line
    {rule = "newest", pairs = [{between = ["cinc", "chime"], rule = "owner", connection = "chime"}]}
    "python:my_module:my_rule"                              a function of yours, see `Clash`
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from difflib import get_close_matches
from typing import Any, Final, NamedTuple, TypeGuard

from syncd.domain.errors import ConfigError
from syncd.domain.lead import FIELDS, Value, blank, spec
from syncd.domain.origin import Origin, later, position

Held = Value | Mapping[str, Value] | None
"""What one side holds: a value, a group's values by field (an address), or None for a blank."""


def void(held: Held) -> bool:
    """Whether a side holds nothing: a blank, or a group without values."""
    return blank(held) or (isinstance(held, Mapping) and not held)


class _Parked:
    """The type of `PARKED`."""

    def __repr__(self) -> str:
        return "PARKED"


PARKED: Final = _Parked()
"""What a custom rule returns to leave the decision to a person."""


@dataclass(frozen=True, slots=True)
class Clash:
    """Everything a rule may look at.

    base, ours, theirs  what the vendor showed before, the canonical value, what the vendor shows now
    ours_origin         where the canonical value came from, None if unknown
    theirs_origin       the record just read; its time is that of the record
    order               all connections in the configured order
    concurrent          ours changed as well since both agreed (False: only theirs did)
    first               there was nothing to agree on yet: first contact of this record with the lead
    """

    field: str
    base: Held
    ours: Held
    theirs: Held
    ours_origin: Origin | None
    theirs_origin: Origin
    order: Sequence[str] = ()
    concurrent: bool = True
    first: bool = False


class Decision(NamedTuple):
    """outcome: ours | theirs | merged (``value`` is a third one) | parked; ``why`` in words, no values."""

    outcome: str
    why: str = ""
    value: Held = None


Decide = Callable[[Clash], Decision]
Custom = Callable[[Clash], Any]
"""A user's rule: returns the value to keep (``clash.ours``, ``clash.theirs`` or another), or `PARKED`."""
Resolve = Callable[[str, str], Custom]
"""(module, function name) → the user's function. Raises ImportError or AttributeError."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule with its parameters bound.

    standing  asked about every change of theirs, not only about conflicts
    whole     decides a set field as one value; otherwise sets merge element by element
    pure      may be asked which of two equal values' origins counts (not a person's or a user's rule)
    pairs     other rules for particular pairs of connections
    """

    name: str
    decide: Decide
    standing: bool = False
    whole: bool = False
    pure: bool = True
    pairs: tuple[tuple[frozenset[str], Rule], ...] = ()

    def between(self, one: str, other: str) -> Rule:
        """The rule for this pair of connections."""
        if self.pairs:
            pair = frozenset((one, other))
            return next((rule for between, rule in self.pairs if between == pair), self)
        return self


def newest(clash: Clash) -> Decision:
    """The later moment; concurrent ones by the order of connections."""
    verdict = later(clash.ours_origin, clash.theirs_origin, clash.order)
    return Decision("theirs" if verdict.theirs else "ours", verdict.why)


def oldest(clash: Clash) -> Decision:
    """The earlier moment; an unknown one loses; concurrent ones by the order of connections."""
    verdict = later(clash.ours_origin, clash.theirs_origin, clash.order)
    unknown = clash.theirs_origin.point is None or clash.ours_origin is None or clash.ours_origin.point is None
    theirs = verdict.theirs if verdict.concurrent or unknown else not verdict.theirs
    return Decision("theirs" if theirs else "ours", verdict.why)


def ranked(order: Sequence[str]) -> Decide:
    """The connection that stands first in ``order``; two that do not stand in it by `newest`."""
    order = tuple(order)

    def decide(clash: Clash) -> Decision:
        mine = position(clash.ours_origin.connection, order) if clash.ours_origin else len(order)
        other = position(clash.theirs_origin.connection, order)
        if mine == other:
            return newest(clash)
        return Decision("theirs" if other < mine else "ours", "rank of the connections")

    return decide


def owner(connection: str) -> Decide:
    """The owner's word stands; others may fill a blank, and agree among themselves until the owner speaks."""

    def decide(clash: Clash) -> Decision:
        if clash.theirs_origin.connection == connection:
            return Decision("theirs", "the owner says so")
        if void(clash.ours):
            return Decision("theirs", "nothing there yet")
        if clash.ours_origin is not None and clash.ours_origin.connection == connection:
            return Decision("ours", "the owner says so")
        return newest(clash) if clash.concurrent else Decision("theirs", "the owner has not spoken")

    return decide


def forward(order: Sequence[str]) -> Decide:
    """A value only advances along ``order``; values outside it are decided by `newest`."""
    line = {value: position for position, value in enumerate(order)}

    def decide(clash: Clash) -> Decision:
        if blank(clash.ours):
            return Decision("theirs", "nothing there yet")
        if blank(clash.theirs):
            return Decision("ours", "a blank does not advance")
        mine = line.get(clash.ours) if isinstance(clash.ours, str) else None
        other = line.get(clash.theirs) if isinstance(clash.theirs, str) else None
        if mine is None or other is None:
            return newest(clash) if clash.concurrent else Decision("theirs", "outside the line")
        return Decision("theirs", "further along") if other > mine else Decision("ours", "it would go back")

    return decide


def keep(clash: Clash) -> Decision:
    """The first non-blank value stays. At first contact the first is the one with the earlier moment."""
    if void(clash.ours):
        return Decision("theirs", "nothing there yet")
    if void(clash.theirs) or not clash.first:
        return Decision("ours", "the first value stays")
    return oldest(clash)


def earliest(clash: Clash) -> Decision:
    """The smaller value (an earlier time, a lower number); values that do not compare by `newest`."""
    if blank(clash.ours):
        return Decision("theirs", "nothing there yet")
    if blank(clash.theirs):
        return Decision("ours", "a blank is not earlier")
    ours: Any = clash.ours
    theirs: Any = clash.theirs
    if (type(ours) is type(theirs) and isinstance(ours, date | int | float)) or _numbers(ours, theirs):
        return Decision("theirs" if theirs < ours else "ours", "the smaller value")
    return newest(clash)


def _numbers(*values: object) -> bool:
    return all(isinstance(value, int | float) for value in values)


def restrictive(clash: Clash) -> Decision:
    """True anywhere is True everywhere."""
    if clash.ours is True and clash.theirs is not True:
        return Decision("ours", "an opt-out stays")
    return Decision("theirs", "the stricter value")


def manual(_clash: Clash) -> Decision:
    """A person decides; until then both values stay where they are."""
    return Decision("parked", "waits for a person")


def custom(function: Custom) -> Decide:
    """A user's own function. One that fails parks the conflict: a broken rule must not stop a sync."""

    def decide(clash: Clash) -> Decision:
        try:
            value = function(clash)
        except Exception as error:  # noqa: BLE001  (whatever a user's rule raises)
            return Decision("parked", f"the rule failed with {type(error).__name__}")
        if value is PARKED:
            return Decision("parked", "the rule leaves it to a person")
        if value == clash.ours:
            return Decision("ours")
        if value == clash.theirs:
            return Decision("theirs")
        return Decision("merged", value=None if blank(value) else value)

    return decide


NEWEST: Final = Rule("newest", newest)
UNION: Final = Rule("union", newest)
RULES: Final[Mapping[str, Rule]] = {
    rule.name: rule
    for rule in (
        NEWEST,
        UNION,
        Rule("restrictive", restrictive, standing=True),
        Rule("earliest", earliest, standing=True),
        Rule("keep", keep, standing=True, whole=True),
        Rule("manual", manual, pure=False),
    )
}
"""Rules without parameters. For set fields newest, union and manual merge element by element."""

_PARAMETER: Final = {"owner": "connection", "ranked": "order", "forward": "order"}
_NAMES: Final = (*RULES, *_PARAMETER, "python:module:function")
_FAMILIES: Final = ("default", "address", "assignments", "custom")
_FITS: Final = {
    "restrictive": frozenset({"flag", "custom"}),
    "earliest": frozenset({"moment", "day", "number", "custom"}),
    "forward": frozenset({"text", "custom"}),
}


def parse(value: Any, *, place: str = "rules", resolve: Resolve | None = None) -> Rule:
    """The rule a config value names. ``place`` is its key in the config, for the message.

    ``resolve`` loads users' functions; without it ``python:`` rules are refused. Raises ConfigError with
    one line that names the place, what is wrong and the nearest known rule.
    """
    table = {"rule": value} if isinstance(value, str) else value
    if not isinstance(table, Mapping) or not isinstance(name := table.get("rule"), str):
        raise _problem(place, 'write a rule\'s name, or a table { rule = "…" }')
    if name.startswith("python:"):
        rule, known = _python(name, place, resolve), {"rule", "pairs"}
    elif name in RULES:
        rule, known = RULES[name], {"rule", "pairs"}
    elif name in _PARAMETER:
        rule, known = _with_parameter(name, table, place), {"rule", "pairs", _PARAMETER[name]}
    else:
        otherwise = f"known rules are {', '.join(_NAMES)}"
        raise _problem(place, f"unknown rule {name!r}; {_nearest(name, _NAMES, otherwise)}")
    for key in table:
        if key not in known:
            raise _problem(place, f"unknown key {key!r}; {_nearest(str(key), sorted(known), 'leave it out')}")
    pairs = table.get("pairs", ())
    if not isinstance(pairs, Sequence) or isinstance(pairs, str):
        raise _problem(place, "pairs is a list of { between = [two connections], rule = … }")
    if pairs:
        rule = replace(rule, pairs=tuple(_pair(row, f"{place}.pairs[{n}]", resolve) for n, row in enumerate(pairs)))
    return rule


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The rules of all fields; call it as ``book(field, one connection, the other)``.

    A field's rule is the one under its own name, else under its family (``address`` for the address as a
    whole, ``assignments``, ``custom``), else the field's default (DESIGN §4), where ``default`` from the
    config takes the place of *newest*.
    """

    rules: Mapping[str, Rule] = field(default_factory=dict)
    default: Rule = NEWEST

    def __call__(self, name: str, one: str, other: str) -> Rule:
        """The rule for field (or group) ``name`` between two connections."""
        rule = (self.rules.get(name) or self.rules.get(_family(name))) if self.rules else None
        return (rule or self._standard(name)).between(one, other)

    def _standard(self, name: str) -> Rule:
        standard = "newest" if name == "address" else spec(name).rule
        return self.default if standard == "newest" else RULES[standard]

    @classmethod
    def parse(cls, config: Mapping[str, Any], *, resolve: Resolve | None = None) -> RuleBook:
        """The ``[rules]`` table of the config. Raises ConfigError with every problem at once."""
        rules: dict[str, Rule] = {}
        problems: list[str] = []
        for name, value in config.items():
            try:
                rules[name] = parse(value, place=f"rules.{name}", resolve=resolve)
                _check_fit(name, rules[name])
            except ConfigError as error:
                problems += error.problems
        if problems:
            raise ConfigError(problems)
        default = rules.pop("default", NEWEST)
        return cls(rules, default)


def _check_fit(name: str, rule: Rule) -> None:
    """Raises ConfigError for a field that does not exist, or a rule that means nothing for its type."""
    if name in _FAMILIES:
        fitting = "custom" if name == "custom" else "group"
    else:
        try:
            found = spec(name)
        except KeyError:
            nearest = _nearest(name, (*FIELDS, *_FAMILIES), "fields of your own are custom.NAME")
            raise _problem(f"rules.{name}", f"unknown field; {nearest}") from None
        if found.group:
            raise _problem(f"rules.{name}", f"is decided with its neighbours; set rules.{found.group}")
        fitting = found.type
    for one in (rule, *(pair for _, pair in rule.pairs)):
        if fitting not in _FITS.get(one.name, {fitting}):
            raise _problem(f"rules.{name}", f"the rule {one.name} means nothing for this field")


def _family(name: str) -> str:
    head = name.partition(".")[0]
    return "assignments" if head == "assignment" else head


def _python(name: str, place: str, resolve: Resolve | None) -> Rule:
    parts = name.split(":")
    if len(parts) != len(("python", "module", "function")) or not all(parts):
        raise _problem(place, f"{name!r} is not python:module:function")
    if resolve is None:
        raise _problem(place, "rules in Python cannot be loaded here")
    try:
        function = resolve(parts[1], parts[2])
    except (ImportError, AttributeError) as error:
        raise _problem(place, f"{name!r} cannot be loaded: {type(error).__name__}: {error}") from error
    return Rule(name, custom(function), whole=True, pure=False)


def _with_parameter(name: str, table: Mapping[str, Any], place: str) -> Rule:
    value = table.get(_PARAMETER[name])
    if name == "owner":
        if not isinstance(value, str) or not value:
            raise _problem(place, 'owner needs connection = "…"')
        return Rule(name, owner(value), standing=True, whole=True)
    if not _words(value):
        raise _problem(place, f"{name} needs order = [ … ]")
    if len(set(value)) != len(value):
        raise _problem(place, f"{name} names something twice in its order")
    return Rule(name, forward(value), standing=True) if name == "forward" else Rule(name, ranked(value))


def _words(value: Any) -> TypeGuard[Sequence[str]]:
    """Whether this is a list of texts with something in it."""
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(v, str) for v in value)


def _pair(row: Any, place: str, resolve: Resolve | None) -> tuple[frozenset[str], Rule]:
    between = row.get("between") if isinstance(row, Mapping) else None
    if not _words(between) or len(set(between)) != len(("one", "other")):
        raise _problem(place, "needs between = [ two connections ]")
    rest = {key: value for key, value in row.items() if key != "between"}
    if "pairs" in rest:
        raise _problem(place, "a pair has no pairs of its own")
    return frozenset(between), parse(rest, place=place, resolve=resolve)


def _nearest(word: str, known: Sequence[str], otherwise: str) -> str:
    close = get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else otherwise


def _problem(place: str, text: str) -> ConfigError:
    return ConfigError([f"{place}: {text}"])
