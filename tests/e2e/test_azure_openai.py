"""The openai SDK against the service, with Azure behind it: both styles, by key and by a token of Entra ID's."""

import json
import urllib.request
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.e2e.clients import openai_client
from tests.e2e.service import Service
from tests.rpc.caller import Caller, credential, until, user
from tests.transport.certificates import certificate

ENTRA = {"tenant_id": "t1", "client_id": "c1", "client_secret": "client-secret-0123456789"}
KEY = {"key": "lab-key-0123456789abcdef"}
STYLES: dict[str, dict[str, str]] = {
    "key-v1": KEY,
    "key-dated": {**KEY, "api_version": "2024-10-21"},
    "entra-v1": ENTRA,
    "entra-dated": {**ENTRA, "api_version": "2025-04-01-preview"},
    "entra-certificate": {
        **{name: told for name, told in ENTRA.items() if name != "client_secret"},
        "client_certificate": certificate("lab-application"),
    },
    "platform": {"subscription_key": KEY["key"]},
}
HELLO: Any = [{"role": "user", "content": "Say hello"}]
TOOL: Any = {
    "type": "function",
    "function": {"name": "now", "parameters": {"type": "object", "properties": {}}},
}


def value(lab: str, style: str, **more: str) -> dict[str, str]:
    given = {
        **STYLES[style],
        "base_url": f"{lab}/azure-openai",
        "deployments": '{"o4-mini": "o4-mini"}',
        **more,
    }
    return {**given, "authority": f"{lab}/entra"} if "tenant_id" in given else given


def stored(
    service: Service, lab: str, style: str, provider: str = "azure-openai", **more: str
) -> tuple[int, Any]:
    offered = {"provider": provider, "name": f"{style} {more}", "value": value(lab, style, **more)}
    return service.call("POST", "/v1/credentials", offered)


@pytest.fixture(scope="module", params=STYLES)
def client(request: pytest.FixtureRequest, service: Service, lab: str) -> OpenAI:
    provider = "azure-foundry" if request.param == "platform" else "azure-openai"
    status, made = stored(service, lab, request.param, provider)
    assert status == 201, made
    return openai_client(service.url, made["id"])


def _same(values: list[str]) -> str | None:
    """Return the one value that all are, if they are."""
    return values[0] if len({*values}) == 1 else None


