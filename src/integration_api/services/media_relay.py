"""The way to a call's sound in another process of this machine, for callers that reached the wrong one of several.

Each process listens on a Unix socket in the data directory, and leaves a link with a call's id for as long as it has
the call's media socket. Whoever attaches elsewhere follows the link; what is said there and told is passed on as it is.
Nobody but the service's own user gets into the directory. Between machines the same messages go another way:
`services/media_peers.py`.
"""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from integration_api.core.audio import AudioFormat
from integration_api.core.errors import Failure, Kind
from integration_api.core.media import Cleared, Dtmf, MarkReached, Stopped
from integration_api.core.session import Warned
from integration_api.core.stt import SttEvent
from integration_api.core.tenant import Tenant
from integration_api.core.tts import Flushed, Timestamps
from integration_api.services import clock, live_words, spoken_texts, stt_words, tts_words, voice_loop
from integration_api.services.media_guest import Attached, Audio, Guest, Over, Told

MOST_BYTES = 32 << 20
"""Of one message: more than a caller's own may be."""
PIECE_BYTES = 64 << 10
"""Sound goes in pieces of so much: the edge takes no message from another machine that is as large as a caller's own
may be, and a carrier who takes sound at the pace of speech has taken a piece within seconds.
"""
BACKLOG = 128
"""Callers that wait to be taken."""


class Hello(Struct, frozen=True, tag="hello"):
    """The first message: whose call it is about."""

    organization_id: int
    project_id: int
    call_id: int


class Attach(Struct, frozen=True, tag="attach"):
    format: AudioFormat | None


class Expect(Struct, frozen=True, tag="expect"):
    """The call's socket may end within so long, and be followed by another; 0 for that none is to follow."""

    seconds: float


class Silence(Struct, frozen=True, tag="silence"):
    """Close the call's media socket."""


class Sound(Struct, frozen=True, tag="sound"):
    data: bytes


class Mark(Struct, frozen=True, tag="mark"):
    name: str


class Clear(Struct, frozen=True, tag="clear"):
    pass


class HangUp(Struct, frozen=True, tag="hangup"):
    pass


class Speak(Struct, frozen=True, tag="speak", omit_defaults=True):
    """One of what an inline call's voice may be told."""

    text: tts_words.Text | None = None
    flush: tts_words.Flush | None = None
    cancel: tts_words.Cancel | None = None


class Listened(Struct, frozen=True, tag="stt"):
    """What an inline call's ear told, but for who it was: that stays with the process that has it."""

    event: stt_words.Ready | SttEvent | stt_words.Reconnected | live_words.Over


class Spoke(Struct, frozen=True, tag="tts"):
    event: (
        tts_words.Ready
        | tts_words.Started
        | Timestamps
        | tts_words.MarkReached
        | Flushed
        | tts_words.Done
        | tts_words.Cancelled
        | tts_words.Used
        | Warned
        | live_words.Over
    )


MOVED = Over("moved")
"""The call's sound has come to another process, or another machine: whoever hears this looks for it anew."""
Said: TypeAlias = Hello | Attach | Expect | Silence | Sound | Mark | Clear | HangUp | Speak
Passed: TypeAlias = (
    Attached | Audio | Dtmf | MarkReached | Cleared | Stopped | Warned | Over | Listened | Spoke
)
Message = TypeVar("Message")
_SAID: "msgspec.msgpack.Decoder[Said]" = msgspec.msgpack.Decoder(Said)
_TOLD: "msgspec.msgpack.Decoder[Passed]" = msgspec.msgpack.Decoder(Passed)
_encode = msgspec.msgpack.Encoder().encode
Receive = Callable[["Peer", Hello], Awaitable[None]]


class Channel(Protocol):
    """What leads to another process: whole messages, each as it was sent."""

    async def send(self, data: bytes) -> None:
        """Waits while the other process reads slowly; one that has gone hears nothing."""
        ...

    async def receive(self) -> bytes | None:
        """Return the next message, or None once the other process has gone."""
        ...

    def close(self) -> None: ...


