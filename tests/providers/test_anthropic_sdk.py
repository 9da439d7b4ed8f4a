"""Anthropic's recorded answers, through our door, say to the openai SDK what the bytes say to Anthropic's own."""

import anthropic
import httpx2
import pytest
from anthropic.types.beta import BetaMessage

from tests.providers.surfaced import Choice, Said, chats, through_our_door

FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


@pytest.mark.parametrize("case", chats("anthropic"))
def test_nothing_is_lost_in_translation(case) -> None:
    assert through_our_door(case) == said(heard(case))


def heard(case) -> BetaMessage:
    """Play the answer to the vendor's client."""
    asked = {"model": "any", "max_tokens": 1, "messages": [{"role": "user", "content": "any"}]}
    kind = "text/event-stream" if case.streamed else "application/json"
    reply = httpx2.Response(200, headers={"content-type": kind}, content=case.body)
    with (
        httpx2.Client(transport=httpx2.MockTransport(lambda _: reply)) as http,
        anthropic.Anthropic(api_key="any", http_client=http, max_retries=0) as client,
    ):
        if not case.streamed:
            return client.beta.messages.create(**asked)
        with client.beta.messages.stream(**asked) as stream:
            return stream.get_final_message()


def said(message: BetaMessage) -> Said:
    usage = message.usage
    cached = usage.cache_read_input_tokens or 0
    details = getattr(usage, "output_tokens_details", None)
    choice = Choice(
        "".join(block.text for block in message.content if block.type == "text"),
        "".join(block.thinking for block in message.content if block.type == "thinking"),
        tuple((block.name, block.input) for block in message.content if block.type == "tool_use"),
        FINISH[message.stop_reason],
    )
    return Said(
        (choice,),
        usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0),
        usage.output_tokens,
        cached,
        getattr(details, "thinking_tokens", None) or 0,
    )
