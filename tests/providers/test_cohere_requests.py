"""Every body for Cohere is one that its own SDK could have sent."""

import json

import pytest

from integration_api.core.credential import Credential
from integration_api.core.embedding import EmbeddingRequest
from integration_api.core.llm import Bytes, Media, Text, Url
from integration_api.core.reranking import RerankingRequest
from integration_api.providers.cohere import embedding, reranking
from tests.providers.cohere_types import strange
from tests.providers.rendered import every, sent
from tests.providers.unified import PIXEL

ACCOUNT = Credential("cohere")
CAT = Media(kind="image", source=Bytes(PIXEL), mime="image/png")


@pytest.mark.parametrize(
    ("provider", "request_"),
    every(
        "cohere/command-a-plus-05-2026",
        "cohere/command-a-reasoning-08-2025",
        "cohere/command-a-03-2025",
        "cohere/command-r7b-12-2024",
    ),
)
def test_a_chat_is_what_the_sdk_could_have_sent(provider, request_) -> None:
    asked = sent(provider, request_)
    if asked is not None:
        assert strange("chat_stream", json.loads(asked.body)) == []


@pytest.mark.parametrize(
    "more",
    [
        {},
        *({"input_type": kind} for kind in ("query", "document", "classification", "clustering", "similarity", "qa")),
        *({"truncate": how} for how in ("none", "start", "end", "auto")),
        *({"dtype": kind} for kind in ("float", "int8", "uint8", "binary", "ubinary")),
        {"dimensions": 256},
        {"user": "u", "title": "t", "normalize": False, "unknown": {"strange": 1}},
        {"inputs": ((Text("A cat"), CAT), "a dog", (Media(kind="image", source=Url("https://example.com/c.png")),))},
        {"model": "embed-english-v3.0", "inputs": ((CAT,),)},
        {"extras": {"max_tokens": 512, "priority": 1}},
    ],
    ids=str,
)  # fmt: skip
def test_an_embedding_is_what_the_sdk_could_have_sent(more) -> None:
    ask = EmbeddingRequest(**{"model": "embed-v4.0", "inputs": ("one", "two"), **more})
    asked = next(embedding.embed(ask, ACCOUNT))
    assert asked.url == "https://api.cohere.com/v2/embed"
    assert strange("embed", json.loads(asked.body)) == []


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"top_n": 1, "max_tokens_per_document": 512},
        {"unknown": {"relevant_spans": {"mode": "enabled", "threshold": 0.1}, "priority": 2}},
        {"instruction": "Prefer fresh fish"},
    ],
)
def test_a_ranking_is_what_the_sdk_could_have_sent(more) -> None:
    ask = RerankingRequest(model="rerank-v5.0-pro", query="fish", documents=("one", "two"), **more)
    asked = next(reranking.rerank(ask, ACCOUNT))
    assert asked.url == "https://api.cohere.com/v2/rerank"
    assert strange("rerank", json.loads(asked.body)) == []
