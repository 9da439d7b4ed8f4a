"""The emulators of Azure OpenAI and of Entra ID's token endpoint, driven by OpenAI's SDK for Azure."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import openai
import pytest
from pydantic import BaseModel

from lab import Answer, Fault, Lab

KEY = "0123456789abcdef0123456789abcdef"
VERSION = "2024-10-21"
NOW = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}
CLOCK = {"tools": [NOW, {**NOW, "function": {**NOW["function"], "name": "date"}}]}
CLASSIC, FOUNDRY = "https://cognitiveservices.azure.com/.default", "https://ai.azure.com/.default"


def user(text: Any) -> list[dict]:
    return [{"role": "user", "content": text}]


def dated(lab: Lab, **more: Any) -> openai.AsyncAzureOpenAI:
    given = {"api_key": KEY, "api_version": VERSION, "max_retries": 0, "timeout": 300, **more}
    if "azure_ad_token_provider" in given:
        del given["api_key"]
    return openai.AsyncAzureOpenAI(azure_endpoint=lab.url("azure-openai", version=""), **given)


def v1(lab: Lab, **more: Any) -> openai.AsyncOpenAI:
    """As Microsoft says to ask its v1: OpenAI's own client, and the key where OpenAI has it."""
    return openai.AsyncOpenAI(
        base_url=lab.url("azure-openai", version="/openai/v1/"),
        **{"api_key": KEY, "max_retries": 0, "timeout": 300, **more},
    )


@pytest.fixture(params=[dated, v1], ids=["dated", "v1"])
async def azure(lab: Lab, request) -> AsyncIterator[openai.AsyncOpenAI]:
    async with request.param(lab) as client:
        yield client


async def test_a_chat_is_answered_and_judged(azure) -> None:
    answer = await azure.chat.completions.create(model="gpt-4o", messages=user("Привіт"))
    assert "Привіт" in answer.choices[0].message.content
    assert answer.model == "gpt-4o-2024-08-06"
    assert answer._request_id
    assert answer.choices[0].content_filter_results["hate"] == {"filtered": False, "severity": "safe"}
    assert answer.prompt_filter_results[0]["content_filter_results"]["jailbreak"]["detected"] is False


async def test_deployments_are_called_as_their_owner_likes(azure, lab: Lab) -> None:
    answer = await azure.chat.completions.create(model="my-deploy", messages=user("hi"))
    assert answer.choices[0].message.content
    path = lab.requests[-1].path
    assert path.endswith("/openai/deployments/my-deploy/chat/completions") or "/openai/v1/" in path


async def test_a_stream_opens_with_the_verdict_on_the_prompt(azure) -> None:
    stream = await azure.chat.completions.create(
        model="gpt-4o", messages=user("hi"), stream=True, stream_options={"include_usage": True}
    )
    chunks = [one async for one in stream]
    assert (chunks[0].id, chunks[0].created, chunks[0].model, chunks[0].choices) == ("", 0, "", [])
    assert chunks[0].prompt_filter_results[0]["prompt_index"] == 0
    assert chunks[1].id
    assert all(choice.delta is not None for chunk in chunks for choice in chunk.choices)
    assert chunks[-1].usage.total_tokens > 0
    assert chunks[-2].choices[0].finish_reason == "stop"


async def test_a_filter_that_runs_beside_the_answer_sends_chunks_without_a_delta(azure) -> None:
    stream = await azure.chat.completions.create(
        model="gpt-4o-async-filter", messages=user("one two three"), stream=True
    )
    chunks = [one async for one in stream]
    notes = [one for one in chunks if one.choices and one.choices[0].delta is None]
    assert notes
    assert {one.id for one in notes} == {""}
    assert notes[0].choices[0].content_filter_offsets["start_offset"] == 44
    finished = next(place for place, one in enumerate(chunks) if one.choices and one.choices[0].finish_reason)
    assert chunks[-1] in notes, "the last word comes after the finish"
    assert finished < len(chunks) - 1


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_can_be_blocked_midway(azure, lab: Lab, stream) -> None:
    lab.script("azure-openai", Answer(text="Once", finish="content_filter"))
    asked = {"model": "gpt-4o", "messages": user("x")}
    if stream:
        chunks = [one async for one in await azure.chat.completions.create(**asked, stream=True)]
        choice = next(one.choices[0] for one in chunks if one.choices and one.choices[0].finish_reason)
    else:
        choice = (await azure.chat.completions.create(**asked)).choices[0]
    assert choice.finish_reason == "content_filter"
    assert choice.content_filter_results["violence"] == {"filtered": True, "severity": "high"}


async def test_a_blocked_prompt_is_a_bad_request(azure) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await azure.chat.completions.create(model="gpt-4o", messages=user("This is a jailbreak."))
    assert (caught.value.code, caught.value.param) == ("content_filter", "prompt")
    assert caught.value.body["innererror"]["content_filter_result"]["jailbreak"]["detected"] is True


