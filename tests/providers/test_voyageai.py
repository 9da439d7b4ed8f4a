"""What Voyage does in its own way: two addresses, three kinds of models, and no word for floats."""

import struct
from base64 import b64encode
from typing import Any

import pytest

from integration_api.core.credential import Credential
from integration_api.core.embedding import EmbeddingRequest
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import HttpResponse
from integration_api.core.llm import Bytes, Media, Text, Url
from integration_api.core.reranking import RerankingRequest
from integration_api.providers.voyageai import VOYAGEAI, client, embedding
from tests.providers.talk import Talk, reply

ACCOUNT = Credential("voyageai")
CAT = Media(kind="image", source=Bytes("aGk="), mime="image/png")
LINK = Media(kind="image", source=Url("https://example.com/cat.png"))


def ask_for(*inputs: Any, model: str = "voyage-4", **more: Any) -> EmbeddingRequest:
    return EmbeddingRequest(model=model, inputs=inputs, **more)


def embedded(ask: EmbeddingRequest, *replies: Any) -> Talk:
    return Talk(VOYAGEAI, embedding.embed(ask, ACCOUNT), *replies)


def numbered(body: Any, start: int = 0) -> HttpResponse:
    """Each input's vector is its number within the request; the last comes first."""
    inputs = body.get("input") or body["inputs"]
    data = [{"index": place, "embedding": [float(start + place)]} for place in range(len(inputs))]
    return reply({"data": data[::-1], "model": body["model"], "usage": {"total_tokens": len(inputs)}})


def numbers(talk: Talk) -> list[float]:
    return [struct.unpack("<f", vector)[0] for vector in talk.answer.vectors]


# --- gotchas ---------------------------------------------------------------------------------


def test_gotcha_24_float_is_no_encoding_and_is_never_sent() -> None:
    for more in ({}, {"dtype": "int8"}, {"dimensions": 256}):
        body = embedded(ask_for("a", **more)).body()
        assert body["encoding_format"] == "base64"
    # What the caller asks of us is another matter: rest/embedding renders either from the same bytes.


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({}, "https://api.voyageai.com/v1/embeddings"),
        ({"key_mark": "al-"}, "https://ai.mongodb.com/v1/embeddings"),
        (
            {"key_mark": "al-", "base_url": "https://mine.example.com"},
            "https://mine.example.com/v1/embeddings",
        ),
    ],
)
def test_gotcha_24_keys_of_atlas_go_to_atlas(fields: dict[str, str], url: str) -> None:
    assert next(embedding.embed(ask_for("a"), Credential("voyageai", fields))).url == url
    assert client.VOYAGE_KEY.mark_of(memoryview(b"al-secret")) == "al-"
    assert client.VOYAGE_KEY.mark_of(memoryview(b"pa-al-secret")) is None


def test_gotcha_20_token_ids_are_refused_by_a_code_that_lets_them_be_read_as_text() -> None:
    with pytest.raises(Failure) as refused:
        embedded(ask_for((15339, 1917)))
    assert (refused.value.kind, refused.value.code) == (Kind.UNSUPPORTED, "token_ids_not_supported")


# --- embeddings ------------------------------------------------------------------------------


def test_vectors_are_put_into_the_order_of_the_inputs() -> None:
    talk = embedded(ask_for("a", "b", "c"), numbered)
    assert numbers(talk) == [0.0, 1.0, 2.0]
    assert talk.answer.usage.input_total == 3


@pytest.mark.parametrize(
    ("dtype", "packed"),
    [("float", struct.pack("<2f", 0.5, -1)), ("int8", b"\x05\xff"), ("ubinary", b"\x05\xff")],
)
def test_base64_is_what_the_caller_gets_byte_for_byte(dtype: str, packed: bytes) -> None:
    told = {"data": [{"index": 0, "embedding": b64encode(packed).decode()}]}
    assert embedded(ask_for("a", dtype=dtype), reply(told)).answer.vectors == (packed,)


TOO_MUCH = reply(
    {"detail": "Request to model failed. The max allowed tokens per submitted batch is 120000."}, 400
)


def test_a_batch_of_too_many_tokens_is_halved_and_no_later_one_is_larger() -> None:
    texts = [f"text {number}" for number in range(1500)]
    sizes: list[int] = []

    def answer(body: Any) -> HttpResponse:
        if len(body["input"]) > 500:
            return TOO_MUCH
        sizes.append(len(body["input"]))
        return numbered(body, start=sum(sizes[:-1]))

    talk = embedded(ask_for(*texts), *[answer] * 9)
    assert sizes == [500, 500, 500]
    assert numbers(talk) == [float(number) for number in range(1500)]


