"""An inline call's ear and voice, as the call drives them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from types import SimpleNamespace
from typing import Any

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.errors import Failure, Kind
from integration_api.core.tts import SynthesisRequest
from integration_api.providers import PROVIDERS
from integration_api.services import live_words, tts_words
from integration_api.services.target import Target
from integration_api.services.utterance import Utterance
from integration_api.services.voice_loop import LoopPlan, VoiceLoop

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
