"""Recordings. https://docs.sarvam.ai/api-reference-docs/speech-to-text/transcribe"""

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, decode
from integration_api.core.json import encode_text
from integration_api.core.stt import Segment, TranscribeRequest, Transcript
from integration_api.dialects.multipart import File, form
from integration_api.dialects.notes import Notes
from integration_api.dialects.riff import filed
from integration_api.providers.sarvam import client, wire

RAW = AudioFormat(Encoding.PCM_S16LE, 16_000)
"""What is taken without a container; other samples are sent as files."""
TRANSLATOR = "saaras:v2.5"
"""Does nothing else, under an address of its own."""


def transcribe(ask: TranscribeRequest, credential: Credential) -> Exchange[Transcript]:
    """Return what a recording says. It may last 30 seconds."""
    notes = Notes(strict=ask.strict)
    if ask.format != RAW:
        ask = filed(ask)
    kind, body = form(fields(ask, notes), [File("file", ask.filename, ask.mime, ask.audio)])
    path = "/speech-to-text-translate" if ask.model == TRANSLATOR else "/speech-to-text"
    reply = yield client.post(path, kind, body, credential)
    return read(decode(reply, wire.RECORDED), ask.model, notes)


def fields(ask: TranscribeRequest, notes: Notes) -> list[tuple[str, str]]:
    found = [("model", ask.model)]
    if ask.format == RAW:
        found.append(("input_audio_codec", "pcm_s16le"))
    if ask.model == TRANSLATOR:
        if ask.prompt:
            found.append(("prompt", ask.prompt))
    else:
        known = len(ask.languages) == 1 and not ask.detect_language
        found.append(("language_code", client.language(ask.languages[0]) if known else "unknown"))
        if ask.translate:
            found.append(("mode", "translate"))
        if ask.word_timestamps or ask.segment_timestamps:
            found.append(("with_timestamps", "true"))
        if ask.prompt:
            notes.cannot("prompt", f"{client.NAME} takes no prompt; keyterms steer it")
    if ask.keyterms:
        found.append(("keyterms", encode_text(ask.keyterms)))
    if ask.word_timestamps:
        notes.cannot("timestamp_granularities", f"{client.NAME} times sentences, not words", "degraded")
    notes.lacks(
        client.NAME,
        {
            "temperature": ask.temperature,
            "diarize": ask.diarize or None,
            "profanity_filter": ask.profanity_filter or None,
        },
    )
    return [*found, *((name, str(value)) for name, value in ask.extras.items())]


def read(said: wire.Recorded, model: str, notes: Notes) -> Transcript:
    """Read an answer whole. What it calls words are sentences."""
    chunks = said.timestamps or wire.Chunks()
    segments = tuple(
        Segment(text=text, start_ms=round(start * 1000), end_ms=round(end * 1000))
        for text, start, end in zip(
            chunks.words, chunks.start_time_seconds, chunks.end_time_seconds, strict=False
        )
    )
    return Transcript(
        model=model,
        text=said.transcript,
        language=client.told_language(said.language_code),
        segments=segments,
        warnings=notes.all,
    )
