"""Mistral's list of models (docs.mistral.ai/api, models)."""

from typing import Any

from lab.conversation import BIRTH
from lab.http import Call, Response
from lab.mistral.client import admit, answer, refuse
from lab.mistral.traits import EMBEDDING, LISTED, MODERATION, traits

_IDS = (*LISTED, *EMBEDDING, MODERATION[0])


def listed(call: Call) -> Response:
    """GET /v1/models. Raises `Refused`."""
    admit(call)
    return answer(call, {"object": "list", "data": [_model(id) for id in _IDS]})


def one(call: Call) -> Response:
    """GET /v1/models/{id}. Raises `Refused`."""
    admit(call)
    id = call.path.rpartition("/")[2]
    if id not in _IDS:
        refuse(call, f"Model not found: {id}", "not_found_error", "1900", status=404)
    return answer(call, _model(id))


def _model(id: str) -> dict[str, Any]:
    trait = traits(id)
    return {
        "id": id,
        "object": "model",
        "created": BIRTH,
        "owned_by": "mistralai",
        "capabilities": {
            "completion_chat": trait.chat,
            "completion_fim": id.startswith("codestral-") and trait.chat,
            "function_calling": trait.chat,
            "reasoning": trait.reasons or bool(trait.efforts),
            "fine_tuning": False,
            "vision": id.startswith(("mistral-", "pixtral-", "magistral-")) and trait.chat,
            "audio": id.startswith("voxtral-"),
            "classification": False,
            "moderation": id in MODERATION,
            "ocr": False,
        },
        "name": id,
        "description": f"{id}, as the lab plays it",
        "max_context_length": trait.window,
        "aliases": [],
        "deprecation": None,
        "default_model_temperature": 0.7 if trait.chat else None,
        "type": "base",
    }
