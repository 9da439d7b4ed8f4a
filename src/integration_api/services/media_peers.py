"""The way to a call's sound on another machine, for callers whose replica its carrier's socket did not come to.

A machine that the others can reach stores where with each call whose sound comes to it (`media_peer`). Whoever attaches
elsewhere opens a WebSocket there, at `PATH` of its one port, with a token that is good for this call; what is said and
told on it are the messages of `services/media_relay.py`, one each. Any process of that machine may take it, and leads
on to the one that has the sound.
"""

import asyncio
import hmac
from contextlib import suppress
from typing import Protocol

from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.secret import Secret
from integration_api.core.session import Message
from integration_api.core.telephony_records import CallRecord
from integration_api.services.media_relay import Channel, Peer
from integration_api.services.peer_token import Asked, PeerTokens, Refused
from integration_api.services.refusals import Refusals
from integration_api.telemetry.log import Log
from integration_api.transport.link import Link
from integration_api.transport.peer import PeerDialer
from integration_api.vault.vault import LiveSecrets

PREFIX = "/internal"
PATH = PREFIX + "/media"
PROOF_SECONDS = 3.0
"""Until a machine that opened the socket has proven that it is a replica: it says so at once."""
NOT_THERE = 404
"""What a machine answers that has the call's sound no more, or not yet."""


class Socket(Protocol):
    """What a machine's socket must do; see `edge/application.py`."""

    async def receive(self) -> Message | None: ...
    async def send(self, message: Message) -> None: ...


class Taken:
    """A socket that another machine opened here. Whoever talks on it closes it, by returning."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket

    async def send(self, data: bytes) -> None:
        with suppress(ConnectionResetError):  # Whoever reads hears of it.
            await self._socket.send(data)

    async def receive(self) -> bytes | None:
        message = await self._socket.receive()
        return message if isinstance(message, bytes) else None

    def close(self) -> None:
        pass


class Dialed:
    """A socket that was opened at another machine."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._closing: asyncio.Task[None] | None = None

    async def send(self, data: bytes) -> None:
        with suppress(ProviderError):  # It reads no more, and was hung up on: whoever reads hears of it.
            self._link.write(data)
            await self._link.drain()

    async def receive(self) -> bytes | None:
        message = await self._link.receive()
        return message if isinstance(message, bytes) else None

    def close(self) -> None:
        """Say goodbye behind what was said, and do not wait for the answer."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._link.close())


class MediaPeers:
    """`url` is where the other machines reach this one; "" where they do not."""

    def __init__(
        self, url: str, tokens: PeerTokens, dialer: PeerDialer, refusals: Refusals, log: Log
    ) -> None:
        self.url = url
        self._tokens = tokens
        self._dialer = dialer
        self._refusals = refusals
        self._log = log

    # --- who dials ---------------------------------------------------------------------------

    def elsewhere(self, call: CallRecord) -> bool:
        """Whether another machine says that it has a call's sound, and can be reached."""
        return call.media_peer not in ("", self.url) and not call.state.ended

    async def dial(self, call: CallRecord) -> Peer | None:
        """Return a connection to the machine that has a call's sound; None where none has it, or none says so.

        Raises `Failure` (UNREACHABLE, `media_unreachable`) where it does not answer, or is no replica.
        """
        if not self.elsewhere(call):
            return None
        machine = call.media_peer
        token = self._tokens.make(machine, call.tenant, call.id)
        secrets = LiveSecrets({"key": Secret(bytearray(token.encode()))})
        try:
            link = await self._dialer.dial(machine, PATH, secrets)
        except Failure as failure:
            status = failure.refusal.status if isinstance(failure, ProviderError) else None
            if status == NOT_THERE:
                return None
            self._log.warning("media_peer_unreachable", code=failure.code, provider_status=status)
            raise _unreachable() from None
        channel: Channel = Dialed(link)
        try:
            async with asyncio.timeout(PROOF_SECONDS):
                proof = await channel.receive()
        except BaseException as error:
            channel.close()
            if isinstance(error, TimeoutError):
                raise _unreachable() from None
            raise
        if not hmac.compare_digest(proof or b"", self._tokens.proof(machine, token)):
            channel.close()
            self._log.warning("media_peer_unreachable", code="unproven")
            raise _unreachable()
        return Peer(channel)

    # --- who is dialed -----------------------------------------------------------------------

    def admit(self, authorization: str | None) -> Asked:
        """Return what another machine may do here, by the header that it sent. Raises `Failure`."""
        if not self.url:
            raise Failure(Kind.NOT_FOUND, "there is no such route; see /openapi.json", code="unknown_route")
        try:
            return self._tokens.open(self.url, (authorization or "").removeprefix("Bearer "))
        except Refused as refused:
            self.refuse(refused.reason)
            raise Failure(
                Kind.AUTHENTICATION, "this is between replicas of the service", code="invalid_peer_token"
            ) from None
        except OSError:
            self.refuse("not_kept")
            raise Failure(
                Kind.OVERLOADED, "the token can not be kept as used", code="store_unavailable"
            ) from None

    def refuse(self, reason: str) -> None:
        """Count and log that another machine was refused."""
        self._refusals.note("", reason)


def _unreachable() -> Failure:
    return Failure(
        Kind.UNREACHABLE,
        "the machine that has the call's sound can not be reached; try again shortly",
        code="media_unreachable",
    )
