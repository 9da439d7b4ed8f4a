"""Cohere's reranking (docs.cohere.com/reference/rerank)."""

from lab.cohere.client import admit, answer, between, document, identity, known, no_model, refuse, text
from lab.cohere.traits import RERANK
from lab.http import Call, Response
from lab.vectors import relevance

_FIELDS = frozenset(
    {"model", "query", "documents", "top_n", "max_tokens_per_doc", "relevant_spans", "priority"}
)
_DOCUMENTS = 10_000
_UNIT = 100


def rerank(call: Call) -> Response:
    """POST /v2/rerank. Raises `Refused`."""
    admit(call)
    body = document(call)
    known(call, body, _FIELDS)
    model = text(call, body, "model")
    if call.asked.base not in (*RERANK, ""):
        no_model(call, model)
    query = text(call, body, "query")
    documents = body.get("documents")
    if not isinstance(documents, list) or not documents:
        refuse(call, "invalid request: documents must be specified and not empty")
    if not all(isinstance(one, str) for one in documents):
        refuse(call, "invalid request: documents must be strings", status=422)
    if len(documents) > _DOCUMENTS:
        refuse(call, f"invalid request: too many documents, at most {_DOCUMENTS} are allowed")
    between(call, body, "top_n", 1, 1 << 30)
    scores = [relevance(query, one) for one in documents]
    best = sorted(range(len(scores)), key=lambda place: -scores[place])[: body.get("top_n")]
    results = [{"index": place, "relevance_score": scores[place]} for place in best]
    if (body.get("relevant_spans") or {}).get("mode") == "enabled":
        for result in results:
            result["relevant_spans"] = [{"start": 0, "end": 1, "score": 0.5}]  # type: ignore[assignment]
    units = {"search_units": -(-len(documents) // _UNIT)}
    meta = {"api_version": {"version": "2"}, "billed_units": units}
    return answer(call, {"id": identity(call), "results": results, "meta": meta})
