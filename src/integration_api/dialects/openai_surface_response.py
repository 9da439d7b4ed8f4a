"""A whole answer in OpenAI's language. https://platform.openai.com/docs/api-reference/chat/object"""

from typing import Any

import msgspec

from integration_api.core.llm import (
    Bytes,
    Candidate,
    LlmResponse,
    Media,
    Reasoning,
    RefusalText,
    Text,
    TokenLogprob,
    ToolCall,
)
from integration_api.dialects.openai_surface_answer import (
    SERVICE_TIERS,
    finish_fields,
    reported,
    tool_call,
    usage_fields,
)
from integration_api.dialects.openai_surface_parts import (
    annotation,
    audio_id,
    extra_content,
    extra_part,
    image,
    logprob,
    media_url,
    reasoning_details,
    text_place,
)
from integration_api.dialects.openai_surface_stream import DONE, ChatStream

__all__ = ["DONE", "ChatStream", "message", "render_chat"]

_encode = msgspec.json.Encoder().encode


def render_chat(answer: LlmResponse, *, provider: str = "", id: str = "", created: int = 0) -> bytes:
    """Return a `chat.completion`; `id` and `created` stand in where the provider gave none."""
    answer_id = answer.id or id or "chatcmpl"
    body: dict[str, Any] = {
        "id": answer_id,
        "object": "chat.completion",
        "created": answer.created or created,
        "model": answer.model,
        "choices": [
            {
                "index": candidate.index,
                "message": message(candidate, answer_id),
                "logprobs": _logprobs(candidate.logprobs, candidate.refusal_logprobs),
                **finish_fields(candidate.finish),
            }
            for candidate in answer.candidates
        ],
        "usage": usage_fields(answer.usage) if reported(answer.usage) else None,
        "system_fingerprint": answer.fingerprint,
    }
    if answer.service_tier in SERVICE_TIERS:
        body["service_tier"] = answer.service_tier
    if answer.moderation is not None:
        body["moderation"] = answer.moderation
    if answer.prompt_feedback is not None:
        body["prompt_feedback"] = answer.prompt_feedback
    if ratings := [
        {"index": candidate.index, "ratings": candidate.safety_ratings}
        for candidate in answer.candidates
        if candidate.safety_ratings
    ]:
        body["safety_ratings"] = ratings
    if answer.warnings:
        body["warnings"] = answer.warnings
    if provider:
        body["provider"] = provider
    return _encode(body)


def message(candidate: Candidate, answer_id: str) -> dict[str, Any]:
    """Return the assistant's message, which read back as history is the same parts again."""
    texts: list[tuple[int, Text]] = []
    thoughts: list[tuple[int, Reasoning]] = []
    refusals: list[str] = []
    calls: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    extras: list[dict[str, Any]] = []
    said: dict[str, Any] = {}
    base, apart = 0, False
    for at, part in enumerate(candidate.parts):
        match part:
            case Text():
                texts.append((at, part))
                for citation in part.citations:
                    annotations.append(annotation(citation, base, len(annotations)))
                base += len(part.text)
                apart = apart or len(texts) > 1 or bool(calls or refusals or images)
            case ToolCall():
                calls.append(tool_call(part, len(calls), answer_id))
            case Reasoning():
                thoughts.append((at, part))
            case RefusalText():
                refusals.append(part.text)
            case Media(kind="audio"):
                said["audio"] = audio(part)
            case Media(kind="image") if url := media_url(part):
                images.append(image(part, url, len(images), at))
            case _:
                extras.append(extra_part(part, at))
    text = "".join(part.text for _, part in texts)
    fields: dict[str, Any] = {
        "role": "assistant",
        "content": text if text or not calls else None,
        "refusal": "".join(refusals) or None,
    }
    if thoughts:
        fields["reasoning_content"] = "".join(part.text for _, part in thoughts)
        if len(thoughts) > 1 or thoughts[0][0] > 0 or tells_more(thoughts[0][1]):
            fields["reasoning_details"] = [
                detail for at, part in thoughts for detail in reasoning_details(part, at, part.text)
            ]
    if calls:
        fields["tool_calls"] = calls
    if annotations:
        fields["annotations"] = annotations
    if images:
        fields["images"] = images
    if texts and (signature := texts[0][1].signature) is not None:
        fields["extra_content"] = extra_content(signature)
    if extras:
        fields["provider_extra"] = {"parts": extras}
    if apart:
        fields.setdefault("provider_extra", {})["texts"] = [
            text_place(index, at, len(part.text), part.signature) for index, (at, part) in enumerate(texts)
        ]
    return fields | said


def tells_more(part: Reasoning) -> bool:
    """Whether there is more to a piece of reasoning than its text."""
    return bool(part.signature or part.encrypted or part.id or part.redacted) or part.kind != "full"


def audio(part: Media) -> dict[str, Any]:
    return {
        "id": audio_id(part) or "",
        "data": part.source.base64 if isinstance(part.source, Bytes) else "",
        "expires_at": (part.options or {}).get("expires_at", 0),
        "transcript": part.transcript or "",
    }


def _logprobs(
    text: tuple[TokenLogprob, ...] | None, refusal: tuple[TokenLogprob, ...] | None
) -> dict[str, Any] | None:
    if text is None and refusal is None:
        return None
    return {
        "content": None if text is None else [logprob(token) for token in text],
        "refusal": None if refusal is None else [logprob(token) for token in refusal],
    }
