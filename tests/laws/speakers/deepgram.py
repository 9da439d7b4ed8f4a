"""Deepgram: recordings, live results, spoken texts."""

from typing import Any

from tests.laws.speaker import SPEECH, Speaker, Written


def written(told: Any) -> Written:
    channel = told["channel"] if "channel" in told else told["results"]["channels"][0]
    best = channel["alternatives"][0]
    return Written(
        best["transcript"],
        [
            (one.get("punctuated_word", one["word"]), round(one["start"] * 1000), round(one["end"] * 1000))
            for one in best["words"]
        ],
        told["metadata"].get("duration"),
        confidences=[one["confidence"] for one in best["words"]],
    )


SPEAKERS = (
    Speaker(
        provider="deepgram",
        folder="deepgram",
        kinds=SPEECH,
        errors=False,
        written=written,
        any_model="nova-3",
    ),
)
