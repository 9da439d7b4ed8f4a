"""Reranking of the unified service: documents by number in, their scores under the same numbers out."""

from collections.abc import Iterable, Mapping, Sequence

from integration_api.core.reranking import RerankingRequest, RerankingResponse
from integration_api.dialects.notes import Notes
from integration_api.dialects.unified_values import Parameters, invalid
from integration_api.proto import common_pb2 as common
from integration_api.proto import unified_pb2 as wire


def read_reranking(
    parameters: Parameters,
    *,
    model: str,
    query: str,
    documents: tuple[str, ...],
    understood: Sequence[str],
    notes: Notes,
) -> RerankingRequest:
    """Return the request that the parameters make. Raises `Failure(INVALID_REQUEST)`."""
    if not query:
        raise invalid("expected text that is not empty", "query")
    top_n = parameters.integer("top_n", "top_k")
    if top_n is not None and top_n < 1:
        raise invalid("expected 1 or more", "top_n")
    parameters.words("rank_fields")  # Of documents with fields; here they are texts.
    most = parameters.integer("max_tokens_per_doc")
    extras, unknown = parameters.rest((*understood, "max_chunks_per_doc"))
    for key in unknown:
        notes.note("dropped", key, "nothing here knows this parameter")
    return RerankingRequest(
        model=model,
        query=query,
        documents=documents,
        top_n=top_n,
        max_tokens_per_document=most,
        extras=extras,
    )


def write_reranking(
    answer: RerankingResponse,
    places: Sequence[int],
    content: Mapping[int, str],
    request_id: int,
    metrics: Iterable[common.Metric],
) -> wire.RerankingResponse:
    """Return the scores in the order of the documents, each under its document's number."""
    response = wire.RerankingResponse(code=200, success=True, requestId=request_id, metrics=metrics)
    for ranked in sorted(answer.results, key=lambda item: item.index):
        place = places[ranked.index]
        response.data.add(index=place, content=content[place], relevanceScore=ranked.score)
    return response
