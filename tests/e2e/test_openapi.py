"""The API's description is valid, complete and true: every route is in it, and every real answer is as it says."""

import copy
import json
from collections.abc import Mapping
from typing import Any
from unittest.mock import MagicMock

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from integration_api.app import routes
from tests.e2e.service import Service
from tests.e2e.test_isolation import TELEPHONY

SAID = [{"role": "user", "content": "hello"}]
TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}
ABSENT = "123456789"
OFFER = {"provider": "sandbox", "value": {"base_url": "https://sandbox.example"}}
NAMED = ("{id}", "{name}")

Asked = list[tuple[str, Any]]
"""Paths, as they are asked for, with a body."""
ASKS: Mapping[tuple[str, str], Asked] = {
    ("GET", "/healthz"): [("/healthz/", None)],
    ("GET", "/readiness"): [("/readiness/", None)],
    ("GET", "/metrics"): [("/metrics", None)],
    ("GET", "/openapi.json"): [("/openapi.json", None)],
    ("GET", "/docs"): [("/docs", None)],
    ("GET", "/v1/providers"): [("/v1/providers", None)],
    ("GET", "/v1/providers/{name}"): [("/v1/providers/azure-openai", None), ("/v1/providers/nobody", None)],
    ("POST", "/v1/credentials"): [
        ("/v1/credentials", {**OFFER, "name": "described"}),
        ("/v1/credentials", {**OFFER, "name": "described"}),
        ("/v1/credentials", {"name": "x"}),
    ],
    ("GET", "/v1/credentials"): [("/v1/credentials?limit=100", None), ("/v1/credentials?limit=0", None)],
    ("POST", "/v1/credentials/verify"): [("/v1/credentials/verify", OFFER)],
    ("GET", "/v1/credentials/{id}"): [("/v1/credentials/{credential}", None), (f"/v1/credentials/{ABSENT}", None)],
    ("PATCH", "/v1/credentials/{id}"): [("/v1/credentials/{credential}", {"name": "described anew"})],
    ("POST", "/v1/credentials/{id}/verify"): [("/v1/credentials/{credential}/verify", {})],
    ("DELETE", "/v1/credentials/{id}"): [("/v1/credentials/{credential}", None)],
    ("POST", "/v1/keys"): [("/v1/keys", {"name": "described", "scopes": ["infer"]}), ("/v1/keys", {"name": ""})],
    ("GET", "/v1/keys"): [("/v1/keys?limit=100", None)],
    ("DELETE", "/v1/keys/{id}"): [("/v1/keys/{key}", None), (f"/v1/keys/{ABSENT}", None)],
    ("POST", "/v1/chat/completions"): [
        *(("/v1/chat/completions", {"model": model, "messages": SAID, **more}) for model, more in (
            ("sandbox/echo", {}), ("sandbox/reasoner", {}), ("sandbox/tools", {"tools": [TOOL]}),
            ("anthropic/claude-sonnet-4-5", {"logit_bias": {"1": 2}}), ("mistral/mistral-large-latest", {}),
            ("openai/gpt-4o", {}), ("gemini/gemini-2.5-flash", {}), ("cohere/command-a-03-2025", {}),
            ("anthropic/claude-sonnet-4-5-lab-status-429", {}), ("openai/gpt-4o-lab-status-401", {}), ("", {}),
        )),
    ],
    ("POST", "/v1/embeddings"): [
        ("/v1/embeddings", {"model": "sandbox/embed", "input": "x", "encoding_format": "float"}),
        ("/v1/embeddings", {"model": "cohere/embed-v4.0", "input": ["x", "y"], "encoding_format": "base64"}),
        ("/v1/embeddings", {"model": "sandbox/embed", "input": []}),
    ],
    **{("POST", path): [
        (path, {"model": "sandbox/rerank", "query": "a", "documents": ["a", "b"]}),
        (path, {"model": "cohere/rerank-v3.5", "query": "a", "documents": ["a", "b"], "return_documents": True}),
        (path, {"model": "sandbox/rerank", "query": "a"}),
    ] for path in ("/v1/rerank", "/v2/rerank")},
    ("POST", "/v1/moderations"): [
        ("/v1/moderations", {"model": "sandbox/moderation", "input": "x"}),
        ("/v1/moderations", {"model": "openai/omni-moderation-latest", "input": "x"}),
    ],
    ("GET", "/v1/models"): [("/v1/models", None)],
    ("GET", "/v1/models/{id}"): [("/v1/models/openai/gpt-4o", None), ("/v1/models/openai/none", None)],
    ("GET", "/v1/voices"): [("/v1/voices", None), ("/v1/voices?provider=sandbox", None)],
    ("GET", "/v1/audit"): [("/v1/audit?limit=100", None), ("/v1/audit?colour=red", None)],
    ("GET", "/v1/audit/{id}"): [("/v1/audit/{record}", None), (f"/v1/audit/{ABSENT}", None)],
}  # fmt: skip
SPEECH = {
    ("POST", "/v1/audio/transcriptions"), ("POST", "/v1/audio/translations"), ("POST", "/v1/audio/speech"),
    ("GET", "/v1/voice/stt"), ("GET", "/v1/voice/tts"), ("GET", "/v1/realtime"),
}  # fmt: skip
"""Forms, sounds and sockets, which `test_audio.py` and `test_voice.py` ask for."""
CARRIERS = {
    (method, f"/telephony/{{provider}}/{{opaque}}/{what}")
    for what in ("answer", "status", "media")
    for method in ("GET", "POST")
    if (method, what) != ("POST", "media")
} | {("GET", "/internal/media")}
"""What carriers ask, other replicas, and all of telephony: `test_telephony.py` holds it to this description."""


