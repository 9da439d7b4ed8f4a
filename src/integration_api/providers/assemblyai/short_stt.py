"""Short recordings, in one round trip. https://www.assemblyai.com/docs/api-reference/sync-api"""

from struct import unpack_from
from typing import Any

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, decode, json_body
from integration_api.core.llm import Usage
from integration_api.core.stt import TranscribeRequest, Transcript
from integration_api.dialects.multipart import File, form
from integration_api.dialects.notes import Notes
from integration_api.providers.assemblyai import client, wire

MODELS = frozenset({"universal-3-5-pro"})
MOST_SECONDS = 120
"""Longer ones are refused."""
LANGUAGES = frozenset({
    "en", "es", "de", "fr", "it", "pt", "tr", "nl", "sv", "no", "da", "fi", "hi", "vi", "ar", "he", "ja", "ur", "zh",
})  # fmt: skip


def fits(ask: TranscribeRequest) -> bool:
    """Return whether it can be asked for here: short, samples or WAV, with nothing that only a job can do."""
    if ask.model not in MODELS or ask.diarize or ask.profanity_filter or ask.extras:
        return False
    if not all(_language(one) in LANGUAGES for one in ask.languages):
        return False
    seconds = _seconds(ask)
    return seconds is not None and seconds <= MOST_SECONDS


def transcribe_short(ask: TranscribeRequest, credential: Credential, notes: Notes) -> Exchange[Transcript]:
    """Return what a short recording says."""
    raw = ask.format is not None and ask.format.raw
    # What the sound is must be known before the sound.
    kind, body = form(
        (),
        [
            File("config", None, "application/json", json_body(config(ask, notes))),
            File("audio", ask.filename, "audio/pcm" if raw else "audio/wav", ask.audio),
        ],
    )
    headers = [("content-type", kind), ("x-aai-model", ask.model)]
    reply = yield client.post("/v1/transcribe/live", body, headers, credential, "sync")
    said = decode(reply, wire.SHORT)
    seconds = None if said.audio_duration_ms is None else said.audio_duration_ms / 1000
    return Transcript(
        model=ask.model,
        text=said.text,
        duration_ms=said.audio_duration_ms,
        confidence=said.confidence,
        words=wire.words(said.words),
        usage=Usage(audio_seconds=seconds),
        warnings=notes.all,
    )


def config(ask: TranscribeRequest, notes: Notes) -> dict[str, Any]:
    found: dict[str, Any] = {"timestamps": True}
    if ask.format is not None and ask.format.raw:
        found |= {"sample_rate": ask.format.sample_rate, "channels": ask.format.channels}
    if ask.languages:
        found["language_codes"] = [_language(one) for one in ask.languages]
    if ask.keyterms:
        found["keyterms_prompt"] = ask.keyterms
    if ask.prompt:
        found["prompt"] = ask.prompt
    notes.lacks(client.NAME, {"temperature": ask.temperature, "translate": ask.translate or None})
    return found


def _language(tag: str) -> str:
    return tag.split("-", maxsplit=1)[0].lower()


def _seconds(ask: TranscribeRequest) -> float | None:
    """Return how long a recording lasts, where that is easily known and it can be sent at all."""
    if ask.format is not None and ask.format.raw:
        return _lasts(ask.format, len(ask.audio))
    if ask.audio[:4] != b"RIFF" or ask.audio[8:16] != b"WAVEfmt " or len(ask.audio) < 36:
        return None
    rate: int = unpack_from("<I", ask.audio, 28)[0]
    return len(ask.audio) / rate if rate else None


def _lasts(form: AudioFormat, size: int) -> float | None:
    return size / form.bytes_per_second if form.encoding is Encoding.PCM_S16LE else None
