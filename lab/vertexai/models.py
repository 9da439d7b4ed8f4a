"""The models that Vertex AI publishes (cloud.google.com/vertex-ai/docs/reference/rest/v1beta1/publishers.models/list)."""

from typing import Any

from lab.gemini.client import refuse
from lab.gemini.traits import LISTED
from lab.http import Call, Response
from lab.vertexai import client
from lab.vertexai.partners import OPEN

_PUBLISHED = {
    "google": [
        *(id for id in LISTED if not id.startswith("gemma")),
        "text-embedding-005",
        "gemini-embedding-001",
    ],
    "anthropic": ["claude-opus-5-5", "claude-sonnet-4-5"],
    "mistralai": ["mistral-medium-3"],
    **{id.partition("/")[0]: [id.partition("/")[2]] for id in OPEN.models},
}
_DATED = {"claude-sonnet-4-5": "20250929"}
_MOST = 200


def listed(call: Call) -> Response:
    """GET /v1beta1/publishers/{publisher}/models, a page at a time. Raises `Refused`."""
    client.admit(call)
    publisher = call.params["publisher"]
    ids = _PUBLISHED.get(publisher)
    if ids is None:
        refuse(call, f"Publisher {publisher} not found.", status=404)
    size, start = int(call.query.get("pageSize") or 100), int(call.query.get("pageToken") or 0)
    end = start + min(size, _MOST)
    page: dict[str, Any] = {"publisherModels": [_model(publisher, id) for id in ids[start:end]]}
    if end < len(ids):
        page["nextPageToken"] = str(end)
    return client.answer(call, page)


def _model(publisher: str, id: str) -> dict[str, Any]:
    return {
        "name": f"publishers/{publisher}/models/{id}",
        "versionId": _DATED.get(id, "default"),
        "launchStage": "PUBLIC_PREVIEW" if "preview" in id else "GA",
    }
