"""Requests for others' models on Vertex AI are those that their makers' SDKs for it would have sent: address and body.

Those for Gemini are in `test_gemini_requests`.
"""

import json

import anthropic
import httpx2
import pytest
from mistralai.gcp.client.models import ChatCompletionStreamRequest
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

from integration_api.core.credential import Credential
from integration_api.core.exchange import GoogleToken
from integration_api.core.llm import LlmRequest
from tests.providers.rendered import every, sent, validated
from tests.providers.unified import user

PLACES = {
    "global": "https://aiplatform.googleapis.com/v1",
    "eu": "https://aiplatform.eu.rep.googleapis.com/v1",
    "us-east5": "https://us-east5-aiplatform.googleapis.com/v1",
}
OLD = {"vertex-2023-10-16": "2023-06-01"}
"""The version that still samples, which the SDK no longer speaks unless it is told to."""


def account(place: str = "us-east5") -> Credential:
    fields = {"project_id": "p1", "region": place}
    return Credential("vertexai", fields, held=frozenset({"service_account_key"}))


class Claude:
    """Anthropic's SDK for Vertex AI, and what it asks."""

    def __init__(self, place: str) -> None:
        self._requests: list[httpx2.Request] = []
        transport = httpx2.MockTransport(self._answer)
        self._sdk = anthropic.AnthropicVertex(
            region=place,
            project_id="p1",
            access_token="any",
            http_client=httpx2.Client(transport=transport),
            max_retries=0,
        )

    def asked(self, model: str, body: dict) -> tuple[str, dict]:
        """Return where and what the SDK sends for a body of ours."""
        told = {name: value for name, value in body.items() if name != "anthropic_version"}
        beta = "anthropic_beta" in told
        told["betas" if beta else "extra_body"] = told.pop("anthropic_beta", None)
        version = {"anthropic_version": body["anthropic_version"]}
        (self._sdk.beta if beta else self._sdk).messages.create(
            model=model, **{**told, "extra_body": version}
        )
        [request] = self._requests[-1:]
        found = json.loads(request.content)
        if beta:
            found["anthropic_beta"] = request.headers["anthropic-beta"].split(",")
        return str(request.url).partition("?")[0], found

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self._requests.append(request)
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=b"")


CLAUDE = {place: Claude(place) for place in PLACES}


@pytest.mark.parametrize(
    ("provider", "request_"),
    every(
        "vertexai/claude-opus-5-5",
        "vertexai/claude-sonnet-4-5@20250929",
        "vertexai/claude-sonnet-4-5-20250929",
        "vertexai/anthropic/claude-haiku-4-5@20251001",
    ),
)
def test_claude_is_asked_as_anthropics_sdk_for_vertex_asks(provider, request_) -> None:
    asked = sent(provider, request_, account())
    if asked is None:
        return
    assert asked.auth == GoogleToken()
    body = json.loads(asked.body)
    assert body["anthropic_version"] in {"2026-10-21", *OLD}
    if body["anthropic_version"] in OLD:
        return  # The SDK has no field for what only that version takes.
    name = request_.model.removeprefix("anthropic/").replace("-20250929", "@20250929")
    assert CLAUDE["us-east5"].asked(name, body) == (asked.url, body)


@pytest.mark.parametrize("place", PLACES)
def test_claude_is_found_wherever_it_is(place) -> None:
    asked = sent("vertexai", LlmRequest(model="claude-opus-5-5", messages=(user("Hi"),)), account(place))
    assert asked.url.startswith(PLACES[place])
    assert CLAUDE[place].asked("claude-opus-5-5", json.loads(asked.body))[0] == asked.url


@pytest.mark.parametrize(
    ("provider", "request_"),
    every("vertexai/meta/llama-4-maverick-17b-128e-instruct-maas", "vertexai/openai/gpt-oss-20b-maas"),
)
def test_an_open_model_is_asked_in_openais_language(provider, request_) -> None:
    asked = sent(provider, request_, account())
    if asked is not None:
        assert (
            asked.url
            == f"{PLACES['us-east5']}/projects/p1/locations/us-east5/endpoints/openapi/chat/completions"
        )
        assert json.loads(asked.body)["model"] == request_.model
        assert validated(asked.body, CompletionCreateParamsStreaming) == set()


@pytest.mark.parametrize(
    ("provider", "request_"), every("vertexai/mistral-medium-3", "vertexai/mistralai/codestral-2")
)
def test_mistrals_own_models_are_asked_as_its_sdk_for_google_asks(provider, request_) -> None:
    asked = sent(provider, request_, account())
    if asked is not None:
        name = request_.model.removeprefix("mistralai/")
        where = f"projects/p1/locations/us-east5/publishers/mistralai/models/{name}:streamRawPredict"
        assert asked.url == f"{PLACES['us-east5']}/{where}"
        told = json.loads(asked.body)
        ChatCompletionStreamRequest.model_validate(told)
        known = {field.alias or name for name, field in ChatCompletionStreamRequest.model_fields.items()}
        assert set(told) <= known
