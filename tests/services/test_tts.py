"""A live voice whose provider tells what was spoken of an utterance that was cut off: in time, late, or never."""

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest

from integration_api.core.errors import Kind, ProviderError
from integration_api.core.tts import Interrupted, Sound, Spoken, SynthesisCapabilities, SynthesisRequest
from integration_api.providers import PROVIDERS
from integration_api.services import tts
from integration_api.services.fallback import Fallback
from integration_api.services.live_words import End, Ended, Over
from integration_api.services.target import Target
from integration_api.services.tts_words import (
    Audio,
    Cancel,
    Cancelled,
    Done,
    MarkAt,
    MarkReached,
    Started,
    Text,
)
from integration_api.telemetry.log import Log
from integration_api.transport.budget import Budget

FIRST, SECOND = (Target(PROVIDERS["deepgram"], name) for name in ("first", "second"))
TEXT = "Nobody hears the end of this."
NEVER = 3_600.0


class Mute:
    """A voice that notes what it is told, and does nothing."""

    capabilities = SynthesisCapabilities(cancel_native=True, tells_spoken=True, multi_context=True)

    def __init__(self) -> None:
        self.told: asyncio.Queue[str] = asyncio.Queue()

    def __getattr__(self, word: str) -> Callable[..., Sequence[Any]]:
        def note(*about: Any, **more: Any) -> Sequence[Any]:
            self.told.put_nowait(word)
            return ()

        return note

    async def hears(self, word: str) -> None:
        while await self.told.get() != word:
            pass


class FakeLeg:
    """Says what a test has it say, and goes at None."""

    redial = reused = broken = heard = False
    heard_at = 0.0
    connect_ms = 0

    def __init__(self, call: Any) -> None:
        self.call = call
        self.session = Mute()
        self.says: asyncio.Queue[Any] = asyncio.Queue()
        self.closed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        """Why, once it is."""

    async def open(self) -> list[Any]:
        return []

    async def tell(self, word: Callable[..., Sequence[Any]], *about: Any) -> list[Any]:
        return [*word(*about)]

    async def events(self, sink: Any = None) -> AsyncGenerator[list[Any], None]:
        while (said := await self.says.get()) is not None:
            if isinstance(said, Exception):
                raise said
            yield [said]

    def forget(self, those: Any) -> None:
        pass

    def give_up(self, error: Any) -> None:
        self.says.put_nowait(error)

    async def close(self, error: Any, usage: Any) -> None:
        self.closed.set_result(error)


class Stage:
    """A caller in front of a voice."""

    def __init__(self) -> None:
        self.voice: FakeLeg
        self.asks: asyncio.Queue[Any] = asyncio.Queue()
        self.told: Any = None

    async def open(self, origin: Any, target: Target, operation: str, *, streamed: bool) -> Any:
        """Stand in for `Calls`."""
        return SimpleNamespace(target=target, tell_first_token=lambda: None, failed=lambda *_, **__: None)

    def leg(self, call: Any, *_: Any, **__: Any) -> FakeLeg:
        """Stand in for `Lines`."""
        self.voice = FakeLeg(call)
        return self.voice

    async def asked(self) -> AsyncIterator[Any]:
        while True:
            yield await self.asks.get()

    def say(self, *events: Any) -> None:
        for event in events:
            self.voice.says.put_nowait(event)

    async def until(self, *kinds: type) -> Any:
        """Return what is told next of some kinds."""
        async for _, events in self.told:
            for event in events:
                if isinstance(event, kinds):
                    return event
        raise AssertionError("nothing more is told")

    async def all_until(self, end: Any, *kinds: type) -> list[Any]:
        """Return all that is told of some kinds until one of them is `end`."""
        found: list[Any] = []
        async for _, events in self.told:
            found += [event for event in events if isinstance(event, kinds)]
            if end in found:
                return found
        raise AssertionError(f"no more is told than {found}")

    async def spoken(self, id: str, text: str = TEXT) -> None:
        """Have an utterance spoken until its sound comes."""
        self.asks.put_nowait(Text(utterance_id=id, text=text, final=True))
        while self.voice.closed.done():  # Another is about to be opened.
            await asyncio.sleep(0)
        await self.voice.session.hears("end_utterance")
        self.say(Sound(id, bytes(4_800)))
        await self.until(Started)

    async def cut(self, id: str, text: str = TEXT) -> None:
        await self.spoken(id, text)
        self.asks.put_nowait(Cancel(id, None))
        await self.voice.session.hears("cancel")

    async def ends(self) -> list[Any]:
        """Let the caller end, and the voice go; return how utterances ended, and the session."""
        self.asks.put_nowait(End())
        told: list[Any] = []
        going = asyncio.create_task(self._goes())
        while not told or not isinstance(told[-1], Over | Ended):
            told.append(await self.until(Cancelled, Done, Over, Ended))
        await going
        return told

    async def _goes(self) -> None:
        await self.voice.session.hears("finish")
        self.say(None)


