"""What a model takes: each has a schema of its own. https://replicate.com/docs/reference/openapi-spec"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, TypeAlias

from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, decode
from integration_api.providers.replicate import client, wire

Key: TypeAlias = tuple[str, int, int, str]

MOST_SCHEMAS = 512
"""Remembered at once, a few kilobytes each; the longest unused is asked for again."""


class Schema(Struct, frozen=True):
    """The inputs of one model by name, and how it is run."""

    inputs: Mapping[str, Mapping[str, Any]]
    path: str
    """Where its predictions are created."""
    version: str | None = None
    """To be named in the request, where the path does not tell."""
    public: bool = False
    """Whether anybody may know it."""

    def __contains__(self, name: str) -> bool:
        return name in self.inputs

    def kind(self, name: str) -> str | None:
        """The JSON type of an input."""
        return self.inputs[name].get("type")


UNKNOWN: Mapping[str, Mapping[str, Any]] = {
    "prompt": {"type": "string"},
    "system_prompt": {"type": "string"},
    "max_tokens": {"type": "integer"},
    "temperature": {"type": "number"},
    "top_p": {"type": "number"},
    "stop_sequences": {"type": "string"},
}
"""What nearly every language model takes, for a version that cannot be looked up by its id alone."""


class Schemas:
    """Schemas that were asked for. One stays until the model refuses an input: then it has changed."""

    def __init__(self, most: int = MOST_SCHEMAS) -> None:
        self._most = most
        self._known: OrderedDict[Key, Schema] = OrderedDict()

    def of(self, model: str, credential: Credential) -> Exchange[Schema]:
        """Return the schema of `model`. Raises `Failure` for what is no model's name."""
        named = client.Named(model)
        public, private = _keys(model, credential)
        for key in (public, private):
            if (known := self._known.get(key)) is not None:
                self._known.move_to_end(key)
                return known
        found = yield from _ask(named, credential)
        # Nobody else may learn of a private model; a credential that is not stored may be anybody's.
        if found.public or credential.id:
            self._known[public if found.public else private] = found
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        return found

    def forget(self, model: str, credential: Credential) -> None:
        for key in _keys(model, credential):
            self._known.pop(key, None)


def _keys(model: str, credential: Credential) -> tuple[Key, Key]:
    """Where a model would be found that anybody may know, and one that only this account may."""
    base = credential.base_url("")
    return (base, 0, 0, model), (base, credential.id, credential.version, model)


def _ask(named: client.Named, credential: Credential) -> Exchange[Schema]:
    if named.bare:
        return Schema(UNKNOWN, "/predictions", named.version)
    if named.deployed:
        reply = yield client.get(f"/deployments/{named.path}", credential)
        release = decode(reply, wire.decode_deployment).current_release
        inputs = yield from _version(client.Named(release.model).path, release.version, credential)
        return Schema(inputs, f"/deployments/{named.path}/predictions")
    if named.version:
        inputs = yield from _version(named.path, named.version, credential)
        return Schema(inputs, "/predictions", named.version)
    reply = yield client.get(f"/models/{named.path}", credential)
    model = decode(reply, wire.decode_model)
    inputs = _inputs(model.latest_version)
    public = model.visibility == "public"
    if model.is_official is False and model.latest_version is not None and model.latest_version.id:
        return Schema(inputs, "/predictions", model.latest_version.id, public)
    return Schema(inputs, f"/models/{named.path}/predictions", public=public)


def _version(path: str, version: str, credential: Credential) -> Exchange[Mapping[str, Mapping[str, Any]]]:
    reply = yield client.get(f"/models/{path}/versions/{version}", credential)
    return _inputs(decode(reply, wire.decode_version))


def _inputs(version: wire.Version | None) -> Mapping[str, Mapping[str, Any]]:
    """Return the inputs with the choices that they refer to beside them."""
    if version is None or version.openapi_schema is None:
        return UNKNOWN
    schemas = version.openapi_schema.components.schemas
    properties = schemas.get("Input", {}).get("properties")
    if not isinstance(properties, dict):
        return UNKNOWN
    return {name: _resolved(input, schemas) for name, input in properties.items() if isinstance(input, dict)}


def _resolved(input: dict[str, Any], schemas: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    for choice in (*input.get("allOf", ()), *input.get("anyOf", ())):
        if isinstance(choice, dict) and isinstance(ref := choice.get("$ref"), str):
            return {**schemas.get(ref.rpartition("/")[2], {}), **input}
    return input
