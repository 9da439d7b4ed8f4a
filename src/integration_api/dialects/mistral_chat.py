"""Mistral's accent of OpenAI's language: read strictly, and spelled a little differently.

Whoever serves Mistral's models gets its `Llm` from `llm`.

https://docs.mistral.ai/api/#tag/chat
"""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import msgspec

from integration_api.core.credential import Credential
from integration_api.core.exchange import Auth, Exchange, Stream
from integration_api.core.llm import (
    Bytes,
    FileRef,
    FinishReason,
    LlmEvent,
    LlmRequest,
    LlmResponse,
    Media,
    PlainText,
    Url,
)
from integration_api.core.provider import Llm
from integration_api.dialects import openai_chat
from integration_api.dialects.notes import Notes, unsupported
from integration_api.dialects.openai_chat_dialect import Turn, bearer, no_headers
from integration_api.dialects.openai_chat_ids import IdForm
from integration_api.dialects.openai_chat_media import data_url, document_text

FIELDS = frozenset({
    "frequency_penalty", "guardrails", "logprobs", "max_tokens", "messages", "metadata", "min_tokens", "model",
    "n", "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key", "prompt_logprobs",
    "prompt_mode", "random_seed", "reasoning_effort", "repetition_penalty", "response_format", "safe_prompt",
    "service_tier", "stop", "stream", "temperature", "tool_choice", "tools", "top_k", "top_logprobs", "top_p",
    "top_prompt_logprobs",
})  # fmt: skip
"""Anything else is answered 422."""

ALWAYS = "this model always reasons, as hard as it pleases"
NO_LOGPROBS = dict.fromkeys(("logprobs", "top_logprobs"), "Mistral's own models tell no log probabilities")
"""They are in the reference, and answered with 400."""

FAMILIES: tuple[tuple[re.Pattern[str], openai_chat.Rules], ...] = (
    # Magistral reasons by its prompt and refuses to be told how hard.
    (re.compile(r"magistral-.*"), openai_chat.Rules(refused={**NO_LOGPROBS, "reasoning_effort": ALWAYS})),
    # These reason when asked to, and know no degrees.
    (
        re.compile(r"mistral-(small|medium)-(latest|3.*|2[6-9]\d\d)"),
        openai_chat.Rules(refused=NO_LOGPROBS, efforts=("none", "high"), default_effort="none"),
    ),
    (
        re.compile(r"(codestral|devstral|ministral|open-(mistral|mixtral)|pixtral|voxtral)-.*"),
        openai_chat.Rules(refused=NO_LOGPROBS, efforts=()),
    ),
)


@lru_cache(maxsize=512)
def rules(model: str) -> openai_chat.Rules:
    """Return what `model` refuses; other makers' models that Mistral hosts have no rule."""
    return next((rules for pattern, rules in FAMILIES if pattern.fullmatch(model)), openai_chat.ANYTHING)


def media(part: Media, notes: Notes) -> dict[str, Any]:
    """Write one medium. Raises `Failure` (UNSUPPORTED) for what Mistral does not take."""
    if part.citations_enabled:
        notes.cannot("citations", "mistral does not cite documents; citations were not asked for")
    match part.kind, part.source:
        case _, PlainText() as source:
            return document_text(part, source)
        case _, FileRef(id):
            return {"type": "file", "file_id": id}
        case "image", (Bytes() | Url()) as source:
            url = source.url if isinstance(source, Url) else data_url(part, source, "image/png")
            if part.detail in {"low", "high"}:
                return {"type": "image_url", "image_url": {"url": url, "detail": part.detail}}
            return {"type": "image_url", "image_url": url}
        case "audio", Bytes(base64):
            # A plain string, and not the object that OpenAI has here.
            return {"type": "input_audio", "input_audio": base64}
        case "audio", Url(url):
            return {"type": "input_audio", "input_audio": url}
        case "document" | "file", (Bytes() | Url()) as source:
            url = source.url if isinstance(source, Url) else data_url(part, source, "application/pdf")
            document = {"type": "document_url", "document_url": url}
            name = part.filename or part.title
            return {**document, "document_name": name} if name else document
        case kind, _:
            raise unsupported("messages", f"mistral does not take {kind}; choose another model")


def arrange(turns: list[Turn], notes: Notes) -> list[Turn]:
    """Put turns into the order Mistral takes.

    System turns come first, an assistant says something in each turn, and one that
    stands last is the beginning of the answer.
    """
    systems = [turn for turn in turns if turn["role"] == "system"]
    others = [turn for turn in turns if turn["role"] != "system" and not _says_nothing(turn)]
    if turns[: len(systems)] != systems:
        notes.note("mapped", "messages", "system messages were moved to the front")
    for turn in others:
        if turn["role"] == "assistant":
            if turn["content"] is None:
                turn["content"] = ""
    if others and others[-1]["role"] == "assistant" and "tool_calls" not in others[-1]:
        others[-1]["prefix"] = True
    return systems + others


def _says_nothing(turn: Turn) -> bool:
    return turn["role"] == "assistant" and not turn["content"] and "tool_calls" not in turn


def llm(
    *,
    provider: str,
    url: Callable[[str, Credential], str],
    stream_url: Callable[[str, Credential], str] | None = None,
    auth: Callable[[Credential], Auth | None] = bearer,
    headers: Callable[[Credential], tuple[tuple[str, str], ...]] = no_headers,
    fields: frozenset[str] = FIELDS,
) -> Llm:
    """Return what chats with Mistral's models at one host; `stream_url` is for one that streams elsewhere."""
    dialect = openai_chat.Dialect(
        provider=provider,
        url=url,
        auth=auth,
        headers=headers,
        rules=rules,
        fields=fields,
        copies_unknown=False,
        spelling={"max_completion_tokens": "max_tokens", "seed": "random_seed"},
        service_tiers={"auto": "auto", "default": "standard_only", "standard_only": "standard_only"},
        max_temperature=1.5,
        stream_options=None,
        media=media,
        arrange=arrange,
        message_names=False,
        refusal_parts=False,
        reasoning_history="thinking",
        tool_ids=IdForm(re.compile(r"[A-Za-z0-9]{9}"), prefix="", length=9),
        tool_result_names=True,
        custom_tools=False,
        # Its own web search is for agents and conversations only.
        native_tools=frozenset({"image_generation", "document_library", "connector"}),
        parameters_required=True,
        required_choice="any",
        allowed_tools=False,
        finish_reasons={**openai_chat.FINISH_REASONS, "model_length": FinishReason.LENGTH},
    )
    streamed = replace(dialect, url=stream_url or url)

    def complete(ask: LlmRequest, credential: Credential) -> Exchange[LlmResponse]:
        return openai_chat.complete(dialect, greedy(ask), credential)

    def stream(ask: LlmRequest, credential: Credential) -> Stream[LlmEvent]:
        return openai_chat.stream(streamed, greedy(ask), credential)

    return Llm(complete, stream)


def greedy(ask: LlmRequest) -> LlmRequest:
    """Leave out a nucleus at temperature 0: it changes nothing there, and some models refuse it."""
    if ask.sampling.temperature != 0 or ask.sampling.top_p is None:
        return ask
    return msgspec.structs.replace(ask, sampling=msgspec.structs.replace(ask.sampling, top_p=None))
