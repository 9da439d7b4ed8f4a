"""Hugging Face's recorded answers, through our door, say to the openai SDK what the bytes say to its own."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest
from huggingface_hub import InferenceClient, set_client_factory
from huggingface_hub.utils import close_session
from huggingface_hub.utils._http import default_client_factory

from tests.laws.cases import recordings
from tests.laws.laws import unpacked
from tests.laws.replay import embeddings
from tests.providers.surfaced import Choice, Said, chats, parsed, through_our_door

FINISH = {"eos_token": "stop", "stop_sequence": "stop"}
ASKED = {"messages": [{"role": "user", "content": "any"}]}


@pytest.mark.parametrize("case", chats("huggingface"))
def test_nothing_is_lost_in_translation(case) -> None:
    with client(case) as sdk:
        chunks = list(sdk.chat_completion(**ASKED, stream=True)) if case.streamed else []
        answer = None if case.streamed else sdk.chat_completion(**ASKED)
    assert through_our_door(case) == (streamed(chunks) if answer is None else whole(answer))


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.id)
        for case in recordings()
        if (case.provider, case.kind) == ("huggingface", "embeddings")
    ],
)
def test_vectors_are_those_the_sdk_reads(case) -> None:
    with client(case) as sdk:
        told = sdk.feature_extraction("any")
    answer = embeddings(case, 1)
    assert [unpacked(vector, "float") for vector in answer.vectors] == [tuple(map(float, told))]


@contextmanager
def client(case) -> Iterator[InferenceClient]:
    """The vendor's client, to which the recorded bytes are played."""
    kind = "text/event-stream" if case.streamed else "application/json"
    reply = httpx2.Response(200, headers={"content-type": kind}, content=case.body)
    set_client_factory(lambda: httpx2.Client(transport=httpx2.MockTransport(lambda _: reply)))
    try:
        yield InferenceClient(base_url="https://x.endpoints.huggingface.cloud", token="any")
    finally:
        set_client_factory(default_client_factory)
        close_session()


def whole(answer) -> Said:
    choices = []
    for told in answer.choices:
        calls = [(call.function.name, call.function.arguments) for call in told.message.tool_calls or ()]
        choices.append(
            choice(told.message.content or "", told.message.reasoning or "", calls, told.finish_reason)
        )
    return counted(choices, answer.usage)


def streamed(chunks) -> Said:
    text = thoughts = finish = ""
    calls: dict[int, list[str]] = {}
    usage = None
    for chunk in chunks:
        usage = chunk.usage or usage
        for told in chunk.choices:
            text += told.delta.content or ""
            thoughts += told.delta.reasoning or ""
            finish = told.finish_reason or finish
            for call in told.delta.tool_calls or ():
                said = calls.setdefault(call.index, ["", ""])
                said[0] += call.function.name or ""
                said[1] += call.function.arguments or ""
    return counted([choice(text, thoughts, [*map(tuple, calls.values())], finish)], usage)


def choice(text: str, thoughts: str, calls: list[tuple[str, str]], finish: str) -> Choice:
    """What is thought aloud is text to the SDK; we call it reasoning."""
    if text.startswith("<think>"):
        aloud, _, text = text.removeprefix("<think>").partition("</think>")
        thoughts, text = thoughts + aloud, text.lstrip()
    return Choice(
        text,
        thoughts,
        tuple((name, parsed(arguments or "{}")) for name, arguments in calls),
        FINISH.get(finish, finish),
    )


def counted(choices: list[Choice], usage) -> Said:
    details = (usage and usage.get("prompt_tokens_details")) or {}
    return Said(
        tuple(choices),
        usage.prompt_tokens if usage else 0,
        usage.completion_tokens if usage else 0,
        details.get("cached_tokens") or 0,
        0,
    )
