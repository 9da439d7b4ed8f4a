"""The Voyage emulator, driven by Voyage's own SDK."""

import pytest
import voyageai
from voyageai.error import (
    APIError,
    AuthenticationError,
    InvalidRequestError,
    MalformedRequestError,
    RateLimitError,
    ServerError,
    ServiceUnavailableError,
)

from lab import Fault, Lab

UNDRIVEN = {("voyageai", "models"): "our list"}

PIXEL = "data:image/png;base64,iVBORw0KGgo="


@pytest.fixture
def voyage(lab: Lab) -> voyageai.AsyncClient:
    return client(lab)


def client(lab: Lab, key: str = "pa-lab") -> voyageai.AsyncClient:
    return voyageai.AsyncClient(api_key=key, base_url=lab.url("voyageai"), max_retries=0)


async def test_vectors_come_in_base64_and_in_any_order(voyage, lab: Lab) -> None:
    both = await voyage.embed(["a cat sat", "a dog ran"], model="voyage-4", input_type="document")
    assert lab.requests[-1].json()["encoding_format"] == "base64"
    assert len(both.embeddings[0]) == 1024
    assert both.total_tokens == 6
    alone = await voyage.embed(["a cat sat"], model="voyage-4", input_type="query")
    # The SDK takes them as they come: the last input's is the first.
    assert both.embeddings[1] == pytest.approx(alone.embeddings[0])


@pytest.mark.parametrize(
    ("dtype", "length"), [("float", 256), ("int8", 256), ("uint8", 256), ("binary", 32), ("ubinary", 32)]
)
async def test_types_and_sizes(voyage, dtype, length) -> None:
    found = await voyage.embed(["a"], model="voyage-4-large", output_dtype=dtype, output_dimension=256)
    assert len(found.embeddings[0]) == length


async def test_pictures_have_vectors(voyage) -> None:
    inputs = [{"content": [{"type": "text", "text": "cat"}, {"type": "image_base64", "image_base64": PIXEL}]}]
    found = await voyage.multimodal_embed(inputs, model="voyage-multimodal-3.5", input_type="document")
    assert len(found.embeddings[0]) == 1024
    assert found.image_pixels > 0
    inputs[0]["content"].append({"type": "image_url", "image_url": "https://example.com/a.png"})
    with pytest.raises(InvalidRequestError, match="mixed"):
        await voyage.multimodal_embed(inputs, model="voyage-multimodal-3.5")


async def test_chunks_know_their_document(voyage) -> None:
    asked = {"model": "voyage-context-4", "input_type": "document"}
    found = await voyage.contextualized_embed([["one", "two"], ["two"]], **asked)
    shapes = sorted(len(result.embeddings) for result in found.results)
    assert shapes == [1, 2]
    alone = await voyage.contextualized_embed([["two"]], **asked)
    assert alone.results[0].embeddings[0] not in [
        vector for result in found.results if len(result.embeddings) == 2 for vector in result.embeddings
    ]


async def test_a_ranking(voyage) -> None:
    found = await voyage.rerank("a cat sat", ["bread", "a cat sat", "a dog"], model="rerank-3", top_k=2)
    assert found.results[0].index == 1
    assert len(found.results) == 2
    assert found.total_tokens > 0


@pytest.mark.parametrize(
    "more",
    [
        {"texts": []},
        {"texts": [""]},
        {"texts": ["a"] * 1001},
        {"model": "voyage-nothing"},
        {"output_dimension": 300},
        {"model": "voyage-3-lite", "output_dimension": 512},
        {"input_type": "none"},
        {"texts": ["x" * 481_000]},
    ],
    ids=lambda more: str(more)[:40],
)
async def test_what_voyage_refuses(voyage, more) -> None:
    with pytest.raises(InvalidRequestError):
        await voyage.embed(**{"texts": ["a"], "model": "voyage-4-large", **more})


async def test_float_is_no_encoding(voyage) -> None:
    with pytest.raises(InvalidRequestError, match="encoding_format"):
        await voyageai.Embedding.acreate(
            input=["a"], model="voyage-4", encoding_format="float", **voyage._params
        )


@pytest.mark.parametrize(
    ("key", "raised"),
    [
        ("pa-invalid", AuthenticationError),
        ("al-of-atlas", AuthenticationError),
        ("pa-forbidden", APIError),
        ("pa-noquota", RateLimitError),
    ],
)
async def test_keys(lab, key, raised) -> None:
    with pytest.raises(raised):
        await client(lab, key).embed(["a"], model="voyage-4")


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (400, InvalidRequestError),
        (401, AuthenticationError),
        (422, MalformedRequestError),
        (429, RateLimitError),
        (500, ServerError),
        (503, ServiceUnavailableError),
    ],
)
async def test_statuses(voyage, lab: Lab, status, raised) -> None:
    lab.fault("voyageai", Fault(status=status))
    with pytest.raises(raised):
        await voyage.embed(["a"], model="voyage-4")
