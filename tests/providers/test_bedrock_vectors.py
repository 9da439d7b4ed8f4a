"""Vectors and ranks of the models on Bedrock."""

import json
import struct
from typing import Any
from urllib.parse import urlsplit

import pytest

from integration_api.core.credential import Credential
from integration_api.core.embedding import EmbeddingRequest, EmbeddingResponse
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import Bearer, Exchange, HttpResponse
from integration_api.core.llm import (
    Bytes,
    Media,
    Text,
    Url,
)
from integration_api.core.reranking import RerankingRequest, RerankingResponse
from integration_api.providers.bedrock import BEDROCK
from tests.providers.bedrock import (
    API_KEY,
    FIELDS,
    ID,
    KEYS,
    SONNET,
    answered,
    reply,
)

TITAN = "amazon.titan-embed-text-v2:0"


# --- vectors -----------------------------------------------------------------------------------


def embedding(
    model: str, *inputs: Any, credential: Credential = KEYS, **more: Any
) -> Exchange[EmbeddingResponse]:
    return BEDROCK.embedding(EmbeddingRequest(model=model, inputs=inputs, **more), credential)


def floats(vector: bytes) -> list[float]:
    return list(struct.unpack(f"<{len(vector) // 4}f", vector))


def test_titan_takes_one_text_at_a_time_and_order_is_kept() -> None:
    replies = [reply({"embedding": [float(n)], "inputTextTokenCount": n + 1}) for n in range(5)]
    asked = embedding(TITAN, *"abcde", dimensions=256, normalize=True)
    answer, sent = answered(asked, *replies)
    assert [floats(vector) for vector in answer.vectors] == [[0.0], [1.0], [2.0], [3.0], [4.0]]
    assert answer.usage.input_total == 15
    assert [json.loads(one.body) for one in sent] == [
        {"inputText": text, "dimensions": 256, "normalize": True} for text in "abcde"
    ]


def test_one_refusal_refuses_all() -> None:
    with pytest.raises(ProviderError, match="slow down"):
        answered(
            embedding(TITAN, "a", "b"), reply({"embedding": [1.0]}), reply({"message": "slow down"}, 429)
        )


def test_binary_vectors_are_packed_as_other_vendors_pack_them() -> None:
    bits = [1, 0, 0, 0, 0, 0, 0, 1] + [1] * 8
    said = reply({"embeddingsByType": {"binary": bits}, "inputTextTokenCount": 1})
    packed = answered(embedding(TITAN, "a", dtype="ubinary"), said)[0].vectors[0]
    assert packed == b"\x81\xff"
    signed = answered(embedding(TITAN, "a", dtype="binary"), said)[0].vectors[0]
    assert signed == struct.pack("bb", 0x81 - 128, 0xFF - 128)


@pytest.mark.parametrize("model", ["cohere.embed-english-v3", "cohere.embed-v4:0"])
def test_cohere_takes_96_texts_at_a_time(model) -> None:
    def answer(start: int, size: int) -> HttpResponse:
        vectors = [[float(start + n)] for n in range(size)]
        shaped = {"float": vectors} if "v4" in model else vectors
        return reply({"embeddings": shaped}, x_amzn_bedrock_input_token_count=str(size))

    texts = [f"text {n}" for n in range(200)]
    found, sent = answered(
        embedding(model, *texts, input_type="query"), answer(0, 96), answer(96, 96), answer(192, 8)
    )
    assert [floats(vector)[0] for vector in found.vectors] == [float(n) for n in range(200)]
    assert found.usage.input_total == 200
    assert [len(json.loads(one.body)["texts"]) for one in sent] == [96, 96, 8]
    assert json.loads(sent[0].body)["input_type"] == "search_query"


def test_a_batch_that_comes_back_short_is_no_answer() -> None:
    with pytest.raises(ProviderError, match="1 vectors for 2 inputs") as raised:
        answered(embedding("cohere.embed-english-v3", "a", "b"), reply({"embeddings": [[1.0]]}))
    assert raised.value.kind is Kind.BAD_RESPONSE


SHOWN = {
    "image": (Media(kind="image", source=Bytes("eA=="), mime="image/jpg"), {"image": {"format": "jpeg", "source": {"bytes": "eA=="}}}),
    "audio": (Media(kind="audio", source=Bytes("eA=="), mime="audio/mpeg"), {"audio": {"format": "mp3", "source": {"bytes": "eA=="}}}),
    "film": (Media(kind="video", source=Url("data:video/quicktime;base64,eA==")),
             {"video": {"format": "mov", "source": {"bytes": "eA=="}, "embeddingMode": "AUDIO_VIDEO_COMBINED"}}),
    "text": (Text("a cat"), {"text": {"truncationMode": "NONE", "value": "a cat"}}),
}  # fmt: skip