@asynccontextmanager
async def speaking() -> AsyncIterator[Stage]:
    stage: Any = Stage()
    lines: Any = SimpleNamespace(hedges=Budget(), leg=stage.leg)
    origin: Any = SimpleNamespace(principal=SimpleNamespace(tenant="tenant"), request_id="r")
    service = tts.TtsService(stage, lines, Log("error", StringIO()))
    request = SynthesisRequest(model="", voice=None)
    stage.told = service.synthesize(origin, FIRST, request, stage.asked(), Fallback(targets=(SECOND,)))
    async with asyncio.timeout(20):
        await anext(stage.told)
        try:
            yield stage
        finally:
            await stage.told.aclose()


def word(id: str, spoken: str | None) -> Interrupted:
    return Interrupted(utterance_id=id, text_spoken=spoken)


async def test_two_of_one_name_are_cut_and_each_is_told_though_the_provider_says_nothing() -> None:
    async with speaking() as stage:
        await stage.cut("a")
        await stage.cut("a")
        await stage.cut("b")
        cuts = [await stage.until(Cancelled, Ended) for _ in range(3)]
        assert [one.utterance_id for one in cuts] == ["a", "a", "b"]
        assert all(one.estimated for one in cuts)
        await stage.spoken("a")
        stage.say(Spoken(utterance_id="a"))
        assert [type(one) for one in await stage.ends()] == [Done, Over]


async def test_what_a_provider_says_of_a_name_is_of_the_one_that_was_cut_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tts, "SPOKEN_SECONDS", NEVER)
    async with speaking() as stage:
        for id, text in (("a", "One."), ("b", "Two."), ("a", "Three.")):
            await stage.cut(id, text)
        stage.say(word("a", "On"), word("b", "Tw"), word("a", None), word("a", "Thr"))
        first, other, guess, over = await stage.ends()
        assert [(one.utterance_id, one.text_spoken) for one in (first, other)] == [("a", "On"), ("b", "Tw")]
        assert (guess.utterance_id, guess.text_spoken + guess.text_remaining) == ("a", "Three.")
        assert over == Over("finished")


async def test_what_nobody_will_tell_any_more_is_guessed_before_the_next_provider_says_anything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tts, "SPOKEN_SECONDS", NEVER)
    async with speaking() as stage:
        await stage.cut("a")
        stage.say(ProviderError(Kind.UPSTREAM, "gone", retryable=True))
        guess = await stage.until(Cancelled, Ended)
        assert (guess.utterance_id, guess.estimated) == ("a", True)
        await stage.cut("a")
        stage.say(word("a", "Nobody"))
        cut, over = await stage.ends()
        assert (cut.text_spoken, cut.estimated) == ("Nobody", False)
        assert over == Over("finished")


async def test_a_provider_that_knows_no_better_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tts, "SPOKEN_SECONDS", NEVER)
    async with speaking() as stage:
        await stage.cut("a")
        stage.say(word("a", None))
        cut, over = await stage.ends()
        assert cut.estimated
        assert cut.text_spoken + cut.text_remaining == TEXT
        assert over == Over("finished")


async def test_what_is_spoken_and_waits_for_its_turn_is_not_said_again() -> None:
    async with speaking() as stage:
        stage.asks.put_nowait(Text(utterance_id="a", text="One."))
        for id, text in (("b", "Two."), ("c", "")):
            stage.asks.put_nowait(Text(utterance_id=id, text=text, final=True))
        await stage.voice.session.hears("end_utterance")
        stage.say(Sound("b", bytes(4_800)), Spoken(utterance_id="b"))
        first = stage.voice
        first.redial = True
        stage.say(None)
        while stage.voice is first:
            await asyncio.sleep(0)
        stage.asks.put_nowait(Text(utterance_id="a", text="", final=True))
        await stage.voice.session.hears("end_utterance")
        stage.say(Sound("a", bytes(4_800)), Spoken(utterance_id="a"))
        stage.asks.put_nowait(End())
        await stage.voice.session.hears("finish")
        stage.say(None)
        *done, _ = await stage.all_until(Over("finished"), Done, Over, Ended)
        assert [(one.utterance_id, one.audio_ms) for one in done] == [("a", 100), ("b", 100), ("c", 0)]


