"""The models that can be asked: the router's list, or what a server of one's own serves.

https://huggingface.co/docs/inference-providers/hub-api
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Exchange, decode
from integration_api.core.models import Capabilities, ModelInfo, modalities
from integration_api.providers.huggingface import client


class Partner(Struct):
    """One who serves a model."""

    provider: str = ""
    status: str | None = None
    context_length: int | None = None
    supports_tools: bool | None = None
    supports_structured_output: bool | None = None
    pricing: dict[str, Any] | None = None


class Architecture(Struct):
    input_modalities: list[str] = []


class Model(Struct):
    id: str
    created: int | None = None
    max_model_len: int | None = None
    architecture: Architecture | None = None
    providers: list[Partner] | None = None


class Models(Struct):
    data: list[Model]


class Info(Struct):
    """What TEI and TGI tell of the one model they serve."""

    model_id: str
    model_type: dict[str, Any] | str | None = None
    max_input_length: int | None = None
    max_total_tokens: int | None = None


MODELS = msgspec.json.Decoder(Models)
INFO = msgspec.json.Decoder(Info)

KINDS = {"embedding": "embedding", "reranker": "rerank"}


def models(credential: Credential) -> Exchange[tuple[ModelInfo, ...]]:
    """List every model, each once. Raises `Failure`."""
    try:
        reply = yield client.get(f"{client.versioned(credential)}/models", credential)
    except ProviderError as refusal:
        if refusal.kind is not Kind.NOT_FOUND or client.kind(credential) == "router":
            raise
        reply = yield client.get(f"{client.root(credential)}/info", credential)
        return (_served(decode(reply, INFO)),)
    return tuple(
        _listed(model) for model in {model.id: model for model in decode(reply, MODELS).data}.values()
    )


def _listed(model: Model) -> ModelInfo:
    partners = [partner for partner in model.providers or () if partner.status in {None, "live"}]
    told = {
        "providers": [partner.provider for partner in partners] or None,
        "pricing": {partner.provider: partner.pricing for partner in partners if partner.pricing} or None,
    }
    inputs = modalities(model.architecture.input_modalities) if model.architecture else None
    windows = [partner.context_length for partner in partners if partner.context_length is not None]
    return ModelInfo(
        id=model.id,
        created=model.created or 0,
        kinds=("chat",) if model.providers is not None else (),
        known=Capabilities(
            context_window=max(windows, default=model.max_model_len),
            inputs=inputs,
            tools=_any(partner.supports_tools for partner in partners),
            structured_output=_any(partner.supports_structured_output for partner in partners),
        ),
        # Partners differ, and a name may pin one.
        routes={
            f"{model.id}:{partner.provider}": Capabilities(
                context_window=partner.context_length,
                inputs=inputs,
                tools=partner.supports_tools,
                structured_output=partner.supports_structured_output,
            )
            for partner in partners
            if partner.provider
        },
        native={name: value for name, value in told.items() if value is not None},
    )


def _any(told: Iterable[bool | None]) -> bool | None:
    """Whether any partner can; None where none of them tells."""
    known = [can for can in told if can is not None]
    return any(known) if known else None


def _served(info: Info) -> ModelInfo:
    types = [info.model_type] if isinstance(info.model_type, str) else list(info.model_type or ())
    kinds = tuple(KINDS[type.lower()] for type in types if type.lower() in KINDS)
    window = info.max_input_length or info.max_total_tokens
    return ModelInfo(id=info.model_id, kinds=kinds, known=Capabilities(context_window=window))
