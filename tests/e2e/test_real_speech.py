"""Speech with its pauses, in three languages, through every provider's ears: what is heard comes back with its times.

What the lab hears is scripted by where the sound really is: the sound is measured on its way in.
"""

import array
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.service import Service
from tests.e2e.test_voice import ask_lab, call, fresh, lab, of, say, service, told

__all__ = ["fresh", "lab", "service"]

SPEECH = Path(__file__).parents[1] / "samples" / "speech"
FRAME_MS = 20
LOUD = 300
SPOKEN = {
    "en": ("I would like a table for two, please.", "At eight."),
    "de": ("Guten Abend, ein Tisch am Fenster.", "Um acht Uhr."),
    "hi": ("नमस्ते, मुझे मदद चाहिए।", "धन्यवाद।"),
}
SOUNDS = {path.name: path for path in sorted(SPEECH.glob("*-*.*"))}
EARS = {
    "nova": "deepgram/nova-3",
    "flux": "deepgram/flux-general-multi",
    "ink": "cartesia/ink-2",
    "universal": "assemblyai/universal-streaming-multilingual",
    "azure": "azure-speech/default",
    "saaras": "sarvam/saaras:v3-realtime",
    "chirp": "google-speech/chirp_3",
}
UNTIMED = {"cartesia"}
"""Those that do not say when something was said."""


def measured(path: Path) -> tuple[bytes, int, list[tuple[int, int]]]:
    """Return the sound, its bytes a second, and when each utterance begins and ends in milliseconds."""
    sound = path.read_bytes()
    rate = 8_000 if path.suffix == ".ulaw" else 32_000
    volumes = (
        [_volume(one) for one in sound] if rate == 8_000 else [abs(one) for one in array.array("h", sound)]
    )
    size = len(volumes) * rate * FRAME_MS // 1000 // len(sound)
    loud = [
        at // size * FRAME_MS for at in range(0, len(volumes), size) if max(volumes[at : at + size]) > LOUD
    ]
    pause = next(place for place in range(1, len(loud)) if loud[place] - loud[place - 1] >= 500)
    return sound, rate, [
        (loud[0], loud[pause - 1] + FRAME_MS), (loud[pause], loud[-1] + FRAME_MS),
    ]  # fmt: skip


def _volume(code: int) -> int:
    """How far from silence a byte of G.711 mu-law is, as a sample of 16 bits."""
    code = ~code & 0x7F
    return (((code & 0x0F) << 3) + 132 << (code >> 4)) - 132


def scripted(lab: str, provider: str, language: str, spans: list[tuple[int, int]]) -> list[str]:
    texts = SPOKEN[language]
    heard = [
        {"text": text, "start_ms": start, "end_ms": end, "language": language}
        for text, (start, end) in zip(texts, spans, strict=True)
    ]
    ask_lab(lab, "PUT", "script", {provider: [{"heard": heard, "times": 0}]})
    return list(texts)


@pytest.mark.parametrize("name", SOUNDS)
@pytest.mark.parametrize("model", EARS.values(), ids=EARS)
async def test_real_speech_is_heard_when_it_was_said(
    service: Service, lab: str, model: str, name: str
) -> None:
    sound, rate, spans = measured(SOUNDS[name])
    provider = model.partition("/")[0]
    texts = scripted(lab, provider, name[:2], spans)
    start: dict[str, Any] = {
        "input": {"encoding": "mulaw" if rate == 8_000 else "pcm_s16le", "sample_rate_hz": min(rate, 16_000)},
        "endpointing": {"silence_ms": 300},
        "word_timestamps": True,
    }
    async with call(service, "stt", target={"model": model}, **start) as socket:
        await socket.recv()
        await say(socket, sound, rate)
        await say(socket, (b"\xff" if rate == 8_000 else b"\0") * (rate // 2), rate)
        await socket.send('{"type": "end"}')
        events = await told(socket)
    finals = of(events, "final")
    assert [one["text"] for one in finals] == texts
    assert [one["text"] for one in of(events, "utterance_end")] == texts
    assert (events[-1]["type"], events[-1]["reason"]) == ("closed", "finished")
    if provider not in UNTIMED:
        for final, (began, ended) in zip(finals, spans, strict=True):
            assert abs(final["start_ms"] - began) <= FRAME_MS
            assert abs(final["end_ms"] - ended) <= FRAME_MS


def test_the_samples_are_speech_with_a_pause() -> None:
    assert len(SOUNDS) == 4
    for path in SOUNDS.values():
        (_, first), (second, _) = measured(path)[2]
        assert second - first == 600
    assert {name[:2] for name in SOUNDS} == set(SPOKEN)
