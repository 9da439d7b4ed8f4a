"""Every body for Hugging Face is one that its own SDK could have sent, and OpenAI's, which its router takes as well."""

import json
import typing
from dataclasses import fields
from functools import cache
from types import SimpleNamespace

import pytest
from huggingface_hub import ChatCompletionInput, ChatCompletionInputMessage, InferenceClient
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from pydantic import TypeAdapter

from integration_api.core.credential import Credential
from integration_api.core.embedding import EmbeddingRequest
from integration_api.core.reranking import RerankingRequest
from integration_api.providers.huggingface import embedding, reranking
from tests.providers.rendered import every, sent, validated

ENDPOINT = {"base_url": "https://x.endpoints.huggingface.cloud"}
OWN = {
    "min_p",
    "parallel_tool_calls",
    "reasoning_effort",
    "repetition_penalty",
    "top_k",
    "web_search_options",
}
"""What the SDK sends in `extra_body`: partners have it, TGI does not."""
TGI_FORMAT = {"response_format"}
"""What the SDK itself makes of a schema for an endpoint, in a shape its types do not have."""


@cache
def types(kind: type) -> dict[str, TypeAdapter]:
    hints = typing.get_type_hints(kind)
    return {field.name: TypeAdapter(hints[field.name]) for field in fields(kind)}


@pytest.mark.parametrize("kind", [None, "endpoint", "tgi"])
@pytest.mark.parametrize(("provider", "request_"), every("huggingface/deepseek-ai/DeepSeek-V4-Pro:together"))
def test_a_chat_is_what_the_sdks_could_have_sent(provider, request_, kind) -> None:
    account = Credential("huggingface", {} if kind is None else {**ENDPOINT, "kind": kind})
    asked = sent(provider, request_, account)
    if asked is None:
        return
    assert asked.body.startswith(b'{"model":'), "the router reads a prefix to route"
    body = json.loads(asked.body)
    if kind != "tgi":
        assert validated(asked.body, CompletionCreateParamsStreaming) <= OWN
    known = types(ChatCompletionInput)
    assert body.keys() - known.keys() <= OWN
    for name in known.keys() & body.keys() - {"messages"} - (TGI_FORMAT if kind == "tgi" else set()):
        known[name].validate_python(body[name])
    for turn in body["messages"]:
        said = types(ChatCompletionInputMessage)
        # A call of a tool is of the type of its definition there, which no call is.
        for name in said.keys() & turn.keys() - {"tool_calls"}:
            said[name].validate_python(turn[name])


def test_a_schema_is_what_the_sdk_makes_of_it_for_an_older_tgi() -> None:
    schemas = [
        json.loads(asked.body).get("response_format")
        for provider, request_ in (param.values for param in every("huggingface/tgi"))
        if request_.output.kind == "json_schema"
        and (asked := sent(provider, request_, Credential(provider, {**ENDPOINT, "kind": "tgi"})))
    ]
    assert schemas
    assert all(format["type"] == "json_object" and "properties" in format["value"] for format in schemas)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"truncate": "start"},
        {"truncate": "none"},
        {"normalize": False, "extras": {"prompt_name": "query"}},
        {"unknown": {"truncation_direction": "left"}, "user": "u", "input_type": "query", "title": "t"},
        {"extras": {"pooling": "mean"}},
    ],
    ids=str,
)
def test_an_embedding_is_what_the_sdk_could_have_sent(more) -> None:
    ask = EmbeddingRequest(model="intfloat/e5", inputs=("one", "two"), **more)
    asked = next(embedding.embed(ask, Credential("huggingface")))
    assert asked.url == (
        "https://router.huggingface.co/hf-inference/models/intfloat/e5/pipeline/feature-extraction"
    )
    body = json.loads(asked.body)
    stub = {**vars(typing), "np": SimpleNamespace(ndarray=object)}
    hints = typing.get_type_hints(InferenceClient.feature_extraction, stub)
    TypeAdapter(list[str]).validate_python(body.pop("inputs"))
    assert body.keys() <= hints.keys()
    for name, value in body.items():
        TypeAdapter(hints[name]).validate_python(value)


@pytest.mark.parametrize(
    "more", [{}, {"top_n": 1, "max_tokens_per_document": 9}, {"extras": {"raw_scores": True}}]
)
def test_a_ranking_has_the_fields_of_tei(more) -> None:
    ask = RerankingRequest(model="any", query="fish", documents=("one", "two"), **more)
    asked = next(reranking.rerank(ask, Credential("huggingface", ENDPOINT)))
    assert asked.url == "https://x.endpoints.huggingface.cloud/rerank"
    body = json.loads(asked.body)
    assert (body["query"], body["texts"]) == ("fish", ["one", "two"])
    assert body.keys() <= {"query", "texts", "raw_scores", "return_text", "truncate", "truncation_direction"}
