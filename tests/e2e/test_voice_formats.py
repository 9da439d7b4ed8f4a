"""Sound of every format by every ear and every voice: passed on as it is where the provider knows it, converted where not."""

import asyncio
import json
from typing import Any

import pytest

from integration_api.audio.convert import Converter
from integration_api.core.audio import AudioFormat, Encoding
from lab import mouth
from tests.e2e.service import Service
from tests.e2e.test_voice import (
    FRAME_MS,
    HEARD,
    SILENCE,
    SPEECH,
    TURNS,
    VOICES,
    ask_lab,
    call,
    fresh,
    heard,
    lab,
    of,
    say,
    service,
    told,
)

__all__ = ["fresh", "lab", "service"]

PCM = {rate: AudioFormat(Encoding.PCM_S16LE, rate) for rate in (8_000, 16_000, 24_000, 44_100, 48_000)}
G711 = [AudioFormat(encoding, 8_000) for encoding in (Encoding.MULAW, Encoding.ALAW)]
FORMATS = [*G711, *PCM.values(), AudioFormat(Encoding.PCM_S16LE, 48_000, 2)]
TELEPHONE_AND_WIDE = [PCM[16_000], PCM[8_000], *G711]
"""What is sent as it is by those that take few formats."""
EARS: dict[str, list[AudioFormat]] = {
    "deepgram/nova-3": FORMATS,
    "deepgram/flux-general-en": FORMATS[:-1],
    "cartesia/ink-2": FORMATS[:-1],
    "cartesia/ink-whisper": FORMATS[:-1],
    "assemblyai/universal-streaming-english": [G711[0], *PCM.values()],
    "google-speech/chirp_3": FORMATS[:-1],
    "google-speech/phone_call": [G711[0], *PCM.values()],
    "azure-speech/default": TELEPHONE_AND_WIDE,
    "sarvam/saaras:v3-realtime": TELEPHONE_AND_WIDE,
    "sarvam/saaras:v3": [PCM[16_000]],
    "openai/gpt-4o-transcribe": [*G711, PCM[24_000]],
}
"""What each is sent as it is; all else is made something that it takes."""


def written(format: AudioFormat) -> dict[str, Any]:
    return {"encoding": format.encoding, "sample_rate_hz": format.sample_rate, "channels": format.channels}


@pytest.fixture(scope="module")
def sounds() -> dict[AudioFormat, bytes]:
    """The same five seconds in every format."""
    made = {}
    for format in FORMATS:
        converter = Converter(PCM[16_000], format)
        made[format] = converter.feed(SPEECH + SILENCE) + converter.flush()
    return made


@pytest.mark.parametrize("rate", [11_025, 16_000, 22_050])
@pytest.mark.parametrize("model", EARS)
async def test_sound_that_lasts_no_whole_milliseconds_is_heard_to_its_end(
    service: Service, lab: str, model: str, rate: int
) -> None:
    """A file may be of any length, and a millisecond is no whole number of samples at every rate."""
    start = {"target": {"model": model}, "input": written(AudioFormat(Encoding.PCM_S16LE, rate))}
    async with asyncio.timeout(30), call(service, "stt", **start) as socket:
        await say(socket, mouth.pcm("a" * 50, rate)[: (rate + 7) * 2], rate * 2)
        await socket.send('{"type": "end"}')
        events = await told(socket)
    assert of(events, "error") == []
    assert " ".join(one["text"] for one in of(events, "final")) == "Hello from the laboratory."
    assert events[-1]["reason"] == "finished"


@pytest.mark.parametrize("model", EARS)
async def test_an_ear_hears_the_same_at_the_same_time_in_every_format(
    service: Service, lab: str, model: str, sounds: dict[AudioFormat, bytes]
) -> None:
    ask_lab(lab, "PUT", "script", {model.partition("/")[0]: [{"heard": HEARD, "times": 0}]})
    start = {"target": {"model": model}, "languages": ["en-US"]}

    async def listened(format: AudioFormat) -> tuple[bool, str, Any]:
        """Return whether the format was passed on, what was said, and when it ended."""
        async with call(service, "stt", input=written(format), **start) as socket:
            ready = json.loads(await socket.recv())
            await say(socket, sounds[format], rate=format.bytes_per_second)
            await socket.send('{"type": "end"}')
            events = await told(socket)
        finals = of(events, "final")
        native = ready["negotiated_input"] == written(format)
        return native, " ".join(one["text"] for one in finals), finals[-1].get("end_ms")

    async with asyncio.timeout(60):
        told_of = dict(zip(FORMATS, await asyncio.gather(*map(listened, FORMATS)), strict=True))
    assert [format for format, (native, _, _) in told_of.items() if native] == [
        format for format in FORMATS if format in EARS[model]
    ]
    assert {text for _, text, _ in told_of.values()} == {" ".join(TURNS)}
    # Some tell no times.
    assert {end for _, _, end in told_of.values()} in ({None}, {HEARD[-1]["end_ms"]})


@pytest.mark.parametrize("voice", VOICES.values(), ids=VOICES)
async def test_a_voice_speaks_as_long_and_in_exact_frames_in_every_format(
    service: Service, voice: dict[str, Any]
) -> None:
    text = "Hello, this is a test."
    for format in FORMATS[:-1]:
        async with asyncio.timeout(60), call(service, "tts", target=voice, output=written(format)) as socket:
            made = json.loads(await socket.recv())["negotiated_output"]
            said = {"type": "text", "utterance_id": "a", "text": text, "final": True}
            await socket.send(json.dumps(said))
            await socket.send('{"type": "end"}')
            events, frames = await heard(socket)
        assert {len(frame) for frame in frames["a"]} == {format.size(FRAME_MS)}
        assert [one["audio_ms"] for one in of(events, "done")] == [mouth.milliseconds(text)]
        if made == written(format) and format.encoding is Encoding.PCM_S16LE:
            assert b"".join(frames["a"]) == mouth.pcm(text, format.sample_rate)


PACKED = ("deepgram/nova-3", "assemblyai/universal-streaming-english", "google-speech/chirp_3")


@pytest.mark.parametrize("model", PACKED)
async def test_what_has_a_container_goes_to_who_knows_it_as_it_is(
    service: Service, lab: str, model: str
) -> None:
    provider = model.partition("/")[0]
    ogg = {"encoding": "ogg_opus", "sample_rate_hz": 48_000, "channels": 1}
    target = {"model": model}
    async with asyncio.timeout(60), call(service, "stt", target=target, input=ogg) as socket:
        assert json.loads(await socket.recv())["negotiated_input"] == ogg
        await socket.send(b"OggS" + bytes(996))
        await socket.send('{"type": "end"}')
        events = await told(socket)
    assert events[-1]["reason"] == "finished"
    (asked,) = ask_lab(lab, "GET", f"requests?provider={provider}")["requests"]
    assert "sample_rate" not in asked["query"]


async def test_who_knows_no_container_says_what_to_send(service: Service) -> None:
    ogg = {"encoding": "ogg_opus", "sample_rate_hz": 48_000}
    async with call(service, "stt", target={"model": "azure-speech/default"}, input=ogg) as socket:
        error = (await told(socket))[0]
    assert (error["code"], error["param"]) == ("unsupported_audio_format", "input")
    assert "pcm_s16le, mulaw and alaw" in error["message"]
