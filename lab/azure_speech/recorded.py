"""Recordings (learn.microsoft.com/azure/ai-services/speech-service/fast-transcription-create)."""

import json
from typing import Any

from lab import multipart
from lab.azure_speech import client, usp
from lab.ear import Ear, words_of
from lab.http import Call, Response

DEFINITION = frozenset({"locales", "profanityFilterMode", "diarization", "channels", "phraseList"})


def fast(call: Call) -> Response:
    """POST a form of `audio` and `definition`. Raises `Refused`."""
    client.admit(call)
    if call.query.get("api-version") != "2024-11-15":
        client.refuse(call, "The requested API version is not supported.")
    found = multipart.fields(call)
    audio = found.get("audio", [b""])[0]
    try:
        definition: dict[str, Any] = json.loads(found.get("definition", [b"{}"])[0])
    except ValueError:
        client.refuse(call, "The definition is not JSON.")
    if not audio:
        client.refuse(call, "The form holds no audio.")
    if strange := set(definition) - DEFINITION:
        client.refuse(call, f"The definition has an unknown property: {min(strange)}")
    if bad := [one for one in definition.get("locales", []) if not client.LOCALE.fullmatch(one)]:
        client.refuse(call, f"The locale {bad[0]} is not supported.")
    heard = Ear(call.take()).heard
    speakers = definition.get("diarization", {}).get("enabled", False)
    return client.answer(call, {
        "durationMilliseconds": heard[-1].end_ms,
        "combinedPhrases": [{"text": " ".join(said.text for said in heard)}],
        "phrases": [
            {
                **({"speaker": said.speaker} if speakers and said.speaker is not None else {}),
                "offsetMilliseconds": said.start_ms,
                "durationMilliseconds": said.end_ms - said.start_ms,
                "text": said.text,
                "words": [
                    {
                        "text": word.text,
                        "offsetMilliseconds": word.start_ms,
                        "durationMilliseconds": word.end_ms - word.start_ms,
                    }
                    for word in words_of(said)
                ],
                "locale": {"en": "en-US"}.get(said.language, said.language),
                "confidence": said.confidence,
            }
            for said in heard
        ],
    })  # fmt: skip


def short(call: Call) -> Response:
    """POST a minute of sound at most. Raises `Refused`."""
    client.admit(call)
    if not client.LOCALE.fullmatch(call.query.get("language", "")):
        client.refuse(call, "The language is missing or not supported.")
    kind = call.header("content-type")
    if not kind.startswith(("audio/wav", "audio/ogg")) or call.body[:4] not in (b"RIFF", b"OggS"):
        client.refuse(call, "The sound is WAV or Ogg Opus.", status=415)
    heard = Ear(call.take()).heard
    text = " ".join(said.text for said in heard)
    best = {"Confidence": heard[0].confidence, "Lexical": text.lower(), "Display": text}
    return client.answer(call, {
        "RecognitionStatus": "Success", "DisplayText": text, "Offset": usp.ticks(heard[0].start_ms),
        "Duration": usp.ticks(heard[-1].end_ms - heard[0].start_ms), "NBest": [best],
    })  # fmt: skip
