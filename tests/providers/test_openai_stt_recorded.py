"""What the real service, at Azure, told of a turn that it heard and wrote down, as others recorded it in conversations.

The sound that was sent is cut off in the recordings, all but the first samples of each tenth of a second; so one can
still see where in it somebody spoke.
"""

import array
import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.credential import Credential
from integration_api.core.stt import Final, Interim, ListenRequest, SpeechStarted, UtteranceEnd
from integration_api.core.utterances import Utterances
from integration_api.providers.openai.stt import Transcription

FOLDER = Path(os.environ.get("REFERENCE_DIR", "")) / "traffic"
PIECE_MS = 100
LOUD = 500


def recorded() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for vendor in ("openai", "azure-openai"):
        for path in sorted(FOLDER.glob(f"{vendor}/realtime-ws/*.json")):
            said = json.loads(path.read_text())["websocket"]["transcript"]
            events = [one for one in said if isinstance(one["data"], dict)]
            done = any(one["data"]["type"].endswith("input_audio_transcription.completed") for one in events)
            # The first shape of the protocol tells a session's settings elsewhere.
            if done and any("audio" in one["data"].get("session", {}) for one in events):
                yield f"{vendor}/{path.name}", events


TURNS = dict(recorded())


@pytest.mark.parametrize("events", TURNS.values(), ids=TURNS)
def test_a_recorded_turn_is_told_when_it_was_said(events: list[dict[str, Any]]) -> None:
    ask = ListenRequest(model="gpt-4o-transcribe", input=AudioFormat(Encoding.PCM_S16LE, 24_000))
    session = Transcription(ask, Credential("openai"), Utterances())
    list(session.begin({}))
    told: list[Any] = []
    loud: list[int] = []
    pieces = 0
    for one in events:
        said = one["data"]
        if one["direction"] == "received":
            told += session.feed(json.dumps(said))
        elif said["type"] == "input_audio_buffer.append":
            sound = base64.b64decode(said["audio"])
            if max(map(abs, array.array("h", sound[: len(sound) & ~1]))) > LOUD:
                loud.append(pieces * PIECE_MS)
            pieces += 1
    (final,) = [one for one in told if isinstance(one, Final)]
    transcript = next(one["data"]["transcript"] for one in events if "transcript" in one["data"])
    assert final.text == transcript
    assert final.start_ms is not None
    assert final.end_ms is not None
    # What was sent of a piece is not all seen: speech begins in the one before the first that is seen to be loud.
    assert loud[0] - PIECE_MS <= final.start_ms <= loud[0] + PIECE_MS
    assert loud[-1] <= final.end_ms <= loud[-1] + 2 * PIECE_MS
    (started,) = [one for one in told if isinstance(one, SpeechStarted)]
    assert started.audio_time_ms == final.start_ms
    interims = [one.text for one in told if isinstance(one, Interim)]
    assert interims
    assert all(
        whole.startswith(part) for part, whole in zip(interims, [*interims[1:], final.text], strict=True)
    )
    assert [one.text for one in told if isinstance(one, UtteranceEnd)] == [final.text]


def test_there_are_recordings() -> None:
    assert TURNS
