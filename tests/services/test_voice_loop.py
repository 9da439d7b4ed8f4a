"""An inline call's ear and voice, as the call drives them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.errors import Failure, Kind
from integration_api.core.session import Warned
from integration_api.core.stt import Final, ListenRequest
from integration_api.core.tts import SynthesisRequest
from integration_api.providers import PROVIDERS
from integration_api.services import live_words, spoken_texts, stt_words, tts_words, voice_loop
from integration_api.services.target import Target
from integration_api.services.utterance import Utterance
from integration_api.services.voice_loop import Listened, LoopPlan, Spoke, VoiceLoop

FORM = AudioFormat(Encoding.MULAW, 8_000)
PLAN = LoopPlan(voice=Target(PROVIDERS["deepgram"], "aura"), speak=SynthesisRequest(model="aura", voice=None))


class Voices:
    """The first session fails at once, and takes its time to go; each one after it speaks what it is given."""

    def __init__(self) -> None:
        self.going, self.gone = asyncio.Event(), asyncio.Event()
        self.sessions = 0

    async def synthesize(
        self, origin: Any, target: Any, request: Any, asks: AsyncIterator[tts_words.Ask], *_: Any, **__: Any
    ) -> AsyncGenerator[tuple[Any, list[Any]], None]:
        self.sessions += 1
        if self.sessions == 1:
            try:
                yield None, [live_words.Ended(Failure(Kind.UPSTREAM, "gone"))]
            finally:
                self.going.set()
                await self.gone.wait()
            return
        async for ask in asks:
            if isinstance(ask, tts_words.Text):
                one = Utterance(ask.utterance_id, FORM, FORM, 20, 0.0)
                yield None, [tts_words.Audio(utterance=one, seq=0, offset_ms=0, data=ask.text.encode())]


async def test_a_text_that_comes_while_a_voice_that_failed_goes_is_spoken_by_the_next() -> None:
    voices, said = Voices(), asyncio.Queue[bytes]()
    mouth: Any = SimpleNamespace(say=said.put)
    told: list[Any] = []
    loop = VoiceLoop(SimpleNamespace(), voices, SimpleNamespace(), PLAN, FORM, mouth, told.append)  # type: ignore[arg-type]
    running = asyncio.create_task(loop.run())
    async with asyncio.timeout(60):
        await voices.going.wait()
        assert [one.code for one in told] == ["tts_failed"]
        await loop.ask(tts_words.Text(utterance_id="a", text="Hello.", final=True))
        voices.gone.set()
        assert await said.get() == b"Hello."
        loop.end()
        await running


BUSY = Failure(Kind.RATE_LIMITED, "too many")
Session = Callable[[AsyncIterator[Any]], AsyncGenerator[tuple[Any, list[Any]], None]]


async def refused(asks: AsyncIterator[Any]) -> AsyncGenerator[tuple[Any, list[Any]], None]:
    raise BUSY
    yield


async def speaks(asks: AsyncIterator[Any]) -> AsyncGenerator[tuple[Any, list[Any]], None]:
    async for ask in asks:
        if isinstance(ask, tts_words.Text):
            yield None, [_sound(ask)]


async def breaks_off(asks: AsyncIterator[Any]) -> AsyncGenerator[tuple[Any, list[Any]], None]:
    """Speak the first text, and be cut off."""
    async for ask in asks:
        yield None, [_sound(ask)]
        yield None, [live_words.Ended(Failure(Kind.TRUNCATED, "cut"))]


def _sound(ask: tts_words.Text) -> tts_words.Audio:
    one = Utterance(ask.utterance_id, FORM, FORM, 20, 0.0)
    one.text = ask.text
    one.sound(bytes(8_000))  # A second of it.
    return tts_words.Audio(utterance=one, seq=0, offset_ms=0, data=ask.text.encode())


class Call:
    """A call whose ears and voices are one script after the other; the last of them is there for good."""

    def __init__(self, *sessions: Session, plan: LoopPlan = PLAN) -> None:
        self.opened = 0
        self.said = asyncio.Queue[bytes]()
        self.told: list[Any] = []
        self._sessions = sessions
        mouth: Any = SimpleNamespace(say=self.said.put, clear=_nothing)
        services: Any = SimpleNamespace(synthesize=self._open, listen=self._open)
        self.loop = VoiceLoop(services, services, SimpleNamespace(), plan, FORM, mouth, self.told.append)  # type: ignore[arg-type]

    def _open(
        self, origin: Any, target: Any, request: Any, asks: AsyncIterator[Any], *_: Any, **__: Any
    ) -> AsyncGenerator[tuple[Any, list[Any]], None]:
        self.opened += 1
        return self._sessions[min(self.opened, len(self._sessions)) - 1](asks)

    async def say(self, id: str, text: str, *, final: bool = False) -> None:
        await self.loop.ask(tts_words.Text(utterance_id=id, text=text, final=final))

    async def until(self, true: Callable[[], Any]) -> None:
        async with asyncio.timeout(60):
            while not true():
                await asyncio.sleep(0.001)

    @property
    def warned(self) -> list[str]:
        return [one.code for one in self.told if isinstance(one, Warned)]

    @property
    def cancelled(self) -> list[tuple[str, str, str]]:
        events = [one.event for one in self.told if isinstance(one, Spoke)]
        found = [one for one in events if isinstance(one, tts_words.Cancelled)]
        return [(one.utterance_id, one.text_spoken, one.text_remaining) for one in found]


async def _nothing() -> None:
    pass


async def running(call: Call, what: Callable[[], Awaitable[None]]) -> None:
    task = asyncio.create_task(call.loop.run())
    try:
        async with asyncio.timeout(60):
            await what()
            call.loop.end()
            await task
    finally:
        task.cancel()


async def test_a_text_that_waits_for_a_voice_that_can_not_be_opened_is_spoken_by_the_next() -> None:
    come = asyncio.Event()

    async def refused_late(asks: AsyncIterator[Any]) -> AsyncGenerator[tuple[Any, list[Any]], None]:
        await come.wait()
        raise BUSY
        yield

    call = Call(refused_late, speaks)

    async def speak() -> None:
        await call.say("a", "Hello.", final=True)
        come.set()
        assert await call.said.get() == b"Hello."
        assert (call.warned, call.cancelled) == (["tts_failed"], [])

    await running(call, speak)


async def test_an_utterance_that_no_voice_can_be_opened_for_is_lost_once() -> None:
    call = Call(refused)

    async def speak() -> None:
        await call.until(lambda: call.warned)
        for word in ("This ", "comes ", "in ", "pieces."):
            await call.say("a", word)
            await call.until(lambda: call.cancelled)
        await call.say("a", "", final=True)
        await call.say("b", "Another.", final=True)
        await call.until(lambda: len(call.cancelled) == 2)
        assert call.cancelled == [("a", "", "This "), ("b", "", "Another.")]
        assert (call.opened, call.warned) == (3, ["tts_failed"] * 3), "once for each utterance"

    await running(call, speak)


async def test_the_rest_of_an_utterance_is_lost_with_the_voice_that_had_begun_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call = Call(breaks_off, speaks)

    async def speak() -> None:
        await call.say("a", "It is nine o'clock ")
        await call.until(lambda: call.warned)
        [(id, spoken, left)] = call.cancelled
        assert (id, spoken + left) == ("a", "It is nine o'clock ")
        assert "It is" in spoken
        await call.say("a", "in the evening.", final=True)
        await call.say("a", "Under the same name.", final=True)
        await call.say("b", "Not whole. ")
        assert [await call.said.get() for _ in range(3)] == [
            b"It is nine o'clock ", b"Under the same name.", b"Not whole. ",
        ]  # fmt: skip

    await running(call, speak)
    # Who never says that an utterance is whole is heard again after a while.
    call = Call(breaks_off, speaks)

    async def speak_on() -> None:
        await call.say("0", "One. ")
        await call.until(lambda: call.warned)
        monkeypatch.setattr(spoken_texts, "REST_SECONDS", -1.0)
        await call.say("0", "Two. ")
        assert [await call.said.get() for _ in range(2)] == [b"One. ", b"Two. "]

    await running(call, speak_on)


EAR = LoopPlan(ear=Target(PROVIDERS["deepgram"], "nova-3"), listen=ListenRequest(model="nova-3"))
READY: Any = SimpleNamespace()


async def hears(asks: AsyncIterator[Any]) -> AsyncGenerator[tuple[Any, list[Any]], None]:
    yield None, [READY]
    async for ask in asks:
        if isinstance(ask, stt_words.Sound):
            yield None, [Final(segment_id="0", text=ask.data.decode())]


async def goes_deaf(asks: AsyncIterator[Any]) -> AsyncGenerator[tuple[Any, list[Any]], None]:
    yield None, [READY]
    yield None, [live_words.Ended(Failure(Kind.TRUNCATED, "cut"))]


async def test_another_ear_is_opened_after_one_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_loop, "FIRST_PAUSE", 0.01)
    call = Call(goes_deaf, refused, hears, plan=EAR)

    async def listen() -> None:
        await call.until(lambda: call.warned)
        call.loop.hear(b"Is anybody there?")
        await call.until(lambda: len(call.told) >= 4)

    await running(call, listen)
    first, warned, again, heard = call.told
    assert (first.event, warned.code, again.event) == (READY, "stt_failed", READY), "it is warned of once"
    assert isinstance(heard, Listened)
    assert heard.event.text == "Is anybody there?", "what was said meanwhile is heard"


async def test_an_ear_that_is_refused_for_good_is_not_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_loop, "FIRST_PAUSE", 0.0)

    async def unknown(asks: AsyncIterator[Any]) -> AsyncGenerator[tuple[Any, list[Any]], None]:
        raise Failure(Kind.CREDENTIAL_REJECTED, "who?")
        yield

    call = Call(unknown, hears, plan=EAR)
    async with asyncio.timeout(60):
        await call.loop.run()
    assert (call.opened, call.warned) == (1, ["stt_failed"])
