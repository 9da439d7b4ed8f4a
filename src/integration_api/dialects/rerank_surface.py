"""Reranking as Cohere's and Jina's clients ask for it.

https://docs.cohere.com/reference/rerank and https://jina.ai/reranker
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from integration_api.core.reranking import RerankingRequest, RerankingResponse
from integration_api.dialects.openai_surface_json import decode, decode_object, invalid
from integration_api.dialects.openai_surface_wire import ProviderChoice

DOCUMENTS = 10_000
"""Cohere's own limit for one request."""


class Body(Struct):
    model: str
    query: str
    documents: list[str | dict[str, Any]]
    top_n: Annotated[int, Meta(ge=1)] | None = None
    return_documents: bool | None = None
    max_tokens_per_doc: int | None = None
    max_chunks_per_doc: int | None = None
    """Of Cohere's first API, and taken for what it was there: nobody has chunks any more."""
    rank_fields: list[str] | None = None
    instruction: str | None = None
    provider: ProviderChoice | None = None


KNOWN = frozenset(Body.__struct_fields__)


class RerankingAsk(Struct):
    model: str
    """As the caller named it."""
    documents: list[str | dict[str, Any]] | None
    """The documents to hand back with their scores, where the caller wants them."""
    provider: ProviderChoice | None
    request: RerankingRequest


_BODY = msgspec.json.Decoder(Body)
_ANY: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder()
_encode = msgspec.json.Encoder().encode


def read_rerank(body: bytes | bytearray, *, model: str | None = None) -> RerankingAsk:
    """Read the request; `model` is the provider's own id for it. Raises `Failure(INVALID_REQUEST)`."""
    raw = decode_object(body)
    ask = decode(body, _BODY)
    if not ask.documents:
        raise invalid("expected at least one document", "documents")
    if len(ask.documents) > DOCUMENTS:
        raise invalid(f"expected at most {DOCUMENTS} documents", "documents", "too_many_documents")
    return RerankingAsk(
        ask.model,
        ask.documents if ask.return_documents else None,
        ask.provider,
        RerankingRequest(
            model=ask.model if model is None else model,
            query=ask.query,
            documents=tuple(
                document if isinstance(document, str) else _text(document, ask.rank_fields, number)
                for number, document in enumerate(ask.documents)
            ),
            top_n=ask.top_n,
            max_tokens_per_document=ask.max_tokens_per_doc,
            instruction=ask.instruction,
            extras={} if ask.provider is None else ask.provider.options,
            unknown={key: decode(raw[key], _ANY, key) for key in sorted(raw.keys() - KNOWN)},
        ),
    )


def renamed(ask: RerankingAsk, model: str, *, strict: bool = False) -> RerankingRequest:
    """Return the request under the provider's own id for its model."""
    return msgspec.structs.replace(ask.request, model=model, strict=strict)


def _text(document: dict[str, Any], fields: list[str] | None, number: int) -> str:
    """Return what a document says: its named fields, else its text, else all of it.

    Cohere advises YAML-like lines for documents of several fields.
    """
    if fields:
        said = {name: document[name] for name in fields if name in document}
    elif isinstance(text := document.get("text"), str):
        return text
    else:
        said = document
    if not said or (set(said) == {"image"}):
        raise invalid("expected text, or an object with text", f"documents[{number}]")
    lines = (
        f"{name}: {value if isinstance(value, str) else _encode(value).decode()}"
        for name, value in said.items()
    )
    return "\n".join(lines)


def render_rerank(
    answer: RerankingResponse,
    *,
    documents: list[str | dict[str, Any]] | None = None,
    top_n: int | None = None,
    provider: str = "",
    id: str = "rerank",
) -> bytes:
    """Return the documents' places and scores, best first, scores as the provider gave them.

    `id` stands in where the provider gave none.
    """
    results: list[dict[str, Any]] = []
    ranked = sorted(answer.results, key=lambda item: -item.score)
    for item in ranked if top_n is None else ranked[:top_n]:
        result: dict[str, Any] = {"index": item.index, "relevance_score": item.score}
        if item.native is not None:
            result |= item.native
        if documents is not None:
            document = documents[item.index]
            result["document"] = {"text": document} if isinstance(document, str) else document
        results.append(result)
    usage = answer.usage
    meta: dict[str, Any] = {"api_version": {"version": "2"}}
    tokens = (usage.input_total or 0) + (usage.output_total or 0)
    if usage.search_units is not None:
        meta["billed_units"] = {"search_units": usage.search_units}
    elif tokens:
        meta["billed_units"] = {"total_tokens": tokens}
    body: dict[str, Any] = {
        "id": answer.id or id,
        "model": answer.model,
        "results": results,
        "usage": {"total_tokens": tokens},
        "meta": meta,
    }
    if answer.warnings:
        body["warnings"] = answer.warnings
    if provider:
        body["provider"] = provider
    return _encode(body)
