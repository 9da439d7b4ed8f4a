"""Speech with its pauses, in three languages, through every provider's ears: what is heard comes back with its times."""

import pytest

from tests.e2e.real_speech import DOORS, FRAME_MS, SOUNDS, SPOKEN, measured, near
from tests.e2e.service import Service
from tests.e2e.test_voice import ask_lab, fresh, lab, of, service

__all__ = ["fresh", "lab", "service"]

EARS = {
    "nova": "deepgram/nova-3",
    "flux": "deepgram/flux-general-multi",
    "ink": "cartesia/ink-2",
    "ink whisper": "cartesia/ink-whisper",
    "universal": "assemblyai/universal-streaming-multilingual",
    "azure": "azure-speech/default",
    "saaras": "sarvam/saaras:v3-realtime",
    "chirp": "google-speech/chirp_3",
    "google's v1": "google-speech/phone_call",
    "gpt": "openai/gpt-4o-transcribe",
    "gpt live": "openai/gpt-live-transcribe",
}
OLDER = "sarvam/saaras:v3"
"""It has no word for the end, and is waited for: each door hears it once."""
CASES = [
    *((door, model, name) for door in DOORS for model in EARS for name in SOUNDS),
    ("websocket", "older saaras", "hi-8000.ulaw"),
    ("grpc", "older saaras", "hi-16000.pcm"),
]
UNTIMED = {"cartesia/ink-2", OLDER}
"""Those that do not say when something was said."""
STARTS_UNTIMED = UNTIMED | {"sarvam/saaras:v3-realtime", "openai/gpt-live-transcribe"}
"""Those that say when a text was said, and not when its voice was first heard."""
UNSURE_MS = {"openai/gpt-4o-transcribe": 100, "openai/gpt-live-transcribe": 2 * FRAME_MS}
"""OpenAI begins a turn three tenths of a second before its speech. Of that there is less at the start of all sound, and how
much less is told, like the times of models that hear no turns, by how loud it is.
"""
BARE = {"deepgram", "cartesia"}
"""Those that are sent sound and nothing around it: all of it, once."""


@pytest.mark.parametrize("door, ear, name", CASES)
async def test_real_speech_is_heard_when_it_was_said(
    service: Service, lab: str, door: str, ear: str, name: str
) -> None:
    model = EARS.get(ear, OLDER)
    speech = measured(name)
    provider = model.partition("/")[0]
    speech.script(lab, provider)
    ready, *events = await DOORS[door](service, model, speech)
    assert (ready["type"], ready["model"]) == ("ready", model.partition("/")[2])
    finals = of(events, "final")
    assert [one["text"] for one in finals] == list(speech.texts)
    assert [one["text"] for one in of(events, "utterance_end")] == list(speech.texts)
    order = [one["type"] for one in events if one["type"] in ("speech_started", "final", "utterance_end")]
    assert order == ["speech_started", "final", "utterance_end"] * 2
    assert (events[-1]["type"], events[-1]["reason"]) == ("closed", "finished")
    sound_ms = (len(speech.sound) + speech.rate // 2) * 1000 // speech.rate
    # AssemblyAI counts whole seconds.
    assert abs(int(of(events, "usage")[-1]["audio_ms"]) - sound_ms) < 1000
    if provider in BARE:
        said = ask_lab(lab, "GET", f"requests?provider={provider}")["requests"][-1]["said"]
        assert sum(one for one in said if isinstance(one, int)) == len(speech.sound) + speech.rate // 2
    times = [(one.get("start_ms"), one.get("end_ms")) for one in finals]
    if model in UNTIMED:
        assert times == [(None, None)] * 2
    else:
        unsure = [UNSURE_MS.get(model, FRAME_MS)] * 2
        assert all(map(near, times, speech.spans, unsure))
    for began, (start, _) in zip(of(events, "speech_started"), speech.spans, strict=False):
        at = began.get("audio_time_ms")
        assert at is None if model in STARTS_UNTIMED else abs(at - start) <= UNSURE_MS.get(model, FRAME_MS)
    if ready["capabilities"].get("words") and model not in UNTIMED:
        assert all(near((one["words"][0]["start_ms"], one["words"][-1]["end_ms"]), span)
                   for one, span in zip(finals, speech.spans, strict=True))  # fmt: skip
    else:
        assert not any(one.get("words") for one in finals)


def test_the_samples_are_speech_with_a_pause() -> None:
    kinds = {(name[:2], measured(name).mulaw) for name in SOUNDS}
    assert kinds == {(language, mulaw) for language in SPOKEN for mulaw in (True, False)}
    for name in SOUNDS:
        (_, first), (second, _) = measured(name).spans
        assert second - first == 600
