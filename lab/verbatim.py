"""Answers that replace an emulator's own: a status, a body, or chunks, just as they were given."""

from typing import Any

import msgspec

from lab.faults import Fault
from lab.http import JSON, Response, encode
from lab.script import Answer, RawChunk


def scripted(answer: Answer, stream_headers: list[tuple[str, str]]) -> Response:
    """The bytes of a verbatim answer; chunks come with the vendor's headers of a stream."""
    if answer.chunks is None:
        return _whole(answer.status or 200, answer.headers, answer.body)
    chunks = [chunk if isinstance(chunk, RawChunk) else RawChunk(data=chunk) for chunk in answer.chunks]
    headers = {**dict(stream_headers), **_lowered(answer.headers)}
    return Response(
        status=answer.status or 200,
        headers=list(headers.items()),
        events=[chunk.raw() for chunk in chunks],
        gap_ms=answer.gap_ms,
        gaps_ms=[chunk.delay_ms for chunk in chunks],
    )


def broken(fault: Fault, refusal: Response) -> Response:
    """A fault's own status, with its body, or with the vendor's words for that status."""
    if fault.body is not msgspec.UNSET:
        return _whole(fault.status or 200, fault.headers, fault.body)
    return Response(
        status=refusal.status,
        headers=list({**dict(refusal.headers), **_lowered(fault.headers)}.items()),
        body=refusal.body,
    )


def _whole(status: int, headers: dict[str, str], body: Any) -> Response:
    raw = b"" if body is msgspec.UNSET else body.encode() if isinstance(body, str) else encode(body)
    return Response(
        status=status, headers=list({"content-type": JSON, **_lowered(headers)}.items()), body=raw
    )


def _lowered(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
