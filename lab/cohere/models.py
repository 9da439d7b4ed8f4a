"""Cohere's list of models (docs.cohere.com/reference/list-models)."""

from typing import Any

from lab.cohere.client import admit, answer, no_model
from lab.cohere.traits import EMBEDDING, LISTED, RERANK, traits
from lab.http import Call, Response

_IDS = (*LISTED, *EMBEDDING, *RERANK)
_PAGE = 20


def listed(call: Call) -> Response:
    """GET /v1/models, a page at a time. Raises `Refused`."""
    admit(call)
    wanted = call.query.get("endpoint")
    ids = [id for id in _IDS if wanted in {None, _endpoint(id)}]
    start, size = int(call.query.get("page_token") or 0), int(call.query.get("page_size") or _PAGE)
    page: dict[str, Any] = {"models": [_model(id) for id in ids[start : start + size]]}
    if start + size < len(ids):
        page["next_page_token"] = str(start + size)
    return answer(call, page)


def one(call: Call) -> Response:
    """GET /v1/models/{model}. Raises `Refused`."""
    admit(call)
    id = call.path.rpartition("/")[2]
    if id not in _IDS:
        no_model(call, id)
    return answer(call, _model(id))


def _endpoint(id: str) -> str:
    return "embed" if id in EMBEDDING else "rerank" if id in RERANK else "chat"


def _model(id: str) -> dict[str, Any]:
    trait = traits(id)
    features = ["tools", "strict_tools", "json_mode", "json_schema"] if trait.known else None
    if features is not None and trait.reasons:
        features.append("reasoning")
    if features is not None and trait.sees:
        features.append("vision")
    return {
        "name": id,
        "is_deprecated": False,
        "endpoints": [_endpoint(id)],
        "finetuned": False,
        "context_length": trait.window if trait.known else 4096,
        "tokenizer_url": "",
        "default_endpoints": [],
        "features": features,
    }
