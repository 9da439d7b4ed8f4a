"""Which provider, model and credential a call means, and what its audit record keeps of what it says."""

import re
from collections.abc import Mapping
from typing import Protocol

from google.protobuf.any_pb2 import Any as AnyMessage
from msgspec.structs import replace

from integration_api.core.errors import Failure, Kind
from integration_api.core.ids import LARGEST_ID
from integration_api.core.provider import Provider
from integration_api.core.secret import Secret
from integration_api.dialects.unified_values import invalid, read_any
from integration_api.proto import unified_pb2 as wire
from integration_api.providers import find
from integration_api.rpc.methods import Ask
from integration_api.services.target import Target, live, resolve

TRANSPORT = "connection.transport"
MODEL_ID = "model.id"
"""The model's name in the platform's catalogue."""
NAME = re.compile(r"[a-zA-Z0-9-]{1,32}")
MOST_METADATA = 64
"""Entries of a call's own that its audit record keeps, and how long a value may be."""
LONGEST_METADATA = 1_000
CONTEXT = (
    (b"x-client-source", "source", ("web-plugin", "debugger", "sdk", "phone-call", "whatsapp")),
    (b"x-rapida-environment", "env", ("development", "production")),
    (b"x-rapida-region", "region", ("all", "ap", "us", "eu")),
)
"""Metadata of the platform that says where a call comes from, and the words it knows."""
UNKNOWN = {"source": "debugger", "env": "development", "region": "all"}


def provider_of(name: str) -> Provider:
    """Return the provider of that name or alias. Raises `Failure(INVALID_REQUEST)`."""
    if not name:
        raise Failure(
            Kind.INVALID_REQUEST,
            "providerName is required",
            code="missing_required_parameter",
            param="providerName",
        )
    provider = find(name)
    if provider is None:
        # A frame of another generation may hold a secret where the name is: only a name is repeated.
        shown = f"named {name}" if NAME.fullmatch(name) else "of that name"
        raise Failure(
            Kind.INVALID_REQUEST,
            f"there is no provider {shown}; GET /v1/providers lists them",
            code="unknown_provider",
            param="providerName",
        )
    return provider


def account(
    ask: Ask,
    provider: Provider,
    credential: wire.Credential,
    offered: Mapping[str, Secret],
    options: Mapping[str, str] = {},
) -> Target:
    """Return whom a call goes to, and by which of its connections, its model still open.

    The fields that came with the call count, then the stored credential that is named, then the
    project's default. Raises `Failure`.
    """
    connection = connection_to(provider, options)
    if offered:
        return Target(provider, "", live=live(ask.caller.tenant, provider, offered), connection=connection)
    if credential.id > LARGEST_ID:
        raise Failure(Kind.NOT_FOUND, "there is no such credential", code="credential_not_found")
    return Target(provider, "", credential.id or None, connection=connection)


def named(target: Target, model: str) -> Target:
    """Return the target with its model. Raises `Failure` when there is none."""
    if not model:
        raise Failure(
            Kind.INVALID_REQUEST,
            "name a model: modelParameters needs model.name",
            code="model_required",
            param="model.name",
        )
    found = resolve(model, provider=target.provider.name)
    return replace(target, model=found.model)


def connection_to(provider: Provider, options: Mapping[str, str]) -> str:
    """Return the caller's choice of connection; "" for none, or where there is none to make.

    Raises `Failure(INVALID_REQUEST)` for a choice that is not offered.
    """
    chosen = options.get(TRANSPORT, "")
    if not chosen or not provider.connections:
        return ""
    if chosen not in provider.connections:
        raise invalid(f"{provider.name} has {', '.join(provider.connections)}", TRANSPORT)
    return chosen


def connection_of(parameters: Mapping[str, AnyMessage]) -> dict[str, str]:
    """Return the choice of connection that callers without a place for it put among the parameters."""
    if TRANSPORT not in parameters:
        return {}
    return {TRANSPORT: str(read_any(parameters[TRANSPORT], TRANSPORT))}


class Asked(Protocol):
    """What every message that asks a model says beside its question."""

    @property
    def additionalData(self) -> Mapping[str, str]: ...  # noqa: N802 - the platform's spelling
    @property
    def modelParameters(self) -> Mapping[str, AnyMessage]: ...  # noqa: N802


def metadata(ask: Ask, asked: Asked, connection: str = "") -> dict[str, str]:
    """Return what the audit record keeps: the caller's own entries, where it calls from, and what it chose."""
    additional = asked.additionalData
    kept = {key: additional[key][:LONGEST_METADATA] for key in sorted(additional)[:MOST_METADATA] if key}
    headers = ask.call.metadata
    for header, name, known in CONTEXT:
        if (told := headers.get(header)) is not None:
            word = told.decode("latin-1").lower()
            kept[name] = word if word in known else UNKNOWN[name]
    if MODEL_ID in asked.modelParameters:
        kept["model_id"] = str(read_any(asked.modelParameters[MODEL_ID], MODEL_ID))[:LONGEST_METADATA]
    if connection:
        kept[TRANSPORT] = connection
    return kept
