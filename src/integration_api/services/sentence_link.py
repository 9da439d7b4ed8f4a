"""What a voice runs on that is given a sentence at a time: requests, one after another, in place of a socket."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Hashable
from contextlib import aclosing
from time import perf_counter
from typing import TypeAlias

from msgspec.structs import replace

from integration_api.core.credential import Credential, Secrets
from integration_api.core.errors import ProviderError
from integration_api.core.exchange import Auth, Fault, HttpRequest, Stream
from integration_api.core.session import Closed, Warned
from integration_api.core.tts import Sound, SpeakRequest, SynthesisRequest, TtsEvent
from integration_api.services.sentence_voice import COMMAND, Over, Speak, Stop, written
from integration_api.transport.drive import Trace, Transport

WAITING = 64
"""Pieces of sound that wait to be heard; then the provider waits, too."""
Answers: TypeAlias = Callable[[Speak], AsyncGenerator[list[TtsEvent], None]]


class SentenceDialer:
    """Opens links to one provider on which each sentence is `speak`'s request."""

    def __init__(
        self,
        transport: Transport,
        speak: Callable[[SpeakRequest, Credential], Stream[TtsEvent]],
        ask: SynthesisRequest,
        credential: Credential,
    ) -> None:
        self._transport = transport
        self._speak = speak
        self._ask = ask
        self._credential = credential

    async def dial(
        self,
        request: HttpRequest,
        fault: Fault,
        secrets: Secrets | None,
        trace: Trace,
        account: Hashable | None,
    ) -> "SentenceLink":
        """Return a link. Nobody is asked yet; `trace` tells of the first sentence."""
        traces = [trace]

        def answers(said: Speak) -> AsyncGenerator[list[TtsEvent], None]:
            ask = self._ask
            stream = self._speak(
                SpeakRequest(
                    model=ask.model,
                    voice=said.voice,
                    text=said.text,
                    ssml=said.ssml,
                    output=ask.output,
                    manner=replace(ask.manner, speed=said.speed),
                    extras=ask.extras,
                ),
                self._credential,
            )
            one = traces.pop() if traces else Trace(perf_counter())
            return self._transport.stream(stream, fault, secrets, one, account)

        return SentenceLink(answers)

    def clean(
        self, error: ProviderError, secrets: Secrets | None, auth: Auth | None, account: Hashable | None
    ) -> None:
        self._transport.clean(error, secrets, auth, account)


class SentenceLink:
    """A link that is there as long as it is wanted. What goes wrong with a sentence is raised to whoever receives."""

    closed = Closed(1000)
    ready = True
    unanswered = 0.0

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._waiting: asyncio.Queue[str | bytes | Exception | None] = asyncio.Queue(WAITING)
        self._speaking: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = False

    def write(self, message: str | bytes) -> None:
        if self._over:
            return
        match COMMAND.decode(message):
            case Speak() as said:
                task = self._speaking = asyncio.create_task(self._answer(said))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            case Stop():
                self._stop()

    async def drain(self) -> None:
        """Nothing waits to be sent."""

    def attend(self, heard: Callable[[str | bytes], bool]) -> None:
        """All is received: between two requests there is no moment that is to be saved."""

    def ping(self) -> None:
        """Nobody is there between two sentences."""

    def half_close(self) -> None:
        """What has been said is answered in any case."""

    async def receive(self) -> str | bytes | None:
        if self._over and self._waiting.empty():
            return None
        message = await self._waiting.get()
        if isinstance(message, Exception):
            raise message
        return message

    async def close(self) -> None:
        self.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def abort(self) -> None:
        if not self._over:
            self._over = True
            self._stop()
            self._waiting.put_nowait(None)

    def _stop(self) -> None:
        """Hang up on who is speaking, and let nothing be heard of it any more."""
        task, self._speaking = self._speaking, None
        if task is not None:
            task.cancel()
        while not self._waiting.empty():
            self._waiting.get_nowait()

    async def _answer(self, said: Speak) -> None:
        warnings: list[Warned] = []
        put = self._waiting.put
        try:
            async with aclosing(self._answers(said)) as answer:
                async for events in answer:
                    for event in events:
                        if isinstance(event, Sound):
                            await put(event.data)
                        elif isinstance(event, Warned):
                            warnings.append(event)
            await put(written(Over(warnings)))
        except Exception as error:  # noqa: BLE001 - whoever receives tells the caller, and the log
            await put(error)
