"""The openai SDK against the service, with Bedrock behind it: by access keys, temporary ones, and API keys."""

import json
import urllib.request
from typing import Any
from uuid import uuid4

import openai
import pytest
from openai import OpenAI

from lab.bedrock.signature import SECRET
from tests.e2e.clients import openai_client
from tests.e2e.service import Service

SONNET = "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "bedrock/us.amazon.nova-2-lite-v1:0"
PROFILE = "bedrock/arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/labclaude001"
RERANKER = "bedrock/cohere.rerank-v3-5:0"
HELLO: Any = [{"role": "user", "content": "Say hello"}]
CLOCK: Any = {
    "type": "function",
    "function": {"name": "now", "parameters": {"type": "object", "properties": {}}},
}
PAPER = "data:application/pdf;base64,JVBERi0xLjQKJSVFT0YK"

AWS_KEYS = {"region": "eu-west-1", "access_key_id": "AKIALAB0123456789", "secret_access_key": SECRET}
WAYS: dict[str, dict[str, str]] = {
    "access-key": AWS_KEYS,
    "temporary": {
        **AWS_KEYS,
        "access_key_id": "ASIALAB0123456789",
        "session_token": "FwoGZXIvYXdzEBYaDLab/+==",
    },
    "api-key": {"region": "us-east-1", "key": "ABSKbGFiLWtleS0wMTIzNDU2Nzg5"},
}


def stored(service: Service, lab: str, value: dict[str, str]) -> tuple[int, Any]:
    offered = {**value, "base_url": f"{lab}/bedrock"}
    return service.call(
        "POST", "/v1/credentials", {"provider": "aws-bedrock", "name": uuid4().hex, "value": offered}
    )


@pytest.fixture(scope="module", params=WAYS)
def client(request: pytest.FixtureRequest, service: Service, lab: str) -> OpenAI:
    status, made = stored(service, lab, WAYS[request.param])
    assert status == 201, made
    assert SECRET not in json.dumps(made)
    return openai_client(service.url, made["id"])


@pytest.fixture(scope="module")
def keyed(service: Service, lab: str) -> OpenAI:
    return openai_client(service.url, stored(service, lab, AWS_KEYS)[1]["id"])


