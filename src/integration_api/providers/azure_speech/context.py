"""What a turn of a live transcript is asked for: the body of `speech.context`.

https://learn.microsoft.com/azure/ai-services/speech-service/language-identification
"""

from collections.abc import Mapping
from typing import Any

from integration_api.core.session import Warned
from integration_api.core.stt import Endpointing, ListenRequest

DEFAULT_LANGUAGE = "en-US"
LOCALES = {
    "ar": "ar-SA", "bn": "bn-IN", "cs": "cs-CZ", "da": "da-DK", "el": "el-GR", "en": "en-US", "he": "he-IL",
    "hi": "hi-IN", "ja": "ja-JP", "ko": "ko-KR", "nb": "nb-NO", "pt": "pt-BR", "sv": "sv-SE", "uk": "uk-UA",
    "vi": "vi-VN", "zh": "zh-CN",
}  # fmt: skip
"""Azure knows no language without a country; those not here have the one of their own name: de-DE."""
MOST_CANDIDATES = 10
"""Languages of which one can be detected; more are refused."""
LEAST_SILENCE_MS, MOST_SILENCE_MS = 100, 5_000
"""What may be asked for as the silence that ends a phrase."""


def locale(language: str) -> str:
    """Return a language as Azure wants it named."""
    return language if "-" in language else LOCALES.get(language, f"{language}-{language.upper()}")


def of(ask: ListenRequest, session: str) -> dict[str, Any]:
    """Write what is asked for. `session` names the sound in which speakers are told apart."""
    detection: dict[str, Any] = {"mode": "CONVERSATION"}
    context: dict[str, Any] = {"phraseDetection": detection}
    output: dict[str, Any] = {"format": "Detailed"}
    languages = [locale(one) for one in ask.languages] or [DEFAULT_LANGUAGE]
    if len(languages) > 1:
        detection |= {"onSuccess": {"action": "None"}, "onInterim": {"action": "None"}}
        context["languageId"] = {
            "languages": languages[:MOST_CANDIDATES],
            "mode": "DetectContinuous",
            "onSuccess": {"action": "Recognize"},
            "onUnknown": {"action": "None"},
            "Priority": "PrioritizeLatency",
        }
        output |= {"interimResults": {"resultType": "Auto"}, "phraseResults": {"resultType": "Always"}}
    else:
        detection["language"] = languages[0]
    detection["enrichment"] = {"profanity": "masked" if ask.profanity_filter else "raw"}
    if ask.diarize:
        detection["mode"] = "Conversation"
        detection["speakerDiarization"] = {
            "mode": "Anonymous",
            "audioSessionId": session,
            "audioOffsetMS": 0,
            "identityProvider": None,
        }
    if (silence := silence_ms(ask.endpointing)) is not None:
        segmentation = {"segmentationSilenceTimeoutMs": silence, "mode": "Custom"}
        detection[detection["mode"]] = {"segmentation": segmentation}
    if ask.keyterms:
        items = [{"Text": term} for term in ask.keyterms]
        context["dgi"] = {"Groups": [{"Type": "Generic", "Items": items}], "bias": 1.0}
    if ask.word_timestamps:
        output["detailed"] = {"options": ["WordTimings", "WordConfidence"]}
    context["audio"] = {"streams": {"1": None}}
    context["phraseOutput"] = output
    return merged(context, ask.extras)


def silence_ms(endpointing: Endpointing) -> int | None:
    """Return the silence that ends a phrase; None is Azure's own. It can not be told never to end one."""
    if endpointing.mode != "provider":
        return MOST_SILENCE_MS
    asked = endpointing.longest_silence_ms
    return None if asked is None else min(max(asked, LEAST_SILENCE_MS), MOST_SILENCE_MS)


def warnings(ask: ListenRequest) -> list[Warned]:
    """Tell what of a request is left out."""
    told = []
    if ask.detect_language and len(ask.languages) < 2:
        told.append(
            Warned(
                "language_not_detected",
                "azure-speech detects one of several languages: name them in languages",
            )
        )
    if len(ask.languages) > MOST_CANDIDATES:
        told.append(Warned("languages_left_out", f"azure-speech chooses among {MOST_CANDIDATES} at most"))
    return told


def continued(context: Mapping[str, Any], tag: str, offset_ms: float) -> dict[str, Any]:
    """Return the context of a turn that goes on with the sound of another, from so far into all of it."""
    found = dict(context)
    found["continuation"] = {
        "previousServiceTag": tag,
        "audio": {"streams": {"1": {"offset": str(round(offset_ms * 10_000))}}},
    }
    speakers = context["phraseDetection"].get("speakerDiarization")
    if speakers is not None:
        moved = {**speakers, "audioOffsetMS": round(offset_ms)}
        found["phraseDetection"] = {**context["phraseDetection"], "speakerDiarization": moved}
    return found


def merged(document: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document with another's fields over its own, at any depth."""
    found = dict(document)
    for name, value in more.items():
        mine = found.get(name)
        found[name] = merged(mine, value) if isinstance(mine, dict) and isinstance(value, dict) else value
    return found
