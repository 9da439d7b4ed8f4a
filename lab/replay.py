"""Plays recordings back: the exact bytes a vendor once sent, for a request to the same path."""

from base64 import b64decode
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from lab import event_stream
from lab.http import JSON, SSE, Call, Response, encode

# What belonged to the recorded connection, or no longer fits the bytes that were kept.
_CONNECTION = frozenset(
    {"content-length", "content-encoding", "transfer-encoding", "connection", "keep-alive", "alt-svc", "date"}
)


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded exchange, as the traffic files keep it; what the lab does not need is left out."""

    request: dict[str, Any] = {}
    response: dict[str, Any] | None = None

    def address(self) -> tuple[str, str]:
        """Method and path."""
        path = urlsplit(self.request.get("url", "")).path
        return self.request.get("method", "POST"), path


def load(path: Path) -> list[Recording]:
    """The recordings of a file, or of every file below a folder in the order of their names."""
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    found = [msgspec.json.decode(file.read_bytes()) for file in files]
    return [msgspec.convert(one, Recording) for one in found if isinstance(one, dict) and one.get("response")]


class Shelf:
    """A provider's recordings. Of those for a path, one with an equal body answers; else they take turns,
    streams for requests that want streams.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], list[Recording]] = {}
        self._turn: dict[tuple[str, str, bool], int] = {}

    def __len__(self) -> int:
        return sum(map(len, self._kept.values()))

    def clear(self) -> None:
        """Takes every recording off."""
        self._kept.clear()
        self._turn.clear()

    def add(self, recordings: list[Recording]) -> None:
        """Puts recordings on the shelf; ones without a response are left out."""
        for recording in recordings:
            if recording.response is not None:
                self._kept.setdefault(recording.address(), []).append(recording)

    def take(self, call: Call) -> Response | None:
        """The recorded answer to a request, if its path was recorded."""
        kept = self._kept.get((call.method, call.path))
        if not kept:
            return None
        body = _document(call)
        same = next((one for one in kept if one.request.get("body") == body and body is not None), None)
        if same is None:
            wants_stream = isinstance(body, dict) and body.get("stream") is True
            fitting = [one for one in kept if _streamed(one) == wants_stream] or kept
            key = (call.method, call.path, wants_stream)
            turn = self._turn.get(key, 0)
            self._turn[key] = turn + 1
            same = fitting[turn % len(fitting)]
        return rendered(same)


def rendered(recording: Recording) -> Response:
    """The recorded answer; the body of a stream in its events, byte for byte."""
    response = recording.response or {}
    body = response.get("body")
    raw = (
        b64decode(response["body_base64"])
        if "body_base64" in response
        else body.encode()
        if isinstance(body, str)
        else b""
        if body is None
        else encode(body)
    )
    headers = {name.lower(): value for name, value in response.get("headers", {}).items()}
    headers = {name: value for name, value in headers.items() if name not in _CONNECTION}
    stream = _streamed(recording)
    headers.setdefault("content-type", SSE if stream else JSON)
    answer = Response(response.get("status", 200), list(headers.items()))
    if stream:
        if headers["content-type"].startswith(event_stream.KIND):
            answer.events, answer.spoil = [*event_stream.split(raw)], event_stream.spoiled
        else:
            answer.events = _events(raw)
    else:
        answer.body = raw
    return answer


def _streamed(recording: Recording) -> bool:
    response = recording.response or {}
    kind = str(response.get("headers", {}).get("content-type", ""))
    body = response.get("body")
    return (
        "event-stream" in kind
        or event_stream.KIND in kind
        or (isinstance(body, str) and body.startswith(("data:", "event:")))
    )


def _events(raw: bytes) -> list[bytes]:
    blank = b"\r\n\r\n" if b"\r\n\r\n" in raw else b"\n\n"
    *whole, rest = raw.split(blank)
    return [event + blank for event in whole] + ([rest] if rest else [])


def _document(call: Call) -> Any:
    try:
        return call.json()
    except msgspec.DecodeError:
        return None
