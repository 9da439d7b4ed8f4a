"""Cohere's recorded answers, through our door, say to the openai SDK what the bytes say to Cohere's own."""

import cohere
import httpx
import pytest

from tests.laws.cases import recordings
from tests.laws.laws import unpacked
from tests.laws.replay import embeddings, ranking
from tests.providers.surfaced import Choice, Said, chats, parsed, through_our_door

FINISH = {"COMPLETE": "stop", "STOP_SEQUENCE": "stop", "MAX_TOKENS": "length", "TOOL_CALL": "tool_calls"}
ASKED = {"model": "any", "messages": [{"role": "user", "content": "any"}]}


@pytest.mark.parametrize("case", chats("cohere"))
def test_nothing_is_lost_in_translation(case) -> None:
    with client(case) as sdk:
        said = streamed(sdk.chat_stream(**ASKED)) if case.streamed else whole(sdk.chat(**ASKED))
    assert through_our_door(case) == said


def client(case) -> cohere.ClientV2:
    """The vendor's client, to which the recorded bytes are played."""
    kind = "text/event-stream" if case.streamed else "application/json"
    reply = httpx.Response(200, headers={"content-type": kind}, content=case.body)
    return cohere.ClientV2("any", httpx_client=httpx.Client(transport=httpx.MockTransport(lambda _: reply)))


def whole(answer) -> Said:
    message = answer.message
    content = message.content or ()
    thoughts = "".join(piece.thinking for piece in content if piece.type == "thinking")
    choice = Choice(
        "".join(piece.text for piece in content if piece.type == "text"),
        thoughts + (message.tool_plan or ""),
        tuple(
            (call.function.name, parsed(call.function.arguments or "{}")) for call in message.tool_calls or ()
        ),
        FINISH[answer.finish_reason],
    )
    return counted(choice, answer.usage)


def streamed(events) -> Said:
    text = thoughts = finish = ""
    calls: dict[int, list[str]] = {}
    usage = None
    for event in events:
        match event.type:
            case "content-delta":
                text += event.delta.message.content.text or ""
                thoughts += event.delta.message.content.thinking or ""
            case "tool-plan-delta":
                thoughts += event.delta.message.tool_plan
            case "tool-call-start":
                function = event.delta.message.tool_calls.function
                calls[event.index] = [function.name, function.arguments]
            case "tool-call-delta":
                calls[event.index][1] += event.delta.message.tool_calls.function.arguments
            case "message-end":
                finish, usage = event.delta.finish_reason, event.delta.usage
    made = tuple((name, parsed(arguments or "{}")) for name, arguments in calls.values())
    return counted(Choice(text, thoughts, made, FINISH[finish]), usage)


def counted(choice: Choice, usage) -> Said:
    tokens = usage.tokens
    more = tokens.model_extra or {}  # the SDK has no name for what was thought
    return Said(
        (choice,),
        int(tokens.input_tokens),
        int(tokens.output_tokens),
        int(usage.cached_tokens or 0),
        more.get("reasoning_tokens") or 0,
    )


def others(kind: str, path: str) -> list:
    return [
        pytest.param(case, id=case.id)
        for case in recordings()
        if case.provider == "cohere" and case.kind == kind and path in case.told["request"]["url"]
    ]


@pytest.mark.parametrize("case", others("embeddings", "/v2/"))
def test_vectors_are_those_the_sdk_reads(case) -> None:
    with client(case) as sdk:
        told = sdk.embed(model="any", input_type="search_query", texts=["any"]).embeddings
    read = {name: vectors for name, vectors in told.model_dump().items() if vectors}
    dtype, vectors = next((name.rstrip("_"), found) for name, found in read.items())
    answer = embeddings(case, len(vectors), dtype)
    assert [unpacked(vector, dtype) for vector in answer.vectors] == [
        pytest.approx(tuple(vector), rel=1e-6, abs=1e-9) for vector in vectors
    ]


@pytest.mark.parametrize("case", others("rerank", "/v2/"))
def test_scores_are_those_the_sdk_reads(case) -> None:
    with client(case) as sdk:
        told = sdk.rerank(model="any", query="any", documents=["any"])
    answer = ranking(case, 1 + max(result.index for result in told.results))
    assert answer.id == told.id
    assert answer.usage.search_units == told.meta.billed_units.search_units
    assert [(ranked.index, ranked.score) for ranked in answer.results] == [
        (result.index, result.relevance_score) for result in told.results
    ]
