"""What every talk on a WebSocket has in common: an accepted handshake, and faults that wait for their time."""

import asyncio

from lab.http import Call, Peer, Response, Talk, encode
from lab.keys import offered


class Opened(Response):
    """The handshake is accepted, and this is the talk."""

    def __init__(self, headers: list[tuple[str, str]], talk: Talk) -> None:
        super().__init__(101, headers, talk=talk)


class Broken(Exception):
    """The fault has ended the talk."""


class Fate:
    """Receives for a talk, and breaks it off where the call's fault says: `after` counts milliseconds of sound.

    `hang` is nobody at the other end of a connection that stays open; of who is `stuck` only the socket still answers,
    pings and goodbyes. `reset` and `fin` are what they are to TCP; `fin` says why it closes, with the caller's key if
    it is to be echoed. `error_midstream` tells the fault's body before that.
    """

    def __init__(self, call: Call, peer: Peer) -> None:
        self._call = call
        self._fault = call.fault
        self._peer = peer
        self._ahead: asyncio.Task[str | bytes | None] | None = None
        self.late = 1 if call.fault is None else call.fault.late
        """How many pieces of sound still come when a voice is told to stop: what was under way."""
        self.idle = False
        """Whether the last `receive` waited in vain."""

    async def receive(self, seconds: float | None = None) -> str | bytes | None:
        """The next message; None when the client has left, or said nothing for so long: the fault may say how long."""
        if seconds is not None and self._fault is not None and self._fault.idle_ms:
            seconds = self._fault.idle_ms / 1000
        if self._ahead is None:
            self._ahead = asyncio.ensure_future(self._peer.receive())
        done, _ = await asyncio.wait({self._ahead}, timeout=seconds)
        if not done:
            self.idle = True
            return None
        ahead, self._ahead = self._ahead, None
        return ahead.result()

    def limit(self, milliseconds: int) -> int:
        """How much sound the stream may hold, where the vendor's own limit is `milliseconds`."""
        return milliseconds if self._fault is None else self._fault.limit_ms or milliseconds

    def peek(self) -> str | bytes | None:
        """The next message, if it has come; it stays."""
        if self._ahead is None:
            self._ahead = asyncio.ensure_future(self._peer.receive())
        return self._ahead.result() if self._ahead.done() else None

    async def pause(self, milliseconds: float) -> None:
        """Takes time, as speaking does, and lets the client be heard."""
        await asyncio.sleep(milliseconds / 1000)

    async def at(self, milliseconds: float) -> None:
        """Hears how far the sound has come. Raises `Broken`."""
        fault = self._fault
        if fault is None or fault.end is None:
            return
        after = fault.after if isinstance(fault.after, int) else 0
        if milliseconds < after:
            return
        if fault.error_midstream:
            await self._peer.send(encode(fault.body).decode())
        if fault.end == "hang":
            self._peer.vanish()
        if fault.end in ("hang", "stuck"):
            while await self.receive() is not None:
                pass
        elif fault.end == "reset":
            self._peer.abort()
        else:
            why = (
                f"The key {offered(self._call)} may not do this."
                if fault.echo_key
                else "the server is going away"
            )
            await self._peer.close(1011, why)
        raise Broken
