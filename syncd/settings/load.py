"""Finding the config file and reading it once, with every problem found in one go."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from syncd.domain.errors import ConfigError
from syncd.domain.rules import RuleBook
from syncd.settings.connections import BaseConnection
from syncd.settings.locate import Places
from syncd.settings.models import Settings
from syncd.settings.problems import Problem, problems_of, render
from syncd.settings.values import flat_rules, unknown

_HINT = "`syncd config example` prints a file with every key explained"


def candidates() -> list[Path]:
    """Where a config is looked for when no ``--config`` names one, best first."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser()
    named = os.environ.get("SYNCD_CONFIG")
    if named:
        return [Path(named).expanduser()]
    return [Path("syncd.toml"), home / "syncd" / "syncd.toml", Path("/etc/syncd/syncd.toml")]


def find(path: Path | None = None) -> Path:
    """The config file to use. Raises ConfigError when there is none."""
    if path is not None:
        return path
    tried = candidates()
    for candidate in tried:
        if candidate.is_file():
            return candidate
    looked = ", ".join(str(candidate) for candidate in tried)
    raise ConfigError([f"no config file: looked for {looked}"], hint="start with `syncd config example > syncd.toml`")


def load(path: Path | None = None) -> Settings:
    """The settings of a config file. Raises ConfigError that lists every problem, each with its place."""
    file = find(path)
    text = read(file)
    return parse(text, str(file))


def read(file: Path) -> str:
    """The text of a config file. Raises ConfigError."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            [f"{file}: there is no such file"], hint="start with `syncd config example > syncd.toml`"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{file}: not UTF-8 text"]) from None
    except OSError as error:
        raise ConfigError([f"{file}: {error.strerror}"]) from None


def parse(text: str, file: str = "syncd.toml", *, reveal: bool = True) -> Settings:
    """The settings of a config's text. Raises ConfigError that lists every problem.

    reveal  also look whether every secret that is named is there
    """
    raw = parse_toml(text, file)
    found: list[Problem] = []
    settings = None
    try:
        settings = Settings.model_validate(raw, context={"reveal": reveal})
    except ValidationError as error:
        found += problems_of(error)
    found += [problem for problem in _cross_checks(raw) if problem.path not in {row.path for row in found}]
    if found or settings is None:
        places = Places(text)
        lines = dict.fromkeys(render(problem, file, places) for problem in found)
        raise ConfigError(sorted(lines, key=_position), hint=_HINT)
    return settings


def parse_toml(text: str, file: str) -> dict[str, Any]:
    """The text as plain data. Raises ConfigError with the position of the first syntax error."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        reason = re.sub(r" \(at .*\)$", "", str(error).splitlines()[0])
        place = f":{found[1]}:{found[2]}" if found else f":{text.count(chr(10)) + 1}:1"
        raise ConfigError([f"{file}{place}: not valid TOML: {reason}"]) from None


def advice(settings: Settings) -> list[str]:
    """What is allowed but probably not meant, one line each, for ``syncd config check``."""
    lines = []
    if not settings.connections:
        lines.append("no connections are configured: there is nothing to synchronise")
    elif len(settings.connections) == 1:
        lines.append("only one connection is configured: there is nothing to synchronise it with")
    for name, connection in settings.connections.items():
        lines += _left_behind(name, connection)
    return lines


def _left_behind(name: str, connection: BaseConnection) -> Iterator[str]:
    """Addresses for logging in that are absolute and stay the vendor's own where ``base_url`` points elsewhere."""
    model, auth = type(connection).model_fields["base_url"], getattr(connection, "auth", None)
    if model.is_required() or auth is None or connection.model_dump()["base_url"] in _defaults_of(connection):
        return
    for key in ("token_url", "auth_url"):
        field = type(auth).model_fields.get(key)
        if field is not None and field.get_default() is not None and key not in auth.model_fields_set:
            yield (
                f"connections.{name}: base_url is changed, but auth.{key} still is {field.get_default()}: "
                "it does not follow base_url; set it too"
            )