async def test_a_mark_in_what_is_spoken_and_waits_for_its_turn_is_told_before_its_end() -> None:
    async with speaking() as stage:
        stage.asks.put_nowait(Text(utterance_id="a", text="One."))
        stage.asks.put_nowait(Text(utterance_id="b", text="", final=True))
        for offset in (None, 0):
            stage.asks.put_nowait(MarkAt(utterance_id="b", name="m", char_offset=offset))
        stage.asks.put_nowait(Text(utterance_id="a", text="", final=True))
        await stage.voice.session.hears("end_utterance")
        stage.say(Sound("a", bytes(4_800)), Spoken(utterance_id="a"))
        end = Done(utterance_id="b", audio_ms=0, characters=0, billed=None)
        told = await stage.all_until(end, Done, MarkReached)
        assert [(type(one), one.utterance_id) for one in told] == [
            (Done, "a"),
            (MarkReached, "b"),
            (Done, "b"),
        ]


async def test_another_voice_goes_on_where_nobody_had_heard_what_the_first_began() -> None:
    async with speaking() as stage:
        for id in ("a", "b", "c"):
            stage.asks.put_nowait(Text(utterance_id=id, text=TEXT, final=True))
            await stage.voice.session.hears("end_utterance")
        stage.say(Sound("b", bytes(4_800)), Sound("c", bytes(4_800)), Spoken(utterance_id="c"))
        first = stage.voice
        stage.say(ProviderError(Kind.UPSTREAM, "gone", retryable=True))
        while stage.voice is first:
            await asyncio.sleep(0)
        for id in ("a", "b"):
            await stage.voice.session.hears("end_utterance")
            stage.say(Sound(id, bytes(9_600)), Spoken(utterance_id=id))
        stage.asks.put_nowait(End())
        await stage.voice.session.hears("finish")
        stage.say(None)
        told = await stage.all_until(Over("finished"), Started, Audio, Done, Over, Ended)
        done = [(one.utterance_id, one.audio_ms) for one in told if isinstance(one, Done)]
        assert done == [("a", 200), ("b", 200), ("c", 100)]
        assert [one.utterance_id for one in told if isinstance(one, Started)] == ["a", "b", "c"]
        frames = [(one.utterance.id, one.seq) for one in told if isinstance(one, Audio)]
        assert frames == [(id, seq) for id, count in (("a", 10), ("b", 10), ("c", 5)) for seq in range(count)]


# --- voices that close a socket on which nobody speaks -----------------------------------------


def gone() -> ProviderError:
    return ProviderError(Kind.UPSTREAM, "idle for too long", retryable=True)


async def rested(stage: Stage) -> FakeLeg:
    """Have an utterance spoken, and its voice go when it has rested; return it."""
    await stage.spoken("a")
    stage.say(Spoken(utterance_id="a"))
    await stage.until(Done)
    voice = stage.voice
    stage.say(gone())
    await voice.closed
    return voice


async def test_a_voice_that_has_rested_goes_without_a_word_and_another_is_dialled_for_the_next_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tts, "REST_SECONDS", -1.0)
    async with speaking() as stage:
        for _ in range(3):  # More often than one that fails is tried again.
            before = await rested(stage)
            assert stage.voice is before, "nobody is dialled before there is something to say"
            assert before.closed.result() is None, "it has not failed"
            assert before.call.target is FIRST
        await stage.spoken("b")
        assert stage.voice is not before
        stage.say(Spoken(utterance_id="b"))
        assert [type(one) for one in await stage.ends()] == [Done, Over]


async def test_nobody_is_dialled_where_nothing_more_is_to_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tts, "REST_SECONDS", -1.0)
    async with speaking() as stage:
        before = await rested(stage)
        stage.asks.put_nowait(End())
        assert await stage.until(Over, Ended) == Over("finished")
        assert stage.voice is before


@pytest.mark.parametrize("text", [True, False], ids=["with a text to speak", "at once"])
async def test_a_voice_that_goes_before_it_has_rested_has_failed(
    monkeypatch: pytest.MonkeyPatch, text: bool
) -> None:
    monkeypatch.setattr(tts, "REST_SECONDS", -1.0 if text else math.inf)
    async with speaking() as stage:
        if text:
            stage.asks.put_nowait(Text(utterance_id="a", text=TEXT, final=True))
            await stage.voice.session.hears("end_utterance")
        first = stage.voice
        stage.say(gone())
        assert isinstance(await first.closed, ProviderError)
        while stage.voice is first:
            await asyncio.sleep(0)
        assert stage.voice.call.target is SECOND
