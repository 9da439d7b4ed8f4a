"""Secrets that a request was signed with, as they were sent: to be taken out of whatever quotes them."""

import contextlib
from collections.abc import Callable, Iterable
from typing import TypeAlias

from integration_api.core.credential import Secrets
from integration_api.core.errors import Failure
from integration_api.core.exchange import Auth, Form, Headers, SigV4
from integration_api.core.secret import read_fields, wipe
from integration_api.transport.signing import hide

SECRET_FROM = 8
"""A shorter value of an account's own headers is a flag or a number: taken out of errors it would garble them."""

Hide: TypeAlias = Callable[[bytearray], None]
"""Overwrites in place, with asterisks, what a text quotes of the secrets that were sent. It takes a fraction of
a millisecond, so it is for errors and not for every message.
"""


def sent(secrets: Secrets | None, auth: Auth | None) -> list[bytearray]:
    """Return what a request was signed with, for the caller to wipe."""
    live: list[bytearray] = []
    if secrets is not None and auth is not None:
        for field in _fields(auth):
            with contextlib.suppress(Failure):  # What does not open was not sent.
                live += _parts(auth, secrets.reveal(field))
    return live


def hide_sent(secrets: Secrets | None, auth: Auth | None, text: bytearray) -> None:
    """Take what a request was signed with out of a text: bound to a request, it is a `Hide`."""
    live = sent(secrets, auth)
    try:
        hide(text, live)
    finally:
        for secret in live:
            wipe(secret)


def _fields(auth: Auth) -> Iterable[str]:
    """Name the secret fields that a request was signed with."""
    match auth:
        case Form():
            return [field for _, field in auth.fields]
        case SigV4(session_field=str(session)):
            return auth.field, session
        case _:
            return (auth.field,)


def _parts(auth: Auth, secret: bytearray) -> list[bytearray]:
    """Return a secret as it was sent: of an object of headers each long value, and of `Bearer x` that x."""
    if not isinstance(auth, Headers):
        return [secret]
    try:
        values = read_fields(secret)
    finally:
        wipe(secret)
    live = []
    for value in values.values():
        whole = value.copy()
        if len(whole) >= SECRET_FROM:
            live.append(whole[whole.find(b" ") + 1 :])
        wipe(whole)
        value.wipe()
    return live
