"""Every prediction that is created is one that Replicate's own SDK could have created, and that its model takes."""

import json
from typing import Any

import httpx
import pytest
import replicate

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind
from integration_api.core.exchange import HttpRequest, HttpResponse
from integration_api.core.llm import LlmRequest
from integration_api.providers.replicate import llm
from lab.http import Call
from lab.replicate import inputs, models
from tests.providers.unified import requests

MODELS = tuple(models.KNOWN.values())


def cases() -> list[Any]:
    return [
        pytest.param(model, request, id=f"{model.path}-{what}")
        for model in MODELS
        for what, request in requests(model.path)
    ]


def sent(model: models.Model, request: LlmRequest, stream: bool) -> HttpRequest | None:
    """The request that creates the prediction; None where it says clearly that the model cannot carry this."""
    account = Credential("replicate")
    exchange = llm.stream(request, account).course if stream else llm.complete(request, account)
    try:
        first = next(exchange)  # The schema, unless it is remembered.
        if first.method == "POST":
            return first
        return exchange.send(HttpResponse(200, {}, json.dumps(models.described(model)).encode()))
    except Failure as refused:
        assert refused.kind is Kind.UNSUPPORTED
        assert refused.message
        assert refused.param
        return None


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("model", "request_"), cases())
def test_a_prediction_is_what_the_sdk_could_have_created(model, request_, stream) -> None:
    asked = sent(model, request_, stream)
    if asked is None:
        return
    body = json.loads(asked.body)
    theirs = created_by_the_sdk(model, body)
    assert asked.url == str(theirs.url)
    assert body == json.loads(theirs.content)
    assert dict(asked.headers).get("prefer") == (None if stream else "wait=5")
    again = sent(model, request_, stream)
    assert again is not None
    assert again.body == asked.body
    call = Call(method="POST", path="", query={}, headers={}, body=b"")
    inputs.check(call, model, body, frozenset({"input", "stream", "version"}))


def created_by_the_sdk(model: models.Model, body: dict[str, Any]) -> httpx.Request:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(
            201, json={"id": "p1", "model": "m", "version": "v", "status": "starting", "input": {}}
        )

    with httpx.Client(transport=httpx.MockTransport(answer), base_url="https://api.replicate.com") as http:
        client = replicate.Client("any")
        client._Client__client = http
        named = {"model": model.path} if model.official else {"version": body["version"]}
        more = {"stream": True} if "stream" in body else {}
        client.predictions.create(**named, input=body["input"], **more)
    return asked[0]
