"""The Hugging Face emulator, driven by Hugging Face's own SDK; TEI, which has none, by what its page says."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import numpy as np
import pytest
from huggingface_hub import HfApi, InferenceClient, constants
from huggingface_hub.errors import GenerationError, HfHubHTTPError
from huggingface_hub.inference._providers import CONVERSATIONAL_AUTO_ROUTER, PROVIDERS, _common, hf_inference
from huggingface_hub.utils import close_session

from lab import Answer, Fault, Lab, ScriptedCall

UNDRIVEN = {("huggingface", "rerank"): "unverified", ("huggingface", "models"): "unverified"}
"""The SDK neither ranks nor lists what the router routes to."""

PLAIN = "meta-llama/Llama-3.3-70B-Instruct"
THINKS = "deepseek-ai/DeepSeek-V4-Pro"
SENTENCES = "sentence-transformers/all-MiniLM-L6-v2"
HELLO = [{"role": "user", "content": "Hello"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture
def home(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The lab's address, in place of those that are written into the SDK."""
    home = lab.url("huggingface", version="")
    monkeypatch.setattr(constants, "ENDPOINT", home)
    monkeypatch.setattr(constants, "INFERENCE_PROXY_TEMPLATE", home + "/{provider}")
    monkeypatch.setattr(CONVERSATIONAL_AUTO_ROUTER, "base_url", home)
    monkeypatch.setattr(PROVIDERS["hf-inference"]["feature-extraction"], "base_url", f"{home}/hf-inference")
    monkeypatch.setenv("HF_TOKEN", "hf_lab")
    yield home
    hf_inference._check_supported_task.cache_clear()
    _common._fetch_inference_provider_mapping.cache_clear()
    close_session()


async def said(call: Callable[..., Any], *given: Any, **more: Any) -> Any:
    """Ask by the SDK, which waits, while the lab answers; a stream is read to its end."""

    def ask() -> Any:
        answer = call(*given, **more)
        return list(answer) if more.get("stream") else answer

    return await asyncio.to_thread(ask)


def router(key: str = "hf_lab", **more: Any) -> InferenceClient:
    return InferenceClient(token=key, **more)


@contextmanager
def refused(status: int, words: str | None = None) -> Iterator[None]:
    with pytest.raises(HfHubHTTPError, match=words) as error:
        yield
    assert error.value.response.status_code == status


async def test_a_stream_folds_to_the_whole_answer(home) -> None:
    asked = {"messages": HELLO, "model": f"{PLAIN}:together"}
    whole = await said(router().chat_completion, **asked)
    chunks = await said(
        router().chat_completion, **asked, stream=True, stream_options={"include_usage": True}
    )
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert "Hello" in text
    assert whole.choices[0].message.content == text
    assert whole.choices[0].finish_reason == "stop"
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (
        whole.usage.prompt_tokens,
        whole.usage.completion_tokens,
    )


async def test_thoughts_have_a_field_of_their_own(home) -> None:
    whole = (await said(router().chat_completion, HELLO, model=THINKS)).choices[0].message
    assert whole.reasoning.startswith("The user wrote: Hello")


async def test_tools_go_round(home) -> None:
    asked = {"model": PLAIN, "tools": [WEATHER]}
    turns = [{"role": "user", "content": "Use a tool"}]
    first = (await said(router().chat_completion, turns, **asked)).choices[0]
    assert first.finish_reason == "tool_calls"
    call = first.message.tool_calls[0]
    assert json.loads(call.function.arguments) == {"city": "Kyiv"}
    turn = {"role": "assistant", "content": "", "tool_calls": [
        {"id": call.id, "type": "function", "function": {"name": "get_weather", "arguments": call.function.arguments}}
    ]}  # fmt: skip
    result = {"role": "tool", "tool_call_id": call.id, "content": "12 degrees"}
    second = await said(router().chat_completion, [*turns, turn, result], **asked)
    assert "12 degrees" in second.choices[0].message.content


@pytest.mark.parametrize("endpoint", [False, True])
async def test_a_schema_in_either_spelling_is_answered_by_an_instance(home, endpoint: bool) -> None:
    client = InferenceClient(base_url=home, token="hf_lab") if endpoint else router(model=PLAIN)
    schema = WEATHER["function"]["parameters"]
    format = {"type": "json_schema", "json_schema": {"name": "place", "schema": schema}}
    answer = await said(client.chat_completion, HELLO, response_format=format)
    assert json.loads(answer.choices[0].message.content) == {"city": "Kyiv"}


async def test_answers_can_be_scripted(home, lab: Lab) -> None:
    lab.script(
        "huggingface", Answer(text="So.", finish="eos_token", tool_calls=[ScriptedCall(name="get_weather")])
    )
    choice = (await said(router().chat_completion, HELLO, model=PLAIN, tools=[WEATHER])).choices[0]
    assert (choice.message.content, choice.finish_reason) == ("So.", "eos_token")


async def test_a_failure_in_mid_stream_is_an_event(home, lab: Lab) -> None:
    lab.fault("huggingface", Fault(error_midstream=True))
    with pytest.raises(GenerationError):
        await said(router().chat_completion, HELLO, model=PLAIN, stream=True)


