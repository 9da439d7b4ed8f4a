"""Every request to Gemini, on both of its hosts, is one that Google's own SDK would have sent: address and body."""

import json
from functools import cache

import pytest
from google.genai import types

from integration_api.core.credential import Credential
from integration_api.core.embedding import EmbeddingRequest
from integration_api.core.llm import (
    Bytes,
    Cache,
    FileRef,
    LlmRequest,
    Media,
    Native,
    Opaque,
    Origin,
    Output,
    Reasoning,
    ReasoningRequest,
    Safety,
    Sampling,
    ServerToolCall,
    ServerToolResult,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    Url,
)
from integration_api.dialects import gemini
from integration_api.providers import PROVIDERS
from integration_api.providers.gemini import llm as gemini_llm
from integration_api.providers.vertexai import gemini_models
from tests.providers.google_sdk import Asked, said
from tests.providers.rendered import every, sent
from tests.providers.unified import CLOCK, PIXEL, SOUND, WEATHER, assistant, user

REGION = "europe-west4"
ACCOUNTS = {
    "gemini": Credential("gemini"),
    "vertexai": Credential(
        "vertexai", {"project_id": "p1", "region": REGION}, held=frozenset({"service_account_key"})
    ),
}
HOSTS = ("gemini", "vertexai")
MODEL = "gemini-3.8-flash"


@cache
def sdk(provider: str) -> Asked:
    return Asked(project="p1", location=REGION) if provider == "vertexai" else Asked()


def is_the_sdks(provider: str, request: LlmRequest) -> bool:
    """Hold a request to the SDK; return whether there is one at all."""
    asked = sent(provider, request, ACCOUNTS[provider])
    if asked is not None:
        assert sdk(provider).chat(request.model, json.loads(asked.body)) == said(asked)
    return asked is not None


@pytest.mark.parametrize(
    ("provider", "request_"),
    every(
        "gemini/gemini-4-hydrogen",
        "gemini/gemini-3.8-flash",
        "gemini/gemini-3-pro-preview",
        "gemini/gemini-2.5-pro",
        "gemini/gemini-2.5-flash",
        "gemini/gemini-1.5-pro",
        "gemini/gemma-3-27b-it",
        "vertexai/gemini-3.8-flash",
        "vertexai/gemini-2.5-flash",
    ),
)
def test_a_chat_is_what_the_sdk_would_have_sent(provider, request_) -> None:
    is_the_sdks(provider, request_)


