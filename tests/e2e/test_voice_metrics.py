"""What /metrics tells of live speech: how long somebody waited for a text or for sound, by whichever door."""

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

import pytest

from integration_api.proto import voice_pb2 as wire
from tests.e2e.service import ADMIN_KEY, Service, metric
from tests.e2e.test_voice import HEARD, SILENCE, SPEECH, ask_lab, call, fresh, lab, messages, service
from tests.e2e.test_voice_failover import PAUSE, Listen, Spoken, over_a_socket, over_grpc, spoken
from tests.rpc.test_voice import rest, streaming

__all__ = ["fresh", "lab", "service"]

FIRST_TEXT = "integration_stt_first_interim_seconds"
FINAL_TEXT = "integration_stt_final_seconds"
FIRST_AUDIO = "integration_tts_first_audio_seconds"
VOICE = "deepgram/aura-2-thalia-en"


def measured(service: Service, **labels: str) -> dict[str, float]:
    """Return how often each was measured."""
    _, text = service.call("GET", "/metrics")
    names = (f"{FIRST_TEXT}_count", f"{FINAL_TEXT}_count", f"{FIRST_AUDIO}_count")
    return {name.removesuffix("_count"): metric(text, name, **labels) for name in names}


def told_more(service: Service, before: Mapping[str, float], **labels: str) -> dict[str, float]:
    return {name: count - before[name] for name, count in measured(service, **labels).items()}


@pytest.mark.parametrize("listen", [over_a_socket, over_grpc], ids=["websocket", "grpc"])
async def test_a_session_tells_how_long_its_first_text_took_and_its_final(
    service: Service, lab: str, listen: Listen
) -> None:
    ask_lab(lab, "PUT", "script", {"deepgram": [{"heard": HEARD[:2]}]})
    before = measured(service, provider="deepgram")
    await listen(service, {"target": {"model": "deepgram/nova-3"}}, two_seconds())
    # The first of the two finals came amid speech.
    assert told_more(service, before, provider="deepgram") == {FIRST_TEXT: 1, FINAL_TEXT: 1, FIRST_AUDIO: 0}


async def two_seconds() -> Spoken:
    """Speech until shortly before the last word is settled, and silence: the final comes behind it, however fast
    the sound is sent.
    """
    sound = SPEECH[: 32 * (HEARD[1]["end_ms"] - 200)] + SILENCE
    for at in range(0, len(sound), 640):
        yield sound[at : at + 640]


async def speak_by_socket(service: Service) -> None:
    async with call(service, "tts", target={"model": VOICE}) as socket:
        for id in ("a", "b"):
            text = {"type": "text", "utterance_id": id, "text": "Hello.", "final": True}
            await socket.send(json.dumps(text))
        await socket.send('{"type": "end"}')
        assert [one async for one in messages(socket)]


async def speak_by_grpc(service: Service) -> None:
    async with streaming(service, "TextToSpeech/StreamSynthesize", wire.TtsServer) as stream:
        start = wire.TtsClient.Start(target=wire.Target(model=VOICE))
        await stream.write(wire.TtsClient(start=start))
        for id in ("a", "b"):
            text = wire.TtsClient.Text(utterance_id=id, text="Hello.", final=True)
            await stream.write(wire.TtsClient(text=text))
        await stream.write(wire.TtsClient(end=wire.TtsClient.End()))
        assert await rest(stream)


@pytest.mark.parametrize("speak", [speak_by_socket, speak_by_grpc], ids=["websocket", "grpc"])
async def test_each_utterance_tells_how_long_its_first_sound_took(service: Service, speak: Any) -> None:
    before = measured(service, provider="deepgram")
    await speak(service)
    assert told_more(service, before, provider="deepgram") == {FIRST_TEXT: 0, FINAL_TEXT: 0, FIRST_AUDIO: 2}


def test_a_text_that_is_spoken_whole_tells_it_too(service: Service) -> None:
    before = measured(service, provider="deepgram")
    asked = {"model": VOICE, "input": "Hello.", "response_format": "pcm"}
    headers = {"authorization": f"Bearer {ADMIN_KEY}", "content-type": "application/json"}
    url = f"{service.url}/v1/audio/speech"
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(asked).encode(), headers)) as reply:
        assert reply.read()
    assert told_more(service, before, provider="deepgram") == {FIRST_TEXT: 0, FINAL_TEXT: 0, FIRST_AUDIO: 1}


async def test_what_was_listened_to_and_spoken_is_counted(service: Service) -> None:
    name, labels = "integration_audio_seconds_total", {"provider": "deepgram", "operation": "stt"}
    _, before = service.call("GET", "/metrics")
    await over_a_socket(service, {"target": {"model": "deepgram/nova-3"}}, spoken(PAUSE))
    await speak_by_socket(service)
    _, after = service.call("GET", "/metrics")
    assert metric(after, name, **labels) - metric(before, name, **labels) == pytest.approx(5.0)
    name, labels = "integration_characters_total", {"provider": "deepgram", "operation": "tts"}
    assert metric(after, name, **labels) - metric(before, name, **labels) == 12
