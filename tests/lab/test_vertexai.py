"""The Vertex AI emulator, driven by the SDKs of Google, Anthropic, OpenAI and Mistral, and Google's way to a token."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest
from google import genai
from google.auth import crypt, jwt
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request
from google.genai import types
from google.oauth2 import service_account
from google.oauth2.credentials import Credentials
from mistralai.gcp.client import MistralGCP

from lab import Answer, Fault, Lab, ScriptedCall
from tests.lab.google import TLS, TOOLS, config, parts_of, refused, sdk, text, told, turn

NEW, OLD = "gemini-3.8-flash", "gemini-2.5-flash"
UNDRIVEN = {("vertexai", "rerank"): "unverified"}
"""The ranking API is another product's, and its SDK is not here: it is asked by hand."""

PLACE = "us-east5"
SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
HELLO: Any = [{"role": "user", "content": "Hello"}]
FORM = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}


def place(lab: Lab) -> str:
    return f"{lab.url('vertexai')}/projects/p1/locations/{PLACE}"


async def key_file(lab: Lab, **asked: str) -> dict[str, str]:
    async with httpx.AsyncClient(verify=TLS, timeout=60) as http:
        return (
            await http.get(f"{lab.url('vertexai', version='')}/service-account.json", params=asked)
        ).json()


async def granted(lab: Lab, **asked: str) -> Credentials:
    """Let Google's own library change a key file for a token."""
    account = service_account.Credentials.from_service_account_info(
        await key_file(lab, **asked), scopes=SCOPES
    )
    await asyncio.to_thread(account.refresh, Request())
    return account


@pytest.fixture
async def google(lab: Lab) -> AsyncIterator[genai.client.AsyncClient]:
    async with vertex(lab, Credentials("any")) as client:
        yield client


def vertex(lab: Lab, credentials: Any, location: str = PLACE) -> Any:
    return sdk(
        lab, "vertexai", "v1beta1", vertexai=True, project="p1", location=location, credentials=credentials
    )


# --- tokens --------------------------------------------------------------------------------------


async def test_a_key_file_is_changed_for_a_token_that_opens_the_door(lab: Lab) -> None:
    account = await granted(lab)
    assert account.token.startswith("ya29.")
    assert account.valid
    async with vertex(lab, account) as client:
        answer = await client.models.generate_content(model=NEW, contents="Hi")
    assert "Hi" in answer.text


@pytest.mark.parametrize(
    ("email", "status", "reason"),
    [
        ("forbidden@p1", 403, "IAM_PERMISSION_DENIED"),
        ("noquota@p1", 403, "BILLING_DISABLED"),
        ("lab-seconds-0@p1", 401, "ACCESS_TOKEN_EXPIRED"),
    ],
)
async def test_tokens_of_no_use(lab: Lab, email: str, status: int, reason: str) -> None:
    account = await granted(lab, email=email)
    async with vertex(lab, Credentials(account.token)) as client:
        with refused(status, reason):
            await client.models.generate_content(model=NEW, contents="Hi")


async def test_an_account_nobody_knows(lab: Lab) -> None:
    with pytest.raises(RefreshError, match="account not found"):
        await granted(lab, email="invalid@p1")


def assertion(file: dict[str, str], **more: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": "a@b",
        "aud": file["token_uri"],
        "iat": now,
        "exp": now + 3600,
        "scope": SCOPES[0],
        **more,
    }
    return jwt.encode(crypt.RSASigner.from_service_account_info(file), claims).decode()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"aud": "https://example.com/token"}, "Failed audience check"),
        ({"exp": int(time.time()) + 7200}, "short-lived token"),
        ({"iat": 1, "exp": 3601}, "short-lived token"),
        ({"scope": "openid"}, "Invalid OAuth scope"),
    ],
)
async def test_assertions_google_refuses(lab: Lab, more: dict[str, Any], words: str) -> None:
    file = await key_file(lab)
    async with httpx.AsyncClient(verify=TLS, timeout=60) as http:
        said = assertion(file, **more)
        bad = await http.post(file["token_uri"], data={**FORM, "assertion": said})
        good = assertion(file)
        spoiled = f"{good[:-8]}AAAAAAAA"
        forged = await http.post(file["token_uri"], data={**FORM, "assertion": spoiled})
    assert (bad.status_code, forged.status_code) == (400, 400)
    assert words in bad.json()["error_description"]
    assert "Invalid JWT Signature" in forged.json()["error_description"]


