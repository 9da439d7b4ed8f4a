"""Texts in three languages through every provider's voices and every door: what is heard is what was made, to the sample.

The lab's mouth makes known samples. Where a provider makes another format than the caller wants, what the caller gets
is what one conversion of all of it gives, however it came in pieces.
"""

import io
import json
import re
import wave
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from openai import OpenAI

from integration_api.audio.convert import Converter
from integration_api.core.audio import AudioFormat, Encoding
from integration_api.proto import voice_pb2 as wire
from lab import mouth
from tests.e2e.real_speech import FRAME_MS, SECONDS, SPOKEN, Events, plain
from tests.e2e.service import ADMIN_KEY, Service
from tests.e2e.test_voice import ask_lab, call, fresh, heard, lab, of, records, service
from tests.rpc.caller import signed, until

__all__ = ["fresh", "lab", "service"]

LIVE = {
    "google": {"model": "google-speech/en-US-Chirp3-HD-Charon"},
    "aura": {"model": "deepgram/aura-2-thalia-en"},
    "flux": {"model": "deepgram/flux-haley-en"},
    "sonic": {"model": "cartesia/sonic-3", "voice_id": "v"},
    "azure": {"model": "azure-speech/en-US-JennyNeural"},
    "bulbul": {"model": "sarvam/bulbul:v3", "voice_id": "shubh"},
    "elevenlabs": {"model": "elevenlabs/eleven_flash_v2_5", "voice_id": "v"},
    "google by sentences": {"model": "google-speech/en-US-Neural2-A"},
    "openai by sentences": {"model": "openai/gpt-4o-mini-tts", "voice_id": "alloy"},
}
OUTPUTS = {
    "24 kHz": AudioFormat(Encoding.PCM_S16LE, 24_000),
    "16 kHz": AudioFormat(Encoding.PCM_S16LE, 16_000),
    "mu-law": AudioFormat(Encoding.MULAW, 8_000),
    "A-law": AudioFormat(Encoding.ALAW, 8_000),
    "an odd rate": AudioFormat(Encoding.PCM_S16LE, 11_000),
}
TEXTS = {language: " ".join(said) for language, said in SPOKEN.items()}
ENCODINGS = {Encoding.PCM_S16LE: wire.PCM_S16LE, Encoding.MULAW: wire.MULAW, Encoding.ALAW: wire.ALAW}


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{service.url}/v1", api_key=ADMIN_KEY, max_retries=0, timeout=300) as opened:
        yield opened


def made(text: str, form: AudioFormat) -> bytes:
    """What the lab's mouth makes of a text."""
    match form.encoding:
        case Encoding.MULAW:
            return mouth.mulaw(text, form.sample_rate)
        case Encoding.ALAW:
            return mouth.alaw(text, form.sample_rate)
        case _:
            return mouth.pcm(text, form.sample_rate)


def check_sound(frames: list[bytes], text: str, native: AudioFormat, output: AudioFormat) -> None:
    """Frames are of one length, and together the text's sound; where it was converted, silence fills the last one."""
    converter = Converter(native, output)
    expected = made(text, native)
    expected = converter.feed(expected) + converter.flush()
    assert {len(frame) for frame in frames} == {output.size(FRAME_MS)}
    whole = b"".join(frames)
    assert whole[: len(expected)] == expected
    assert len(whole) - len(expected) < output.size(FRAME_MS)
    if native == output:
        assert whole == expected
    assert abs(len(whole) - output.size(mouth.milliseconds(text))) <= output.size(FRAME_MS)


async def over_websocket(
    service: Service, target: dict[str, str], output: AudioFormat, texts: dict[str, str]
) -> tuple[Events, dict[str, list[bytes]]]:
    start = {"encoding": output.encoding.value, "sample_rate_hz": output.sample_rate}
    async with call(service, "tts", target=target, output=start) as socket:
        for id, text in texts.items():
            for piece in re.findall(r"\S+\s*", text):
                await socket.send(json.dumps({"type": "text", "utterance_id": id, "text": piece}))
            await socket.send(json.dumps({"type": "text", "utterance_id": id, "final": True}))
        await socket.send('{"type": "end"}')
        return await heard(socket)