@pytest.mark.parametrize(
    ("model", "more", "words"),
    [
        ("acme/nonexistent", {}, "not supported by any provider"),
        (PLAIN, {"temperature": 3}, "temperature"),
        (PLAIN, {"extra_body": {"stray": 1}}, "Unknown parameter"),
    ],
)
async def test_what_the_router_refuses(home, model, more, words) -> None:
    with refused(400, words):
        await said(router().chat_completion, HELLO, model=model, **more)


@pytest.mark.parametrize(("key", "status"), [("hf_invalid", 401), ("hf_forbidden", 403), ("hf_noquota", 402)])
async def test_keys(home, key, status) -> None:
    with refused(status):
        await said(router(key).chat_completion, HELLO, model=PLAIN)


async def test_whose_key_it_is_and_what_it_may(home) -> None:
    api = HfApi(endpoint=home)
    for key, held in (("hf_lab", ["inference.serverless.write"]), ("hf_forbidden", [])):
        known = await said(api.whoami, token=key)
        assert known["auth"]["accessToken"]["fineGrained"]["global"] == held
    with refused(401):
        await said(api.whoami, token="hf_invalid")


async def test_a_models_pipeline_embeds_one_text_or_several(home) -> None:
    client = router(provider="hf-inference", model=SENTENCES)
    one = await said(client.feature_extraction, "a cat sat")
    both = await said(client.feature_extraction, ["a dog ran", "a cat sat"], normalize=True, truncate=True)
    assert one.shape == (384,)
    assert np.array_equal(both[1], one)


async def test_a_model_of_tokens_has_a_vector_for_each(home) -> None:
    client = router(provider="hf-inference", model="facebook/bart-base")
    assert (await said(client.feature_extraction, "a cat sat")).shape == (3, 64)


async def test_partners_embed_under_names_of_their_own(home, lab: Lab) -> None:
    for partner, path in (("together", "/v1"), ("scaleway", "/v1"), ("deepinfra", "/v1/openai")):
        client = router(provider=partner, model=SENTENCES)
        assert (await said(client.feature_extraction, ["a", "b"])).shape == (2, 384)
        assert lab.requests[-1].path == f"/{partner}{path}/embeddings"
        assert lab.requests[-1].json()["model"] == "partner/all-minilm-l6-v2"


async def test_a_tei_server_embeds_at_its_root(home) -> None:
    client = InferenceClient(base_url=f"{home}/", token="any")
    assert (await said(client.feature_extraction, ["a", "b"], dimensions=8)).shape == (2, 8)


@pytest.fixture
async def tei(home) -> httpx.AsyncClient:
    async with httpx.AsyncClient(base_url=home, timeout=60) as client:
        yield client


async def test_tei_tells_what_it_serves_and_what_it_read(tei) -> None:
    info = (await tei.get("/info")).json()
    assert info["max_client_batch_size"] == 32
    assert (await tei.get("/health")).status_code == 200
    found = await tei.post("/embed", json={"inputs": ["four", "more"], "normalize": True, "truncate": False})
    assert found.headers["x-compute-tokens"] == "2"
    vectors = (await tei.post("/v1/embeddings", json={"input": ["four", "more"], "model": "any"})).json()
    assert [item["embedding"] for item in vectors["data"]] == found.json()
    assert vectors["usage"] == {"prompt_tokens": 2, "total_tokens": 2}


async def test_tei_ranks_in_the_order_of_the_texts(tei) -> None:
    found = (
        await tei.post("/rerank", json={"query": "a cat", "texts": ["bread", "a cat"], "return_text": True})
    ).json()
    assert [rank["index"] for rank in found] == [0, 1]
    assert found[1]["score"] > found[0]["score"]
    assert found[1]["text"] == "a cat"


MANY = ["a"] * 33
LONG = ["a word " * 400]


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/embed", {"inputs": MANY}, 413, {"error": "batch size 33 > maximum allowed batch size 32", "error_type": "validation"}),
        ("/v1/embeddings", {"input": MANY}, 413,
         {"message": "batch size 33 > maximum allowed batch size 32", "code": 413, "type": "validation"}),
        ("/rerank", {"query": "q", "texts": MANY}, 413,
         {"error": "batch size 33 > maximum allowed batch size 32", "error_type": "validation"}),
        ("/embed", {"inputs": LONG}, 413,
         {"error": "Input validation error: `inputs` must have less than 512 tokens. Given: 700", "error_type": "validation"}),
        ("/embed", {"inputs": LONG, "truncate": True}, 200, None),
        ("/embed", {"inputs": []}, 400, {"error": "`inputs` cannot be empty"}),
        ("/embed", {"inputs": [1]}, 422,
         {"error": "Failed to deserialize the JSON body into the target type: expected texts", "error_type": "tokenizer"}),
        ("/rerank", {"texts": ["a"]}, 422,
         {"error": "Failed to deserialize the JSON body into the target type: missing field `query`", "error_type": "tokenizer"}),
    ],
)  # fmt: skip
async def test_what_tei_refuses(tei, path, body, status, said) -> None:
    answer = await tei.post(path, json=body)
    assert answer.status_code == status
    assert said is None or answer.json() == said