@pytest.mark.parametrize(("token", "status"), [("invalid", 401), ("forbidden", 403), ("noquota", 403)])
async def test_tokens_of_elsewhere(lab: Lab, token: str, status: int) -> None:
    async with vertex(lab, Credentials(token)) as client:
        with refused(status):
            await client.models.generate_content(model=NEW, contents="Hi")


async def test_express_mode_takes_a_key_and_no_project(lab: Lab) -> None:
    async with sdk(lab, "vertexai", "v1beta1", vertexai=True, api_key="any") as client:
        assert "Hi" in (await client.models.generate_content(model=NEW, contents="Hi")).text
        with refused(401, "API keys are not supported"):
            await client.models.embed_content(model="text-embedding-005", contents="Hi")
    async with sdk(lab, "vertexai", "v1beta1", vertexai=True, api_key="invalid") as client:
        with refused(400, "API_KEY_INVALID"):
            await client.models.generate_content(model=NEW, contents="Hi")


# --- Gemini --------------------------------------------------------------------------------------


async def test_a_stream_folds_to_the_whole_answer(google) -> None:
    asked = {"model": NEW, "contents": "Count to three"}
    whole = await google.models.generate_content(**asked)
    chunks = await told(google, **asked)
    assert "".join(part.text for part in parts_of(chunks)) == whole.text
    assert chunks[-1].usage_metadata == whole.usage_metadata
    assert whole.usage_metadata.traffic_type is types.TrafficType.ON_DEMAND
    assert whole.create_time


async def test_arguments_are_streamed_in_pieces(google) -> None:
    calling = types.FunctionCallingConfig(mode="ANY", stream_function_call_arguments=True)
    asked = {"model": NEW, "contents": "hello"}
    chunks = await told(
        google,
        **asked,
        config=config(tools=TOOLS, tool_config=types.ToolConfig(function_calling_config=calling)),
    )
    calls = [part.function_call for part in parts_of(chunks) if part.function_call]
    assert [call.name for call in calls if call.name] == ["get_weather", "now"]
    said = [one for call in calls for one in call.partial_args or ()]
    assert "".join(one.string_value for one in said if one.json_path == "$.city") == "Kyiv"
    assert [one.number_value for one in said if one.json_path == "$.days"] == [7]
    assert sum(not (call.name or call.partial_args) for call in calls) == 2, "an empty call ends one"


async def test_probabilities_are_told(google) -> None:
    asked = {"model": OLD, "contents": "hello", "config": config(response_logprobs=True, logprobs=1)}
    whole = (await google.models.generate_content(**asked)).candidates[0]
    tokens = whole.logprobs_result.chosen_candidates
    assert "".join(one.token for one in tokens) == whole.content.parts[-1].text
    assert len(whole.logprobs_result.top_candidates) == len(tokens)
    chunks = await told(google, **asked)
    found = [one.candidates[0].logprobs_result for one in chunks]
    assert [one.token for held in found if held for one in held.chosen_candidates] == [
        one.token for one in tokens
    ]


async def test_models_are_where_they_are(google, lab: Lab) -> None:
    with refused(404, "was not found or your project does not have access"):
        await google.models.generate_content(model="gemini-3-pro-preview", contents="Hi")
    for location in ("global", "eu"):
        async with vertex(lab, Credentials("any"), location) as client:
            assert (await client.models.generate_content(model="gemini-3-pro-preview", contents="Hi")).text
    async with vertex(lab, Credentials("any"), "nowhere-central1") as client:
        with refused(404):
            await client.models.generate_content(model=NEW, contents="Hi")
    tuned = await google.models.generate_content(
        model="projects/p1/locations/us-east5/endpoints/123", contents="Hi"
    )
    assert tuned.text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"store": True}, 'Unknown name "store"'),
        ({"tools": [{"fileSearch": {}}]}, 'Unknown name "fileSearch"'),
        ({"contents": [{"role": "model", "parts": [{"toolCall": {}}]}]}, 'Unknown name "toolCall"'),
        ({"contents": [{"parts": [{"text": "Hi"}]}]}, "valid role"),
        ({"contents": [{"role": "user", "parts": [{"fileData": {"fileUri": "gs://b/a"}}]}]}, "mimeType"),
        ({"cachedContent": "cachedContents/c1"}, "Invalid cached content name"),
    ],
)
async def test_what_only_the_other_host_takes(lab: Lab, body: dict[str, Any], words: str) -> None:
    asked = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}], **body}
    async with httpx.AsyncClient(verify=TLS, headers={"authorization": "Bearer any"}, timeout=60) as http:
        url = f"{place(lab)}/publishers/google/models/{NEW}:generateContent"
        reply = await http.post(url, json=asked)
    assert reply.status_code == 400
    assert words in reply.json()["error"]["message"]


