"""The fields we read of a chat completion, whole or in chunks; all others are skipped.

https://platform.openai.com/docs/api-reference/chat/object
"""

from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.llm import TokenLogprob, Usage

# Decoded values hold no cycles, so none of them needs to be known to the garbage collector.


class Function(Struct, gc=False):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None
    """Some servers send the object itself."""


class Custom(Struct, gc=False):
    name: str | None = None
    input: str | None = None


class WireToolCall(Struct, gc=False):
    index: int | None = None
    id: str | None = None
    function: Function | None = None
    custom: Custom | None = None
    extra_content: dict[str, Any] | None = None
    """Where Google's servers of this language put a thought's signature."""


class Audio(Struct, gc=False):
    id: str | None = None
    data: str | None = None
    transcript: str | None = None


class ReasoningDetail(Struct, gc=False):
    type: str = ""
    index: int | None = None
    id: str | None = None
    format: str | None = None
    text: str | None = None
    summary: str | None = None
    data: str | None = None
    signature: str | None = None


class Delta(Struct, gc=False):
    """What a chunk adds to a message; a whole message is the largest delta there is."""

    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[WireToolCall] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[ReasoningDetail] | None = None
    audio: Audio | None = None
    images: list[dict[str, Any]] | None = None
    annotations: list[dict[str, Any]] | None = None
    context: dict[str, Any] | None = None
    """What Azure found in one's own data, and what it looked for."""


class WireLogprob(Struct, gc=False):
    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None
    top_logprobs: list["WireLogprob"] | None = None


class Logprobs(Struct, gc=False):
    content: list[WireLogprob] | None = None
    refusal: list[WireLogprob] | None = None


class Choice(Struct, gc=False):
    index: int = 0
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None
    content_filter_results: dict[str, Any] | None = None


class Completion(Struct, gc=False):
    """A whole completion, or one chunk of it: they differ in `message` and `delta`."""

    id: str | None = None
    model: str | None = None
    created: int | float | None = None
    choices: list[Choice] | None = None
    usage: dict[str, Any] | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    moderation: dict[str, Any] | None = None
    prompt_filter_results: list[dict[str, Any]] | None = None
    error: Any = None


decode_completion = msgspec.json.Decoder(Completion).decode


class InputDetails(Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


class OutputDetails(Struct, gc=False):
    reasoning_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None
    accepted_prediction_tokens: int | None = None
    rejected_prediction_tokens: int | None = None


class WireUsage(Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: InputDetails | None = None
    prompt_token_details: InputDetails | None = None
    """Mistral has both spellings."""
    completion_tokens_details: OutputDetails | None = None
    num_cached_tokens: int | None = None
    prompt_cache_hit_tokens: int | None = None
    """DeepSeek's word."""
    prompt_audio_seconds: float | None = None
    service_tier: str | None = None


KNOWN_USAGE = frozenset(WireUsage.__struct_fields__)


def read_usage(reported: dict[str, Any]) -> Usage:
    """Turn a usage object into ours; what we have no field for stays in `native`.

    Raises `msgspec.ValidationError` when its counts are not numbers.
    """
    wire = msgspec.convert(reported, WireUsage)
    given = wire.prompt_tokens_details or wire.prompt_token_details or InputDetails()
    made = wire.completion_tokens_details or OutputDetails()
    total = wire.prompt_tokens
    cached = given.cached_tokens
    if cached is None:
        cached = wire.prompt_cache_hit_tokens if wire.num_cached_tokens is None else wire.num_cached_tokens
    written = given.cache_write_tokens
    uncached = None
    if total is not None and (cached is not None or written is not None):
        uncached = max(0, total - (cached or 0) - (written or 0))
    output = wire.completion_tokens
    if made.reasoning_tokens and wire.total_tokens == (total or 0) + (output or 0) + made.reasoning_tokens:
        # xAI counts what was thought beside what was said; its own total tells.
        output = (output or 0) + made.reasoning_tokens
    return Usage(
        input_total=total,
        input_uncached=uncached,
        cache_read=cached,
        cache_write=written,
        output_total=output,
        reasoning=made.reasoning_tokens,
        input_audio=given.audio_tokens,
        output_audio=made.audio_tokens,
        input_image=given.image_tokens,
        output_image=made.image_tokens,
        accepted_prediction=made.accepted_prediction_tokens,
        rejected_prediction=made.rejected_prediction_tokens,
        audio_seconds=wire.prompt_audio_seconds,
        native=None if reported.keys() <= KNOWN_USAGE else reported,
    )


def read_logprobs(wire: list[WireLogprob]) -> tuple[TokenLogprob, ...]:
    return tuple(
        TokenLogprob(
            item.token,
            item.logprob,
            item.bytes,
            read_logprobs(item.top_logprobs) if item.top_logprobs else (),
        )
        for item in wire
    )