def start_of(target: dict[str, str], output: AudioFormat) -> wire.TtsClient.Start:
    form = wire.AudioFormat(encoding=ENCODINGS[output.encoding], sample_rate_hz=output.sample_rate)
    return wire.TtsClient.Start(target=wire.Target(**target), output=form)


def framed(messages: list[Any]) -> tuple[Events, dict[str, list[bytes]]]:
    """Return the events, and each utterance's frames: their numbers and offsets have no gap."""
    frames: dict[str, list[bytes]] = {}
    for message in messages:
        if message.HasField("audio"):
            sound = message.audio
            before = frames.setdefault(sound.utterance_id, [])
            assert (sound.seq, sound.offset_ms) == (len(before), len(before) * FRAME_MS)
            before.append(sound.audio)
    assert [one.envelope.seq for one in messages] == list(range(len(messages)))
    return [plain(one) for one in messages if not one.HasField("audio")], frames


async def over_grpc(
    service: Service, target: dict[str, str], output: AudioFormat, texts: dict[str, str]
) -> tuple[Events, dict[str, list[bytes]]]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        stub = channel.stream_stream(
            "/integration.voice.v1.TextToSpeech/StreamSynthesize",
            wire.TtsClient.SerializeToString,
            wire.TtsServer.FromString,
        )
        stream = stub(metadata=signed(ADMIN_KEY), timeout=SECONDS)
        await stream.write(wire.TtsClient(start=start_of(target, output)))
        for id, text in texts.items():
            for piece in re.findall(r"\S+\s*", text):
                said = wire.TtsClient.Text(utterance_id=id, text=piece)
                await stream.write(wire.TtsClient(text=said))
            await stream.write(wire.TtsClient(text=wire.TtsClient.Text(utterance_id=id, final=True)))
        await stream.write(wire.TtsClient(end=wire.TtsClient.End()))
        messages = []
        while (message := await stream.read()) is not grpc.aio.EOF:
            messages.append(message)
    return framed(messages)


Spoken = Awaitable[tuple[Events, dict[str, list[bytes]]]]
DOORS: dict[str, Callable[..., Spoken]] = {"websocket": over_websocket, "grpc": over_grpc}


def native_of(events: Events) -> AudioFormat:
    told = of(events, "ready")[0]["negotiated_output"]
    named = str(told.get("encoding", "pcm_s16le")).lower()
    return AudioFormat(Encoding(named), told["sample_rate_hz"])


def check_events(events: Events, text_of: dict[str, str], output: AudioFormat) -> None:
    kinds = [one["type"] for one in events]
    assert kinds == ["ready", *["started", "done"] * len(text_of), "usage", "closed"]
    for done, text in zip(of(events, "done"), text_of.values(), strict=True):
        assert abs(done["audio_ms"] - mouth.milliseconds(text)) <= FRAME_MS
        assert done["characters"] == len(text)
    assert int(of(events, "usage")[0]["characters"]) == sum(map(len, text_of.values()))


@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
@pytest.mark.parametrize("target", LIVE.values(), ids=LIVE)
@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
async def test_live_speech_is_what_was_made_to_the_sample(
    service: Service, door: Callable[..., Spoken], target: dict[str, str], output: AudioFormat
) -> None:
    events, frames = await door(service, target, output, TEXTS)
    native = native_of(events)
    for language, text in TEXTS.items():
        check_sound(frames[language], text, native, output)
    check_events(events, TEXTS, output)


def spoken(service: Service, request: wire.SynthesizeRequest) -> Iterator[Any]:
    with grpc.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        ask = channel.unary_stream(
            "/integration.voice.v1.TextToSpeech/Synthesize",
            wire.SynthesizeRequest.SerializeToString,
            wire.TtsServer.FromString,
        )
        yield from ask(request, metadata=signed(ADMIN_KEY), timeout=SECONDS)


