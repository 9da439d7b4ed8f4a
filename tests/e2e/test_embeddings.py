"""Vectors are the same bit for bit: as numbers and as base64, alone and among thousands, by REST and by gRPC."""

import struct
from base64 import b64decode
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from openai import OpenAI

from integration_api.proto import unified_pb2 as wire
from tests.e2e.clients import openai_client
from tests.e2e.service import Service
from tests.rpc.caller import Caller, parameters

MODELS = {
    "openai/text-embedding-3-small": 16,
    "azure-openai/text-embedding-3-small": 16,
    "gemini/gemini-embedding-001": 16,
    "vertexai/text-embedding-005": 16,
    "bedrock/cohere.embed-v4:0": 256,
    "bedrock/amazon.titan-embed-text-v2:0": 256,
    "mistral/codestral-embed": 16,
    "cohere/embed-v4.0": 256,
    "voyageai/voyage-4": 256,
    "huggingface/intfloat/multilingual-e5-large": 16,
    "openrouter/qwen/qwen3-embedding-8b": 16,
    "together/lab/small-embedding": None,
    "openai-compatible/any-embedding": 16,
    "sandbox/embed": 16,
}
"""Models and the size to ask for, where it can be asked for."""
TOKEN_MODELS = (
    "openai/text-embedding-3-small",
    "azure-openai/text-embedding-3-small",
    "openrouter/qwen/qwen3-embedding-8b",
    "openai-compatible/any-embedding",
)
"""Those whose providers take token ids as they are."""

TEXTS = ["a cat sat", "a dog ran", "Привіт, світе"]
MANY = [f"text {number}" for number in range(5000)]
EDGES = (0, 31, 32, 95, 96, 511, 512, 999, 1000, 2047, 2048, 4999)
"""Where batches of one provider or another begin and end."""
SOME = 1001
"""More than one batch of nearly all."""

Input = Sequence[str] | Sequence[Sequence[int]]


@pytest.fixture(scope="module")
def client(service: Service) -> OpenAI:
    return openai_client(service.url)


@pytest.fixture(scope="module")
def caller(service: Service, lab: str) -> Iterator[Caller]:
    with Caller(service, lab) as opened:
        yield opened


def sized(model: str) -> dict[str, Any]:
    size = MODELS[model]
    return {} if size is None else {"dimensions": size}


def numbers(client: OpenAI, model: str, inputs: Input) -> list[list[float]]:
    told = client.embeddings.create(model=model, input=inputs, encoding_format="float", **sized(model))
    assert [item.index for item in told.data] == list(range(len(inputs)))
    return [item.embedding for item in told.data]


def packed(client: OpenAI, model: str, inputs: Input) -> list[bytes]:
    told = client.embeddings.create(model=model, input=inputs, encoding_format="base64", **sized(model))
    assert [item.index for item in told.data] == list(range(len(inputs)))
    return [b64decode(item.embedding, validate=True) for item in told.data]


def bits(vectors: list[list[float]]) -> list[bytes]:
    return [struct.pack(f"<{len(vector)}f", *vector) for vector in vectors]


@pytest.mark.parametrize("model", MODELS)
def test_numbers_base64_and_what_the_sdk_does_unasked_agree(client: OpenAI, model: str) -> None:
    told = numbers(client, model, TEXTS)
    assert packed(client, model, TEXTS) == bits(told)
    unasked = client.embeddings.create(model=model, input=TEXTS, **sized(model))
    assert [item.embedding for item in unasked.data] == told
    assert len({len(vector) for vector in told}) == 1
    assert MODELS[model] in {None, len(told[0])}


@pytest.mark.parametrize("model", MODELS)
def test_five_thousand_are_embedded_in_their_order_as_each_would_be_alone(client: OpenAI, model: str) -> None:
    vectors = packed(client, model, MANY)
    assert bits(numbers(client, model, MANY[:SOME])) == vectors[:SOME]
    for place in EDGES:
        assert packed(client, model, [MANY[place]]) == [vectors[place]]


@pytest.mark.parametrize("model", TOKEN_MODELS)
def test_gotcha_20_token_ids_have_vectors_and_both_forms_agree(client: OpenAI, model: str) -> None:
    tokens = [[9906, 11, 1917, 0], [17], [4438, 527, 499, 30]]
    assert bits(numbers(client, model, tokens)) == packed(client, model, tokens)


@pytest.mark.parametrize("model", MODELS)
def test_grpc_says_the_same_numbers(client: OpenAI, caller: Caller, model: str) -> None:
    provider, _, name = model.partition("/")
    given = {f"model.{key}": str(value) for key, value in sized(model).items()}
    request = wire.EmbeddingRequest(
        providerName=provider, content=dict(enumerate(MANY[:200])), modelParameters=parameters(name, given)
    )
    answer = caller.call("Embedding", request)
    assert answer.success, answer.error
    assert [item.index for item in answer.data] == list(range(200))
    assert [list(item.embedding) for item in answer.data] == numbers(client, model, MANY[:200])
    for item in answer.data:
        assert b64decode(item.base64) == struct.pack(f"<{len(item.embedding)}d", *item.embedding)
