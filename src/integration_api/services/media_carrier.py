"""A carrier's media socket, spoken in its language: what it says is told, and what is said is sent in its order."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from integration_api.core.audio import AudioFormat
from integration_api.core.errors import Failure, Kind, Phase, ProviderError
from integration_api.core.media import Heard, MarkReached, Media, MediaEvent, Started
from integration_api.core.session import Began, HalfClose, HangUp, Message, Outcome, Redial, Say

PIECE_MS = 100
"""Sound is given to a carrier so much at a time, so that falling silent never waits for longer."""
FLUSH_SECONDS = 0.2
"""Without more sound from the caller until what a carrier's language keeps back is sent."""
FLUSH_GRAIN = 0.002
"""How much earlier will do: timers are as exact as a millisecond."""


class Socket(Protocol):
    """What a carrier's socket must do; see `edge/application.py`."""

    async def receive(self) -> Message | None: ...
    def attend(
        self, heard: Callable[[bytes], bool] | None, texts: Callable[[str], bool] | None = None
    ) -> None: ...
    @property
    def ready(self) -> bool: ...
    def write(self, message: Message) -> None: ...
    async def send(self, message: Message) -> None: ...
    async def close(self, code: int = 1000, reason: str = "") -> None: ...


class Carrier:
    """One media socket, spoken in its carrier's language. What is said is sent in its order."""

    def __init__(self, session: Media, socket: Socket) -> None:
        self.session = session
        self.started: Started | None = None
        self.heard_bytes = 0
        self.closed_for = ""
        """Why it was closed, where it was by us."""
        self._socket = socket
        self._turn = asyncio.Lock()
        self._age = 0
        """Goes up with each `clear`: what was to be said before it is not sent any more."""
        self._flushing: asyncio.TimerHandle | None = None
        self._flush_at = 0.0
        """When that is due, by the loop's clock: put off by each sound, and looked at only when the timer is."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = False
        """Whether whoever receives waits for a message, and none is being minded."""
        self._hear: Callable[[Heard], None] | None = None
        self._fed: list[Any] | Exception | None = None
        """What came of the message that is received next, where the session has heard it already."""

    @property
    def format(self) -> AudioFormat:
        return self.session.format

    async def receive(self) -> list[MediaEvent] | None:
        """Return what one message tells; None once the socket has ended. Raises `ProviderError`."""
        self._idle = True
        try:
            message = await self._socket.receive()
        finally:
            self._idle = False
        if message is None:
            return None
        age = self._age
        outcome, self._fed = self._fed, None
        if outcome is None:
            outcome = self._feed(message)
        elif isinstance(outcome, Exception):
            raise outcome
        if not any(isinstance(one, Say | HangUp) for one in outcome):
            return _events(outcome)  # Whoever only listens does not wait for what is being said.
        async with self._turn:
            return await self._do(outcome, age)

    def attend(self, hear: Callable[[Heard], None]) -> None:
        """Have sound given to `hear` where it arrives: a task that has to be woken for each frame costs more than the
        frame. Only while nothing waits to be received; all else is. What `hear` raises, `receive` does.
        """
        self._hear = hear
        self._socket.attend(self._heard_at_once, self._heard_at_once)

    def _heard_at_once(self, message: Message) -> bool:
        if not self._idle or self._hear is None:
            return False
        try:
            fed = self._feed(message)
            if len(fed) == 1 and type(fed[0]) is Heard:
                self._hear(fed[0])
                return True
        except Exception as error:  # noqa: BLE001 - whoever receives is told
            self._fed = error
            return False
        self._fed = fed
        return False

    def _feed(self, message: Message) -> list[Any]:
        try:
            return list(self.session.feed(message))
        except (ValueError, UnicodeDecodeError, RecursionError):  # msgspec's errors are ValueErrors.
            raise ProviderError(
                Kind.BAD_RESPONSE,
                "the carrier said something on the media socket that could not be read",
                code="bad_upstream_response",
                phase=Phase.STREAM,
            ) from None

    def say_at_once(self, sound: bytes) -> list[MediaEvent] | None:
        """Do as `say` if that needs no waiting; None if it does, and nothing was said."""
        if self._turn.locked() or not self._socket.ready or len(sound) > self.format.size(PIECE_MS):
            return None
        outcome = list(self.session.say(sound))
        for one in outcome:
            if isinstance(one, Say):
                self._socket.write(one.message)
        self._flush_later()
        return _events(outcome)

    async def say(self, sound: bytes) -> list[MediaEvent]:
        age, size = self._age, max(1, self.format.size(PIECE_MS))
        told: list[MediaEvent] = []
        for at in range(0, len(sound), size):
            async with self._turn:
                if age != self._age:
                    return told
                told += await self._do(self.session.say(sound[at : at + size]), age)
        self._flush_later()
        return told

    async def mark(self, name: str) -> list[MediaEvent]:
        age = self._age
        async with self._turn:
            if age != self._age:
                return [MarkReached(name, cancelled=True)]
            return await self._do(self.session.mark(name))

    async def clear(self) -> list[MediaEvent]:
        self._age += 1
        self._stop_flushing()
        async with self._turn:
            return await self._do(self.session.clear())

    async def hang_up(self) -> list[MediaEvent]:
        self._age += 1
        self.closed_for = "hung_up"
        async with self._turn:
            return await self._do(self.session.hang_up())

    async def drop(self, why: str) -> None:
        """Close the socket, whatever is being said; whoever receives hears that it has ended."""
        self.closed_for = self.closed_for or why
        await self._socket.close()

    async def close(self, code: int = 1000) -> list[MediaEvent]:
        """Close the socket, and hear that it is gone."""
        self._stop_flushing()
        for task in self._tasks:
            task.cancel()
        await self._socket.close(code)
        return _events(self.session.close())

    async def _do(self, outcome: Outcome[MediaEvent], age: int | None = None) -> list[MediaEvent]:
        """Send what is to be sent, unless it is sound that was to be silenced since `age`; return the rest."""
        outcome = list(outcome)
        for one in outcome:
            if isinstance(one, Say):
                if age is None or age == self._age:
                    await self._socket.send(one.message)
            elif isinstance(one, HangUp):
                await self._socket.close()
        return _events(outcome)

    def _flush_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._flush_at = loop.time() + FLUSH_SECONDS
        if self._flushing is None:
            self._flushing = loop.call_at(self._flush_at, self._begin_flushing)

    def _stop_flushing(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None

    def _begin_flushing(self) -> None:
        loop = asyncio.get_running_loop()
        self._flushing = None
        if loop.time() < self._flush_at - FLUSH_GRAIN:
            self._flushing = loop.call_at(self._flush_at, self._begin_flushing)
            return
        task = loop.create_task(self._flush(self._age))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _flush(self, age: int) -> None:
        try:
            async with self._turn:
                if age == self._age:
                    await self._do(self.session.flush(), age)
        except (ConnectionResetError, Failure):
            pass  # Whoever reads the socket hears of it.


def _events(outcome: Outcome[MediaEvent]) -> list[MediaEvent]:
    return [one for one in outcome if not isinstance(one, Say | HalfClose | HangUp | Redial | Began)]
