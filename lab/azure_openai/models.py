"""The models a resource could deploy (learn.microsoft.com/rest/api/azureopenai/models/list)."""

from typing import Any

from lab.azure_openai.client import admit, answer, dated, refuse
from lab.conversation import BIRTH
from lab.http import Call, Response
from lab.openai.traits import EMBEDDING, SNAPSHOTS

_MODELS = sorted({*SNAPSHOTS, *EMBEDDING, "gpt-5.6-sol"})


def listed(call: Call) -> Response:
    """GET …/models. Raises `Refused`."""
    dated(call)
    admit(call)
    return answer(call, {"object": "list", "data": [_model(name) for name in _MODELS]})


def one(call: Call) -> Response:
    """GET …/models/{id}. Raises `Refused`."""
    dated(call)
    admit(call)
    name = call.path.rpartition("/")[2]
    if name not in _MODELS:
        refuse(call, 404, "ResourceNotFound", f"Model {name} is not found.")
    return answer(call, _model(name))


def _model(name: str) -> dict[str, Any]:
    chats = name not in EMBEDDING
    return {
        "id": name,
        "object": "model",
        "created_at": BIRTH,
        "status": "succeeded",
        "lifecycle_status": "generally-available",
        "capabilities": {
            "fine_tune": False,
            "inference": True,
            "completion": False,
            "chat_completion": chats,
            "embeddings": not chats,
        },
        "deprecation": {"inference": BIRTH + 86_400 * 365},
    }
