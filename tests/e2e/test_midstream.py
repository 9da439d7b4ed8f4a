"""A provider that fails amid its answer: one typed error, the same through REST and gRPC, and the last word."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.e2e.clients import openai_client
from tests.e2e.service import ADMIN_KEY, Service
from tests.rpc.caller import Caller, spoken, until
from tests.rpc.test_chat import records

MODELS = (
    "openai/gpt-4o-mini",
    "anthropic/claude-sonnet-4-5",
    "mistral/mistral-small-latest",
    "cohere/command-a-03-2025",
    "gemini/gemini-3.8-flash",
    "vertexai/gemini-3.8-flash",
    "azure-openai/gpt-4o",
    "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "azure-openai/gpt-4o-mini",
    "groq/llama-3.3-70b-versatile",
    "huggingface/meta-llama/Llama-3.3-70B-Instruct",
)
FAULTS = {
    "error-midstream": None,
    "cut": "stream_truncated",
    "unfinished": "stream_truncated",
    "malformed-json": "bad_upstream_response",
    "malformed-utf8": "bad_upstream_response",
}
"""What happens halfway, and the code it gets; None where the provider says what it is."""
CASES = [
    *((model, fault) for model in MODELS for fault in FAULTS),
    # A stream that is lost there is no answer that is lost: the rest is asked for.
    ("replicate/meta/meta-llama-3-70b-instruct", "error-midstream"),
]


@pytest.fixture(scope="module")
def caller(service: Service, lab: str) -> Iterator[Caller]:
    with Caller(service, lab) as opened:
        yield opened


@pytest.mark.parametrize(("model", "fault"), CASES)
def test_one_typed_error_by_both_doors(caller: Caller, model: str, fault: str) -> None:
    name = f"{model}-lab-huge-200-lab-{fault}"
    told = by_rest(caller, name)
    assert told["code"] == (FAULTS.get(fault) or told["code"])
    assert told["provider"] == model.partition("/")[0]
    assert told["type"].endswith("_error")
    assert told["message"]
    assert told["retryable"] is False  # Half an answer is out: only its reader can say whether to ask again.
    with caller.talk() as talk:
        assert talk.configure(model.partition("/")[0]).success
        talk.chat(name, name)
        pieces, last = talk.turn()
        assert pieces
        assert not any(piece.metrics or piece.HasField("error") for piece in pieces)
        assert (list(last.metrics), last.HasField("data"), last.finishReason) == ([], False, "")
        assert (last.requestId, last.error.errorCode) == (name, 400)
        assert last.error.errorMessage == f"{told['code']}: {told['message']}"
        assert last.error.humanMessage == told["message"]
        talk.chat("next", model)  # Nothing more comes of the turn that failed, and the stream goes on.
        pieces, last = talk.turn()
        assert {piece.requestId for piece in (*pieces, last)} == {"next"}
        assert spoken(last)
    (record,) = until(lambda: records(caller, name[:128]))
    assert (record["status"], record["error_code"]) == ("partial", told["code"])


def by_rest(caller: Caller, model: str) -> dict[str, Any]:
    """Return the error that ends a stream, after some of an answer."""
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "Say hello"}]}
    request = urllib.request.Request(
        f"{caller.service.url}/v1/chat/completions",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json", "authorization": f"Bearer {ADMIN_KEY}"},
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        assert reply.status == 200
        events = [line[6:] for line in reply.read().decode().split("\n") if line.startswith("data: ")]
    *chunks, last = map(json.loads, events)
    assert any(chunk["choices"] and chunk["choices"][0]["delta"].get("content") for chunk in chunks)
    assert not any("error" in chunk for chunk in chunks)
    assert set(last) == {"error"}
    error: dict[str, Any] = last["error"]
    return error


@pytest.mark.parametrize("model", MODELS)
def test_the_openai_sdk_raises_it(service: Service, model: str) -> None:
    client = openai_client(service.url)
    stream = client.chat.completions.create(
        model=f"{model}-lab-huge-200-lab-cut",
        messages=[{"role": "user", "content": "Say hello"}],
        stream=True,
    )
    with pytest.raises(openai.APIError) as raised:
        list(stream)
    assert raised.value.code == "stream_truncated"
