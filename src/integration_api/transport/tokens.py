"""Access tokens: got once for all who wait, kept while they last, got anew before they end.

A token belongs to one version of one credential and to what it was asked for. One whose credential came with
the request is found again by a keyed digest of that credential, so that only who holds it can.
"""

import asyncio
import hashlib
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import TypeAlias

from integration_api.core.credential import Secrets
from integration_api.core.errors import Failure
from integration_api.core.exchange import ApplicationToken, Bearer, EntraToken, Exchange, GoogleToken
from integration_api.core.secret import Secret, wipe
from integration_api.transport import application_token, entra_token, google_token
from integration_api.transport.grant import Grant, Pocket
from integration_api.transport.signing import no_credential

TokenAuth: TypeAlias = GoogleToken | EntraToken | ApplicationToken
BY_TOKEN = (GoogleToken, EntraToken, ApplicationToken)

EARLY = 300.0
"""Seconds before its end that a token is got anew, while the old one still serves: nobody waits for it."""
LATE = 10.0
"""Seconds before its end that a token is not used any more: the request must arrive with it."""
AGAIN = 30.0
"""Seconds until a renewal that failed is tried again, while the old token still serves."""
SHORTEST = 1.0
"""Seconds a token is kept at least, so that one that ends at once still serves those who wait for it."""
LONGEST = 86_400.0
"""Seconds a token is kept at most, whatever was promised."""
MOST = 4096
"""Tokens kept; the longest unused goes first. Each is a few KiB."""

Key: TypeAlias = tuple[Hashable, TokenAuth]
Run: TypeAlias = Callable[[Exchange[Grant], Secrets], Awaitable[Grant]]
"""Drives a conversation with a token endpoint. Raises `Failure`."""

BEARER = Bearer("access_token")


class Token:
    """A token that is wiped when nobody uses it any more. It signs requests as `Secrets` do."""

    __slots__ = ("_secret", "ends_at", "renew_at", "timer", "used")

    def __init__(self, grant: Grant, now: float) -> None:
        lasts = min(grant.seconds, LONGEST) if grant.seconds > SHORTEST else SHORTEST
        self._secret = grant.token
        self.ends_at = now + max(SHORTEST, lasts - LATE)
        self.renew_at = now + max(lasts / 2, lasts - EARLY)
        self.used = False
        """Whether a request was signed with it before: only then is a refusal of it worth a second try."""
        self.timer: asyncio.TimerHandle | None = None

    def reveal(self, field: str) -> bytearray:
        return self._secret.copy()

    def __del__(self) -> None:
        self._secret.wipe()

    def __repr__(self) -> str:
        return "Token(***)"


class Tokens:
    """`run` reaches the token endpoints; `allowed` tells a URL whose host the operator has allowed."""

    def __init__(self, run: Run, allowed: Callable[[str], bool]) -> None:
        self._run = run
        self._allowed = allowed
        self._kept: OrderedDict[Key, Token] = OrderedDict()
        self._asking: dict[Key, asyncio.Task[Token]] = {}
        self._mark = os.urandom(32)

    async def get(self, auth: TokenAuth, secrets: Secrets | None, account: Hashable | None) -> Token:
        """Return a token that can be used now. Raises `Failure`."""
        if secrets is None:
            raise no_credential()
        key = self._key(auth, secrets, account)
        kept = self._kept.get(key)
        now = asyncio.get_running_loop().time()
        if kept is None or kept.ends_at <= now:
            asking = self._asking.get(key) or self._ask(key, secrets)
            # Shielded: a caller who gives up must not fail the others who wait for the same token.
            return await asyncio.shield(asking)
        self._kept.move_to_end(key)
        if kept.renew_at <= now and key not in self._asking:
            kept.renew_at = now + AGAIN
            self._ask(key, secrets)
        return kept

    def peek(self, auth: TokenAuth, secrets: Secrets | None, account: Hashable | None) -> Token | None:
        """Return the token that is kept, if there is one."""
        try:
            return None if secrets is None else self._kept.get(self._key(auth, secrets, account))
        except Failure:
            return None

    def reject(self, token: Token) -> None:
        """Forget a token that its provider refused."""
        for key, kept in self._kept.items():
            if kept is token:
                self._forget(key)
                return

    def drop(self, gone: Callable[[Hashable], bool]) -> None:
        """Forget every token of the accounts that `gone` tells."""
        for key in [key for key in self._kept if gone(key[0])]:
            self._forget(key)
        for key in [key for key in self._asking if gone(key[0])]:
            del self._asking[key]  # Those who wait are served; nobody else.

    async def close(self) -> None:
        """Forget every token, and ask for no more."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        for key in list(self._kept):
            self._forget(key)

    def _key(self, auth: TokenAuth, secrets: Secrets, account: Hashable | None) -> Key:
        if account is not None:
            return account, auth
        secret = secrets.reveal(auth.field)
        try:
            return hashlib.blake2b(secret, digest_size=32, key=self._mark).digest(), auth
        finally:
            wipe(secret)

    def _ask(self, key: Key, secrets: Secrets) -> "asyncio.Task[Token]":
        """Begin to get a token, with a copy of the secret: whoever lent it may be gone before the end."""
        secret = Secret(secrets.reveal(key[1].field))
        asking = self._asking[key] = asyncio.create_task(self._got(key, secret))
        asking.add_done_callback(lambda done: self._asked(key, done, secret))
        return asking

    async def _got(self, key: Key, secret: Secret) -> Token:
        auth = key[1]
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        pocket, plain = Pocket(), secret.copy()
        try:
            grant = await self._run(self._exchange(auth, plain, pocket), pocket)
        finally:
            wipe(plain)
            pocket.wipe()
        token = Token(grant, asked_at)
        if self._asking.get(key) is asyncio.current_task():
            self._keep(key, token)
        return token

    def _exchange(self, auth: TokenAuth, plain: bytearray, pocket: Pocket) -> Exchange[Grant]:
        match auth:
            case GoogleToken():
                return google_token.exchange(auth, plain, pocket, self._allowed)
            case EntraToken():
                return entra_token.exchange(auth, plain, pocket, self._allowed)
            case ApplicationToken():
                return application_token.exchange(auth, plain)

    def _keep(self, key: Key, token: Token) -> None:
        self._forget(key)
        self._kept[key] = token
        loop = asyncio.get_running_loop()
        token.timer = loop.call_at(token.ends_at, self._forget, key)
        if len(self._kept) > MOST:
            self._forget(next(iter(self._kept)))

    def _forget(self, key: Key) -> None:
        token = self._kept.pop(key, None)
        if token is not None and token.timer is not None:
            token.timer.cancel()
            token.timer = None

    def _asked(self, key: Key, asked: "asyncio.Task[Token]", secret: Secret) -> None:
        secret.wipe()
        if self._asking.get(key) is asked:
            del self._asking[key]
        if not asked.cancelled():
            asked.exception()  # Seen, even when everybody who asked has left.