@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
@pytest.mark.parametrize("target", LIVE.values(), ids=LIVE)
def test_one_text_over_grpc_is_what_was_made_to_the_sample(
    service: Service, target: dict[str, str], output: AudioFormat
) -> None:
    text = TEXTS["hi"]
    events, frames = framed(
        list(spoken(service, wire.SynthesizeRequest(start=start_of(target, output), text=text)))
    )
    check_sound(frames["0"], text, native_of(events), output)
    check_events(events, {"0": text}, output)


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("target", LIVE.values(), ids=LIVE)
def test_one_text_over_rest_is_what_was_made_to_the_sample(
    client: OpenAI, target: dict[str, str], language: str
) -> None:
    text = TEXTS[language]
    asked = {"model": target["model"], "voice": target.get("voice_id", ""), "input": text}
    sound = client.audio.speech.create(**asked, response_format="pcm").content
    assert sound == mouth.pcm(text, 24_000)
    file = client.audio.speech.create(**asked, response_format="wav").content
    with wave.open(io.BytesIO(file)) as opened:
        assert (opened.getframerate(), opened.getnchannels(), opened.getsampwidth()) == (24_000, 1, 2)
    assert file[44:] == sound


def test_somebody_else_speaks_a_whole_text_where_the_first_refuses(
    client: OpenAI, service: Service, lab: str
) -> None:
    ask_lab(lab, "PUT", "faults", {"openai": [{"status": 429, "times": 0}]})
    start = start_of(LIVE["openai by sentences"], OUTPUTS["mu-law"])
    start.timestamps = wire.WORD
    start.fallback.targets.add(model="elevenlabs/eleven_flash_v2_5", voice_id="v")
    request = wire.SynthesizeRequest(start=start, text="Two words.")
    messages = list(spoken(service, request))
    assert {one.envelope.provider for one in messages} == {"elevenlabs"}
    assert b"".join(one.audio.audio for one in messages) == mouth.mulaw("Two words.")
    words = json_format.MessageToDict(next(one for one in messages if one.HasField("timestamps")))
    assert [one["text"] for one in words["timestamps"]["items"]] == ["Two", "words."]
    del request.start.fallback.targets[:]
    with pytest.raises(grpc.RpcError) as refused:
        list(spoken(service, request))
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_somebody_else_speaks_a_whole_text_where_the_first_is_silent(
    client: OpenAI, service: Service, lab: str
) -> None:
    ask_lab(lab, "PUT", "faults", {"openai": [{"delay_ms": 60_000}]})
    start = start_of(LIVE["openai by sentences"], OUTPUTS["24 kHz"])
    start.fallback.targets.add(model="elevenlabs/eleven_flash_v2_5", voice_id="v")
    start.fallback.first_event_timeout_ms = 2_000
    messages = list(spoken(service, wire.SynthesizeRequest(start=start, text="Two words.")))
    assert b"".join(one.audio.audio for one in messages) == mouth.pcm("Two words.", 24_000)
    kept = until(lambda: len(found := records(service, messages[0].envelope.session_id)) == 2 and found)
    assert {(one["provider"], one["status"]) for one in kept} == {
        ("openai", "failed"),
        ("elevenlabs", "success"),
    }


def test_a_whole_text_that_breaks_off_is_not_taken_for_whole(
    client: OpenAI, service: Service, lab: str
) -> None:
    ask_lab(lab, "PUT", "faults", {"openai": [{"end": "reset"}]})
    request = wire.SynthesizeRequest(
        start=start_of(LIVE["openai by sentences"], OUTPUTS["24 kHz"]), text=TEXTS["en"]
    )
    messages = []
    with pytest.raises(grpc.RpcError):
        for message in spoken(service, request):
            messages.append(message)  # noqa: PERF402 - what came before the end is wanted, too
    assert [one.WhichOneof("event") for one in messages][-2:] == ["error", "closed"]
    assert not any(one.HasField("done") for one in messages)
    assert messages[-1].closed.reason == "error"
