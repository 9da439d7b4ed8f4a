"""Azure's recorded answers, translated, say what OpenAI's SDK for Azure reads in the same bytes."""

import httpx2
import openai
import pytest

from tests.laws.cases import recordings
from tests.laws.laws import unpacked
from tests.laws.replay import embeddings
from tests.providers.surfaced import Choice, Said, chats, parsed, read, through_our_door

ASKED = {"model": "any", "messages": [{"role": "user", "content": "any"}]}


@pytest.mark.parametrize("case", chats("azure-openai"))
def test_nothing_is_lost_in_translation(case) -> None:
    with client(case) as sdk:
        if case.streamed:
            theirs = streamed(sdk.chat.completions.create(**ASKED, stream=True))
        else:
            theirs = read(sdk.chat.completions.create(**ASKED))
    assert through_our_door(case) == theirs


@pytest.mark.parametrize(
    "case", [case for case in recordings() if (case.provider, case.kind) == ("azure-openai", "embeddings")]
)
def test_vectors_are_the_same(case) -> None:
    with client(case) as sdk:
        theirs = sdk.embeddings.create(model="any", input=["any"])
    answer = embeddings(case, len(theirs.data))
    assert answer.usage.input_total == theirs.usage.prompt_tokens
    for ours, given in zip(answer.vectors, theirs.data, strict=True):
        assert unpacked(ours, "float") == pytest.approx(given.embedding, rel=1e-6)


def client(case) -> openai.AzureOpenAI:
    """The vendor's client, to which the recorded bytes are played."""
    kind = "text/event-stream" if case.streamed else "application/json"
    reply = httpx2.Response(200, headers={"content-type": kind}, content=case.body)
    transport = httpx2.MockTransport(lambda _: reply)
    return openai.AzureOpenAI(
        api_key="any",
        api_version="2024-10-21",
        azure_endpoint="https://r1.openai.azure.com",
        http_client=httpx2.Client(transport=transport),
    )


def streamed(chunks) -> Said:
    """Put together what the SDK's chunks say; its own helper expects a delta in each of them."""
    text, thoughts, finish, usage = "", "", "", None
    calls: dict[int, list[str]] = {}
    for chunk in chunks:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            if choice.delta is None:
                continue
            text += choice.delta.content or ""
            thoughts += getattr(choice.delta, "reasoning_content", None) or ""
            for call in choice.delta.tool_calls or ():
                if call.function.name:
                    calls[call.index] = [call.function.name, ""]
                calls[call.index][1] += call.function.arguments or ""
    said = tuple((name, parsed(given or "{}")) for name, given in calls.values())
    input_, output = (usage.prompt_tokens_details, usage.completion_tokens_details) if usage else (None, None)
    return Said(
        (Choice(text, thoughts, said, finish),),
        usage.prompt_tokens if usage else 0,
        usage.completion_tokens if usage else 0,
        (input_.cached_tokens or 0) if input_ else 0,
        (output.reasoning_tokens or 0) if output else 0,
    )
