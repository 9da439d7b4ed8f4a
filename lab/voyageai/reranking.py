"""Voyage's reranking (docs.voyageai.com/reference/reranker-api)."""

import re
from typing import Any

from lab.conversation import count
from lab.http import Call, Response
from lab.vectors import relevance
from lab.voyageai.client import answer, document, refuse, within

_FIELDS = frozenset({"query", "documents", "model", "top_k", "truncation", "return_documents"})
_MODELS = re.compile(r"rerank-\d(\.\d)?(-lite)?")
_DOCUMENTS = 1000
_TOKENS = 600_000


def rerank(call: Call) -> Response:
    """POST /v1/rerank. Raises `Refused`."""
    body = document(call, _FIELDS)
    if call.asked.base and not _MODELS.fullmatch(call.asked.base):
        refuse(call, f"Model {body['model']} is not supported. Supported models are listed on our pages.")
    query, documents = body.get("query"), body.get("documents")
    if not isinstance(query, str) or not query:
        refuse(call, "Query cannot be an empty string.")
    if not isinstance(documents, list) or not documents or not all(isinstance(one, str) for one in documents):
        refuse(call, "Documents must be a list of strings that is not empty.")
    if len(documents) > _DOCUMENTS:
        refuse(call, f"The number of documents must not exceed {_DOCUMENTS}.")
    tokens = sum(count(query) + count(one) for one in documents)
    within(call, body["model"], tokens, _TOKENS)
    scores = [relevance(query, one) for one in documents]
    best = sorted(range(len(scores)), key=lambda place: -scores[place])[: body.get("top_k")]
    data: list[dict[str, Any]] = [{"index": place, "relevance_score": scores[place]} for place in best]
    if body.get("return_documents"):
        data = [{**one, "document": documents[one["index"]]} for one in data]
    return answer(
        call, {"object": "list", "data": data, "model": body["model"], "usage": {"total_tokens": tokens}}
    )
