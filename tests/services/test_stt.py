"""A live transcript that is asked for what was said while its provider answers that already."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from io import StringIO
from types import SimpleNamespace
from typing import Any

from integration_api.core.errors import Kind, ProviderError
from integration_api.core.session import Say
from integration_api.core.stt import EndReason, Final, ListenCapabilities, ListenRequest, UtteranceEnd
from integration_api.providers import PROVIDERS
from integration_api.services.fallback import Fallback
from integration_api.services.stt import SttService
from integration_api.services.stt_words import Finalize, Reconnected, Sound
from integration_api.services.target import Target
from integration_api.telemetry.log import Log
from integration_api.transport.budget import Budget

FIRST, SECOND = (Target(PROVIDERS["deepgram"], name) for name in ("nova-3", "nova-2"))
SECOND_OF_SOUND = bytes(32_000)
FINALIZED = "finalize"


class Ear:
    """Notes what it is told: how many milliseconds of sound, and when it was asked for what was said."""

    capabilities = ListenCapabilities(finalize_ack=True)
    keep_alive = None

    def __init__(self) -> None:
        self.told: list[int | str] = []
        self.busy = False
        """Whether it leaves what it is asked for to the next, as it is answering that."""

    def audio(self, sound: bytes) -> Sequence[Any]:
        self.told.append(len(sound) // 32)
        return ()

    def finalize(self) -> Sequence[Any]:
        if self.busy:
            return ()
        self.told.append(FINALIZED)
        self.busy = True
        return (Say(FINALIZED),)


class FakeLeg:
    """Says what a test has it say, and ends, wanting a new socket, at None."""

    reused = broken = heard = ready = False
    heard_at = unanswered = 0.0
    connect_ms = 0
    redial = False

    def __init__(self, call: Any) -> None:
        self.call = call
        self.session = Ear()
        self.says: asyncio.Queue[Any] = asyncio.Queue()
        self.closing, self.closed = asyncio.Event(), asyncio.Event()
        self.closed.set()

    async def open(self) -> list[Any]:
        return []

    async def tell(self, word: Callable[..., Sequence[Any]], *about: Any) -> list[Any]:
        return [one for one in word(*about) if not isinstance(one, Say)]

    async def events(self) -> AsyncGenerator[list[Any], None]:
        while (said := await self.says.get()) is not None:
            if isinstance(said, Exception):
                raise said
            yield said
        self.redial = True

    def ping(self) -> None:
        pass

    def give_up(self, error: Any) -> None:
        self.says.put_nowait(error)

    async def close(self, error: Any, usage: Any) -> None:
        self.closing.set()
        await self.closed.wait()


class Stage:
    """A caller in front of one ear after another."""

    def __init__(self) -> None:
        self.legs: list[FakeLeg] = []
        self.asks: asyncio.Queue[Any] = asyncio.Queue()
        self.taken = 0
        self.told: Any = None

    async def open(self, origin: Any, target: Target, operation: str, *, streamed: bool) -> Any:
        """Stand in for `Calls`."""
        return SimpleNamespace(target=target, tell_first_token=lambda: None, failed=lambda *_, **__: None)

    def leg(self, call: Any, *_: Any, **__: Any) -> FakeLeg:
        """Stand in for `Lines`."""
        self.legs.append(FakeLeg(call))
        return self.legs[-1]

    async def asked(self) -> AsyncIterator[Any]:
        while True:
            ask = await self.asks.get()
            yield ask
            self.taken += 1

    async def ask(self, *asks: Any) -> None:
        """Ask something, and wait until it was minded."""
        minded = self.taken + self.asks.qsize() + len(asks)
        for one in asks:
            self.asks.put_nowait(one)
        while self.taken < minded:
            await asyncio.sleep(0)

    async def until(self, kind: type) -> Any:
        """Return what is told next of a kind."""
        async for _, events in self.told:
            for event in events:
                if isinstance(event, kind):
                    return event
        raise AssertionError("nothing more is told")


@asynccontextmanager
async def listening() -> AsyncIterator[Stage]:
    stage: Any = Stage()
    lines: Any = SimpleNamespace(hedges=Budget(), leg=stage.leg)
    origin: Any = SimpleNamespace(principal=SimpleNamespace(tenant="tenant"), request_id="r")
    service = SttService(stage, lines, Log("error", StringIO()))
    stage.told = service.listen(
        origin, FIRST, ListenRequest(model=""), stage.asked(), Fallback(targets=(SECOND,))
    )
    async with asyncio.timeout(20):
        await anext(stage.told)
        try:
            yield stage
        finally:
            await stage.told.aclose()


def answer(end_ms: int) -> list[Any]:
    """What a provider says to a `finalize`."""
    return [
        Final(segment_id="s", text="One.", end_ms=end_ms, from_finalize=True),
        UtteranceEnd(utterance_id="u", text="One.", reason=EndReason.FINALIZE),
    ]


async def test_what_is_asked_for_while_a_leg_goes_is_asked_of_the_next_in_its_place() -> None:
    async with listening() as stage:
        (first,) = stage.legs
        await stage.ask(Sound(SECOND_OF_SOUND), Finalize(), Sound(SECOND_OF_SOUND), Finalize())
        assert first.session.told == [1000, FINALIZED, 1000]
        first.closed.clear()
        first.says.put_nowait(answer(1000))
        first.says.put_nowait(None)
        await first.closing.wait()
        await stage.ask(Sound(SECOND_OF_SOUND), Finalize(), Sound(SECOND_OF_SOUND))
        first.closed.set()
        await stage.until(Reconnected)
        assert stage.legs[1].session.told == [1000, 1000, FINALIZED, 1000]


async def test_what_a_leg_has_answered_after_all_is_asked_of_nobody_else() -> None:
    """Azure answers a second time by itself."""
    async with listening() as stage:
        (first,) = stage.legs
        await stage.ask(Sound(SECOND_OF_SOUND), Finalize(), Sound(SECOND_OF_SOUND), Finalize())
        first.says.put_nowait(answer(1000))
        first.says.put_nowait(answer(1800))
        await stage.until(UtteranceEnd)
        await stage.until(UtteranceEnd)
        await stage.ask(Sound(SECOND_OF_SOUND))
        first.says.put_nowait(ProviderError(Kind.UPSTREAM, "gone", retryable=True))
        await stage.until(Reconnected)
        assert stage.legs[1].session.told == [200, 1000]
