"""Gemini: generateContent, embeddings, models."""

from tests.laws.speaker import KINDS, Speaker
from tests.laws.speakers import gemini_contents

SPEAKERS = (
    Speaker(
        provider="gemini",
        folder="gemini",
        kinds={name: kind for name, kind in KINDS.items() if kind != "embeddings"},
        api="generateContent",
        whole_of=gemini_contents.whole_of,
        stream_of=gemini_contents.stream_of,
        framed=gemini_contents.framed,
        model=gemini_contents.model_of,
        explanation=gemini_contents.explanation,
        refused=gemini_contents.refused,
        listed=gemini_contents.listed,
        last_page=b'{"models": []}',
    ),
)
