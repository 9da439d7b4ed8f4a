"""Gotcha 20: token ids, which LangChain sends unless it is told not to, are text where a provider takes text only."""

import json
from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest

from integration_api.core.credential import Credential
from integration_api.core.embedding import EmbeddingRequest
from integration_api.core.errors import Failure, Kind
from integration_api.core.provider import Provider
from integration_api.providers import PROVIDERS
from integration_api.services.token_text import has_tokens, read_table, reading_tokens
from tests.providers.talk import Talk, reply

WORDS = (b"Hello", b",", b" world", b"!", "ї".encode()[:1], "ї".encode()[1:])
TABLE_TEXT = b"".join(b"%b %d\n" % (b64encode(word), id) for id, word in enumerate(WORDS))
TABLE = read_table(TABLE_TEXT, sha256(TABLE_TEXT).hexdigest())

MODELS = {"cohere": "embed-v4.0", "voyageai": "voyage-4", "huggingface": "a/b", "mistral": "mistral-embed",
          "together": "m"}  # fmt: skip
ANSWERS: dict[str, Any] = {
    "cohere": {"embeddings": {"float": [[1.0], [2.0]]}},
    "huggingface": [[1.0], [2.0]],
}
DEFAULT = {"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [2.0]}]}


def embedded(provider: Provider, *inputs: Any, **more: Any) -> Talk:
    ask = EmbeddingRequest(model=MODELS[provider.name], inputs=inputs, **more)
    assert provider.embedding is not None
    exchange = reading_tokens(provider.embedding, TABLE)(ask, Credential(provider.name))
    return Talk(provider, exchange, reply(ANSWERS.get(provider.name, DEFAULT)))


@pytest.mark.parametrize("name", MODELS)
def test_token_ids_are_asked_for_as_the_text_they_were_made_of(name: str) -> None:
    tokens = embedded(PROVIDERS[name], (0, 1, 2, 3), (4, 5))
    texts = embedded(PROVIDERS[name], "Hello, world!", "ї")
    assert tokens.asked == texts.asked
    assert tokens.answer.vectors == texts.answer.vectors
    assert [(notice.code, notice.param) for notice in tokens.answer.warnings] == [
        *((notice.code, notice.param) for notice in texts.answer.warnings),
        ("mapped", "input"),
    ]


def test_texts_are_not_touched_and_nobody_is_told() -> None:
    assert not has_tokens(EmbeddingRequest(model="m", inputs=("a",)))
    assert has_tokens(EmbeddingRequest(model="m", inputs=((1,),)))
    assert embedded(PROVIDERS["cohere"], "a", "b").answer.warnings == ()


def test_a_strict_caller_hears_the_refusal() -> None:
    with pytest.raises(Failure) as refused:
        embedded(PROVIDERS["cohere"], (0,), strict=True)
    assert (refused.value.kind, refused.value.code) == (Kind.UNSUPPORTED, "token_ids_not_supported")


def test_ids_that_the_table_has_not_are_a_clear_error() -> None:
    with pytest.raises(Failure, match="beyond") as refused:
        embedded(PROVIDERS["cohere"], (0,), (len(WORDS),))
    assert (refused.value.kind, refused.value.param) == (Kind.INVALID_REQUEST, "input[1]")


def test_a_provider_that_takes_ids_gets_ids() -> None:
    ask = EmbeddingRequest(model="text-embedding-3-small", inputs=((0, 1), (2,)))
    openai = PROVIDERS["openai"]
    assert openai.embedding is not None
    talk = Talk(openai, reading_tokens(openai.embedding, TABLE)(ask, Credential("openai")), reply(DEFAULT))
    assert json.loads(talk.asked[0].body)["input"] == [[0, 1], [2]]
    assert talk.answer.warnings == ()


def test_a_table_that_is_not_the_published_one_is_not_used() -> None:
    with pytest.raises(ValueError, match="not that of cl100k_base"):
        read_table(TABLE_TEXT, sha256(b"another").hexdigest())
