"""The models an Azure resource could deploy; only their owner knows which deployments there are.

https://learn.microsoft.com/rest/api/azureopenai/models/list
"""

from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, decode
from integration_api.core.models import ModelInfo
from integration_api.providers.azure_openai import client
from integration_api.providers.azure_openai.deployments import deployments

KINDS = {"chat_completion": "chat", "embeddings": "embedding"}
"""Azure's capabilities that are ours as well."""


class Model(Struct):
    id: str
    created_at: int | None = None
    created: int | None = None
    capabilities: dict[str, Any] = {}
    lifecycle_status: str | None = None


class Models(Struct):
    data: list[Model]


DECODER = msgspec.json.Decoder(Models)


def models(credential: Credential) -> Exchange[tuple[ModelInfo, ...]]:
    """List the deployments that the credential names, then every model the resource may have, each once."""
    reply = yield client.get("/models", credential)
    listed = {model.id: info(model) for model in decode(reply, DECODER).data}
    named = {
        deployment: deployed(deployment, base, listed) for deployment, base in deployments(credential).items()
    }
    return tuple({**named, **{id: model for id, model in listed.items() if id not in named}}.values())


def deployed(deployment: str, base: str, listed: dict[str, ModelInfo]) -> ModelInfo:
    """Tell of a deployment what is told of its model."""
    behind = listed.get(base) or ModelInfo(id=base)
    return msgspec.structs.replace(
        behind, id=deployment, title=base, native={**behind.native, "base_model": base}
    )


def info(model: Model) -> ModelInfo:
    return ModelInfo(
        id=model.id,
        created=model.created_at or model.created or 0,
        kinds=tuple(ours for theirs, ours in KINDS.items() if model.capabilities.get(theirs)),
        lifecycle=model.lifecycle_status,
        native=model.capabilities,
    )
