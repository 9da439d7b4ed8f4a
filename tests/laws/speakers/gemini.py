"""Gemini: generateContent, embeddings, models."""

from tests.laws.speaker import Speaker
from tests.laws.speakers import gemini_contents

SPEAKERS = (
    Speaker(
        provider="gemini",
        folder="gemini",
        api="generateContent",
        whole_of=gemini_contents.whole_of,
        stream_of=gemini_contents.stream_of,
        framed=gemini_contents.framed,
        model=gemini_contents.model_of,
        explanation=gemini_contents.explanation,
        refused=gemini_contents.refused,
        embedded=gemini_contents.embedded,
        listed=gemini_contents.listed,
        last_page=b'{"models": []}',
    ),
)