class Pipe:
    """A Unix socket: each message has its length before it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        try:
            self._writer.write(len(data).to_bytes(4, "big") + data)
            await self._writer.drain()
        except OSError:
            pass  # Whoever reads hears of it.

    async def receive(self) -> bytes | None:
        try:
            size = int.from_bytes(await self._reader.readexactly(4), "big")
            return None if size > MOST_BYTES else await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, OSError):
            return None

    def close(self) -> None:
        self._writer.close()


class Peer:
    """Another process, on the other end of a channel. What it says that can not be read is its end."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel

    async def send(self, message: Said | Told) -> None:
        """Waits while the other process reads slowly; one that has gone hears nothing."""
        passed: object = message
        if isinstance(message, voice_loop.Listened):
            passed = Listened(message.event)
        elif isinstance(message, voice_loop.Spoke):
            passed = Spoke(message.event)
        await self.channel.send(_encode(passed))

    async def said(self) -> Said | None:
        return await self._received(_SAID)

    async def told(self) -> Told | None:
        passed = await self._received(_TOLD)
        if isinstance(passed, Listened):
            return voice_loop.Listened(passed.event)
        if isinstance(passed, Spoke):
            return voice_loop.Spoke(passed.event)
        return passed

    def close(self) -> None:
        self.channel.close()

    async def _received(self, decoder: "msgspec.msgpack.Decoder[Message]") -> Message | None:
        data = await self.channel.receive()
        try:
            return None if data is None else decoder.decode(data)
        except msgspec.DecodeError:
            return None


