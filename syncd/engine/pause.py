"""Paused connections: refused credentials stop a connection, and only that one, until somebody mends them.

A paused connection is not called again: a vendor that is asked with the same refused credentials every minute locks the
account. The pause ends when the credentials differ from those that were refused, when `syncd auth login` worked, or for
one try when an operator names the connection (``sync --connection NAME``).
"""

from __future__ import annotations

from dataclasses import replace

from syncd.domain.errors import AuthError, VendorError
from syncd.engine.connection import Connection
from syncd.ports.rows import ConnectionState


def stays_paused(connection: Connection, state: ConnectionState, *, asked: bool) -> bool:
    """Whether to leave a connection alone now. ``asked``: an operator named it."""
    if not state.paused or asked:
        return False
    return bool(state.paused_with) and connection.fingerprint(state.paused_with) == state.paused_with


def after(connection: Connection, state: ConnectionState, error: VendorError) -> ConnectionState:
    """The state after an error: refused credentials pause; another error leaves a pause as it was."""
    state = replace(state, memory=dict(connection.adapter.memory), last_error=str(error))
    if not isinstance(error, AuthError):
        return state
    # An earlier fingerprint stays if the credentials are still those.
    with_these = connection.fingerprint(state.paused_with)
    return replace(state, paused=f"{error}; {mend(connection, error)}", paused_with=with_these)


def mend(connection: Connection, error: VendorError) -> str:
    """What a person does about refused credentials, with the command to type."""
    return f"{error.hint}; {connection.mend}" if error.hint and connection.mend else error.hint or connection.mend
