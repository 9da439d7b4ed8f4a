"""Moderation in OpenAI's language: texts and pictures in, categories and scores out.

https://platform.openai.com/docs/api-reference/moderations
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Auth, Exchange, HttpRequest, decode
from integration_api.core.llm import Bytes, Media, Text, Url, Usage
from integration_api.core.moderation import Judgement, ModerationRequest, ModerationResponse
from integration_api.dialects.notes import unsupported
from integration_api.dialects.openai_chat_dialect import bearer, no_headers
from integration_api.dialects.openai_chat_media import data_url
from integration_api.dialects.openai_chat_payload import merge


@dataclass(frozen=True, slots=True, kw_only=True)
class ModerationDialect:
    """How one provider's moderation differs from OpenAI's own."""

    provider: str
    url: Callable[[Credential], str]
    auth: Callable[[Credential], Auth | None] = bearer
    headers: Callable[[Credential], tuple[tuple[str, str], ...]] = no_headers
    pictures: bool = True


class Result(Struct, gc=False):
    categories: dict[str, bool]
    category_scores: dict[str, float]
    flagged: bool | None = None
    """Not everybody says it: then any category does."""
    category_applied_input_types: dict[str, tuple[str, ...]] | None = None


class Tokens(Struct, gc=False):
    prompt_tokens: int | None = None


class Judgements(Struct, gc=False):
    results: list[Result]
    id: str = ""
    model: str | None = None
    usage: Tokens | None = None


DECODER = msgspec.json.Decoder(Judgements)


def moderate(
    dialect: ModerationDialect, ask: ModerationRequest, credential: Credential
) -> Exchange[ModerationResponse]:
    """Judge every input on its own, in their order.

    Raises `Failure` for what cannot be asked, `ProviderError` for the answers.
    """
    results: list[Judgement] = []
    id, model, counted = "", ask.model, None
    for written, expected in _requests(dialect, ask):
        body: dict[str, Any] = {"model": ask.model, "input": written}
        merge(body, ask.extras)
        reply = yield HttpRequest(
            method="POST",
            url=dialect.url(credential),
            headers=(("content-type", "application/json"), *dialect.headers(credential)),
            body=msgspec.json.encode(body),
            auth=dialect.auth(credential),
        )
        answer = decode(reply, DECODER)
        if len(answer.results) != expected:
            raise ProviderError(
                Kind.BAD_RESPONSE,
                f"the provider gave {len(answer.results)} judgements for {expected} inputs",
                provider=dialect.provider,
                code="bad_upstream_response",
            )
        results += map(_judgement, answer.results)
        id, model = id or answer.id, answer.model or model
        if answer.usage is not None and answer.usage.prompt_tokens is not None:
            counted = (counted or 0) + answer.usage.prompt_tokens
    return ModerationResponse(id=id, model=model, results=tuple(results), usage=Usage(input_total=counted))


def _requests(dialect: ModerationDialect, ask: ModerationRequest) -> Iterator[tuple[Any, int]]:
    """What to send as `input`, and how many judgements that makes: a list of parts is one input."""
    texts: list[str] = []
    for one in ask.inputs:
        if isinstance(one, str) or all(isinstance(part, Text) for part in one):
            texts.append(one if isinstance(one, str) else "\n".join(_texts(one)))
            continue
        if texts:
            yield texts, len(texts)
            texts = []
        yield [_part(dialect, part) for part in one], 1
    if texts:
        yield texts, len(texts)


def _texts(parts: Sequence[Text | Media]) -> Iterator[str]:
    return (part.text for part in parts if isinstance(part, Text))


def _part(dialect: ModerationDialect, part: Text | Media) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Media(kind="image", source=Url(url)) if dialect.pictures:
            return {"type": "image_url", "image_url": {"url": url}}
        case Media(kind="image", source=Bytes() as source) if dialect.pictures:
            return {"type": "image_url", "image_url": {"url": data_url(part, source, "image/png")}}
        case _:
            judges = "text and pictures" if dialect.pictures else "text"
            raise unsupported("input", f"{dialect.provider} judges {judges} only")


def _judgement(result: Result) -> Judgement:
    flagged = any(result.categories.values()) if result.flagged is None else result.flagged
    return Judgement(flagged, result.categories, result.category_scores, result.category_applied_input_types)
