"""Replicate's models, each with a schema of its own, and the collections they are in
(replicate.com/docs/reference/http#models.get).

A model called `…-cold` takes its time to start, one called `…-frozen` never does.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from lab.faults import directives
from lab.http import Call, Response
from lab.replicate.client import admit, answer, missing

_BORN = "2026-01-01T00:00:00.000000Z"
_TEXT = {"type": "string"}
_LLAMA: dict[str, Any] = {
    "prompt": {**_TEXT, "title": "Prompt"},
    "system_prompt": {**_TEXT, "default": "You are a helpful assistant."},
    "max_tokens": {"type": "integer", "minimum": 1, "default": 512},
    "temperature": {"type": "number", "minimum": 0.01, "maximum": 5, "default": 0.7},
    "top_p": {"type": "number", "minimum": 0, "maximum": 1},
    "top_k": {"type": "integer", "minimum": 0},
    "presence_penalty": {"type": "number"},
    "frequency_penalty": {"type": "number"},
    "stop_sequences": _TEXT,
    "prompt_template": _TEXT,
    "seed": {"type": "integer"},
}
_GPT: dict[str, Any] = {
    "prompt": {**_TEXT, "nullable": True},
    "messages": {"type": "array", "items": {"type": "object"}, "default": []},
    "system_prompt": {**_TEXT, "nullable": True},
    "image_input": {"type": "array", "items": {**_TEXT, "format": "uri"}, "default": []},
    "reasoning_effort": {"allOf": [{"$ref": "#/components/schemas/reasoning_effort"}], "default": "minimal"},
    "verbosity": {"allOf": [{"$ref": "#/components/schemas/verbosity"}], "default": "medium"},
    "max_completion_tokens": {"type": "integer", "nullable": True},
    "json_schema": {"type": "object", "nullable": True},
}
_CHOICES = {
    "reasoning_effort": {"type": "string", "enum": ["minimal", "low", "medium", "high"]},
    "verbosity": {"type": "string", "enum": ["low", "medium", "high"]},
}


@dataclass(frozen=True, slots=True)
class Model:
    """A model by its owner and name, what it takes, and whether Replicate itself keeps it warm."""

    owner: str
    name: str
    inputs: Mapping[str, Any]
    required: tuple[str, ...] = ()
    official: bool = True
    thinks: bool = False

    @property
    def path(self) -> str:
        """Owner and name."""
        return f"{self.owner}/{self.name}"

    @property
    def version(self) -> str:
        """The id of its only version."""
        return sha256(self.path.encode()).hexdigest()


KNOWN = {
    model.path: model
    for model in (
        Model("meta", "meta-llama-3-70b-instruct", _LLAMA, ("prompt",)),
        Model("openai", "gpt-5", _GPT),
        Model("acme", "thinker", _LLAMA, ("prompt",), official=False, thinks=True),
    )
}
_BY_VERSION: dict[str, Model] = {model.version: model for model in KNOWN.values()}
_NOWHERE = re.compile(r"nonexistent|does-not-exist")


def find(call: Call, owner: str, name: str) -> Model:
    """The model of that name: one that is known, or one like Llama. Raises `Refused`."""
    if _NOWHERE.search(name):
        missing(call)
    known = KNOWN.get(f"{owner}/{directives(name).base}")
    if known is None:
        return _kept(Model(owner, name, _LLAMA, ("prompt",), official=owner != "acme"))
    return (
        known
        if known.name == name
        else _kept(Model(owner, name, known.inputs, known.required, known.official, known.thinks))
    )


def _kept(model: Model) -> Model:
    """A model whose version will be asked for."""
    return _BY_VERSION.setdefault(model.version, model)


def of_version(call: Call, version: str) -> Model:
    """The model that has this version. Raises `Refused`."""
    return _BY_VERSION.get(version) or missing(call)


def one(call: Call) -> Response:
    """GET /v1/models/{owner}/{name}. Raises `Refused`."""
    admit(call)
    return answer(call, described(find(call, call.params["owner"], call.params["name"])))


def version(call: Call) -> Response:
    """GET /v1/models/{owner}/{name}/versions/{version}. Raises `Refused`."""
    admit(call)
    model = find(call, call.params["owner"], call.params["name"])
    if call.params["version"] != model.version:
        missing(call)
    return answer(call, _version(model))


def listed(call: Call) -> Response:
    """GET /v1/models, in one page. Raises `Refused`."""
    admit(call)
    results = [described(model) for model in KNOWN.values()]
    return answer(call, {"previous": None, "next": None, "results": results})


def collection(call: Call) -> Response:
    """GET /v1/collections/language-models. Raises `Refused`."""
    admit(call)
    if call.params["slug"] != "language-models":
        missing(call)
    models = [described(model) for model in KNOWN.values()]
    about = {"slug": "language-models", "name": "Language models", "description": "Models that chat"}
    return answer(call, {**about, "models": models})


def deployment(call: Call) -> Response:
    """GET /v1/deployments/{owner}/{name}: one that runs the model of the same name. Raises `Refused`."""
    admit(call)
    owner, name = call.params["owner"], call.params["name"]
    model = find(call, owner, name)
    release = {
        "number": 1, "model": model.path, "version": model.version, "created_at": _BORN,
        "created_by": {"type": "organization", "username": owner, "name": owner},
        "configuration": {"hardware": "gpu-t4", "min_instances": 0, "max_instances": 1},
    }  # fmt: skip
    return answer(call, {"owner": owner, "name": name, "current_release": release})


def described(model: Model) -> dict[str, Any]:
    """A model as Replicate describes it."""
    return {
        "url": f"https://replicate.com/{model.path}", "owner": model.owner, "name": model.name,
        "description": "A model of the lab", "visibility": "public", "is_official": model.official, "run_count": 1,
        "github_url": None, "paper_url": None, "license_url": None, "cover_image_url": None, "default_example": None,
        "created_at": _BORN, "latest_version": _version(model),
    }  # fmt: skip


def _version(model: Model) -> dict[str, Any]:
    pieces = {"type": "array", "items": {"type": "string"}, "x-cog-array-type": "iterator", "title": "Output"}
    schemas = {
        "Input": {
            "type": "object",
            "title": "Input",
            "required": list(model.required),
            "properties": model.inputs,
        },
        "Output": {**pieces, "x-cog-array-display": "concatenate"},
        **_CHOICES,
    }
    return {
        "id": model.version,
        "created_at": _BORN,
        "cog_version": "0.9.0",
        "openapi_schema": {
            "openapi": "3.0.2",
            "info": {"title": "Cog", "version": "0.1.0"},
            "components": {"schemas": schemas},
        },
    }


def choices(name: str, about: Mapping[str, Any]) -> list[Any] | None:
    """What an input may be one of."""
    return _CHOICES[name]["enum"] if "allOf" in about else about.get("enum")  # type: ignore[return-value]
