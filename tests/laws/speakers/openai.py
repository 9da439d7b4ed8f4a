"""OpenAI: chat completions, embeddings, moderations, models, recordings and spoken texts."""

from tests.laws.speaker import KINDS, SPEECH, Speaker
from tests.laws.speakers import openai_chat

SPEAKERS = (
    Speaker(
        provider="openai",
        folder="openai",
        kinds={**KINDS, **SPEECH},
        api="chat.completions",
        whole_of=openai_chat.whole_of,
        stream_of=openai_chat.stream_of,
    ),
)
