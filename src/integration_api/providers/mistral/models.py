"""The models a Mistral account can use. https://docs.mistral.ai/api/#tag/models"""

from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, decode
from integration_api.core.models import Capabilities, Modality, ModelInfo
from integration_api.providers.mistral import client

KINDS = {
    "completion_chat": "chat",
    "audio_transcription": "stt",
    "audio_speech": "tts",
    "moderation": "moderation",
}
"""Mistral's capabilities that are ours as well."""


class Model(Struct):
    id: str
    created: int | None = None
    name: str | None = None
    capabilities: dict[str, Any] = {}
    max_context_length: int | None = None
    deprecation: str | None = None


class Models(Struct):
    data: list[Model]


DECODER = msgspec.json.Decoder(Models)


def models(credential: Credential) -> Exchange[tuple[ModelInfo, ...]]:
    """List every model the key may see, each once: aliases come as entries of their own."""
    reply = yield client.get("/models", credential)
    return tuple(info(model) for model in {model.id: model for model in decode(reply, DECODER).data}.values())


def info(model: Model) -> ModelInfo:
    found = tuple(ours for theirs, ours in KINDS.items() if model.capabilities.get(theirs))
    return ModelInfo(
        id=model.id,
        created=model.created or 0,
        title=model.name,
        kinds=found or (("embedding",) if "embed" in model.id else ()),
        lifecycle=f"deprecated {model.deprecation}" if model.deprecation else None,
        known=known(model),
        native=model.capabilities,
    )


def known(model: Model) -> Capabilities:
    """Return what Mistral says of a model; what it does not mention stays unknown."""
    told = {name: value for name, value in model.capabilities.items() if isinstance(value, bool)}
    senses: tuple[tuple[Modality, bool | None], ...] = (
        ("image", told.get("vision")),
        ("audio", told.get("audio")),
    )
    return Capabilities(
        context_window=model.max_context_length,
        inputs=None if "vision" not in told else ("text", *(sense for sense, has in senses if has)),
        tools=told.get("function_calling"),
        reasoning=told.get("reasoning"),
    )
