"""Replicate: predictions, which are created, streamed and asked about; and refusals.

Predictions that make pictures are no chats, and one that had only begun is no answer yet
(tests/providers/test_replicate.py reads those).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.laws.speaker import Speaker

SCHEMA = {
    "owner": "meta",
    "name": "any",
    "visibility": "private",
    "latest_version": {
        "id": "v1",
        "openapi_schema": {
            "components": {"schemas": {"Input": {"properties": {"prompt": {"type": "string"}}}}}
        },
    },
}
MADE = {
    "id": "p1",
    "model": "meta/any",
    "created_at": "2026-11-23T00:00:00Z",
    "urls": {"stream": "https://stream.replicate.com/v1/files/p1"},
}


def takes(told: Mapping[str, Any]) -> bool:
    """Whether it is a refusal, or the whole output of a language model."""
    body = told["response"]["body"]
    if not isinstance(body, dict) or "output" not in body:
        return told["response"]["status"] >= 400
    return bool(body["output"]) and str(body.get("model", "")).startswith("meta/")


def pieces(stream: bytes) -> list[str]:
    """The data of every `output` event, by the rules of server-sent events."""
    found = []
    for block in stream.decode().replace("\r\n", "\n").split("\n\n"):
        lines = block.split("\n")
        if "event: output" in lines:
            found.append("\n".join(line[5:].removeprefix(" ") for line in lines if line.startswith("data:")))
    return found


def whole_of(stream: bytes) -> bytes:
    said = pieces(stream)
    metrics = {"input_token_count": 9, "output_token_count": len(said), "predict_time": 0.3}
    return json.dumps({**MADE, "status": "succeeded", "output": said, "metrics": metrics}).encode()


def stream_of(whole: bytes) -> bytes:
    output = json.loads(whole)["output"]
    events = [
        f"event: output\nid: {number}:0\n" + "".join(f"data: {line}\n" for line in piece.split("\n"))
        for number, piece in enumerate(output)
    ]
    return "\n".join([*events, "event: done\nid: 999:0\ndata: {}\n", ""]).encode()


def prediction(body: bytes) -> dict[str, Any]:
    return json.loads(body if body.startswith(b"{") else whole_of(body))


def opening(body: bytes, streamed: bool) -> Sequence[bytes]:
    created = {**prediction(body), "status": "starting", "output": None, "urls": MADE["urls"]}
    replies = [SCHEMA, created] if streamed else [SCHEMA]
    return [json.dumps(reply).encode() for reply in replies]


def closing(body: bytes) -> Sequence[bytes]:
    """It is asked a few times over, until it is closed: recorded ones never are."""
    return [json.dumps(prediction(body)).encode()] * 3


SPEAKERS = (
    Speaker(
        provider="replicate",
        folder="replicate",
        kinds={"chat": "chat", "predictions-create": "chat"},
        takes=takes,
        whole_of=whole_of,
        stream_of=stream_of,
        opening=opening,
        closing=closing,
        explanation=lambda said: said["detail"].strip(),
        model=lambda told: "meta/any",
        any_model="meta/any",
    ),
)