def seen(lab: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{lab}/_lab/requests?provider=azure-openai") as reply:
        found: list[dict[str, Any]] = json.load(reply)["requests"]
    return found


def test_a_chat_whole_and_streamed_says_the_same(client: OpenAI, lab: str) -> None:
    whole = client.chat.completions.create(model="azure-openai/my-deploy", messages=HELLO)
    chunks = list(
        client.chat.completions.create(
            model="azure-openai/my-deploy",
            messages=HELLO,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert all(choice.delta for chunk in chunks for choice in chunk.choices)
    assert (
        "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        == whole.choices[0].message.content
    )
    assert chunks[-1].usage == whole.usage
    assert len({chunk.id for chunk in chunks}) == 1
    headers = seen(lab)[-1]["headers"]
    assert ("api-key" in headers) is not ("authorization" in headers), "one way of signing and never two"


def test_tools_embeddings_models_and_reasoning(client: OpenAI) -> None:
    called = client.chat.completions.create(
        model="azure-openai/gpt-4o", messages=HELLO, tools=[TOOL], tool_choice="required"
    )
    assert called.choices[0].message.tool_calls[0].function.name == "now"
    base64 = client.embeddings.create(model="azure-openai/vectors", input=["one", "two"])
    floats = client.embeddings.create(
        model="azure-openai/vectors", input=["one", "two"], encoding_format="float"
    )
    assert [one.embedding for one in base64.data] == [one.embedding for one in floats.data]
    thought = client.chat.completions.create(
        model="azure-openai/o4-mini", messages=HELLO, temperature=0.2, max_tokens=500, reasoning_effort="high"
    )
    assert thought.usage.completion_tokens_details.reasoning_tokens == 48
    assert [warning["param"] for warning in thought.warnings] == ["temperature"]
    assert {"azure-openai/o4-mini", "azure-openai/gpt-4o"} <= {model.id for model in client.models.list()}


def test_what_azure_refuses_is_told_as_what_it_is(client: OpenAI) -> None:
    attack: Any = [{"role": "user", "content": "a jailbreak, please"}]
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as blocked:
            client.chat.completions.create(model="azure-openai/gpt-4o", messages=attack, stream=stream)
        assert blocked.value.code == "content_filter"
        assert "jailbreak" in blocked.value.body["message"]
        assert blocked.value.body["provider_request_id"]
    with pytest.raises(openai.NotFoundError) as absent:
        client.chat.completions.create(model="azure-openai/nonexistent", messages=HELLO)
    assert absent.value.code == "model_not_found"
    midway = client.chat.completions.create(
        model="azure-openai/gpt-4o-lab-error-midstream", messages=HELLO, stream=True
    )
    with pytest.raises(openai.APIError, match="in the middle of an answer"):
        list(midway)


def test_a_filter_beside_the_answer_never_shows_in_its_chunks(client: OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="azure-openai/gpt-4o-async-filter",
            messages=HELLO,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert all(chunk.choices for chunk in chunks[:-1])
    assert chunks[-1].safety_ratings[0]["ratings"][0]["hate"]["severity"] == "safe"


def test_a_token_is_got_once_and_again_when_it_is_refused(service: Service, lab: str) -> None:
    status, made = stored(service, lab, "entra-v1", client_id="c2")
    assert status == 201
    asking = openai_client(service.url, made["id"])

    def tokens() -> list[str]:
        for _ in range(3):
            asking.chat.completions.create(model="azure-openai/gpt-4o", messages=HELLO)
        return [one["headers"]["authorization"] for one in seen(lab)[-3:]]

    # The news of a new credential lets go of what was opened with it, once.
    before = until(lambda: _same(tokens()))
    fault = json.dumps({"azure-openai": [{"status": 401}]}).encode()
    request = urllib.request.Request(f"{lab}/_lab/faults", data=fault, method="PUT")
    with urllib.request.urlopen(request) as reply:
        assert reply.status == 200
    after = until(lambda: _same(tokens()))  # Each was answered, the first after its token had been refused.
    assert before != after


@pytest.mark.parametrize("style", ["platform", "entra-v1", "entra-dated"])
def test_a_credential_comes_with_the_call_as_the_platform_sends_it(
    service: Service, lab: str, style: str
) -> None:
    """Its fields have the platform's names, and its endpoint is whatever was copied from the portal."""
    given = value(lab, style)
    endpoint = given.pop("base_url") + ("/openai/v1/" if style != "entra-dated" else "/openai")
    held = credential(**given, endpoint=endpoint, strange="is left alone")
    with Caller(service, lab) as caller:
        answer = caller.chat("azure-foundry/my-deploy", user("Say hello"), credential=held)
    assert answer.success
    assert "Say hello" in answer.data.assistant.contents[0]
    assert "lab-key" not in str(answer)


@pytest.mark.parametrize(
    ("style", "more", "words"),
    [
        ("key-v1", {"key": "invalid-key-0123456789"}, "does not know this key"),
        ("key-dated", {"key": "invalid-key-0123456789"}, "does not know this key"),
        ("key-v1", {"key": "forbidden-key-0123456789"}, "not allowed"),
        ("key-v1", {"key": "noquota-key-0123456789"}, "no quota"),
        ("entra-v1", {"client_secret": "invalid-secret-012345"}, "does not know this key"),
        ("entra-dated", {"client_secret": "forbidden-secret-0123"}, "not allowed"),
        ("entra-certificate", {"client_id": "invalid-application"}, "does not know this key"),
        ("entra-certificate", {"client_certificate": "no certificate at all"}, "no certificate in it"),
        ("entra-dated", {"scope": "https://ai.azure.com/.default"}, "does not know this key"),
        ("key-dated", {"api_style": "v1"}, "takes no dated version"),
        ("key-v1", {"api_style": "verbatim"}, "address or region is wrong"),
    ],
)
def test_a_credential_that_is_no_good_is_not_stored(
    service: Service, lab: str, style: str, more: dict[str, str], words: str
) -> None:
    status, answer = stored(service, lab, style, **more)
    assert (status, answer["error"]["code"]) == (422, "credential_invalid")
    assert words in answer["error"]["message"]
    assert not any(text in json.dumps(answer) for text in more.values() if "0123" in text)
