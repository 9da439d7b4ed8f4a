"""OpenRouter: OpenAI's language, with other makers' thoughts in it."""

from tests.laws.speaker import Speaker
from tests.laws.speakers import openai_chat

SPEAKERS = (
    Speaker(
        provider="openrouter",
        folder="openrouter",
        api="chat.completions",
        whole_of=openai_chat.whole_of,
    ),
)
