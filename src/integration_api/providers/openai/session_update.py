"""What a live transcript is asked for, as OpenAI's `session.update` says it.

https://platform.openai.com/docs/api-reference/realtime-client-events/session/update
"""

from typing import Any

from integration_api.core.session import Warned
from integration_api.core.stt import ListenCapabilities, ListenRequest
from integration_api.providers.openai import client, formats

STREAMING = ("gpt-live-transcribe", "gpt-realtime-whisper")
"""Models that tell a text while it is said, and no turns: they have to be asked with `turn_detection` null."""
LISTING = ("gpt-transcribe", "gpt-live-transcribe")
"""Models that take lists of languages and words."""
UNPROMPTED = ("gpt-realtime-whisper", "gpt-4o-transcribe-diarize")
"""Models that take no prompt."""
SURE = ("gpt-4o-transcribe", "gpt-4o-mini-transcribe")
"""Models that tell the probability of each token: https://platform.openai.com/docs/api-reference/audio/createTranscription"""
LOGPROBS = "item.input_audio_transcription.logprobs"
OF_INPUT = frozenset({"noise_reduction", "turn_detection"})
OF_SESSION = frozenset({"include"})
"""Where a caller's own options stand that are not those of `transcription`."""


def streams(model: str) -> bool:
    return model.startswith(STREAMING)


def sure(model: str) -> bool:
    return model.startswith(SURE) and not model.startswith(UNPROMPTED)


def capabilities(ask: ListenRequest) -> ListenCapabilities:
    """Return what a session tells. Most models write a turn down once it is over: their deltas come then, as interims
    that nobody should wait for while somebody speaks.
    """
    return ListenCapabilities(
        interim=streams(ask.model),
        words=False,
        confidence=sure(ask.model),
        language_id=ask.model.startswith("gpt-transcribe"),
        vad=turn_detection(ask) is not None,
        turns=turn_detection(ask) is not None or listened_to(ask),
        live_update=True,
        finalize_ack=True,
    )


def listened_to(ask: ListenRequest) -> bool:
    """Whether it is we who end turns: where the model does not, and the caller leaves it to the provider."""
    return streams(ask.model) and turn_detection(ask) is None and ask.endpointing.mode == "provider"


def session(ask: ListenRequest) -> dict[str, Any]:
    """Write all of a session: what an update leaves out of an object may be taken for its default."""
    spoken = {name: value for name, value in ask.extras.items() if name not in OF_INPUT | OF_SESSION}
    heard: dict[str, Any] = {
        "format": formats.sound(ask.input),
        "transcription": {"model": ask.model, **_languages(ask), **_terms(ask), **spoken},
        "turn_detection": turn_detection(ask),
    }
    if "noise_reduction" in ask.extras:
        heard["noise_reduction"] = ask.extras["noise_reduction"]
    include = ask.extras.get("include", [LOGPROBS] if sure(ask.model) else [])
    return {
        "type": "transcription",
        "audio": {"input": heard},
        **({"include": include} if include else {}),
    }


def left_out(ask: ListenRequest) -> list[Warned]:
    """Tell what was asked for that the model does not do."""
    lacks = {
        "keyterms": bool(ask.keyterms) and not _terms(ask),
        "languages": len(ask.languages) > 1 and not _languages(ask) and not ask.detect_language,
        "diarize": ask.diarize,
        "profanity_filter": ask.profanity_filter,
    }
    return [
        Warned("unsupported_parameter", f"{client.NAME}'s {ask.model} does not do {name} live")
        for name, asked in lacks.items()
        if asked
    ]


def turn_detection(ask: ListenRequest) -> dict[str, Any] | None:
    """Return who ends turns: silence that OpenAI hears, or nobody there. A caller's own may say more, or all of it."""
    found: dict[str, Any] | None = None
    if ask.endpointing.mode == "provider" and not streams(ask.model):
        silence = ask.endpointing.longest_silence_ms
        found = {"type": "server_vad", **({} if silence is None else {"silence_duration_ms": silence})}
    own = ask.extras.get("turn_detection", found)
    if not isinstance(own, dict) or "type" in own:
        return own if isinstance(own, dict) else None
    return {**(found or {"type": "server_vad"}), **own}


def _languages(ask: ListenRequest) -> dict[str, Any]:
    """One language without its region, or several where the model takes them; else it hears for itself which."""
    known = [one.partition("-")[0].lower() for one in ask.languages]
    if ask.detect_language or not known:
        return {}
    if len(known) == 1:
        return {"language": known[0]}
    return {"languages": list(dict.fromkeys(known))} if ask.model.startswith(LISTING) else {}


def _terms(ask: ListenRequest) -> dict[str, Any]:
    """Words to expect: as such, or as the prompt, which for Whisper is nothing but a list of them."""
    if not ask.keyterms or ask.model.startswith(UNPROMPTED):
        return {}
    if ask.model.startswith(LISTING):
        return {"keywords": ask.keyterms}
    return {"prompt": ", ".join(ask.keyterms)}
