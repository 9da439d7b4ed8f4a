"""Embeddings by Gemini's own API: batches, tasks, lengths, and what cannot be embedded."""

import struct
from typing import Any

import pytest

from integration_api.core.embedding import EmbeddingRequest
from integration_api.core.errors import Failure, ProviderError
from integration_api.core.llm import Bytes, Media, Text
from integration_api.providers.gemini import GEMINI
from tests.providers.gemini import ACCOUNTS, google_error
from tests.providers.talk import Talk, reply
from tests.providers.unified import PIXEL

OLDER, NEWER = "gemini-embedding-001", "gemini-embedding-2"


def embedding(*inputs: Any, replies: Any = (), **more: Any) -> Talk:
    asked = EmbeddingRequest(**{"model": OLDER, "inputs": inputs, **more})
    return Talk(GEMINI, GEMINI.embedding(asked, ACCOUNTS["gemini"]), *replies)


def vectors(*values: list[float]) -> Any:
    return reply({"embeddings": [{"values": one} for one in values]})


def floats(packed: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(packed) // 4}f", packed)


def numbered(asked: Any) -> Any:
    return vectors(*([float(one["content"]["parts"][0]["text"])] for one in asked["requests"]))


def test_five_thousand_texts_come_in_hundreds_and_in_their_order() -> None:
    talk = embedding(*map(str, range(5000)), replies=[numbered] * 50)
    assert [len(talk.body(place)["requests"]) for place in range(50)] == [100] * 50
    assert [floats(vector) for vector in talk.answer.vectors] == [(float(number),) for number in range(5000)]


@pytest.mark.parametrize(
    ("model", "more", "length"),
    [
        (OLDER, {"dimensions": 2}, 1.0),
        (OLDER, {"dimensions": 2, "normalize": False}, 0.5),
        (OLDER, {}, 0.5),
        (NEWER, {"dimensions": 2}, 0.5),
    ],
)
def test_a_vector_that_was_cut_short_is_brought_to_length_again(model, more, length) -> None:
    told = embedding("a", model=model, replies=[vectors([0.3, 0.4])], **more).answer.vectors[0]
    assert sum(value**2 for value in floats(told)) ** 0.5 == pytest.approx(length)


@pytest.mark.parametrize(
    ("model", "asked", "sent"),
    [
        (OLDER, "query", {"content": {"parts": [{"text": "a"}]}, "taskType": "RETRIEVAL_QUERY"}),
        (
            OLDER,
            "SEMANTIC_SIMILARITY",
            {"content": {"parts": [{"text": "a"}]}, "taskType": "SEMANTIC_SIMILARITY"},
        ),
        (NEWER, "query", {"content": {"parts": [{"text": "task: search result | query: a"}]}}),
        (NEWER, "document", {"content": {"parts": [{"text": "title: none | text: a"}]}}),
        (NEWER, "code_query", {"content": {"parts": [{"text": "task: code retrieval | query: a"}]}}),
        (NEWER, None, {"content": {"parts": [{"text": "a"}]}}),
    ],
)
def test_what_a_vector_is_for_has_a_field_or_is_said_in_words(model, asked, sent) -> None:
    talk = embedding("a", model=model, input_type=asked, replies=[vectors([1.0])])
    assert talk.body()["requests"] == [{"model": f"models/{model}", **sent}]


def test_a_task_nobody_knows_and_a_title_without_a_document_are_told() -> None:
    talk = embedding("a", input_type="poetry", title="T", replies=[vectors([1.0])])
    assert {notice.param for notice in talk.answer.warnings} == {"input_type", "title"}
    assert "title" not in talk.body()["requests"][0]


def test_pictures_are_embedded_with_their_texts_by_newer_models() -> None:
    picture = Media(kind="image", source=Bytes(PIXEL), mime="image/png")
    talk = embedding((Text("a cat"), picture), model=NEWER, replies=[vectors([1.0])])
    assert talk.body()["requests"][0]["content"]["parts"] == [
        {"text": "a cat"},
        {"inlineData": {"mimeType": "image/png", "data": PIXEL}},
    ]
    with pytest.raises(Failure, match="gemini-embedding-2 takes pictures"):
        embedding((picture,))


@pytest.mark.parametrize(
    ("more", "words"),
    [({"inputs": ((1, 2, 3),)}, "token ids"), ({"dtype": "int8"}, "float vectors only")],
)
def test_what_google_does_not_embed(more, words) -> None:
    with pytest.raises(Failure, match=words):
        embedding(**{"inputs": ("a",), **more})


def test_counts_are_summed_where_they_are_told_and_none_where_they_are_not() -> None:
    counted = reply({"embeddings": [{"values": [1.0]}], "usageMetadata": {"promptTokenCount": 3}})
    assert embedding("a", model=NEWER, replies=[counted]).answer.usage.input_total == 3
    assert embedding("a", replies=[vectors([1.0])]).answer.usage.input_total is None
    alone = reply({"embedding": {"values": [1.0]}})
    assert len(embedding("a", replies=[alone]).answer.vectors) == 1


def test_too_few_vectors_are_no_answer() -> None:
    with pytest.raises(ProviderError, match="1 vectors for 2 inputs"):
        embedding("a", "b", replies=[vectors([1.0])])


def test_a_refusal_is_told_at_once() -> None:
    refusal = reply(google_error(404, "NOT_FOUND", "models/x is not found"), 404)
    with pytest.raises(ProviderError) as raised:
        embedding("a", "b", replies=[refusal])
    assert raised.value.code == "model_not_found"
