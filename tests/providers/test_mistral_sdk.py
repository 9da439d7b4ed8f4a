"""Mistral's recorded answers, through our door, say to the openai SDK what the bytes say to Mistral's own."""

from typing import Any

import httpx
import pytest
from mistralai.client import Mistral

from tests.providers.surfaced import Choice, Said, chats, parsed, through_our_door

FINISH = {
    "stop": "stop",
    "length": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "error": "stop",
}


@pytest.mark.parametrize("case", chats("mistral"))
def test_nothing_is_lost_in_translation(case) -> None:
    assert through_our_door(case) == heard(case)


def heard(case) -> Said:
    """Play the answer to the vendor's client, and put together what it says."""
    asked = {"model": "any", "messages": [{"role": "user", "content": "any"}]}
    kind = "text/event-stream" if case.streamed else "application/json"
    reply = httpx.Response(200, headers={"content-type": kind}, content=case.body)
    with (
        httpx.Client(transport=httpx.MockTransport(lambda _: reply)) as http,
        Mistral(api_key="any", client=http) as client,
    ):
        if case.streamed:
            with client.chat.stream(**asked) as stream:
                chunks = [event.data for event in stream]
            choices = [choice for chunk in chunks for choice in chunk.choices]
            usage = next(chunk.usage for chunk in reversed(chunks) if chunk.usage)
        else:
            answer = client.chat.complete(**asked)
            choices, usage = answer.choices, answer.usage
    told = {choice.index: ["", "", {}, ""] for choice in choices}
    for choice in choices:
        add(told[choice.index], choice.delta if case.streamed else choice.message)
        told[choice.index][3] = choice.finish_reason or told[choice.index][3]
    more = usage.model_extra or {}  # the SDK has no name for what was cached
    details = more.get("prompt_tokens_details") or {}
    return Said(
        tuple(
            Choice(
                text,
                thought,
                tuple((name, parsed(arguments or "{}")) for name, arguments in calls.values()),
                FINISH[finish],
            )
            for text, thought, calls, finish in told.values()
        ),
        usage.prompt_tokens,
        usage.completion_tokens,
        details.get("cached_tokens") or more.get("num_cached_tokens") or 0,
        0,
    )


def add(told: list[Any], message: Any) -> None:
    content = message.content or ()
    for piece in [content] if isinstance(content, str) else content:
        if isinstance(piece, str):
            told[0] += piece
        elif piece.type == "text":
            told[0] += piece.text
        elif piece.type == "thinking":
            told[1] += "".join(step.text for step in piece.thinking if step.type == "text")
    for call in message.tool_calls or ():
        arguments = call.function.arguments
        # A call that comes in pieces has its name and id in the first of them.
        kept = told[2].setdefault(
            call.id if call.function.name else next(reversed(told[2])), [call.function.name, ""]
        )
        kept[1] = arguments if isinstance(arguments, dict) else kept[1] + arguments
