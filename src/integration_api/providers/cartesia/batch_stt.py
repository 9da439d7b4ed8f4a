"""Recordings. https://docs.cartesia.ai/api-reference/stt/transcribe"""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, decode
from integration_api.core.llm import Usage
from integration_api.core.stt import TranscribeRequest, Transcript
from integration_api.dialects.multipart import File, form
from integration_api.dialects.notes import Notes
from integration_api.providers.cartesia import client, formats, wire


def transcribe(ask: TranscribeRequest, credential: Credential) -> Exchange[Transcript]:
    """Return what a recording says, with the time of each word."""
    notes = Notes(strict=ask.strict)
    kind, body = form(fields(ask, notes), [File("file", ask.filename, ask.mime, ask.audio)])
    query = formats.sound(ask.format) if ask.format is not None else ()
    reply = yield client.post("/stt", query, body, kind, credential)
    said = decode(reply, wire.RECORDED)
    return Transcript(
        model=ask.model,
        text=said.text.strip(),
        language=said.language,
        duration_ms=None if said.duration is None else wire.milliseconds(said.duration),
        words=wire.words(said.words, final=True),
        usage=Usage(audio_seconds=said.duration),
        warnings=notes.all,
    )


def fields(ask: TranscribeRequest, notes: Notes) -> list[tuple[str, str]]:
    found = [("model", ask.model), ("timestamp_granularities[]", "word")]
    if language := client.language(ask.languages):
        found.append(("language", language))
    elif ask.languages or ask.detect_language:
        notes.cannot("language", "cartesia writes down one language, which is English unless it is named")
    notes.lacks(
        client.NAME,
        {
            "prompt": ask.prompt or None,
            "temperature": ask.temperature,
            "translate": ask.translate or None,
            "diarize": ask.diarize or None,
            "profanity_filter": ask.profanity_filter or None,
            "keyterms": ask.keyterms or None,
        },
    )
    return [*found, *((name, str(value)) for name, value in ask.extras.items())]
