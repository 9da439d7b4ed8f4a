"""Every body for Voyage is one that its own SDK sends for the same question."""

import json
from typing import Any

import pytest

from integration_api.core.credential import Credential
from integration_api.core.embedding import EmbeddingRequest
from integration_api.core.llm import Bytes, Media, Text, Url
from integration_api.core.reranking import RerankingRequest
from integration_api.providers.voyageai import embedding, reranking
from tests.providers.unified import PIXEL
from tests.providers.voyage import playing

ACCOUNT = Credential("voyageai")
VECTOR = {"object": "embedding", "embedding": [0.5], "index": 0}
PLAIN = {"object": "list", "data": [VECTOR], "model": "m", "usage": {"total_tokens": 1}}
PICTURED = {**PLAIN, "usage": {"total_tokens": 1, "text_tokens": 1, "image_pixels": 0, "video_pixels": 0}}
CHUNKED = {**PLAIN, "data": [{"object": "list", "index": 0, "data": [VECTOR]}]}
RANKED = {**PLAIN, "data": [{"index": 0, "relevance_score": 0.5}]}

UNSAID = {"truncation": True, "encoding_format": "base64"}
"""What the SDK says though it is what happens unsaid, or what we say and it does not everywhere."""


def plain(body: dict[str, Any]) -> dict[str, Any]:
    """A body without what goes without saying."""
    return {name: value for name, value in body.items() if value is not None and UNSAID.get(name) != value}


@pytest.mark.parametrize(
    ("more", "sdk"),
    [
        ({}, {}),
        ({"input_type": "query"}, {"input_type": "query"}),
        ({"input_type": "code_query"}, {"input_type": "query"}),
        ({"input_type": "fact"}, {"input_type": "query"}),
        ({"input_type": "document"}, {"input_type": "document"}),
        ({"input_type": "clustering"}, {}),
        ({"truncate": "none"}, {"truncation": False}),
        ({"truncate": "end"}, {"truncation": True}),
        ({"truncate": "auto"}, {"truncation": True}),
        *(({"dtype": kind}, {"output_dtype": kind}) for kind in ("int8", "uint8", "binary", "ubinary")),
        ({"dimensions": 256}, {"output_dimension": 256}),
        ({"user": "u", "title": "t", "normalize": False, "unknown": {"strange": 1}}, {}),
        ({"extras": {"truncation": False}}, {"truncation": False}),
    ],
    ids=str,
)
def test_an_embedding_is_what_the_sdk_sends(more: dict[str, Any], sdk: dict[str, Any]) -> None:
    ask = EmbeddingRequest(model="voyage-4", inputs=("one", "two"), **more)
    asked = next(embedding.embed(ask, ACCOUNT))
    with playing(json.dumps(PLAIN).encode()) as (client, played):
        client.embed(["one", "two"], model="voyage-4", **sdk)
    path, body = played.asked()
    assert asked.url == f"https://api.voyageai.com{path}"
    assert plain(json.loads(asked.body)) == plain(body)


CAT = Media(kind="image", source=Bytes(PIXEL), mime="image/png")
LINK = Media(kind="image", source=Url("https://example.com/cat.png"))
FILM = Media(kind="video", source=Bytes("AAAA"))


@pytest.mark.parametrize(
    ("given", "content"),
    [
        ("a cat", [{"type": "text", "text": "a cat"}]),
        ((Text("a cat"), CAT), [
            {"type": "text", "text": "a cat"},
            {"type": "image_base64", "image_base64": f"data:image/png;base64,{PIXEL}"},
        ]),
        ((LINK,), [{"type": "image_url", "image_url": "https://example.com/cat.png"}]),
        ((FILM,), [{"type": "video_base64", "video_base64": "data:video/mp4;base64,AAAA"}]),
    ],
    ids=["text", "both", "link", "film"],
)  # fmt: skip
def test_a_picture_is_what_the_sdk_sends(given: Any, content: list[Any]) -> None:
    model = "voyage-multimodal-3.5"
    asked = next(embedding.embed(EmbeddingRequest(model=model, inputs=(given,), input_type="query"), ACCOUNT))
    with playing(json.dumps(PICTURED).encode()) as (client, played):
        client.multimodal_embed([{"content": content}], model=model, input_type="query")
    path, body = played.asked()
    assert asked.url == f"https://api.voyageai.com{path}"
    assert plain(json.loads(asked.body)) == plain(body)


@pytest.mark.parametrize("groups", [(), (2, 1)])
def test_chunks_are_what_the_sdk_sends(groups: tuple[int, ...]) -> None:
    ask = EmbeddingRequest(
        model="voyage-context-4", inputs=("a", "b", "c"), groups=groups, input_type="document", dimensions=256
    )
    asked = next((embedding.embed_chunks if groups else embedding.embed)(ask, ACCOUNT))
    documents = [["a", "b"], ["c"]] if groups else [["a"], ["b"], ["c"]]
    with playing(json.dumps(CHUNKED).encode()) as (client, played):
        client.contextualized_embed(
            documents, model="voyage-context-4", input_type="document", output_dimension=256
        )
    path, body = played.asked()
    assert asked.url == f"https://api.voyageai.com{path}"
    assert plain(json.loads(asked.body)) == plain(body)


@pytest.mark.parametrize(
    ("more", "sdk"),
    [
        ({}, {}),
        ({"top_n": 1, "max_tokens_per_document": 5}, {"top_k": 1}),
        ({"extras": {"truncation": False}}, {"truncation": False}),
    ],
)
def test_a_ranking_is_what_the_sdk_sends(more: dict[str, Any], sdk: dict[str, Any]) -> None:
    ask = RerankingRequest(model="rerank-3", query="fish", documents=("one", "two"), **more)
    asked = next(reranking.rerank(ask, ACCOUNT))
    with playing(json.dumps(RANKED).encode()) as (client, played):
        client.rerank("fish", ["one", "two"], model="rerank-3", **sdk)
    path, body = played.asked()
    assert asked.url == f"https://api.voyageai.com{path}"
    assert plain(json.loads(asked.body)) == plain(body)