async def test_tools_are_called_and_answered(azure) -> None:
    asked = {"model": "gpt-4o", "messages": user("Use a tool"), **CLOCK}
    whole = await azure.chat.completions.create(**asked)
    message = whole.choices[0].message
    assert [call.function.name for call in message.tool_calls] == ["now", "date"]
    stream = await azure.chat.completions.create(**asked, stream=True)
    names = [
        call.function.name
        async for chunk in stream
        for choice in chunk.choices
        for call in choice.delta.tool_calls or ()
        if call.function.name
    ]
    assert names == ["now", "date"]
    results = [{"role": "tool", "tool_call_id": call.id, "content": "noon"} for call in message.tool_calls]
    turns = [*user("Use a tool"), message.model_dump(exclude_none=True, exclude={"annotations"}), *results]
    again = await azure.chat.completions.create(model="gpt-4o", messages=turns, **CLOCK)
    assert "noon" in again.choices[0].message.content


class Person(BaseModel):
    name: str
    age: int


async def test_a_schema_is_answered_by_an_instance(azure) -> None:
    parsed = await azure.chat.completions.parse(model="gpt-4o", messages=user("Who?"), response_format=Person)
    assert parsed.choices[0].message.parsed.name == "Ada"


async def test_reasoning_models_keep_their_rules(azure) -> None:
    answer = await azure.chat.completions.create(model="o4-mini", messages=user("think"))
    assert answer.usage.completion_tokens_details.reasoning_tokens > 0
    with pytest.raises(openai.BadRequestError) as caught:
        await azure.chat.completions.create(model="o4-mini", messages=user("think"), max_tokens=5)
    assert caught.value.code == "unsupported_parameter"


@pytest.mark.parametrize("model", ["text-embedding-3-small", "my-vectors"])
async def test_embeddings_come_in_base64_by_default(azure, lab: Lab, model) -> None:
    both = await azure.embeddings.create(model=model, input=["a cat sat", "a dog ran"])
    assert lab.requests[-1].json()["encoding_format"] == "base64"
    floats = await azure.embeddings.create(model=model, input="a cat sat", encoding_format="float")
    assert both.data[0].embedding == pytest.approx(floats.data[0].embedding, abs=1e-6)
    short = await azure.embeddings.create(model=model, input=[[1, 2, 3]], dimensions=256)
    assert len(short.data[0].embedding) == 256
    with pytest.raises(openai.BadRequestError) as caught:
        await azure.embeddings.create(model="gpt-5", input="x")
    assert caught.value.code == "OperationNotSupported"


async def test_models_are_those_that_could_be_deployed(azure) -> None:
    found = {model.id: model async for model in azure.models.list()}
    assert found["gpt-4o"].capabilities["chat_completion"] is True
    assert found["text-embedding-3-large"].capabilities["embeddings"] is True
    assert (await azure.models.retrieve("gpt-4o")).id == "gpt-4o"
    with pytest.raises(openai.NotFoundError):
        await azure.models.retrieve("gpt-nothing")


@pytest.mark.parametrize(
    ("key", "raised", "code"),
    [
        ("invalid-key", openai.AuthenticationError, "401"),
        ("forbidden-key", openai.PermissionDeniedError, "AccessDenied"),
        ("noquota-key", openai.RateLimitError, "insufficient_quota"),
    ],
)
async def test_keys(azure, key, raised, code) -> None:
    with pytest.raises(raised) as caught:
        await azure.with_options(api_key=key).models.list()
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("change", "version", "code", "words"),
    [
        ({"top_k": 3}, VERSION, None, "Unrecognized request argument supplied: top_k"),
        ({"max_completion_tokens": 5}, "2024-08-01-preview", None, "supplied: max_completion_tokens"),
        ({"parallel_tool_calls": True, **CLOCK}, "2024-06-01", None, "supplied: parallel_tool_calls"),
        ({"messages": [{"role": "developer", "content": "x"}]}, VERSION, "invalid_value", "'developer'"),
        ({"messages": []}, VERSION, "empty_array", "empty array"),
        (
            {"messages": user([{"type": "file", "file": {"file_id": "f1"}}])},
            "2025-04-01-preview",
            "invalid_value",
            "does not support file content",
        ),
        (
            {"user_security_context": {"colour": 1}},
            VERSION,
            "unknown_parameter",
            "user_security_context.colour",
        ),
    ],
)
async def test_what_azure_refuses(lab: Lab, change, version, code, words) -> None:
    async with dated(lab, api_version=version) as client:
        body = {"model": "gpt-4o", "messages": user("hello"), **change}
        with pytest.raises(openai.BadRequestError) as caught:
            await client.post("/deployments/gpt-4o/chat/completions", body=body, cast_to=object)
    assert caught.value.code == code
    assert words in caught.value.body["message"]


async def test_what_belongs_to_one_style_only(lab: Lab) -> None:
    sources = {"data_sources": [{"type": "azure_search", "parameters": {}}]}
    asked = {"model": "gpt-4o", "messages": user("hello"), "extra_body": sources}
    async with dated(lab) as client, v1(lab) as newer:
        assert (await client.chat.completions.create(**asked)).choices
        with pytest.raises(openai.BadRequestError, match="data_sources"):
            await newer.chat.completions.create(**asked)
        with pytest.raises(openai.BadRequestError, match="API version not supported"):
            await newer.models.list(extra_query={"api-version": VERSION})
        assert await newer.models.list(extra_query={"api-version": "preview"})
        with pytest.raises(openai.NotFoundError, match="Resource not found"):
            await client.models.list(extra_query={"api-version": ""})