def _defaults_of(connection: BaseConnection) -> set[str]:
    """The addresses that are this vendor's own, one per dialect."""
    model = type(connection)
    return {model.model_fields["base_url"].default, *model.further_base_urls}


def _position(line: str) -> tuple[int, int]:
    found = re.match(r".*?:(\d+):(\d+): ", line)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _cross_checks(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """What one table says about another: names of connections and of custom fields, rules."""
    connections = _table(raw, "connections")
    names = list(connections)
    order = _table(raw, "sync").get("order")
    order = order if isinstance(order, list) else []
    for number, name in enumerate(order):
        yield from _named(("sync", "order", number), name, names)
        if name in order[:number]:
            yield Problem(("sync", "order", number), f'"{name}" is named twice')
    for email, ids in _table(raw, "agents").items():
        for name in ids if isinstance(ids, Mapping) else ():
            yield from _named(("agents", email, name), name, names, at_key=True)
    for name, table in connections.items():
        if isinstance(table, Mapping):
            if "name" in table:
                yield Problem(("connections", name, "name"), "unknown key; the table has a name already", at_key=True)
            custom = _table(table, "custom")
            for key in ("fields", "blank"):
                yield from _customs(("connections", name, key), table.get(key), set(custom))
    customs = {key for table in connections.values() if isinstance(table, Mapping) for key in _table(table, "custom")}
    rules = flat_rules(_table(raw, "rules"))
    if isinstance(rules, Mapping):
        yield from _customs(("rules",), rules, customs)
        for field, spec in rules.items():
            yield from _rule(field, spec, names)


def _rule(field: str, spec: object, names: list[str]) -> Iterator[Problem]:
    """One rule: its form, as the domain reads it, and the connections it names."""
    try:
        RuleBook.parse({field: spec}, resolve=resolve)
    except ConfigError as error:
        for line in error.problems:
            yield Problem(("rules", field), line.removeprefix(f"rules.{field}").removeprefix(": ").removeprefix("."))
        return
    yield from _rule_names(("rules", field), spec, names)


def _rule_names(path: tuple[str | int, ...], spec: object, names: list[str]) -> Iterator[Problem]:
    if not isinstance(spec, Mapping):
        return
    if "connection" in spec:
        yield from _named((*path, "connection"), spec["connection"], names)
    listed = [("between", spec.get("between", ())), ("order", spec["order"] if spec.get("rule") == "ranked" else ())]
    for key, words in listed:
        for number, name in enumerate(words):
            yield from _named((*path, key, number), name, names)
    for number, pair in enumerate(spec.get("pairs", ())):
        yield from _rule_names((*path, "pairs", number), pair, names)


def resolve(module: str, function: str) -> Any:
    """The user's function that a ``python:module:function`` rule names. Raises ImportError or AttributeError."""
    return getattr(import_module(module), function)


def _named(path: tuple[str | int, ...], name: object, names: list[str], *, at_key: bool = False) -> Iterator[Problem]:
    if isinstance(name, str) and name not in names:
        yield Problem(path, unknown("connection", name, names), at_key=at_key)


def _customs(path: tuple[str | int, ...], table: object, known: set[str]) -> Iterator[Problem]:
    """``custom.NAME`` wherever a field may be named, against the custom fields that are mapped."""
    if isinstance(table, list):
        named = [((*path, number), item) for number, item in enumerate(table) if isinstance(item, str)]
        named = [(place, item.removeprefix("custom.")) for place, item in named if item.startswith("custom.")]
    elif isinstance(table, Mapping):
        named = [((*path, key), key.removeprefix("custom.")) for key in table if key.startswith("custom.")]
        named += [((*path, "custom", key), key) for key in _table(table, "custom")]
    else:
        return
    for place, name in named:
        if name not in known:
            yield Problem(place, unknown("custom field", name, known), at_key=not isinstance(table, list))


def _table(raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = raw.get(key)
    return found if isinstance(found, Mapping) else {}
