"""Google's own SDK, over a transport of ours: what it would send for a body, and what it reads in an answer."""

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials

from integration_api.core.exchange import HttpRequest

BESIDE = frozenset({
    "systemInstruction", "tools", "toolConfig", "safetySettings", "cachedContent", "labels", "serviceTier", "store",
    "continuationToken", "modelArmorConfig",
})  # fmt: skip
"""What the SDK takes in its config and sends beside `generationConfig`."""

GIVEN = frozenset({"args", "response", "parametersJsonSchema", "responseJsonSchema", "properties", "labels"})
"""Whose keys are the caller's own."""

BINARY = frozenset({"data", "thoughtSignature", "continuationToken"})

_SNAKE = re.compile(r"_([a-z])")


def client(
    answer: Callable[[httpx.Request], httpx.Response], *, project: str | None = None, location: str = "global"
) -> genai.Client:
    """The SDK for Gemini's API, or for Vertex AI where there is a project."""
    options = types.HttpOptions(
        api_version="v1beta1" if project else "v1beta",
        httpx_client=httpx.Client(transport=httpx.MockTransport(answer)),
    )
    if project is None:
        return genai.Client(api_key="any", http_options=options)
    return genai.Client(
        vertexai=True,
        project=project,
        location=location,
        credentials=Credentials("any"),
        http_options=options,
    )


class Asked:
    """What the SDK asks when it is given what a body of ours says."""

    def __init__(self, *, project: str | None = None, location: str = "global") -> None:
        self._requests: list[httpx.Request] = []
        self.sdk = client(self._answer, project=project, location=location)

    def chat(self, model: str, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the address and the body. Raises for whatever the SDK has no name or another type for."""
        beside = {name: value for name, value in body.items() if name in BESIDE}
        strange = body.keys() - beside.keys() - {"contents", "generationConfig"}
        assert not strange, strange
        config = types.GenerateContentConfig.model_validate({**body.get("generationConfig", {}), **beside})
        contents = [types.Content.model_validate(content) for content in body["contents"]]
        for _ in self.sdk.models.generate_content_stream(model=model, contents=contents, config=config):
            pass
        return self.last()

    def last(self) -> tuple[str, dict[str, Any]]:
        request = self._requests[-1]
        said = plain(json.loads(request.content))
        if not said.get("generationConfig", True):
            del said["generationConfig"]
        return str(request.url), said

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self._requests.append(request)
        return httpx.Response(200, json={"candidates": [{"finishReason": "STOP"}]})


def plain(told: Any, name: str = "") -> Any:
    """JSON as Google's services read it: names in either spelling, bytes in either base64."""
    if name in GIVEN:
        return told
    if isinstance(told, list):
        return [plain(one, name) for one in told]
    if isinstance(told, dict):
        camel = {_SNAKE.sub(lambda found: found[1].upper(), key): value for key, value in told.items()}
        return {key: plain(value, key) for key, value in camel.items()}
    if name in BINARY and isinstance(told, str) and told != "skip_thought_signature_validator":
        return told.replace("-", "+").replace("_", "/")
    return told


def said(request: HttpRequest) -> tuple[str, dict[str, Any]]:
    """A request of ours as `Asked` tells the SDK's."""
    return request.url, plain(json.loads(request.body))
