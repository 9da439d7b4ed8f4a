"""Ranking by Google's Discovery Engine, with a Vertex AI account.

https://cloud.google.com/generative-ai-app-builder/docs/ranking
"""

from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import Exchange, decode
from integration_api.core.reranking import Ranked, RerankingRequest, RerankingResponse
from integration_api.dialects import google_cloud
from integration_api.dialects.notes import Notes
from integration_api.dialects.openai_chat_payload import merge
from integration_api.providers.vertexai import client

HOST = "https://discoveryengine.googleapis.com"
MOST_DOCUMENTS = 200
"""The most records one request may rank; scores of two requests cannot be compared, so more is refused."""


class Record(Struct, gc=False):
    id: str
    score: float = 0.0


class Ranking(Struct):
    records: list[Record] = []


DECODER = msgspec.json.Decoder(Ranking)


def rerank(ask: RerankingRequest, credential: Credential) -> Exchange[RerankingResponse]:
    """Rank the documents, best first. Raises `Failure` for too many of them, `ProviderError` for the answer."""
    if len(ask.documents) > MOST_DOCUMENTS:
        raise Failure(
            Kind.TOO_LARGE,
            f"Google ranks at most {MOST_DOCUMENTS} documents at once; send fewer",
            code="too_many_documents",
            param="documents",
        )
    notes = Notes(strict=False)
    if ask.max_tokens_per_document is not None:
        notes.cannot("max_tokens_per_doc", "Google cuts documents at a length of its own")
    if ask.instruction is not None:
        notes.cannot("instruction", "Google's ranking takes no instruction")
    body: dict[str, Any] = {
        "model": ask.model,
        "query": ask.query,
        "records": [{"id": str(number), "content": text} for number, text in enumerate(ask.documents)],
        # Otherwise every document comes back with its score.
        "ignoreRecordDetailsInResponse": True,
    }
    if ask.top_n is not None:
        body["topN"] = ask.top_n
    merge(body, ask.extras)
    place = f"projects/{client.project(credential)}/locations/global"
    url = f"{credential.base_url(HOST)}/v1/{place}/rankingConfigs/default_ranking_config:rank"
    reply = yield google_cloud.post(url, body, credential)
    try:
        results = tuple(Ranked(int(record.id), record.score) for record in decode(reply, DECODER).records)
    except ValueError:
        results = (Ranked(-1, 0.0),)
    if any(not 0 <= one.index < len(ask.documents) for one in results):
        raise ProviderError(
            Kind.BAD_RESPONSE,
            "the provider ranked a document that it was not given",
            provider=client.NAME,
            code="bad_upstream_response",
        )
    ordered = sorted(results, key=lambda one: -one.score)
    return RerankingResponse(
        model=ask.model, results=tuple(ordered[: ask.top_n or len(ordered)]), warnings=notes.all
    )
