"""The ranking of Google's Discovery Engine (cloud.google.com/generative-ai-app-builder/docs/ranking)."""

from typing import Any

from lab.gemini.client import document, refuse
from lab.http import Call, Response
from lab.vectors import relevance
from lab.vertexai import client

_FIELDS = frozenset({"model", "query", "records", "topN", "ignoreRecordDetailsInResponse", "userLabels"})
_MODELS = ("semantic-ranker-default-004", "semantic-ranker-fast-004", "semantic-ranker-512@latest")
_MOST = 200


def rank(call: Call) -> Response:
    """POST …/rankingConfigs/{config}:rank. Raises `Refused`."""
    client.admit(call)
    body: dict[str, Any] = document(call)
    for name in body:
        if name not in _FIELDS:
            refuse(call, f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.')
    call.model = body.get("model") or _MODELS[0]
    if call.asked.base not in ("", *_MODELS):
        refuse(call, f"Model {call.model} is not supported.")
    records = body.get("records") or []
    if not 1 <= len(records) <= _MOST:
        refuse(call, f"The number of records must be between 1 and {_MOST}.")
    for record in records:
        if not isinstance(record.get("id"), str) or not (record.get("title") or record.get("content")):
            refuse(call, "Each record must have an id, and a title or content.")
    scored = [
        {
            **record,
            "score": round(
                relevance(
                    body.get("query", ""), f"{record.get('title', '')} {record.get('content', '')}".strip()
                ),
                2,
            ),
        }
        for record in records
    ]
    best = sorted(scored, key=lambda record: -record["score"])[: body.get("topN") or len(scored)]
    if body.get("ignoreRecordDetailsInResponse"):
        best = [{"id": record["id"], "score": record["score"]} for record in best]
    return client.answer(call, {"records": best})
