"""OpenAI: chat completions, embeddings, moderations, models."""

from tests.laws.speaker import Speaker
from tests.laws.speakers import openai_chat

SPEAKERS = (
    Speaker(
        provider="openai",
        folder="openai",
        api="chat.completions",
        whole_of=openai_chat.whole_of,
        stream_of=openai_chat.stream_of,
    ),
)