async def test_deployments_that_are_not_there(azure) -> None:
    for ask in (
        azure.chat.completions.create(model="nonexistent", messages=user("x")),
        azure.embeddings.create(model="nonexistent", input="x"),
    ):
        with pytest.raises(openai.NotFoundError) as caught:
            await ask
        assert caught.value.code == "DeploymentNotFound"


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (401, openai.AuthenticationError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
async def test_a_status_becomes_the_sdks_own_error(azure, status, raised) -> None:
    with pytest.raises(raised) as caught:
        await azure.chat.completions.create(model=f"gpt-4o-lab-status-{status}", messages=user("hi"))
    assert caught.value.body["message"]


async def test_an_error_midstream_raises_in_the_sdk(azure) -> None:
    stream = await azure.chat.completions.create(
        model="gpt-4o-lab-error-midstream", messages=user("a longer sentence of words"), stream=True
    )
    with pytest.raises(openai.APIError, match="in the middle of an answer"):
        [one async for one in stream]


async def test_the_sdk_waits_as_long_as_azure_wants(lab: Lab) -> None:
    async with dated(lab, max_retries=1) as client:
        lab.fault("azure-openai", Fault(status=429, headers={"retry-after-ms": "5"}))
        assert (await client.chat.completions.create(model="gpt-4o", messages=user("x"))).choices
    assert len(lab.requests) == 2


# --- Entra ID --------------------------------------------------------------------------------


def signing_in(lab: Lab, scope: str, **more: str) -> Callable[[], Any]:
    """What an application does to get a token."""

    async def token() -> str:
        async with httpx.AsyncClient(timeout=60) as client:
            reply = await client.post(
                f"{lab.url('entra', version='')}/t1/oauth2/v2.0/token",
                data={
                    "grant_type": "client_credentials",
                    "client_id": "c1",
                    "client_secret": "any-secret",
                    "scope": scope,
                    **more,
                },
            )
        granted = reply.raise_for_status().json()
        assert (granted["token_type"], granted["expires_in"]) == ("Bearer", 3599)
        return granted["access_token"]

    return token


async def test_a_token_opens_what_it_was_made_for(lab: Lab) -> None:
    async with dated(lab, azure_ad_token_provider=signing_in(lab, CLASSIC)) as client:
        assert (await client.chat.completions.create(model="gpt-4o", messages=user("x"))).choices
        assert lab.requests[-1].headers["authorization"].startswith("Bearer ")
    async with dated(lab, azure_ad_token_provider=signing_in(lab, FOUNDRY)) as client:
        with pytest.raises(openai.AuthenticationError, match="audience is incorrect"):
            await client.models.list()
    for scope in (CLASSIC, FOUNDRY):
        async with v1(lab, api_key=signing_in(lab, scope)) as client:
            assert (await client.models.list()).data


async def test_a_principal_without_a_role_may_do_nothing(lab: Lab) -> None:
    token = signing_in(lab, CLASSIC, client_secret="forbidden-secret")
    async with dated(lab, azure_ad_token_provider=token) as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            await client.models.list()
    assert caught.value.code == "PermissionDenied"


async def test_neither_key_nor_token(lab: Lab) -> None:
    async with httpx.AsyncClient(timeout=60) as client:
        bare = await client.get(f"{lab.url('azure-openai', version='')}/openai/v1/models")
        assert (bare.status_code, bare.json()["statusCode"]) == (401, 401)
        url = f"{lab.url('azure-openai', version='')}/openai/models?api-version={VERSION}"
        keyed = await client.get(url, headers={"authorization": f"Bearer {KEY}"})
        assert keyed.status_code == 401, "only v1 takes a key as a bearer"


@pytest.mark.parametrize(
    ("tenant", "change", "status", "error", "number"),
    [
        ("nonexistent", {}, 400, "invalid_request", 90002),
        ("t1", {"client_secret": "invalid-secret"}, 401, "invalid_client", 7000215),
        ("t1", {"client_id": "nonexistent"}, 400, "unauthorized_client", 700016),
        ("t1", {"scope": "https://ai.azure.com"}, 400, "invalid_scope", 1002012),
        ("t1", {"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ("t1", {"client_secret": ""}, 400, "invalid_request", 900144),
    ],
)
async def test_what_entra_id_refuses(lab: Lab, tenant, change, status, error, number) -> None:
    form = {"grant_type": "client_credentials", "client_id": "c1", "client_secret": "s", "scope": CLASSIC}
    async with httpx.AsyncClient(timeout=60) as client:
        reply = await client.post(
            f"{lab.url('entra', version='')}/{tenant}/oauth2/v2.0/token", data={**form, **change}
        )
    said = reply.json()
    assert (reply.status_code, said["error"], said["error_codes"]) == (status, error, [number])
    assert said["error_description"].startswith(f"AADSTS{number}: ")
    assert json.dumps(form["client_secret"]) not in reply.text