def test_pictures_by_address_and_pictures_as_bytes_are_asked_for_apart() -> None:
    inputs = ((LINK,), (CAT,), (Text("a"), LINK), ("b",))
    ask = ask_for(
        *(one if isinstance(one[0], Text | Media) else one[0] for one in inputs),
        model="voyage-multimodal-3.5",
    )
    talk = embedded(ask, numbered, lambda body: numbered(body, start=10))
    assert [len(talk.body(place)["inputs"]) for place in (0, 1)] == [2, 2]
    assert numbers(talk) == [0.0, 10.0, 1.0, 11.0]


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (ask_for((CAT,)), "embeds text only"),
        (ask_for((CAT, LINK), model="voyage-multimodal-3.5"), "choose one way"),
        (ask_for("a", truncate="start"), "at their end or not at all"),
        (ask_for("a", model="voyage-law-2", dimensions=256), "have one size"),
    ],
)
def test_what_cannot_be_had_is_refused_before_anybody_is_asked(ask: EmbeddingRequest, words: str) -> None:
    with pytest.raises(Failure, match=words) as refused:
        embedded(ask)
    assert refused.value.kind is Kind.UNSUPPORTED


def test_an_open_model_is_cut_to_size_here_and_the_caller_is_told() -> None:
    told = {"data": [{"index": 0, "embedding": [3.0, 4.0, 12.0]}]}
    talk = embedded(ask_for("a", model="voyage-4-nano", dimensions=2), reply(told))
    assert "output_dimension" not in talk.body()
    assert struct.unpack("<2f", talk.answer.vectors[0]) == pytest.approx((0.6, 0.8))
    assert [(notice.code, notice.param) for notice in talk.answer.warnings] == [("degraded", "dimensions")]


def test_chunks_are_embedded_in_the_light_of_their_document() -> None:
    documents = {"data": [
        {"index": 1, "data": [{"index": 0, "embedding": [2.0]}]},
        {"index": 0, "data": [{"index": 1, "embedding": [1.0]}, {"index": 0, "embedding": [0.0]}]},
    ]}  # fmt: skip
    ask = ask_for("a", "b", "c", model="voyage-context-4", groups=(2, 1))
    talk = Talk(VOYAGEAI, embedding.embed_chunks(ask, ACCOUNT), reply(documents))
    assert talk.body()["inputs"] == [["a", "b"], ["c"]]
    assert numbers(talk) == [0.0, 1.0, 2.0]
    with pytest.raises(Failure, match="voyage-context models do"):
        Talk(VOYAGEAI, embedding.embed_chunks(ask_for("a", groups=(1,)), ACCOUNT))


# --- rerank, verification, refusals ----------------------------------------------------------


def test_more_documents_than_one_request_takes_are_ranked_together() -> None:
    ask = RerankingRequest(
        model="rerank-3", query="q", documents=("d",) * 1200, top_n=2, instruction="Be kind"
    )
    first = reply({"data": [{"index": 999, "relevance_score": 0.5}], "usage": {"total_tokens": 4}})
    second = reply({"data": [{"index": 7, "relevance_score": 0.9}], "usage": {"total_tokens": 2}})
    talk = Talk(VOYAGEAI, VOYAGEAI.reranking(ask, ACCOUNT), first, second)
    assert talk.body()["top_k"] == 2
    assert talk.body()["query"] == "Be kind\nq"
    assert [(ranked.index, ranked.score) for ranked in talk.answer.results] == [(1007, 0.9), (999, 0.5)]
    assert talk.answer.usage.input_total == 6


def test_a_key_is_verified_for_nothing_and_pays_nothing() -> None:
    talk = Talk(VOYAGEAI, VOYAGEAI.verify(ACCOUNT), reply({"detail": "Input cannot be an empty list"}, 400))
    assert talk.body()["input"] == []
    for status, kind in ((401, Kind.CREDENTIAL_REJECTED), (403, Kind.PERMISSION), (429, Kind.RATE_LIMITED)):
        with pytest.raises(ProviderError) as refused:
            Talk(VOYAGEAI, VOYAGEAI.verify(ACCOUNT), reply({"detail": "no"}, status))
        assert refused.value.kind is kind


@pytest.mark.parametrize(
    ("status", "detail", "kind", "retryable"),
    [
        (400, "Encoding format must be base64", Kind.INVALID_REQUEST, False),
        (401, "Provided API key is invalid.", Kind.CREDENTIAL_REJECTED, False),
        (422, [{"loc": ["body", "model"], "msg": "field required", "type": "value_error.missing"}], Kind.INVALID_REQUEST, False),
        (429, "reduced rate limits of 3 RPM and 10K TPM", Kind.RATE_LIMITED, True),
        (500, "Internal Server Error", Kind.UPSTREAM, True),
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_each_refusal_says_whose_fault_it_is(status: int, detail: Any, kind: Kind, retryable: bool) -> None:
    error = client.fault(reply({"detail": detail}, status, request_id="r1"))
    assert (error.kind, error.retryable, error.refusal.request_id) == (kind, retryable, "r1")
    assert error.param == ("model" if status == 422 else None)


def test_the_models_are_known_without_asking() -> None:
    talk = Talk(VOYAGEAI, VOYAGEAI.models(ACCOUNT))
    assert talk.asked == []
    assert {kind for model in talk.answer for kind in model.kinds} == {"embedding", "rerank"}
