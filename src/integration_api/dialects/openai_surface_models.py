"""The list of models in OpenAI's language. https://platform.openai.com/docs/api-reference/models"""

from collections.abc import Iterable
from typing import Any

import msgspec

from integration_api.core.models import UNKNOWN, ModelInfo

_encode = msgspec.json.Encoder().encode


def model_object(provider: str, model: ModelInfo) -> dict[str, Any]:
    """Return one model, named as a chat request would name it: `provider/model`."""
    fields: dict[str, Any] = {
        "id": f"{provider}/{model.id}",
        "object": "model",
        "created": model.created,
        "owned_by": provider,
        "provider": provider,
    }
    known = {
        "title": model.title,
        "kinds": model.kinds,
        "context_window": model.known.context_window,
        "max_output_tokens": model.known.max_output_tokens,
        "lifecycle": model.lifecycle,
        "capabilities": None if model.known == UNKNOWN else model.known,
        "routes": model.routes,
        "native": model.native,
    }
    return fields | {name: value for name, value in known.items() if value}


def render_model(provider: str, model: ModelInfo) -> bytes:
    return _encode(model_object(provider, model))


def render_models(models: Iterable[tuple[str, ModelInfo]], *, warnings: Iterable[str] = ()) -> bytes:
    """Return the list; `warnings` name the providers that could not be asked."""
    body: dict[str, Any] = {
        "object": "list",
        "data": [model_object(provider, model) for provider, model in models],
    }
    if said := list(warnings):
        body["warnings"] = said
    return _encode(body)