async def test_tokens_are_counted(google) -> None:
    counted = await google.models.count_tokens(
        model=NEW, contents="Hello", config=types.CountTokensConfig(system_instruction="Be brief")
    )
    assert counted.total_tokens > 2


async def test_a_refusal_does_not_say_when_to_come_back(google, lab: Lab) -> None:
    lab.fault("vertexai", Fault(status=429))
    with refused(429, "Resource exhausted") as raised:
        await google.models.generate_content(model=NEW, contents="Hi")
    assert "RetryInfo" not in str(raised.value.details)


# --- other makers' models ------------------------------------------------------------------------


@pytest.fixture
async def claude(lab: Lab) -> AsyncIterator[anthropic.AsyncAnthropicVertex]:
    async with anthropic.AsyncAnthropicVertex(
        region=PLACE,
        project_id="p1",
        access_token="any",
        base_url=lab.url("vertexai"),
        max_retries=0,
        timeout=60,
    ) as client:
        yield client


async def test_claude_answers_anthropics_sdk(claude) -> None:
    asked: Any = {"model": "claude-opus-5-5", "max_tokens": 400, "messages": HELLO}
    whole = await claude.messages.create(**asked)
    async with claude.messages.stream(**asked) as stream:
        streamed = await stream.get_final_message()
    assert [block.model_dump(exclude={"parsed"}) for block in streamed.content] == [
        block.model_dump() for block in whole.content
    ]
    dated = await claude.messages.create(**{**asked, "model": "claude-sonnet-4-5@20250929"})
    assert dated.model == "claude-sonnet-4-5-20250929"
    assert (await claude.messages.count_tokens(model="claude-opus-5-5", messages=HELLO)).input_tokens > 0
    with pytest.raises(anthropic.BadRequestError, match="Extra inputs"):
        await claude.messages.create(**asked, extra_body={"cache_control": {"type": "ephemeral"}})


async def test_claude_takes_an_accounts_token(lab: Lab) -> None:
    account = await granted(lab)
    async with anthropic.AsyncAnthropicVertex(
        region=PLACE,
        project_id="p1",
        credentials=account,
        base_url=lab.url("vertexai"),
        max_retries=0,
        timeout=60,
    ) as client:
        assert (await client.messages.create(model="claude-opus-5-5", max_tokens=99, messages=HELLO)).content
    async with anthropic.AsyncAnthropicVertex(
        region=PLACE,
        project_id="p1",
        access_token="invalid",
        base_url=lab.url("vertexai"),
        max_retries=0,
        timeout=60,
    ) as client:
        with pytest.raises(anthropic.AuthenticationError):
            await client.messages.create(model="claude-opus-5-5", max_tokens=99, messages=HELLO)


async def test_an_open_model_answers_openais_sdk(lab: Lab) -> None:
    async with openai.AsyncOpenAI(
        api_key="any", base_url=f"{place(lab)}/endpoints/openapi", max_retries=0, timeout=60
    ) as client:
        asked: Any = {"model": "meta/llama-4-maverick-17b-128e-instruct-maas", "messages": HELLO}
        whole = await client.chat.completions.create(**asked)
        chunks = [chunk async for chunk in await client.chat.completions.create(**asked, stream=True)]
        said = "".join(one.choices[0].delta.content or "" for one in chunks if one.choices)
        assert said == whole.choices[0].message.content
        with pytest.raises(openai.BadRequestError):
            await client.chat.completions.create(**asked, store=True)


