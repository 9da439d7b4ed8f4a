"""Voyage: embeddings and rerank."""

from typing import Any

from tests.laws.speaker import Embedded, Speaker, floats


def embedded(told: Any) -> Embedded:
    items = sorted(told["data"], key=lambda item: item["index"])
    return Embedded(
        [floats(item["embedding"]) for item in items], told["model"], told["usage"]["total_tokens"]
    )


SPEAKERS = (
    Speaker(
        provider="voyageai",
        folder="voyageai",
        embedded=embedded,
        ranked=lambda told: [(item["index"], item["relevance_score"]) for item in told["data"]],
    ),
)
