"""Reranking by Voyage. https://docs.voyageai.com/reference/reranker-api"""

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
from integration_api.providers.voyageai import client

MOST_DOCUMENTS = 1000


class Result(Struct, gc=False):
    index: int
    relevance_score: float


class Used(Struct, gc=False):
    total_tokens: int | None = None


class Ranking(Struct, gc=False):
    data: list[Result]
    model: str | None = None
    usage: Used | None = None


DECODER = msgspec.json.Decoder(Ranking)


def rerank(ask: RerankingRequest, credential: Credential) -> Exchange[RerankingResponse]:
    """Rank the documents, in as many requests as are needed for them. Raises `Failure`."""
    notes = Notes(strict=ask.strict)
    if ask.max_tokens_per_document is not None:
        notes.cannot("max_tokens_per_doc", f"{client.NAME} cuts documents where the model's window ends")
    notes.strange(ask.unknown, client.NAME)
    # Its newer models follow what a question says of how to answer it.
    query = ask.query if ask.instruction is None else f"{ask.instruction}\n{ask.query}"

    def one(documents: Sequence[str]) -> Exchange[RerankingResponse]:
        body: dict[str, Any] = {"model": ask.model, "query": query, "documents": documents}
        if ask.top_n is not None:
            body["top_k"] = ask.top_n
        merge(body, ask.extras)
        reply = yield client.post("/rerank", body, credential)
        answer = decode(reply, DECODER)
        return RerankingResponse(
            model=answer.model or ask.model,
            results=tuple(Ranked(result.index, result.relevance_score) for result in answer.data),
            usage=Usage(input_total=answer.usage.total_tokens if answer.usage is not None else None),
            warnings=notes.all,
        )

    return (yield from rank(ask, one, most=MOST_DOCUMENTS, too_much=client.too_much))