def seen(lab: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{lab}/_lab/requests?provider=bedrock") as reply:
        found: list[dict[str, Any]] = json.load(reply)["requests"]
    return found


def fault(lab: str, **given: Any) -> None:
    body = json.dumps({"bedrock": [given]}).encode()
    request = urllib.request.Request(f"{lab}/_lab/faults", data=body, method="PUT")
    with urllib.request.urlopen(request) as reply:
        assert reply.status == 200


@pytest.mark.parametrize("model", [SONNET, NOVA, PROFILE])
@pytest.mark.parametrize("api", ["converse", "invoke"])
def test_every_way_of_signing_reaches_every_way_of_asking(
    client: OpenAI, lab: str, model: str, api: str
) -> None:
    options: dict[str, Any] = {
        "api": api,
        **({"base_model": SONNET.removeprefix("bedrock/")} if model == PROFILE else {}),
    }
    asked: Any = {"model": model, "messages": HELLO, "extra_body": {"provider": {"options": options}}}
    whole = client.chat.completions.create(**asked)
    chunks = list(
        client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    )
    said = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert said == whole.choices[0].message.content
    assert chunks[-1].usage is not None
    assert whole.usage is not None
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens
    last = seen(lab)[-1]
    assert "%3A" in last["path"]
    assert "connection" not in last["headers"]["authorization"]
    assert last["path"].endswith(("converse-stream", "invoke-with-response-stream"))


def test_thoughts_with_their_tools_go_back_byte_for_byte(client: OpenAI, lab: str) -> None:
    """The emulator refuses a thought that is not what it signed."""
    asked: Any = {"model": SONNET, "tools": [CLOCK], "reasoning_effort": "high", "max_tokens": 8000}
    question: Any = {"role": "user", "content": "Use a tool"}
    with client.chat.completions.stream(messages=[question], **asked) as events:
        for _ in events:
            pass
        said = events.get_final_completion().choices[0].message
    turn: Any = {"role": "assistant", "content": said.content, **(said.model_extra or {})}
    turn["tool_calls"] = [
        {
            "id": one.id,
            "type": "function",
            "function": {"name": one.function.name, "arguments": one.function.arguments},
        }
        for one in said.tool_calls or ()
    ]
    result: Any = {"role": "tool", "tool_call_id": turn["tool_calls"][0]["id"], "content": "noon"}
    answer = client.chat.completions.create(messages=[question, turn, result], **asked)
    assert "noon" in (answer.choices[0].message.content or "")
    thought = seen(lab)[-1]["body"]["messages"][1]["content"][0]["reasoningContent"]["reasoningText"]
    assert thought["text"] == turn["reasoning_content"]
    assert thought["signature"]


def test_documents_pictures_and_what_tools_show(keyed: OpenAI, lab: str) -> None:
    paper: Any = {"type": "file", "file": {"file_data": PAPER, "filename": "a.b.pdf"}}
    call: Any = {"id": "call_1", "type": "function", "function": {"name": "now", "arguments": ""}}
    turns: Any = [
        {"role": "user", "content": [paper, {**paper, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "see"}, paper]},
    ]
    answer = keyed.chat.completions.create(model=SONNET, messages=turns, tools=[CLOCK])
    assert answer.choices[0].message.content
    assert answer.usage is not None
    body = seen(lab)[-1]["body"]
    names = [block["document"]["name"] for block in body["messages"][0]["content"] if "document" in block]
    assert names == ["a b", "a b 2"]
    assert body["messages"][2]["content"][0]["toolResult"]["content"][1]["document"]["name"] == "a b 3"


def test_what_was_cached_is_counted_apart(keyed: OpenAI) -> None:
    long: Any = {"role": "system", "content": "word " * 2000, "cache_control": {"type": "ephemeral"}}
    first = keyed.chat.completions.create(model=SONNET, messages=[long, *HELLO]).usage
    turns = [long, *HELLO, {"role": "assistant", "content": "Hello"}, *HELLO]
    second = keyed.chat.completions.create(model=SONNET, messages=turns).usage
    assert first.prompt_tokens_details.cached_tokens == 0
    assert first.prompt_tokens_details.cache_write_tokens > 2000
    assert second.prompt_tokens_details.cached_tokens == first.prompt_tokens_details.cache_write_tokens
    assert second.prompt_tokens > second.prompt_tokens_details.cached_tokens


@pytest.mark.parametrize("model", ["bedrock/cohere.embed-english-v3", "bedrock/amazon.titan-embed-text-v2:0"])
def test_vectors_of_many_texts_keep_their_order(client: OpenAI, model: str) -> None:
    texts = [f"text {number}" for number in range(200 if "cohere" in model else 20)]
    found = client.embeddings.create(model=model, input=texts)
    alone = client.embeddings.create(model=model, input=texts[-1], encoding_format="float")
    assert [one.index for one in found.data] == list(range(len(texts)))
    assert found.data[-1].embedding == alone.data[0].embedding
    assert found.usage.prompt_tokens > 0


def test_ranks_come_by_whatever_way_there_is(client: OpenAI, lab: str) -> None:
    """An API key cannot ask the agents, and asks the model itself."""
    documents = ["bread", "a cat sat", "a dog"]
    asked: Any = {"model": RERANKER, "query": "a cat sat", "documents": documents, "top_n": 2}
    answer: Any = client.post("/rerank", body=asked, cast_to=dict[str, Any])
    assert answer["results"][0]["index"] == 1
    assert len(answer["results"]) == 2
    last = seen(lab)[-1]
    assert last["path"] == "/rerank" or last["headers"]["authorization"].startswith("Bearer")


@pytest.mark.parametrize("model", [SONNET, "bedrock/anthropic.claude-opus-5-5", PROFILE])
def test_models_and_profiles_are_listed(client: OpenAI, model: str) -> None:
    assert client.models.retrieve(model).id == model
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve(f"{model}-x")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            {**AWS_KEYS, "secret_access_key": "another-secret-0123456"},
            "does not know this key",
        ),
        ({**AWS_KEYS, "access_key_id": "AKIAINVALID"}, "does not know this key"),
        ({**AWS_KEYS, "access_key_id": "AKIANOQUOTA"}, "no quota"),
        ({**AWS_KEYS, "region": "xx-east-1"}, "AWS expects another region"),
        ({**AWS_KEYS, "region": "Paris"}, "must be an AWS region"),
        ({**WAYS["temporary"], "session_token": "expired-0123456789abc"}, "token has expired"),
        ({**WAYS["temporary"], "access_key_id": "AKIALAB0123456789"}, "does not know this key"),
        ({"region": "us-east-1", "key": "sk-not-of-bedrock-0123"}, "does not know this key"),
        ({"region": "us-east-1"}, "neither access_key_id"),
    ],
)
def test_a_credential_that_is_no_good_is_not_stored(
    service: Service, lab: str, value: dict[str, str], words: str
) -> None:
    status, answer = stored(service, lab, value)
    assert (status, answer["error"]["code"]) == (422, "credential_invalid"), answer
    assert words in answer["error"]["message"]
    assert not any(
        secret in json.dumps(answer) for secret in value.values() if "0123" in secret and "AKIA" not in secret
    )


