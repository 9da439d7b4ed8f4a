"""OpenAI's list of models (platform.openai.com/docs/api-reference/models)."""

from typing import Any

from lab.conversation import BIRTH
from lab.http import Call, Response
from lab.openai.client import admit, answer, refuse
from lab.openai.traits import EMBEDDING, MODERATION, SNAPSHOTS

_MODELS = sorted(
    {*SNAPSHOTS, *SNAPSHOTS.values(), *EMBEDDING, *MODERATION, "gpt-5.4", "gpt-5.6-sol", "gpt-5.6-luna"}
)


def listed(call: Call) -> Response:
    """GET /v1/models. Raises `Refused`."""
    admit(call)
    return answer(call, {"object": "list", "data": [_model(name) for name in _MODELS]})


def one(call: Call) -> Response:
    """GET /v1/models/{id}. Raises `Refused`."""
    admit(call)
    name = call.path.rpartition("/")[2]
    if name not in _MODELS:
        message = f"The model '{name}' does not exist"
        refuse(call, message, param="model", code="model_not_found", status=404)
    return answer(call, _model(name))


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": BIRTH, "owned_by": "system"}
