"""Everything of a provider that speaks OpenAI's language throughout, made of its address and its accent.

Such a provider is one record: where it lives (`Place`), how its chat differs (`Dialect`), and whether it embeds.

https://platform.openai.com/docs/api-reference/models
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.credential import BASE_URL, KEY, Credential, CredentialField
from integration_api.core.exchange import Auth, Exchange, Fault, HttpRequest, decode
from integration_api.core.models import Capabilities, ModelInfo, Parameter, modalities
from integration_api.core.provider import Provider
from integration_api.dialects import openai_chat, openai_embedding, openai_errors
from integration_api.dialects.openai_address import versioned
from integration_api.dialects.openai_chat_dialect import BEARER


class Place(Struct, frozen=True):
    """Where a provider lives, and how its paths are asked for."""

    name: str
    base: str
    """Its address, up to and with the version."""
    whoami: str = "/models"
    """A free path that a wrong key is refused at."""
    request_id_headers: tuple[str, ...] = openai_errors.REQUEST_ID_HEADERS

    def url(self, path: str, credential: Credential) -> str:
        return versioned(credential, self.base) + path

    def chat(self, model: str, credential: Credential) -> str:
        return self.url("/chat/completions", credential)

    def embeddings(self, model: str, credential: Credential) -> str:
        return self.url("/embeddings", credential)

    def auth(self, credential: Credential) -> Auth | None:
        return BEARER

    def get(self, path: str, credential: Credential) -> HttpRequest:
        return HttpRequest(method="GET", url=self.url(path, credential), auth=self.auth(credential))

    @property
    def fault(self) -> Fault:
        return partial(openai_errors.fault, provider=self.name, request_id_headers=self.request_id_headers)


def provider(
    place: Place,
    title: str,
    dialect: openai_chat.Dialect,
    *,
    fields: tuple[CredentialField, ...] = (KEY, BASE_URL),
    aliases: tuple[str, ...] = (),
    parameters: tuple[str, ...] = (),
    embedding: openai_embedding.EmbeddingDialect | None = None,
) -> Provider:
    """Make the provider that lives at `place` and chats in `dialect`."""
    return Provider(
        name=place.name,
        title=title,
        fields=fields,
        aliases=aliases,
        verify=partial(verify, place),
        fault=place.fault,
        request_id_headers=place.request_id_headers,
        parameters=parameters,
        llm=openai_chat.llm(dialect),
        embedding=None if embedding is None else partial(openai_embedding.embed, embedding),
        models=partial(models, place),
    )


def verify(place: Place, credential: Credential) -> Exchange[None]:
    """Return when the key is good; the refusal of a bad one comes out as `ProviderError`."""
    yield place.get(place.whoami, credential)


class Server(Struct):
    """Who would be asked first."""

    max_completion_tokens: int | None = None


class Architecture(Struct):
    input_modalities: list[str] | None = None
    output_modalities: list[str] | None = None


class Model(Struct):
    """What one or another of them tells of a model."""

    id: str
    created: float | None = None
    name: str | None = None
    display_name: str | None = None
    type: str | None = None
    context_length: int | None = None
    context_window: int | None = None
    max_model_len: int | None = None
    max_completion_tokens: int | None = None
    supported_parameters: list[str] | None = None
    top_provider: Server | None = None
    architecture: Architecture | None = None
    pricing: dict[str, Any] | None = None


class Models(Struct):
    data: list[Model]


DECODER = msgspec.json.Decoder(Models | list[Model])

KINDS: Mapping[str, str] = {
    "chat": "chat",
    "embedding": "embedding",
    "rerank": "rerank",
    "moderation": "moderation",
}
"""Types of models that are kinds of ours as well."""


def models(place: Place, credential: Credential) -> Exchange[tuple[ModelInfo, ...]]:
    """List every model the key may see, each once."""
    reply = yield place.get("/models", credential)
    found = decode(reply, DECODER)
    listed = found.data if isinstance(found, Models) else found
    return tuple(info(model) for model in {model.id: model for model in listed}.values())


def info(model: Model) -> ModelInfo:
    told = {"pricing": model.pricing}
    return ModelInfo(
        id=model.id,
        created=int(model.created or 0),
        title=model.display_name or model.name,
        kinds=(found,) if (found := KINDS.get(model.type or "")) else (),
        known=known(model),
        native={name: value for name, value in told.items() if value is not None},
    )


ROUTED: tuple[Parameter, ...] = (
    "frequency_penalty", "logit_bias", "logprobs", "max_tokens", "min_p", "presence_penalty", "repetition_penalty",
    "response_format", "seed", "stop", "temperature", "tool_choice", "top_k", "top_logprobs", "top_p",
)  # fmt: skip
"""Parameters that a list of `supported_parameters` names where a model has them. Of one that it leaves out it is
known that whoever serves the model would ignore it, without a word to the caller."""
ALSO = {"max_completion_tokens": "max_tokens", "structured_outputs": "response_format"}
"""Words of such lists that stand for another's meaning as well."""


def known(model: Model) -> Capabilities:
    """Return what the list tells of a model; few of them tell much."""
    top, built, taken = model.top_provider, model.architecture, model.supported_parameters
    found = Capabilities(
        context_window=model.context_length or model.context_window or model.max_model_len,
        max_output_tokens=model.max_completion_tokens or (top and top.max_completion_tokens) or None,
        inputs=modalities(built.input_modalities) if built else None,
        outputs=modalities(built.output_modalities) if built else None,
    )
    if not taken:
        return found
    taken = [*taken, *(ALSO[name] for name in taken if name in ALSO)]
    return msgspec.structs.replace(
        found,
        tools="tools" in taken,
        structured_output="structured_outputs" in taken,
        reasoning="reasoning" in taken,
        takes=tuple(name for name in ROUTED if name in taken),
        refuses=tuple(name for name in ROUTED if name not in taken),
    )