class Prefixed(httpx2.AsyncHTTPTransport):
    """Mistral's SDK for Google builds its paths from the root."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.url = request.url.copy_with(path=f"/vertexai{request.url.path}")
        return await super().handle_async_request(request)


async def test_mistrals_own_models_answer_its_sdk(lab: Lab) -> None:
    async with httpx2.AsyncClient(transport=Prefixed(verify=TLS), timeout=60) as http:
        with httpx2.Client(verify=TLS, timeout=60) as unused:
            client = MistralGCP(
                project_id="p1", region=PLACE, access_token="any", server_url=lab.origin, async_client=http,
                client=unused,
            )  # fmt: skip
            asked: Any = {"model": "mistral-small-latest", "messages": HELLO}
            whole = await client.chat.complete_async(**asked)
            chunks = [event.data async for event in await client.chat.stream_async(**asked)]
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert said == whole.choices[0].message.content


# --- vectors, ranks, models ----------------------------------------------------------------------


async def test_vectors_of_texts_are_predicted(google) -> None:
    answer = await google.models.embed_content(
        model="text-embedding-005",
        contents=["a cat sat", "a dog ran"],
        config=types.EmbedContentConfig(output_dimensionality=256, task_type="RETRIEVAL_QUERY"),
    )
    assert [len(one.values) for one in answer.embeddings] == [256, 256]
    assert answer.embeddings[0].statistics.token_count > 0
    for contents, more, words in (
        (["a"] * 251, {}, "250 instance"),
        (["a"], {"output_dimensionality": 1000}, "between 1 and"),
        (["a"], {"title": "t"}, "RETRIEVAL_DOCUMENT"),
        (["word " * 2048], {"auto_truncate": False}, "supports up to"),
    ):
        with refused(400, words):
            await google.models.embed_content(
                model="text-embedding-005", contents=contents, config=types.EmbedContentConfig(**more)
            )
    cut = await google.models.embed_content(model="text-embedding-005", contents=["word " * 2048])
    assert cut.embeddings[0].statistics.truncated


async def test_vectors_of_contents(google) -> None:
    pixel = types.Part.from_bytes(data=base64.b64decode("iVBORw0KGgo="), mime_type="image/png")
    short = types.EmbedContentConfig(output_dimensionality=256)
    one = await google.models.embed_content(
        model="gemini-embedding-2", contents=turn(text("a cat"), pixel), config=short
    )
    two = await google.models.embed_content(
        model="gemini-embedding-2", contents=[turn(text("a cat")), turn(text("a dog"))], config=short
    )
    assert [len(found.values) for found in (*one.embeddings, *two.embeddings)] == [256, 256, 256]
    assert one.embeddings[0].statistics.token_count > 0


async def test_what_is_predicted_of_pictures_and_of_one_text_at_a_time(lab: Lab) -> None:
    async with httpx.AsyncClient(verify=TLS, headers={"authorization": "Bearer any"}, timeout=60) as http:

        async def predicted(model: str, *instances: Any, **parameters: Any) -> httpx.Response:
            asked = {"instances": list(instances), "parameters": parameters}
            return await http.post(f"{place(lab)}/publishers/google/models/{model}:predict", json=asked)

        both = await predicted("multimodalembedding@001", {"text": "cat", "image": {"gcsUri": "gs://b/c"}})
        alone = await predicted("gemini-embedding-001", {"content": "a"})
        several = await predicted("gemini-embedding-001", {"content": "a"}, {"content": "b"})
    assert {name: len(one) for name, one in both.json()["predictions"][0].items()} == {
        "textEmbedding": 1408,
        "imageEmbedding": 1408,
    }
    assert len(alone.json()["predictions"][0]["embeddings"]["values"]) == 3072
    assert several.status_code == 400


async def test_a_ranking(lab: Lab) -> None:
    records = [{"id": str(at), "content": said} for at, said in enumerate(("bread", "a cat sat", "a dog"))]
    url = f"{lab.url('vertexai')}/projects/p1/locations/global/rankingConfigs/default_ranking_config:rank"
    asked = {"model": "semantic-ranker-default-004", "query": "a cat sat", "records": records, "topN": 2}
    async with httpx.AsyncClient(verify=TLS, headers={"authorization": "Bearer any"}, timeout=60) as http:
        good = (await http.post(url, json=asked)).json()["records"]
        too_many = await http.post(url, json={**asked, "records": records * 67})
    assert good[0]["id"] == "1"
    assert len(good) == 2
    assert too_many.status_code == 400


async def test_publishers_models_come_in_pages(google, lab: Lab) -> None:
    names = [
        model.name async for model in await google.models.list(config={"page_size": 3, "query_base": True})
    ]
    assert f"publishers/google/models/{OLD}" in names
    assert len(names) == len(set(names)) > 3


async def test_answers_can_be_scripted_for_everybody(google, claude, lab: Lab) -> None:
    call = Answer(tool_calls=[ScriptedCall(name="now", arguments={"zone": "EET"})])
    lab.script("vertexai", call, call)
    answer = await google.models.generate_content(model=NEW, contents="hi", config=config(tools=TOOLS))
    assert answer.function_calls[0].args == {"zone": "EET"}
    tool = {"name": "now", "input_schema": {"type": "object"}}
    message = await claude.messages.create(
        model="claude-opus-5-5", max_tokens=99, messages=HELLO, tools=[tool]
    )
    assert message.content[-1].input == {"zone": "EET"}
    assert json.loads(lab.requests[-1].raw)["anthropic_version"]
