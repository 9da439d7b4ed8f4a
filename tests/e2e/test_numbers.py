"""Numbers that can not be meant, given to providers of every language over both doors: the caller's mistake, never a 5xx."""

import itertools
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from integration_api.proto import unified_pb2 as wire
from tests.e2e.service import Service
from tests.rpc.caller import Caller, chat_request, parameters

MODELS = (
    "openai/gpt-4o", "anthropic/claude-sonnet-4-5", "mistral/mistral-large-latest", "gemini/gemini-2.5-flash",
    "cohere/command-a-03-2025", "bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0",
    "replicate/meta/meta-llama-3-70b-instruct", "azure-openai/gpt-4o", "sandbox/echo",
)  # fmt: skip
FIELDS = ("max_tokens", "n", "temperature", "top_p", "top_k", "seed", "presence_penalty", "top_logprobs")
NUMBERS: tuple[Any, ...] = (-1, 0, 10**30, 1e308, "5")
NEVER = {"max_tokens": (-1, 0), "n": (-1, 0), "dimensions": (-1, 0), "top_n": (-1, 0)}
"""What is refused here for every provider, unless the caller's language is the provider's and passes through."""
EMBEDDERS = ("openai/text-embedding-3-small", "cohere/embed-v4.0", "voyageai/voyage-3.5", "sandbox/embed")
RERANKERS = ("cohere/rerank-v3.5", "voyageai/rerank-2.5", "sandbox/rerank")


def asks() -> Iterator[tuple[str, str, str, Any, dict[str, Any]]]:
    said = [{"role": "user", "content": "x"}]
    for model, field, number in itertools.product(MODELS, FIELDS, NUMBERS):
        yield "/v1/chat/completions", model, field, number, {"messages": said}
    for model, number in itertools.product(EMBEDDERS, NUMBERS):
        yield "/v1/embeddings", model, "dimensions", number, {"input": "x"}
    for model, number in itertools.product(RERANKERS, NUMBERS):
        yield "/v1/rerank", model, "top_n", number, {"query": "x", "documents": ["a", "b"]}


def test_over_rest(service: Service) -> None:
    for path, model, field, number, body in asks():
        status, answer = service.call("POST", path, {"model": model, field: number, **body})
        which = (model, field, number, answer)
        assert status in {200, 400}, which
        if status == 400:
            assert answer["error"]["message"], which
            assert answer["error"]["type"] == "invalid_request_error", which
            assert answer["error"]["code"], which
        passed_through = model == "openai/gpt-4o"
        if not (passed_through or isinstance(number, str)) and number in NEVER.get(field, ()):
            assert status == 400, which
            assert answer["error"]["param"] == field, which


@pytest.fixture(scope="module")
def caller(service: Service, lab: str) -> Iterator[Caller]:
    with Caller(service, lab) as made:
        yield made


def outcome(caller: Caller, method: str, request: Any) -> str:
    try:
        answer = caller.call(method, request)
    except grpc.RpcError as refused:
        assert refused.details()
        return str(refused.code().name)
    return "OK" if answer.success else f"in band: {answer.code}"


def test_over_grpc(caller: Caller) -> None:
    """Chat's parameters are the platform's and go to the provider, which may refuse them."""
    for model, field, number in itertools.product(MODELS, FIELDS, (*NUMBERS, float("nan"))):
        found = outcome(caller, "Chat", chat_request(model, params={field: number}))
        assert found in {"OK", "INVALID_ARGUMENT", "in band: 400"}, (model, field, number)
        if number in NEVER.get(field, ()):
            assert found == "INVALID_ARGUMENT", (model, field, number)
    for number in (-1, 0, 0.5, float("inf"), "x"):
        embedding = wire.EmbeddingRequest(
            providerName="sandbox", content={0: "x"}, modelParameters=parameters("embed", {"dimensions": number})
        )  # fmt: skip
        reranking = wire.RerankingRequest(
            providerName="sandbox", query="x", content={0: "x"}, modelParameters=parameters("rerank", {"top_n": number})
        )  # fmt: skip
        assert outcome(caller, "Embedding", embedding) == "INVALID_ARGUMENT"
        assert outcome(caller, "Reranking", reranking) == "INVALID_ARGUMENT"
