"""Sonic, one text at a time, and the voices there are (docs.cartesia.ai/api-reference/tts/bytes, …/voices/list)."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from lab.cartesia import client, speech
from lab.faults import directives
from lab.http import Call, Response, encode
from lab.wave import wav

STEP_MS = 100
"""How much sound comes in one event."""
TYPES = {"raw": "audio/raw", "wav": "audio/wav", "mp3": "audio/mpeg"}
NAMES = ("Katie", "Kiefer", "Kyle")


def bytes_(call: Call) -> Response:
    """POST /tts/bytes. Raises `Refused`."""
    asked = _asked(call, raw=False)
    output = asked["output_format"]
    data = speech.sound(asked["transcript"], output)
    if output["container"] == "wav":
        data = wav(data, output["sample_rate"])
    headers = client.headers(call, TYPES[output["container"]])
    return Response(200, headers, events=list(_pieces(data, 4096)), gap_ms=directives(call.model).gap_ms)


def sse(call: Call) -> Response:
    """POST /tts/sse. Raises `Refused`."""
    asked = _asked(call, raw=True)
    text, output = asked["transcript"], asked["output_format"]
    context = {"context_id": asked["context_id"]} if "context_id" in asked else {}
    events = [
        _event({
            "type": "chunk", "data": b64encode(piece).decode(), "done": False, "status_code": 206, "step_time": 1.0,
            **context,
        })
        for piece in _pieces(speech.sound(text, output), speech.step(output, STEP_MS))
    ]  # fmt: skip
    if asked.get("add_timestamps"):
        told = {"type": "timestamps", "done": False, "status_code": 206, **context}
        events.append(_event({**told, "word_timestamps": speech.timestamps(text)}))
    end = _event({"type": "done", "done": True, "status_code": 200, **context})
    return Response(
        200,
        client.stream_headers(call),
        events=events,
        ending=[end],
        error_event=_event({
            "type": "error", "done": True, "status_code": 500, **client.problem(500, call),
        }),
        gap_ms=directives(call.model).gap_ms,
    )  # fmt: skip


def voices(call: Call) -> Response:
    """GET /voices. Raises `Refused`."""
    client.admit(call)
    client.known(call, {"limit", "starting_after", "ending_before", "expand[]", "q", "gender", "is_owner"})
    limit = int(call.query.get("limit", "10"))
    if not 1 <= limit <= 100:
        client.refuse(call, "limit must be between 1 and 100")
    ids = [_id(place) for place in range(len(NAMES))]
    after = call.query.get("starting_after")
    first = ids.index(after) + 1 if after in ids else 0
    found = [_voice(place) for place in range(first, min(first + limit, len(NAMES)))]
    return client.answer(call, {"data": found, "has_more": first + limit < len(NAMES)})


def token(call: Call) -> Response:
    """POST /access-token. Raises `Refused`."""
    client.admit(call)
    if not 0 < call.json().get("expires_in", 60) <= 3600:
        client.refuse(call, "expires_in must be at most 3600")
    return client.answer(call, {"token": "lab-access-token"})


def _asked(call: Call, *, raw: bool) -> dict[str, Any]:
    client.admit(call)
    client.known(call, ())
    asked: dict[str, Any] = call.json()
    call.model = asked.get("model_id", "")
    if said := speech.wrong(asked, speech.FIELDS, raw=raw):
        client.refuse(call, said)
    if not asked["transcript"].strip():
        client.refuse(call, "transcript is empty")
    return asked


def _id(place: int) -> str:
    return f"00000000-0000-4000-8000-{place + 1:012x}"


def _voice(place: int) -> dict[str, Any]:
    return {
        "id": _id(place), "name": NAMES[place], "tagline": "", "description": "A voice of the lab.", "language": "en",
        "access": "public", "visibility": "all", "is_owner": False, "created_at": "2026-01-01T00:00:00Z",
        "gender": "feminine" if place == 0 else "masculine", "locales": [{"locale": "en-US", "is_native": True}],
        "preview_file_url": None,
    }  # fmt: skip


def _event(document: dict[str, Any]) -> bytes:
    return b"event: " + str(document["type"]).encode() + b"\ndata: " + encode(document) + b"\n\n"


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]
