"""Is the config right, and is what is secret in it ours alone?"""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from syncd.cli.checks.finding import Finding
from syncd.domain.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from syncd.settings import Settings

OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
OTHERS_READ = stat.S_IRGRP | stat.S_IROTH


def config(named: Path | None) -> tuple[list[Finding], Settings | None]:
    """What is to be said of the config file (None: wherever one is looked for), and its settings if it loads."""
    from syncd.settings import advice, find, load

    try:
        file = find(named)
        settings = load(file)
    except ConfigError as error:
        return [Finding("config", "problem", line, error.hint) for line in error.problems], None
    names = ", ".join(f"{name} ({one.vendor})" for name, one in settings.connections.items())
    found = [Finding("config", "ok", f"{file.resolve()}: {names or 'no connections'}")]
    found += [Finding("config", "warning", line, f"edit {file.resolve()}") for line in advice(settings)]
    return [*found, *secrets(file, settings)], settings


def secrets(file: Path, settings: Settings) -> list[Finding]:
    """Whether only we may read what is secret, and only we may change the config."""
    found = []
    if mode_of(file) & OTHERS_WRITE:
        found.append(Finding("secrets", "warning", f"others may change {file}", f"chmod go-w {file}"))
    if has_password(file) and mode_of(file) & OTHERS_READ:
        line = f"others may read {file}, and [database].url in it holds a password"
        found.append(Finding("secrets", "warning", line, f'chmod 600 {file}, or url = {{ file = "…" }}'))
    files = [*dict.fromkeys(secret_files(settings)), settings.database.key_dir / "credentials.key"]
    found += [
        Finding("secrets", "warning", f"others may read the secret in {secret}", f"chmod 600 {secret}")
        for secret in files
        if mode_of(secret) & (OTHERS_READ | OTHERS_WRITE)
    ]
    return found or [Finding("secrets", "ok", "nobody else may read them or change the config")]


def mode_of(file: Path) -> int:
    """The permissions of a file, 0 if it is not there."""
    try:
        return stat.S_IMODE(file.stat().st_mode)
    except OSError:
        return 0


def has_password(file: Path) -> bool:
    """Whether the database's address is written into the file with its password."""
    database = tomllib.loads(file.read_text(encoding="utf-8")).get("database")
    url = database.get("url") if isinstance(database, Mapping) else None
    if not isinstance(url, str):
        return False
    parts = urlsplit(url)
    return bool(parts.password or parse_qs(parts.query).get("password"))


def secret_files(model: BaseModel) -> Iterator[Path]:
    """Every file that a secret of the settings is in."""
    from pydantic import BaseModel

    from syncd.settings import Secret

    def walk(value: Any) -> Iterator[Path]:
        if isinstance(value, Secret):
            if value.file is not None:
                yield Path(value.file).expanduser()
        elif isinstance(value, BaseModel):
            for name in type(value).model_fields:
                yield from walk(getattr(value, name))
        elif isinstance(value, Mapping):
            for item in value.values():
                yield from walk(item)
        elif isinstance(value, list | tuple):
            for item in value:
                yield from walk(item)

    yield from walk(model)
