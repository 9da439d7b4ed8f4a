"""Recordings: fast transcription, and the older way for what is shorter than a minute.

https://learn.microsoft.com/azure/ai-services/speech-service/fast-transcription-create
https://learn.microsoft.com/azure/ai-services/speech-service/rest-speech-to-text-short
"""

from typing import Any
from urllib.parse import urlencode

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, HttpRequest, decode, json_body
from integration_api.core.llm import Usage
from integration_api.core.stt import Segment, TranscribeRequest, Transcript, Word
from integration_api.dialects.multipart import File, form
from integration_api.dialects.notes import Notes
from integration_api.providers.azure_speech import client, context, usp, wire

FAST = "/speechtotext/transcriptions:transcribe?api-version=2024-11-15"
SHORT = "/speech/recognition/conversation/cognitiveservices/v1"
SHORT_MODEL = "short-audio"
"""The name by which the older way is asked for; every other is fast transcription."""
MOST_SPEAKERS = 4
"""Azure wants to know how many there may be at most; nobody has said."""


def transcribe(ask: TranscribeRequest, credential: Credential) -> Exchange[Transcript]:
    """Return what a recording says."""
    notes = Notes(strict=ask.strict)
    if ask.prompt:
        notes.cannot("prompt", "azure-speech takes no prompt")
    if ask.temperature is not None:
        notes.cannot("temperature", "azure-speech takes no temperature")
    if ask.translate:
        notes.cannot("translate", "azure-speech does not translate")
    if not ask.punctuate:
        notes.cannot("punctuate", "azure-speech punctuates recordings")
    if ask.model == SHORT_MODEL:
        reply = yield short(ask, notes, credential)
        return read_short(decode(reply, wire.PHRASE), ask, notes)
    reply = yield fast(ask, notes, credential)
    return read_fast(decode(reply, wire.RECORDED), ask, notes)


def fast(ask: TranscribeRequest, notes: Notes, credential: Credential) -> HttpRequest:
    """Several languages, or none, are found out by Azure."""
    definition: dict[str, Any] = {"profanityFilterMode": "Masked" if ask.profanity_filter else "None"}
    if ask.languages:
        definition["locales"] = [context.locale(one) for one in ask.languages]
    if ask.diarize:
        definition["diarization"] = {"enabled": True, "maxSpeakers": MOST_SPEAKERS}
    if ask.keyterms:
        definition["phraseList"] = {"phrases": list(ask.keyterms)}
    definition = context.merged(definition, ask.extras)
    audio, mime = _file(ask)
    kind, body = form(
        [("definition", json_body(definition).decode())], [File("audio", ask.filename, mime, audio)]
    )
    return HttpRequest(
        method="POST",
        url=client.url("api", FAST, credential),
        headers=(("content-type", kind), ("accept", "application/json")),
        body=body,
        auth=client.auth(credential),
    )


def short(ask: TranscribeRequest, notes: Notes, credential: Credential) -> HttpRequest:
    """At most a minute of WAV or Ogg Opus, in one language."""
    for name, wanted in (
        ("diarize", ask.diarize),
        ("keyterms", ask.keyterms),
        ("word_timestamps", ask.word_timestamps),
        ("detect_language", ask.detect_language or len(ask.languages) > 1),
    ):
        if wanted:
            notes.cannot(name, f"{SHORT_MODEL} can not {name}; fast transcription can")
    query = {
        "language": context.locale(ask.languages[0]) if ask.languages else context.DEFAULT_LANGUAGE,
        "format": "detailed",
        "profanity": "masked" if ask.profanity_filter else "raw",
        **{name: str(value) for name, value in ask.extras.items()},
    }
    audio, _ = _file(ask)
    ogg = audio.startswith(b"OggS")
    return HttpRequest(
        method="POST",
        url=f"{client.url('stt', SHORT, credential)}?{urlencode(query)}",
        headers=(
            ("content-type", "audio/ogg; codecs=opus" if ogg else "audio/wav; codecs=audio/pcm"),
            ("accept", "application/json"),
        ),
        body=audio,
        auth=client.auth(credential),
    )


def read_fast(said: wire.Recorded, ask: TranscribeRequest, notes: Notes) -> Transcript:
    phrases = said.phrases
    speakers = [None if one.speaker is None else str(one.speaker) for one in phrases]
    return Transcript(
        model=ask.model,
        text=" ".join(one.text for one in said.combined),
        language=phrases[0].locale if phrases else None,
        duration_ms=said.duration,
        words=tuple(
            Word(
                text=word.text,
                start_ms=word.offset,
                end_ms=word.offset + word.duration,
                speaker=speaker,
            )
            for one, speaker in zip(phrases, speakers, strict=True)
            for word in one.words
        ),
        segments=tuple(
            Segment(
                text=one.text,
                start_ms=one.offset,
                end_ms=one.offset + one.duration,
                speaker=speaker,
                confidence=one.confidence,
            )
            for one, speaker in zip(phrases, speakers, strict=True)
        ),
        usage=Usage(audio_seconds=None if said.duration is None else said.duration / 1000),
        warnings=notes.all,
    )


def read_short(said: wire.Phrase, ask: TranscribeRequest, notes: Notes) -> Transcript:
    """Silence is no failure: nothing was said."""
    end = wire.milliseconds(said.offset + said.duration)
    match said.recognition_status:
        case "Success":
            pass
        case "NoMatch" | "InitialSilenceTimeout" | "BabbleTimeout" | "EndOfDictation":
            return Transcript(model=ask.model, text="", warnings=notes.all)
        case status:
            raise client.failed(status)
    best = said.readings[0] if said.readings else wire.Reading(display=said.display_text)
    start = wire.milliseconds(said.offset)
    segment = Segment(text=best.display, start_ms=start, end_ms=end, confidence=best.confidence)
    return Transcript(
        model=ask.model,
        text=best.display,
        confidence=best.confidence,
        words=wire.words(best, 0.0, None),
        segments=(segment,),
        warnings=notes.all,
    )


def _file(ask: TranscribeRequest) -> tuple[bytes, str]:
    """Return a recording as a file: raw sound gets a header."""
    format = ask.format
    if format is None or not format.raw:
        return ask.audio, ask.mime
    return usp.riff(format, len(ask.audio)) + ask.audio, "audio/wav"
