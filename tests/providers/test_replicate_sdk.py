"""Replicate's recorded answers, through our door, say to the openai SDK what the bytes say to Replicate's own."""

import os
from pathlib import Path

import httpx
import pytest
import replicate
from replicate.prediction import Prediction

from tests.laws.cases import SAMPLES, Case
from tests.laws.speakers.replicate import SPEAKERS
from tests.providers.surfaced import Choice, Said, chats, through_our_door

STREAMS = [
    *sorted((SAMPLES / "replicate" / "chat-stream").glob("*.sse")),
    *sorted((Path(os.environ["REFERENCE_DIR"]) / "wire" / "llm" / "vectors").glob("replicate*.sse")),
]


@pytest.mark.parametrize("case", chats("replicate"))
def test_nothing_is_lost_in_translation(case) -> None:
    told = client(case.body).predictions.get("any")
    assert told.metrics is None
    text = "".join(told.output)
    # Nobody counted: each piece is taken for a token.
    assert through_our_door(case) == Said(
        (Choice(text, "", (), "stop"),), 0, len([*filter(None, told.output)]), 0, 0
    )


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_a_stream_says_what_the_sdk_hears(path: Path) -> None:
    body = path.read_bytes().rstrip(b"\n") + b"\n\n"  # Editors take the last blank line.
    case = Case(SPEAKERS[0], "chat-stream", path.stem, "chat", 200, {}, body)
    prediction = Prediction(
        id="p1",
        model="m",
        version="v",
        status="starting",
        urls={"stream": "https://stream.replicate.com/v1/p1"},
    )
    prediction._client = client(body, "text/event-stream")
    text = "".join(str(event) for event in prediction.stream())
    assert through_our_door(case).choices == (Choice(text, "", (), "stop"),)


def client(body: bytes, kind: str = "application/json") -> replicate.Client:
    """The vendor's client, to which bytes are played."""
    reply = httpx.Response(200, headers={"content-type": kind}, content=body)
    return replicate.Client("any", transport=httpx.MockTransport(lambda _: reply))
