"""Embeddings by open models: OpenAI's route, TEI's own, or the router's pipeline of the model.

https://huggingface.co/docs/inference-providers/tasks/feature-extraction
"""

from collections.abc import Sequence
from math import fsum
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.embedding import EmbeddingRequest, EmbeddingResponse
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import Exchange, HttpResponse, decode
from integration_api.core.llm import Usage
from integration_api.dialects import openai_embedding
from integration_api.dialects.batches import in_batches, summed
from integration_api.dialects.embedding_inputs import text_of
from integration_api.dialects.notes import Notes, unsupported
from integration_api.dialects.openai_chat_dialect import bearer_if_held
from integration_api.dialects.openai_chat_payload import merge
from integration_api.dialects.vectors import in_order, vector
from integration_api.providers.huggingface import client

MOST_INPUTS = 32
"""In one request, unless TEI was started for other than that; fewer are found out by its refusals."""

HOME = "hf-inference"
"""The partner that is Hugging Face itself."""
ROUTES = {"deepinfra": "/v1/openai/embeddings"}
"""Where partners embed, if not at OpenAI's path."""

OWN = frozenset({"normalize", "prompt_name", "truncate", "truncation_direction"})
"""Options of pipelines and of TEI's own route, which OpenAI's route has no fields for."""

POOLING = "pooling"
"""An option for this service alone: with `mean` the vectors of a text's tokens become one."""

SIDES = {"start": "left", "end": "right", "auto": "right"}


class Route(Struct, frozen=True):
    """Where texts are embedded as such."""

    url: str
    tei: bool
    """Whether it is TEI's own: it sizes vectors, and spells sides with a capital."""


class Served(Struct):
    """A model at a partner's."""

    name: str = msgspec.field(name="providerId")
    task: str | None = None


class Repository(Struct):
    partners: dict[str, Served] = msgspec.field(name="inferenceProviderMapping", default_factory=dict)


VECTORS = msgspec.json.Decoder(list[Any])
REPOSITORY = msgspec.json.Decoder(Repository)


def embed(ask: EmbeddingRequest, credential: Credential) -> Exchange[EmbeddingResponse]:
    """Embed every input, in as many requests as are needed for them.

    Raises `Failure` for what cannot be asked, `ProviderError` for the answers.
    """
    kind = client.kind(credential)
    if kind == "router":
        return (yield from _routed(ask, credential))
    try:
        if _own(ask):
            return (yield from _native(ask, Route(f"{client.root(credential)}/embed", tei=True), credential))
        url = f"{client.versioned(credential)}/embeddings"
        return (yield from openai_embedding.embed(_dialect(url), ask, credential))
    except ProviderError as refusal:
        if kind is not None or refusal.kind is not Kind.NOT_FOUND:
            raise
    return (yield from _routed(ask, credential))


def computed(reply: HttpResponse) -> Usage:
    """Return what TEI says in a header that it had to read."""
    tokens = reply.headers.get("x-compute-tokens", "")
    return Usage(input_total=int(tokens) if tokens.isdecimal() else None)


def _own(ask: EmbeddingRequest) -> bool:
    return (
        ask.normalize is False
        or ask.truncate in SIDES
        or not OWN.isdisjoint(ask.extras)
        or not OWN.isdisjoint(ask.unknown)
    )


def _dialect(url: str) -> openai_embedding.EmbeddingDialect:
    return openai_embedding.EmbeddingDialect(
        provider=client.NAME,
        url=lambda model, credential: url,
        auth=bearer_if_held,
        headers=client.headers,
        encoding="float",
        fields=frozenset({"dimensions"}),
        # Ids are those of OpenAI's tokenizer; these models have their own.
        tokens=False,
        most_inputs=MOST_INPUTS,
        too_much=frozenset({"413"}),
    )


# --- the router ------------------------------------------------------------------------------