def own(provider: str) -> dict[str, dict]:
    """What only Google's models are asked, or only with its own words."""
    origin = Origin(provider, "gemini", MODEL)

    def signed(data: str) -> Opaque:
        return Opaque(data, "google-gemini-v1", origin)

    ran = {"executableCode": {"language": "PYTHON", "code": "print(1)"}, "thoughtSignature": "Y29kZQ=="}
    printed = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}}
    drawn = {
        "inlineData": {"mimeType": "image/png", "data": PIXEL},
        "thought": True,
        "thoughtSignature": "eA==",
    }
    return {
        "safety": {"safety": Safety(settings=(
            {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE", "method": "SEVERITY"},))},
        "logprobs": {"sampling": Sampling(logprobs=True, top_logprobs=3)},
        "cached": {"cache": Cache(handle="cachedContents/c1"), "tools": (CLOCK,)},
        "labels": {"metadata": {"team": "blue", "Not A Label": "x"}},
        **{f"tier.{tier}": {"service_tier": tier} for tier in ("default", "flex", "priority", "reserved", "batch")},
        "store": {"store": True},
        "spoken": {"output": Output(modalities=("audio",), audio={"voice": "Kore", "format": "wav"})},
        "drawn": {"output": Output(modalities=("text", "image"))},
        "thoughts.hidden": {"reasoning": ReasoningRequest(effort="low", include="none")},
        "clip": {"messages": (user(Media(
            kind="video", source=Url("https://www.youtube.com/watch?v=1"), mime="video/mp4",
            options={"videoMetadata": {"startOffset": "10s", "endOffset": "20s", "fps": 2.0}})),)},
        "bucket": {"messages": (user(Media(kind="audio", source=FileRef("gs://b/a.flac"))),)},
        "sound": {"messages": (user(Media(kind="audio", source=Bytes(SOUND))),)},
        **{f"tool.{kind}": {"tools": (Tool(name=kind, kind="provider", native={"type": kind}),)} for kind in (
            "google_search", "url_context", "code_execution", "google_maps", "enterprise_web_search",
            "web_search_20250305", "code_interpreter", "googleSearch", "unheard_of")},
        "tool.file_search": {"tools": (Tool(name="f", kind="provider", native={
            "fileSearch": {"fileSearchStoreNames": ["fileSearchStores/a"]}}),)},
        "tool.computer": {"tools": (Tool(name="c", kind="provider", native={
            "type": "computer_use", "computer_use": {"environment": "ENVIRONMENT_BROWSER"}}),)},
        "tool.custom": {"tools": (Tool(name="sql", kind="custom", grammar={"type": "regex"}),)},
        "tools.both": {"tools": (WEATHER, Tool(name="google_search", kind="provider"))},
        "tools.both.none": {"tools": (WEATHER, Tool(name="google_search", kind="provider")),
                            "tool_choice": ToolChoice("none")},
        "tools.allowed": {"tools": (WEATHER, CLOCK), "tool_choice": ToolChoice("allowed", ("now",))},
        "options": {"extras": {
            "generation_config": {"thinking_config": {"include_thoughts": False}, "mediaResolution": "MEDIA_RESOLUTION_LOW"},
            "safety_settings": [{"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "OFF"}],
            "toolConfig": {"retrieval_config": {"language_code": "uk"}}}},
        "schema": {"output": Output(kind="json_schema", schema={
            "type": "object", "properties": {"next": {"$ref": "#"}, "kind": {"const": 1}, "at": {"type": ["string", "null"]}}})},
        "signed_history": {
            "tools": (WEATHER, CLOCK),
            "messages": (
                user("Go"),
                assistant(
                    Reasoning("Let me see", signature=signed("dGhvdWdodA==")),
                    ToolCall("call_1", "get_weather", '{"city":"Kyiv","days":2}', signature=signed("Y2FsbA+/")),
                    ToolCall("call_2", "now", "{}"),
                ),
                assistant(
                    ServerToolCall("c", "code_execution", native=ran, origin=origin),
                    ServerToolResult("c", "code_execution", native=printed, origin=origin),
                    Native("inlineData", drawn, origin),
                    Text("It is 1.", signature=signed("dGV4dA==")),
                    Text("", signature=signed("ZW5k")),
                    Media(kind="image", source=Bytes(PIXEL), mime="image/png", signature=signed("aW1n")),
                ),
                user("And?"),
            ),
        },
    }  # fmt: skip


@pytest.mark.parametrize("what", own("any"))
@pytest.mark.parametrize("model", [MODEL, "gemini-2.5-flash", "gemini-2.0-flash"])
@pytest.mark.parametrize("provider", HOSTS)
def test_what_google_alone_has_is_what_its_sdk_would_have_sent(provider, model, what) -> None:
    ask = {"model": model, "messages": (user("Hello"),), **own(provider)[what]}
    assert is_the_sdks(provider, LlmRequest(**ask))


@pytest.mark.parametrize(
    ("place", "model", "path"),
    [
        ("global", MODEL, None),
        ("eu", "gemini-2.5-pro", None),
        ("us", "gemini-2.5-pro", None),
        ("us-central1", "google/gemini-2.5-pro", None),
        ("us-central1", "publishers/google/models/gemini-2.5-pro", None),
        ("us-central1", "endpoints/123", "projects/p1/locations/us-central1/endpoints/123"),
        ("us-central1", "123", "projects/p1/locations/us-central1/endpoints/123"),
    ],
)
def test_vertex_is_asked_where_the_sdk_asks_it(place, model, path) -> None:
    account = Credential("vertexai", {"project_id": "p1", "region": place}, held=ACCOUNTS["vertexai"].held)
    asked = sent("vertexai", LlmRequest(model=model, messages=(user("Hello"),)), account)
    url, body = Asked(project="p1", location=place).chat(path or model, json.loads(asked.body))
    assert said(asked) == (url, body)


@pytest.mark.parametrize("provider", HOSTS)
def test_tokens_are_counted_as_the_sdk_has_them_counted(provider) -> None:
    dialect = {"gemini": gemini_llm.DIALECT, "vertexai": gemini_models.DIALECT}[provider]
    ask = LlmRequest(model=MODEL, messages=(user("Hello"),))
    sdk(provider).sdk.models.count_tokens(
        model=MODEL, contents=[types.Content(role="user", parts=[types.Part(text="Hello")])]
    )
    url, body = said(next(gemini.count_tokens(dialect, ask, ACCOUNTS[provider])))
    # Gemini's API counts a whole request in a field that its SDK has no name for.
    told = body.pop("generateContentRequest", {"model": f"models/{MODEL}", **body})
    assert told.pop("model") == f"models/{MODEL}"
    assert (url, told) == sdk(provider).last()


UNCUT = {"gemini": {}, "vertexai": {"auto_truncate": False}}
"""Vertex AI cuts texts in silence unless it is told not to; Gemini's API cannot be told."""

EMBEDDED = {
    "plain": ({}, {}),
    "query": ({"input_type": "query"}, {"task_type": "RETRIEVAL_QUERY"}),
    "native": ({"input_type": "code_retrieval_query"}, {"task_type": "CODE_RETRIEVAL_QUERY"}),
    "titled": (
        {"input_type": "document", "title": "t"},
        {"task_type": "RETRIEVAL_DOCUMENT", "title": "t"},
    ),
    "short": ({"dimensions": 256}, {"output_dimensionality": 256}),
}


@pytest.mark.parametrize("what", EMBEDDED)
@pytest.mark.parametrize("inputs", [("one",), ("one", "two")])
@pytest.mark.parametrize(
    ("provider", "model"), [("gemini", "gemini-embedding-001"), ("vertexai", "text-embedding-005")]
)
def test_an_embedding_is_what_the_sdk_would_have_sent(provider, model, inputs, what) -> None:
    ours, theirs = EMBEDDED[what]
    ask = EmbeddingRequest(model=model, inputs=inputs, **ours)
    sdk(provider).sdk.models.embed_content(
        model=model, contents=list(inputs), config=types.EmbedContentConfig(**theirs, **UNCUT[provider])
    )
    url, body = sdk(provider).last()
    for one in body.get("requests", ()):
        assert one["content"].pop("role") == "user"  # Nobody speaks in a text to be embedded.
    assert said(next(PROVIDERS[provider].embedding(ask, ACCOUNTS[provider]))) == (url, body)


@pytest.mark.parametrize("inputs", [("one",), ("one", "two")])
@pytest.mark.parametrize("provider", HOSTS)
def test_a_newer_embedding_is_what_the_sdk_would_have_sent(provider, inputs) -> None:
    model = "gemini-embedding-2"
    ask = EmbeddingRequest(model=model, inputs=inputs, dimensions=256, input_type="query")
    sdk(provider).sdk.models.embed_content(
        model=model,
        contents=[
            types.Content(parts=[types.Part(text=f"task: search result | query: {text}")]) for text in inputs
        ],
        config=types.EmbedContentConfig(output_dimensionality=256, **UNCUT[provider]),
    )
    assert said(next(PROVIDERS[provider].embedding(ask, ACCOUNTS[provider]))) == sdk(provider).last()
