"""AssemblyAI: recordings, which are uploaded and asked for before they are written down."""

from typing import Any

from tests.laws.speaker import SPEECH, Speaker, Written


def written(told: Any) -> Written:
    words = [(one["text"], one["start"], one["end"]) for one in told["words"]]
    return Written(
        told["text"],
        words,
        told["audio_duration"],
        confidences=[one["confidence"] for one in told["words"]],
        speakers=[one["speaker"] for one in told["words"]],
        language=told["language_code"],
    )


SPEAKERS = (
    Speaker(
        provider="assemblyai",
        folder="assemblyai",
        kinds=SPEECH,
        errors=False,
        written=written,
        before=(b'{"upload_url":"https://u"}', b'{"id":"1","status":"queued"}'),
    ),
)