async def bridge(one: Channel, other: Channel) -> None:
    """Pass on what comes of either channel to the other, until one of them ends; close both."""

    async def pass_on(source: Channel, sink: Channel) -> None:
        while (data := await source.receive()) is not None:
            await sink.send(data)

    tasks = [asyncio.create_task(pass_on(one, other)), asyncio.create_task(pass_on(other, one))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        one.close()
        other.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class FarSeat:
    """A guest's seat in another process."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def say(self, guest: Guest, sound: bytes) -> None:
        for at in range(0, len(sound), PIECE_BYTES):
            await self._peer.send(Sound(sound[at : at + PIECE_BYTES]))

    async def mark(self, guest: Guest, name: str) -> None:
        await self._peer.send(Mark(name))

    async def clear(self, guest: Guest) -> None:
        await self._peer.send(Clear())

    async def speak(self, guest: Guest, said: spoken_texts.Said) -> None:
        match said:
            case tts_words.Text():
                await self._peer.send(Speak(text=said))
            case tts_words.Flush():
                await self._peer.send(Speak(flush=said))
            case tts_words.Cancel():
                await self._peer.send(Speak(cancel=said))

    async def hang_up(self, guest: Guest) -> None:
        await self._peer.send(HangUp())

    def leave(self, guest: Guest) -> None:
        self._peer.close()

    async def take(self, guest: Guest) -> None:
        await self._peer.send(Attach(guest.wants))

    async def follow(self, guest: Guest) -> bool:
        """Pass on what is told until it is over; return whether it goes on elsewhere.

        A process that goes without a word has died, or its machine has.
        """
        while (event := await self._peer.told()) is not None:
            if event == MOVED:
                break
            guest.pass_on(event)
            if isinstance(event, Over):
                break
        else:
            guest.fail(
                Failure(
                    Kind.UNREACHABLE,
                    "the process that had the call's sound is gone, or out of reach; attach again",
                    code="media_lost",
                )
            )
        self._peer.close()
        return event == MOVED


async def serve(peer: Peer, guest: Guest) -> None:
    """Do what a guest says in another process, and pass on what it is told, until it has left."""

    async def tell() -> None:
        while (event := await guest.next()) is not None:
            await peer.send(event)

    telling = asyncio.create_task(tell())
    try:
        while (said := await peer.said()) is not None:
            try:
                await _do(guest, said)
            except Failure as failure:
                guest.tell(Warned(failure.code, failure.message))
    finally:
        guest.detach()
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


async def _do(guest: Guest, said: Said) -> None:
    match said:
        case Sound(data):
            await guest.say(data)
        case Mark(name):
            await guest.mark(name)
        case Clear():
            await guest.clear()
        case HangUp():
            await guest.hang_up()
        case Speak(text, flush, cancel):
            if one := text or flush or cancel:
                await guest.speak(one)
        case _:
            pass


async def answer(peer: Peer, hello: Hello, receive: Receive) -> None:
    """Let `receive` do what another process wants; what it refuses is told there."""
    try:
        await receive(peer, hello)
    except Failure as failure:
        await peer.send(Warned(failure.code, failure.message))
        await peer.send(Over("error"))


class MediaRelay:
    """One per process. `receive` is given what other processes want of a call here."""

    def __init__(self, folder: Path, receive: Receive) -> None:
        self._folder = folder
        self._receive = receive
        self._name = f"{os.getpid()}-{clock.unique()}.sock"
        self._directory = -1
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Raises `OSError` where the folder can not be used."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        os.fchmod(self._directory, 0o700)  # Whatever it was made with.
        self._tidy()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self._path(self._name))
        listener.listen(BACKLOG)
        listener.setblocking(False)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener)

    async def close(self) -> None:
        if self._server is None:
            return
        self._server.close()
        self._server = None
        (self._folder / self._name).unlink(missing_ok=True)
        os.close(self._directory)

    def announce(self, call_id: int) -> None:
        """Say that a call's sound is here."""
        if self._server is not None:
            with contextlib.suppress(OSError):
                link = self._folder / f"{call_id}.{self._name}.new"
                link.symlink_to(self._name)
                link.rename(self._folder / str(call_id))

    def withdraw(self, call_id: int) -> None:
        with contextlib.suppress(OSError):
            link = self._folder / str(call_id)
            if str(link.readlink()) == self._name:
                link.unlink()

    def elsewhere(self, call_id: int) -> bool:
        """Whether another process says that it has a call's sound."""
        if self._server is None:
            return False
        try:
            return str((self._folder / str(call_id)).readlink()) != self._name
        except OSError:
            return False

    async def dial(self, tenant: Tenant, call_id: int) -> Peer | None:
        """Return a connection to the process that has a call's sound, None where none has it that lives."""
        link = socket.socket(socket.AF_UNIX)
        link.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(link, self._path(str(call_id)))
            peer = Peer(Pipe(*await asyncio.open_unix_connection(sock=link)))
        except OSError:
            link.close()
            with contextlib.suppress(OSError):
                (self._folder / str(call_id)).unlink()
            return None
        await peer.send(Hello(tenant.organization_id, tenant.project_id, call_id))
        return peer

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(Pipe(reader, writer))
        try:
            hello = await peer.said()
            if isinstance(hello, Hello):
                await answer(peer, hello, self._receive)
        finally:
            peer.close()

    def _path(self, name: str) -> str:
        """Return a path that is short enough for a socket, however deep the folder is."""
        if sys.platform == "linux":
            return f"/proc/self/fd/{self._directory}/{name}"
        return str(self._folder / name)

    def _tidy(self) -> None:
        """Remove what processes have left behind that are no more."""
        for path in sorted(self._folder.iterdir(), key=Path.is_symlink):  # Links behind what they lead to.
            if path.is_symlink():
                if not path.exists():
                    path.unlink(missing_ok=True)
                continue
            with socket.socket(socket.AF_UNIX) as probe:
                try:
                    probe.connect(self._path(path.name))
                except OSError:
                    path.unlink(missing_ok=True)
