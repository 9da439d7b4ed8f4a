"""Anthropic: messages and models."""

from tests.laws.speaker import Speaker
from tests.laws.speakers import anthropic_messages

SPEAKERS = (
    Speaker(
        provider="anthropic",
        folder="anthropic",
        api="messages",
        whole_of=anthropic_messages.whole_of,
        stream_of=anthropic_messages.stream_of,
        framed=anthropic_messages.framed,
    ),
)
