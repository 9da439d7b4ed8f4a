"""Reranking by Cohere. https://docs.cohere.com/reference/rerank"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, decode
from integration_api.core.llm import Usage
from integration_api.core.reranking import Ranked, RerankingRequest, RerankingResponse
from integration_api.dialects.notes import Notes
from integration_api.dialects.openai_chat_payload import merge
from integration_api.dialects.ranking import rank
from integration_api.providers.cohere import client

PATH = "/v2/rerank"

MOST_DOCUMENTS = 1000
"""Cohere advises against more in one request. They are billed by the hundred, however they are cut."""


class Result(Struct):
    index: int
    relevance_score: float
    relevant_spans: list[dict[str, Any]] | None = None


class Billed(Struct, gc=False):
    search_units: float | None = None
    input_tokens: float | None = None


class Meta(Struct, gc=False):
    billed_units: Billed | None = None


class Ranking(Struct, gc=False):
    results: list[Result]
    id: str = ""
    meta: Meta | None = None


DECODER = msgspec.json.Decoder(Ranking)


def ranked(result: Result) -> Ranked:
    spans = result.relevant_spans
    return Ranked(result.index, result.relevance_score, None if spans is None else {"relevant_spans": spans})


def rerank(ask: RerankingRequest, credential: Credential) -> Exchange[RerankingResponse]:
    """Rank the documents, in as many requests as are needed for them. Raises `Failure`."""
    notes = Notes(strict=ask.strict)
    options: dict[str, Any] = dict(ask.unknown)
    if ask.top_n is not None:
        options["top_n"] = ask.top_n
    if ask.max_tokens_per_document is not None:
        options["max_tokens_per_doc"] = ask.max_tokens_per_document
    if ask.instruction is not None:
        notes.cannot("instruction", f"{client.NAME} takes no instruction; put it into the query")

    def one(documents: Sequence[str]) -> Exchange[RerankingResponse]:
        body: dict[str, Any] = {"model": ask.model, "query": ask.query, "documents": documents, **options}
        merge(body, ask.extras)
        body.pop("max_chunks_per_doc", None)  # Of the first API, and refused by this one.
        reply = yield client.post(PATH, body, credential)
        answer = decode(reply, DECODER)
        billed = (answer.meta and answer.meta.billed_units) or Billed()
        return RerankingResponse(
            id=answer.id,
            model=ask.model,
            results=tuple(ranked(result) for result in answer.results),
            usage=Usage(
                input_total=None if billed.input_tokens is None else int(billed.input_tokens),
                search_units=billed.search_units,
            ),
            warnings=notes.all,
        )

    return (yield from rank(ask, one, most=MOST_DOCUMENTS))