@pytest.fixture(scope="module")
def document(service: Service) -> dict[str, Any]:
    return dict(service.call("GET", "/openapi.json", key=None)[1])


def test_it_is_valid(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()


def test_it_names_every_route_and_what_the_route_needs(document: dict[str, Any]) -> None:
    served = {(route.method, route.path.replace(":path}", "}")): route for route in routes(MagicMock())}
    described = {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert set(described) == set(served) == {*ASKS, *SPEECH, *TELEPHONY, *CARRIERS}
    for which, operation in described.items():
        assert (operation["security"] == []) == (served[which].scope is None), which
        for status, answer in operation["responses"].items():
            schemas = [media.get("schema") for media in answer["content"].values()]
            assert all(schemas), f"{which} does not say what its {status} looks like"
    names = [operation["operationId"] for operation in described.values()]
    assert len(names) == len(set(names))


def closed(schema: Any) -> Any:
    """Return a schema by which a field that is not described is wrong."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(value) for name, value in schema.items()}
    if made.get("type") == "object" and made.get("properties"):
        made.setdefault("additionalProperties", False)
    return made


def validator(document: dict[str, Any], schema: dict[str, Any], *, strict: bool) -> Draft202012Validator:
    whole = copy.deepcopy({**schema, "components": {"schemas": document["components"]["schemas"]}})
    return Draft202012Validator(closed(whole) if strict else whole)


def ids(service: Service) -> dict[str, str]:
    """Make what paths name."""
    made = service.call("POST", "/v1/credentials", {**OFFER, "name": "to be described"})[1]
    key = service.call("POST", "/v1/keys", {"name": "to be described"})[1]
    return {
        "credential": made["id"], "key": key["id"],
        "record": service.call("GET", "/v1/audit?limit=1")[1]["data"][0]["id"],
    }  # fmt: skip


def test_every_answer_is_as_it_says(service: Service, document: dict[str, Any]) -> None:
    service.call("POST", "/v1/chat/completions", {"model": "sandbox/echo", "messages": SAID})
    while not service.call("GET", "/v1/audit?limit=1")[1]["data"]:
        pass
    known = ids(service)
    statuses = set()
    for (method, path), asked in ASKS.items():
        operation = document["paths"][path][method.lower()]
        told = [(service.call(method, where.format(**known), body), body) for where, body in asked]
        if operation["security"]:
            told.append((service.call(method, path, {} if method != "GET" else None, key=None), None))
        for (status, answer), body in told:
            statuses.add(status)
            described = operation["responses"].get(str(status), operation["responses"]["default"])
            if status < 300:
                assert str(status) in operation["responses"], (method, path, status, answer)
            schema = next(iter(described["content"].values()))["schema"]
            # What passes through is the provider's own, and may hold more.
            passed = isinstance(body, dict) and str(body.get("model")).startswith("openai/gpt")
            problems = [
                f"{error.json_path}: {error.message}"
                for error in validator(document, schema, strict=not passed).iter_errors(answer)
            ]
            assert problems == [], (method, path, status, json.dumps(answer)[:500])
        assert any(status < 300 for (status, _), _ in told), (method, path, told)
    assert statuses >= {200, 201, 400, 401, 404, 409, 424, 429}
