"""Cohere's answer, whole: its content to parts, its counts to usage. https://docs.cohere.com/reference/chat"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core import llm
from integration_api.core.errors import Phase
from integration_api.core.llm import (
    Candidate,
    Finish,
    FinishReason,
    LlmResponse,
    Native,
    Notice,
    Origin,
    Part,
    Reasoning,
    Text,
    TokenLogprob,
    ToolCall,
)
from integration_api.providers.cohere import client, wire

FINISH_REASONS = {
    "COMPLETE": FinishReason.STOP,
    "STOP_SEQUENCE": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    "TOOL_CALL": FinishReason.TOOL_CALLS,
    "ERROR": FinishReason.ERROR,
    "TIMEOUT": FinishReason.ERROR,
    "ERROR_TOXIC": FinishReason.CONTENT_FILTER,
    "ERROR_LIMIT": FinishReason.LENGTH,
}
"""The last two come from older servers."""

FAILED = frozenset({"ERROR", "TIMEOUT"})

CITATIONS = "citations"
"""Name of the part that keeps citations of what we have no citable part for: thoughts and plans."""


class Reading(Struct, frozen=True, kw_only=True):
    """What reading an answer needs to know of the request it answers."""

    model: str
    """Answers do not tell."""
    notices: tuple[Notice, ...] = ()
    names: Mapping[str, str] = {}
    """Tool names as sent to the caller's own, where they differ."""


def response(answer: wire.Answer, reading: Reading) -> LlmResponse:
    """Turn a whole answer into ours. Raises `ProviderError` for one that failed with nothing said."""
    parts = list(_parts(answer.message, reading))
    if answer.finish_reason in FAILED and not parts:
        raise client.stream_fault(answer.finish_reason, None, phase=Phase.HEADERS)
    return LlmResponse(
        id=answer.id,
        model=reading.model,
        candidates=(
            Candidate(
                parts=tuple(parts),
                finish=finish(answer.finish_reason),
                logprobs=None
                if answer.logprobs is None
                else tuple(logprob(piece) for piece in answer.logprobs),
            ),
        ),
        usage=usage(answer.usage),
        warnings=reading.notices,
    )


def _parts(message: wire.Message, reading: Reading) -> Iterable[Part]:
    """Content in its order, then the plan and the calls that it is the plan of."""
    content = message.content or []
    cited, loose = _cited(message.citations or [], content)
    for place, piece in enumerate(content):
        if piece.type == "thinking":
            yield Reasoning(piece.thinking or "")
        else:
            yield Text(piece.text or "", tuple(cited.get(place, ())))
    if message.tool_plan:
        yield Reasoning(message.tool_plan, "plan")
    for call in message.tool_calls or ():
        started = tool_call(call, reading)
        arguments = call.function.arguments if call.function is not None else None
        yield msgspec.structs.replace(started, arguments=arguments or "{}")
    if loose:
        yield citations(loose)


def _cited(
    given: list[dict[str, Any]], content: list[wire.Piece]
) -> tuple[dict[int, list[llm.Citation]], list[dict[str, Any]]]:
    """Part citations of texts, by their place in the content, from those of anything else."""
    texts = [place for place, piece in enumerate(content) if piece.type != "thinking"]
    cited: dict[int, list[llm.Citation]] = {}
    loose = []
    for native in given:
        place = cited_place(native, texts)
        if place is None:
            loose.append(native)
        else:
            cited.setdefault(place, []).append(citation(native))
    return cited, loose


def cited_place(native: Mapping[str, Any], texts: list[int]) -> int | None:
    """Return which of the content's `texts` a citation is about; None for a thought or a plan.

    Older models do not say and have but one text.
    """
    if native.get("type", "TEXT_CONTENT") != "TEXT_CONTENT":
        return None
    place = native.get("content_index")
    if place is None:
        return texts[0] if texts else None
    return place if place in texts else None


def citations(natives: list[dict[str, Any]]) -> Native:
    """Keep citations that no part of ours can carry, for replay to Cohere."""
    return Native(CITATIONS, {CITATIONS: natives}, Origin(client.NAME))


def citation(native: Mapping[str, Any]) -> llm.Citation:
    """Turn a citation into ours; its offsets are code points of the text it is about."""
    source: Mapping[str, Any] = next(iter(native.get("sources") or ()), {})
    held: Mapping[str, Any] = source.get("document") or source.get("tool_output") or {}
    return llm.Citation(
        kind="tool" if source.get("type") == "tool" else "document",
        start=native.get("start"),
        end=native.get("end"),
        url=_text(held.get("url")),
        title=_text(held.get("title")),
        cited_text=_text(native.get("text")),
        source_id=_text(source.get("id")),
        native=native,
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def tool_call(call: wire.Call, reading: Reading) -> ToolCall:
    """Return a call, its arguments still to come."""
    name = (call.function.name if call.function is not None else None) or ""
    return ToolCall(call.id or "", reading.names.get(name, name), "")


def finish(reason: str) -> Finish:
    return Finish(FINISH_REASONS.get(reason, FinishReason.OTHER), reason)


def logprob(piece: wire.Logprobs) -> TokenLogprob:
    """A piece is nearly always one token; the likelihood of several is the product of theirs."""
    return TokenLogprob(piece.text, sum(piece.logprobs))


def usage(counted: wire.Usage) -> llm.Usage:
    """Turn Cohere's counts into ours.

    `tokens` count the whole prompt with Cohere's own preamble, and what was cached of it;
    pictures are counted apart. What is billed is less, and kept as it came.
    """
    tokens = counted.tokens or wire.Tokens()
    billed = counted.billed_units or {}
    total = _whole(billed.get("input_tokens") if tokens.input_tokens is None else tokens.input_tokens)
    cached = _whole(counted.cached_tokens)
    return llm.Usage(
        input_total=total,
        input_uncached=None if total is None or cached is None else max(0, total - cached),
        cache_read=cached,
        output_total=_whole(
            billed.get("output_tokens") if tokens.output_tokens is None else tokens.output_tokens
        ),
        reasoning=_whole(tokens.reasoning_tokens),
        input_image=_whole(tokens.image_tokens),
        search_units=billed.get("search_units"),
        native={"billed_units": billed} if billed else None,
    )


def _whole(count: float | None) -> int | None:
    return None if count is None else int(count)
