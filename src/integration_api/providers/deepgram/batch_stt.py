"""Recordings. https://developers.deepgram.com/reference/speech-to-text/listen-pre-recorded"""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, decode
from integration_api.core.llm import Usage
from integration_api.core.stt import Segment, TranscribeRequest, Transcript
from integration_api.dialects.notes import Notes
from integration_api.providers.deepgram import client, wire
from integration_api.providers.deepgram.stt import keyterms


def transcribe(ask: TranscribeRequest, credential: Credential) -> Exchange[Transcript]:
    """Return what a recording says: the first channel's, and of it the best reading."""
    notes = Notes(strict=ask.strict)
    reply = yield client.post("/v1/listen", query(ask, notes), ask.audio, ask.mime, credential)
    return read(decode(reply, wire.RECORDED), ask.model, notes)


def query(ask: TranscribeRequest, notes: Notes) -> client.Query:
    found = [("model", ask.model), ("smart_format", ask.punctuate), ("punctuate", ask.punctuate)]
    found.append(("utterances", True))
    if ask.format is not None:
        found += client.sound(ask.format)
    if ask.languages and not ask.detect_language:
        found.append(("language", ask.languages[0] if len(ask.languages) == 1 else "multi"))
    else:
        found.append(("detect_language", True))
    if ask.diarize:
        found.append(("diarize", True))
    if ask.profanity_filter:
        found.append(("profanity_filter", True))
    if ask.prompt:
        notes.cannot("prompt", "deepgram takes no prompt; keyterms steer it")
    if ask.temperature is not None:
        notes.cannot("temperature", "deepgram takes no temperature")
    if ask.translate:
        notes.cannot("translate", "deepgram does not translate")
    found += keyterms(ask.model, ask.keyterms)
    return [*found, *ask.extras.items()]


def read(said: wire.Recorded, model: str, notes: Notes) -> Transcript:
    """Read an answer whole."""
    channel = said.results.channels[0] if said.results.channels else wire.Channel()
    best = channel.alternatives[0] if channel.alternatives else wire.Alternative()
    seconds = said.metadata.duration
    return Transcript(
        model=model,
        text=best.transcript,
        language=channel.detected_language or (best.languages[0] if best.languages else None),
        duration_ms=None if seconds is None else wire.milliseconds(seconds),
        confidence=best.confidence,
        words=wire.words(best.words, final=True),
        segments=tuple(
            Segment(
                text=one.transcript,
                start_ms=wire.milliseconds(one.start),
                end_ms=wire.milliseconds(one.end),
                speaker=None if one.speaker is None else str(one.speaker),
                confidence=one.confidence,
            )
            for one in said.results.utterances
        ),
        usage=Usage(audio_seconds=seconds),
        warnings=notes.all,
    )