@pytest.mark.parametrize("what", SHOWN)
def test_nova_embeds_whatever_it_is_shown(what) -> None:
    part, sent = SHOWN[what]
    asked = next(
        embedding("amazon.nova-2-multimodal-embeddings-v1:0", (part,), input_type="query", dimensions=384)
    )
    assert json.loads(asked.body) == {
        "taskType": "SINGLE_EMBEDDING",
        "singleEmbeddingParams": {"embeddingPurpose": "GENERIC_RETRIEVAL", "embeddingDimension": 384, **sent},
    }


@pytest.mark.parametrize(
    ("model", "inputs", "more", "param"),
    [
        (TITAN, (tuple(range(5)),), {}, "input"),
        (TITAN, ((SHOWN["image"][0],),), {}, "input"),
        (TITAN, ("a",), {"dtype": "int8"}, "dtype"),
        ("amazon.titan-embed-text-v1", ("a",), {"dimensions": 256}, "dimensions"),
        ("cohere.embed-english-v3", ("a",), {"dimensions": 256}, "dimensions"),
        ("cohere.embed-v4:0", ((SHOWN["audio"][0],),), {}, "input"),
        ("amazon.titan-embed-image-v1", ((SHOWN["image"][0], SHOWN["image"][0]),), {}, "input"),
        ("amazon.nova-2-multimodal-embeddings-v1:0", ((SHOWN["image"][0], Text("a")),), {}, "input"),
        ("amazon.nova-2-multimodal-embeddings-v1:0", ("a",), {"dtype": "binary"}, "dtype"),
        (SONNET, ("a",), {}, "model"),
    ],
)
def test_what_cannot_be_embedded_is_refused_at_once(model, inputs, more, param) -> None:
    with pytest.raises(Failure) as refused:
        next(embedding(model, *inputs, **more))
    assert (refused.value.kind, refused.value.param) == (Kind.UNSUPPORTED, param)


# --- ranks -------------------------------------------------------------------------------------

COHERE_RANKS = "cohere.rerank-v3-5:0"


def ranking(credential: Credential = KEYS, **more: Any) -> Exchange[RerankingResponse]:
    asked = RerankingRequest(**{"model": COHERE_RANKS, "query": "q", "documents": ("a", "b", "c"), **more})
    return BEDROCK.reranking(asked, credential)


def test_the_agents_rank_by_a_models_full_name_and_page_by_page() -> None:
    first = reply({"results": [{"index": 2, "relevanceScore": 0.5}], "nextToken": "more"})
    last = reply({"results": [{"index": 0, "relevanceScore": 0.9}]})
    answer, (one, other) = answered(ranking(top_n=2), first, last)
    assert one.url == "https://bedrock-agent-runtime.eu-west-1.amazonaws.com/rerank"
    asked = json.loads(one.body)["rerankingConfiguration"]["bedrockRerankingConfiguration"]
    assert asked == {
        "modelConfiguration": {"modelArn": f"arn:aws:bedrock:eu-west-1::foundation-model/{COHERE_RANKS}"},
        "numberOfResults": 2,
    }
    assert json.loads(other.body) == {**json.loads(one.body), "nextToken": "more"}
    assert [(ranked.index, ranked.score) for ranked in answer.results] == [(0, 0.9), (2, 0.5)]
    assert answer.id == ID


@pytest.mark.parametrize(("region", "partition"), [("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn")])
def test_a_full_name_tells_its_partition(region, partition) -> None:
    asked = next(ranking(Credential("bedrock", {**FIELDS, "region": region}, held=KEYS.held)))
    assert f"arn:{partition}:bedrock:{region}::" in asked.body.decode()


@pytest.mark.parametrize(("model", "more"), [(COHERE_RANKS, {"api_version": 2}), ("amazon.rerank-v1:0", {})])
def test_an_api_key_ranks_by_the_model_itself(model, more) -> None:
    """The agents' API knows none."""
    said = reply({"results": [{"index": 1, "relevance_score": 0.7}]}, x_amzn_bedrock_input_token_count="9")
    answer, (asked,) = answered(ranking(API_KEY, model=model, top_n=1), said)
    assert asked.auth == Bearer("key")
    assert urlsplit(asked.url).path.endswith("/invoke")
    assert json.loads(asked.body) == {"query": "q", "documents": ["a", "b", "c"], "top_n": 1, **more}
    assert [(ranked.index, ranked.score) for ranked in answer.results] == [(1, 0.7)]
    assert answer.usage.input_total == 9


def test_too_many_documents_are_refused_at_once() -> None:
    with pytest.raises(Failure, match="1000 documents at most"):
        next(ranking(documents=("a",) * 1001))
