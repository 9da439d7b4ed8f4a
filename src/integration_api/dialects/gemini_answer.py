"""Gemini's words for how an answer ended and what it cost, in ours.

https://ai.google.dev/api/generate-content#FinishReason and
https://ai.google.dev/api/generate-content#UsageMetadata
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from integration_api.core.llm import (
    FinishReason,
    Notice,
    Opaque,
    Origin,
    TokenLogprob,
    Usage,
)
from integration_api.dialects import gemini_wire as wire

FAMILY = "gemini"
SIGNATURE = "google-gemini-v1"

FINISH_REASONS: Mapping[str, FinishReason] = {
    "STOP": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    # Not the end: there is a token to ask for the rest with.
    "CONTINUATION": FinishReason.LENGTH,
    "SAFETY": FinishReason.CONTENT_FILTER,
    "RECITATION": FinishReason.CONTENT_FILTER,
    "LANGUAGE": FinishReason.CONTENT_FILTER,
    "BLOCKLIST": FinishReason.CONTENT_FILTER,
    "PROHIBITED_CONTENT": FinishReason.CONTENT_FILTER,
    "SPII": FinishReason.CONTENT_FILTER,
    "IMAGE_SAFETY": FinishReason.CONTENT_FILTER,
    "IMAGE_PROHIBITED_CONTENT": FinishReason.CONTENT_FILTER,
    "IMAGE_RECITATION": FinishReason.CONTENT_FILTER,
    "MODEL_ARMOR": FinishReason.CONTENT_FILTER,
    "ESCALATION": FinishReason.CONTENT_FILTER,
    "PUP_LIMITED_DISABLED": FinishReason.CONTENT_FILTER,
    "MALFORMED_FUNCTION_CALL": FinishReason.ERROR,
    "MALFORMED_RESPONSE": FinishReason.ERROR,
    "UNEXPECTED_TOOL_CALL": FinishReason.ERROR,
    "TOO_MANY_TOOL_CALLS": FinishReason.ERROR,
    "MISSING_THOUGHT_SIGNATURE": FinishReason.ERROR,
}
"""Anything else is `OTHER`."""

_NUMBERS = ("FINISH_REASON_UNSPECIFIED", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER")
"""What `enum-encoding=int` makes of them; from 6 on Gemini API and Vertex AI count differently."""

_BLOCKS = ("BLOCK_REASON_UNSPECIFIED", "SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT")

_MODALITIES = ("MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "VIDEO", "AUDIO", "DOCUMENT")

_OURS = frozenset({"TEXT", "AUDIO", "IMAGE"})
"""Kinds of tokens that `Usage` has a field for, or is the rest of."""
_NONE: frozenset[str] = frozenset()

_TIERS = {
    "standard": "default",
    "flex": "flex",
    "priority": "priority",
    "ON_DEMAND": "default",
    "ON_DEMAND_FLEX": "flex",
    "ON_DEMAND_PRIORITY": "priority",
}
"""Gemini API's service tiers and Vertex AI's traffic types, as callers call them."""

AGAIN = frozenset({"MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE"})
"""Endings without an answer that another attempt may well avoid."""


class Reading(Struct, frozen=True, kw_only=True):
    """What reading an answer needs to know of the request it answers."""

    origin: Origin
    notices: tuple[Notice, ...] = ()
    names: Mapping[str, str] = {}
    """Tool names as sent to the caller's own, where they differ."""
    custom: frozenset[str] = frozenset()
    """The caller's custom tools: their one argument is text, not JSON."""
    searches: bool = False
    """Whether the answer may point to sources, which is told last."""


def finish_word(reason: str | int) -> str:
    return _word(reason, _NUMBERS)


def block_word(reason: str | int) -> str:
    return _word(reason, _BLOCKS)


def _word(told: str | int, words: tuple[str, ...]) -> str:
    if isinstance(told, str):
        return told
    return words[told] if 0 <= told < len(words) else str(told)


def sealed(signature: str, origin: Origin) -> Opaque:
    return Opaque(signature, SIGNATURE, origin)


def counted(counts: wire.Counts) -> bool:
    """Whether anything was counted: the first chunks of Vertex AI tell the kind of traffic only."""
    return counts.total_token_count is not None or counts.candidates_token_count is not None


def usage(counts: wire.Counts) -> Usage:
    """Turn Gemini's counts into ours: the prompt includes what was cached, the answer leaves thoughts out."""
    prompt, cached = counts.prompt_token_count, counts.cached_content_token_count
    tools, thoughts = counts.tool_use_prompt_token_count, counts.thoughts_token_count
    asked = None if prompt is None else prompt + (tools or 0)
    answered = counts.candidates_token_count
    return Usage(
        input_total=asked,
        input_uncached=None if asked is None else asked - (cached or 0),
        cache_read=cached,
        output_total=None if asked is None and answered is None else (answered or 0) + (thoughts or 0),
        reasoning=thoughts,
        input_audio=_of("AUDIO", counts.prompt_tokens_details),
        input_image=_of("IMAGE", counts.prompt_tokens_details),
        output_audio=_of("AUDIO", counts.candidates_tokens_details),
        output_image=_of("IMAGE", counts.candidates_tokens_details),
        tool_input=tools,
        native=_aside(counts),
    )


def _aside(counts: wire.Counts) -> dict[str, Any] | None:
    """Return what is counted that we have no name for, by Gemini's: films, papers, and what of a cache was what."""
    found: dict[str, Any] = {} if counts.traffic_type is None else {"trafficType": counts.traffic_type}
    for name, details, ours in (
        ("promptTokensDetails", counts.prompt_tokens_details, _OURS),
        ("candidatesTokensDetails", counts.candidates_tokens_details, _OURS),
        ("cacheTokensDetails", counts.cache_tokens_details, _NONE),
        ("toolUsePromptTokensDetails", counts.tool_use_prompt_tokens_details, _NONE),
    ):
        words = [(_word(one.modality, _MODALITIES), one.token_count) for one in details or ()]
        if more := {word: count for word, count in words if count and word not in ours}:
            found[name] = more
    return found or None


def tier(counts: wire.Counts) -> str | None:
    told = counts.service_tier or counts.traffic_type
    return _TIERS.get(told) if isinstance(told, str) else None


def _of(modality: str, details: list[wire.Modality] | None) -> int | None:
    if not details:
        return None
    found = [one.token_count for one in details if _word(one.modality, _MODALITIES) == modality]
    return sum(found) if found else None


def logprobs(told: wire.Logprobs) -> tuple[TokenLogprob, ...]:
    tops = told.top_candidates
    return tuple(
        _token(chosen, tops[place].candidates if place < len(tops) else [])
        for place, chosen in enumerate(told.chosen_candidates)
    )


def _token(token: wire.Token, top: list[wire.Token]) -> TokenLogprob:
    return TokenLogprob(
        token.token,
        token.log_probability,
        tuple(token.token.encode()),
        tuple(_token(other, []) for other in top),
    )


def created(moment: str | None) -> int:
    try:
        return int(datetime.fromisoformat(moment or "").timestamp())
    except (ValueError, OverflowError):
        return 0


def modality_of(mime: str) -> Any:
    """Return the kind of medium that a media type names."""
    kind = mime.partition("/")[0]
    return kind if kind in {"image", "audio", "video"} else "file"