def test_who_may_not_list_models_may_still_ask_them(service: Service, lab: str) -> None:
    status, made = stored(service, lab, {**AWS_KEYS, "access_key_id": "AKIAFORBIDDEN"})
    assert (status, made["status"]) == (201, "valid")
    with pytest.raises(openai.PermissionDeniedError) as refused:
        openai_client(service.url, made["id"]).chat.completions.create(model=NOVA, messages=HELLO)
    assert refused.value.body["provider_request_id"]
    assert service.call("GET", "/v1/models")[1].get("warnings") is None, "the default is asked, not this one"


@pytest.mark.parametrize(
    ("given", "kind", "code", "retryable"),
    [
        ({"status": 429}, openai.RateLimitError, "rate_limited", True),
        ({"status": 503}, openai.InternalServerError, "overloaded", True),
        ({"status": 424}, openai.InternalServerError, "upstream", True),
        ({"status": 401}, openai.APIStatusError, "credential_rejected", False),
        ({"status": 400}, openai.BadRequestError, "invalid_request", False),
    ],
)
def test_refusals_are_told_as_what_they_are(
    keyed: OpenAI, lab: str, given: dict[str, Any], kind: type[Exception], code: str, retryable: bool
) -> None:
    for stream in (False, True):
        fault(lab, **given, times=0)
        with pytest.raises(kind) as raised:
            keyed.chat.completions.create(model=NOVA, messages=HELLO, stream=stream)
        fault(lab, times=1, delay_ms=0.001)
        error = raised.value
        assert isinstance(error, openai.APIStatusError)
        assert error.status_code != 401
        assert (error.code, error.body["retryable"]) == (code, retryable)
        assert error.body["provider_request_id"]
        keyed.chat.completions.create(model=NOVA, messages=HELLO)


MIDWAY = {
    "an exception frame": ({"error_midstream": True}, "unexpected error", "upstream"),
    "a flipped bit": ({"malformed": "frame"}, "damaged", "bad_upstream_response"),
    "JSON that is none": ({"malformed": "json"}, "could not be read", "bad_upstream_response"),
    "half a frame": ({"end": "fin", "after": "half"}, "ended before", "stream_truncated"),
    "no ending": ({"unfinished": True}, "ended before", "stream_truncated"),
}


@pytest.mark.parametrize("what", MIDWAY)
@pytest.mark.parametrize("api", ["converse", "invoke"])
def test_a_failure_in_mid_stream_is_one_typed_error(keyed: OpenAI, lab: str, what: str, api: str) -> None:
    given, words, code = MIDWAY[what]
    fault(lab, **given)
    stream = keyed.chat.completions.create(
        model=SONNET, messages=HELLO, stream=True, extra_body={"provider": {"options": {"api": api}}}
    )
    with pytest.raises(openai.APIError, match=words) as raised:
        list(stream)
    assert raised.value.code == code
    assert raised.value.body["provider"] == "bedrock"
    assert raised.value.body["provider_request_id"].startswith("01c0e7e0-")
    assert raised.value.body["retryable"] is False, "part of it has been said"
