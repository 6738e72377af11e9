"""The keys that encrypt tokens at rest: from the config, else from a file that is made when it is first needed.

The first key encrypts, all of them decrypt; that is how keys are rotated. The file is read again each time, so that a
process that runs on takes up a new first key at once.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from syncd.domain.errors import ConfigError

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

FILE_NAME = "credentials.key"
KEY_LENGTH = 44
ROTATE = "`syncd auth make-key` prints one"


class SecretLike(Protocol):
    """The settings' ``Secret``."""

    @property
    def source(self) -> str:
        """Where it comes from, in words."""
        ...

    def reveal(self) -> str:
        """The secret itself. Raises ConfigError."""
        ...


class KeyRing:
    """The keys in force. Nothing is read or made before it is asked for."""

    def __init__(self, configured: Sequence[SecretLike], directory: Path) -> None:
        """``configured`` keys, the first one encrypts; without any, the file in ``directory`` holds them."""
        self._configured = list(configured)
        self.file = directory / FILE_NAME

    @property
    def in_file(self) -> bool:
        """Whether the keys are in our own file."""
        return not self._configured

    @property
    def source(self) -> str:
        """Where the keys come from, in words."""
        return str(self.file) if self.in_file else ", ".join(secret.source for secret in self._configured)

    def texts(self, *, make: bool = True) -> list[str]:
        """The keys, first one first. Raises ConfigError for what is no key, or cannot be read or made.

        make  a file that is not there is made; else there are no keys
        """
        if self._configured:
            found = [word for secret in self._configured for word in secret.reveal().split()]
        else:
            if make and not self.file.exists():
                self._write([new_key()], first=True)
            found = self._read()
        for number, text in enumerate(found, start=1):
            _check(text, f"key {number} in {self.source}")
        if not found and (make or self._configured):
            raise ConfigError([f"{self.source}: no key in it"], hint=ROTATE)
        return found

    def cipher(self) -> MultiFernet:
        """What encrypts with the first key and decrypts with any. Raises ConfigError."""
        return cipher_of(self.texts())

    def write(self, texts: Sequence[str]) -> None:
        """Replace the keys in our file. Raises ConfigError."""
        self._write(texts, first=False)

    def _read(self) -> list[str]:
        try:
            with self.file.open(encoding="ascii") as file:
                _for_us_alone(file.fileno())
                return file.read().split()
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a key file"
            raise ConfigError([f"key file {self.file} cannot be read: {reason}"], hint=_hint(self.file)) from None

    def _write(self, texts: Sequence[str], *, first: bool) -> None:
        """Whole or not at all. Of several processes that make the first file one wins, for all of them."""
        new = self.file.with_name(f"{self.file.name}.{secrets.token_hex(6)}")
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write("".join(f"{text}\n" for text in texts))
                file.flush()
                os.fsync(file.fileno())
            try:
                if first:
                    os.link(new, self.file)
                else:
                    new.replace(self.file)
            except FileExistsError:
                pass
            finally:
                new.unlink(missing_ok=True)
            _sync_folder(self.file.parent)  # before anything is encrypted with a key that a power cut would take back
        except OSError as error:
            raise ConfigError(
                [f"key file {self.file} cannot be written: {error.strerror}"], hint=_hint(self.file)
            ) from None


def _for_us_alone(descriptor: int) -> None:
    """Take back rights that others have on our own key file, copied or restored as it may be."""
    found = os.fstat(descriptor)
    if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & 0o077:
        os.fchmod(descriptor, 0o600)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def new_key() -> str:
    """A fresh key."""
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode("ascii")


def cipher_of(texts: Sequence[str]) -> MultiFernet:
    """The cipher of these keys; the first encrypts."""
    from cryptography.fernet import Fernet, MultiFernet

    return MultiFernet([Fernet(text) for text in texts])


def _check(text: str, name: str) -> None:
    from base64 import urlsafe_b64decode

    try:
        good = len(text) == KEY_LENGTH and len(urlsafe_b64decode(text.encode("ascii"))) == 32
    except ValueError:
        good = False
    if not good:
        raise ConfigError([f"{name} is no key: a key is 32 bytes, url-safe base64"], hint=ROTATE)


def _hint(file: Path) -> str:
    return f"give us the right to {file.parent}, or set [database].credential_key"
