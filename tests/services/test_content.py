"""Documents of what was said: whole where they are short enough, and open for nobody and nothing else."""

import os

import pytest

from integration_api.core.embedding import EmbeddingResponse
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.llm import LlmRequest, Message, PartStarted, Role, Started, Text, TextDelta
from integration_api.core.tenant import Tenant
from integration_api.services.content import REQUEST, RESPONSE, ByteTranscript, Content, Transcript
from integration_api.vault.errors import Tampered

ACME, SISTER, GLOBEX = Tenant(1, 101), Tenant(1, 102), Tenant(2, 101)
EVENT = "e" * 32
SAID = "what nobody else may read"
ASK = LlmRequest(model="m", messages=(Message(Role.USER, (Text(SAID),)),))


@pytest.fixture
def content() -> Content:
    return Content(os.urandom(32), most=4096)


def test_what_was_asked_and_answered_comes_back_without_what_says_nothing(content: Content) -> None:
    answer = EmbeddingResponse(model="m", vectors=(b"\x00" * 4096,))
    sealed = content.documents(ACME, EVENT, ASK, answer, None)
    assert all(SAID.encode() not in one for one in sealed.values())
    asked = content.open(ACME, EVENT, REQUEST, sealed[REQUEST])
    assert asked["messages"] == [{"role": "user", "parts": [{"type": "text", "text": SAID}]}]
    assert "known" not in asked
    assert content.open(ACME, EVENT, RESPONSE, sealed[RESPONSE]) == {
        "result": {"model": "m", "usage": {"estimated": False}},
        "error": None,
    }


def test_a_failure_is_text(content: Content) -> None:
    error = ProviderError(Kind.RATE_LIMITED, "slow down")
    sealed = content.documents(ACME, EVENT, ASK, None, error)
    told = content.open(ACME, EVENT, RESPONSE, sealed[RESPONSE])
    assert told == {"result": None, "error": "rate_limited: slow down"}


@pytest.mark.parametrize(
    ("tenant", "event", "part"),
    [(SISTER, EVENT, REQUEST), (GLOBEX, EVENT, REQUEST), (ACME, "f" * 32, REQUEST), (ACME, EVENT, RESPONSE)],
    ids=["another project", "another organization", "another record", "the other part"],
)
def test_it_opens_where_it_was_sealed_for_only(
    content: Content, tenant: Tenant, event: str, part: str
) -> None:
    sealed = content.seal(ACME, EVENT, REQUEST, {"a": 1})
    with pytest.raises(Tampered):
        content.open(tenant, event, part, sealed)
    with pytest.raises(Tampered):
        Content(os.urandom(32), most=4096).open(ACME, EVENT, REQUEST, sealed)
    for spoiled in (b"", sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with pytest.raises(Tampered):
            content.open(ACME, EVENT, REQUEST, spoiled)
    assert content.open(ACME, EVENT, REQUEST, sealed) == {"a": 1}


def test_of_what_is_too_long_the_beginning_is_kept(content: Content) -> None:
    sealed = content.seal(ACME, EVENT, REQUEST, {"text": "é" * 100_000})
    told = content.open(ACME, EVENT, REQUEST, sealed)
    assert told["bytes"] == 200_011
    assert told["beginning"].startswith('{"text":"éé')
    assert 4000 < len(told["beginning"].encode()) <= 4096


@pytest.mark.parametrize(
    "odd", ["\ud83d", {1, 2}.__iter__, float("nan")], ids=["half a pair", "no JSON", "no number"]
)
def test_what_can_not_be_written_stops_nobody(content: Content, odd: object) -> None:
    sealed = content.seal(ACME, EVENT, REQUEST, {"x": odd})
    assert set(content.open(ACME, EVENT, REQUEST, sealed)) <= {"unreadable", "x"}


def test_of_an_answer_that_broke_off_what_was_said_is_kept() -> None:
    heard = Transcript()
    assert heard.told() is None
    heard.hear(
        [Started("a1", "m"), PartStarted(0, 0, Text("")), TextDelta(0, 0, "Hel"), TextDelta(0, 0, "lo")]
    )
    assert heard.told() == {"said": "Hello"}


def test_a_passing_stream_is_heard_as_text() -> None:
    heard = ByteTranscript()
    assert heard.told() is None
    heard.hear(b'data: {"a":1}\n\n')
    assert heard.told() == 'data: {"a":1}\n\n'