def _routed(ask: EmbeddingRequest, credential: Credential) -> Exchange[EmbeddingResponse]:
    """Ask the partner that the model's name ends in, or Hugging Face itself."""
    name, _, partner = ask.model.partition(":")
    repository = client.repository(name)
    if partner in {"", HOME}:
        url = f"{client.root(credential)}/{HOME}/models/{repository}/pipeline/feature-extraction"
        return (yield from _native(ask, Route(url, tei=False), credential))
    known = yield client.get(
        f"{client.hub(credential)}/api/models/{repository}?expand[]=inferenceProviderMapping", credential
    )
    served = decode(known, REPOSITORY).partners.get(partner)
    if served is None or served.task not in {None, "feature-extraction"}:
        raise Failure(
            Kind.NOT_FOUND,
            f"{partner} does not embed with {name}; https://huggingface.co/{name} lists who does",
            code="model_not_found",
            param="model",
        )
    url = f"{client.root(credential)}/{partner}{ROUTES.get(partner, '/v1/embeddings')}"
    theirs = msgspec.structs.replace(ask, model=served.name)
    return (yield from openai_embedding.embed(_dialect(url), theirs, credential))


# --- pipelines and TEI's own route -----------------------------------------------------------


def _native(ask: EmbeddingRequest, route: Route, credential: Credential) -> Exchange[EmbeddingResponse]:
    notes = Notes(strict=ask.strict)
    extras = dict(ask.extras)
    pooling = extras.pop(POOLING, None)
    options = _options(ask, notes, tei=route.tei)

    def one(batch: Sequence[str]) -> Exchange[tuple[list[bytes], Usage]]:
        body: dict[str, Any] = {"inputs": batch, **options}
        merge(body, extras)
        reply = yield client.post(route.url, body, credential)
        rows = _rows(decode(reply, VECTORS))
        found = {place: vector(_pooled(row, pooling), "float") for place, row in enumerate(rows)}
        return in_order(found, len(rows), len(batch)), computed(reply)

    texts = [text_of(one, client.NAME) for one in ask.inputs]
    parts = yield from in_batches(texts, one, most=MOST_INPUTS, too_much=client.too_much)
    return EmbeddingResponse(
        model=ask.model,
        vectors=tuple(vector for vectors, _ in parts for vector in vectors),
        usage=summed(usage for _, usage in parts),
        warnings=notes.all,
    )


def _options(ask: EmbeddingRequest, notes: Notes, *, tei: bool) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if ask.normalize is not None:
        options["normalize"] = ask.normalize
    if ask.truncate is not None:
        options["truncate"] = ask.truncate in SIDES
    if ask.truncate in SIDES:
        side = SIDES[ask.truncate]
        options["truncation_direction"] = side.capitalize() if tei else side
    if ask.dimensions is not None:
        if not tei:
            raise unsupported("dimensions", f"{client.NAME} does not let vectors of {ask.model} be sized")
        options["dimensions"] = ask.dimensions
    if ask.dtype != "float":
        raise unsupported("output_dtype", f"{client.NAME} gives float vectors only")
    for name, value in (("input_type", ask.input_type), ("title", ask.title), ("user", ask.user)):
        if value is not None:
            notes.cannot(name, f"{client.NAME} does not know {name}")
    options |= {name: value for name, value in ask.unknown.items() if name in OWN}
    notes.strange([name for name in ask.unknown if name not in OWN], client.NAME)
    return options


def _rows(told: list[Any]) -> list[Any]:
    """One row for each text: some pipelines give that of a single text alone."""
    return [told] if told and not isinstance(told[0], list) else told


def _pooled(row: Any, pooling: Any) -> Any:
    """Return a text's vector, or that of its only token.

    Raises `ProviderError` for a vector of each token, unless `pooling` says what to make of them.
    """
    while isinstance(row, list) and len(row) == 1 and isinstance(row[0], list):
        row = row[0]
    if not (isinstance(row, list) and row and isinstance(row[0], list)):
        return row
    if pooling != "mean":
        raise ProviderError(
            Kind.UNSUPPORTED,
            "the model gives a vector for each token of a text; choose one for sentences,"
            " or ask for their mean with the option pooling: mean",
            provider=client.NAME,
            code="unsupported_output_shape",
            param="model",
        )
    return [fsum(column) / len(row) for column in zip(*row, strict=True)]
