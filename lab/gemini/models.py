"""Gemini's list of models (ai.google.dev/api/models)."""

from typing import Any

from lab.gemini.client import admit, answer, no_model, refuse
from lab.gemini.embedding import MODELS as EMBEDDING
from lab.gemini.traits import LISTED, Traits, traits
from lab.http import Call, Response

_IDS = (*LISTED, *EMBEDDING)
_PAGE, _MOST = 50, 1000


def found(call: Call, method: str) -> Traits:
    """The traits of a chat model that is known. Raises `Refused`."""
    trait = traits(call.asked.base)
    if not trait.known:
        no_model(call, method)
    return trait


def listed(call: Call) -> Response:
    """GET /v1beta/models, a page at a time. Raises `Refused`."""
    admit(call)
    size, start = call.query.get("pageSize") or str(_PAGE), call.query.get("pageToken") or "0"
    if not (size.isdecimal() and start.isdecimal()):
        refuse(call, "Invalid page token.")
    end = int(start) + min(int(size) or _PAGE, _MOST)
    page: dict[str, Any] = {"models": [_model(id) for id in _IDS[int(start) : end]]}
    if end < len(_IDS):
        page["nextPageToken"] = str(end)
    return answer(call, page)


def one(call: Call) -> Response:
    """GET /v1beta/models/{model}. Raises `Refused`."""
    admit(call)
    call.model = call.path.rpartition("/")[2]
    if call.model not in _IDS:
        no_model(call, "getModel")
    return answer(call, _model(call.model))


def _model(id: str) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": f"models/{id}",
        "version": "001",
        "displayName": id.replace("-", " ").title(),
    }
    if id in EMBEDDING:
        methods = ["embedContent", "countTextTokens", "countTokens", "asyncBatchEmbedContent"]
        return {**told, "inputTokenLimit": 2048, "outputTokenLimit": 1, "supportedGenerationMethods": methods}
    trait = traits(id)
    methods = ["generateContent", "countTokens", "createCachedContent", "batchGenerateContent"]
    told |= {
        "inputTokenLimit": trait.window,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": methods,
    }
    if trait.samples:
        told |= {"temperature": 1, "topP": 0.95, "topK": 64, "maxTemperature": 2}
    return {**told, "thinking": True} if trait.thinks else told
