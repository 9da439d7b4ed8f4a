"""What every answer says of its call, as HTTP headers or gRPC metadata: who answered, and in what time."""

from functools import lru_cache

import msgspec

from integration_api.core.llm import Notice
from integration_api.services import clock
from integration_api.services.call import Call

WARNINGS_BYTES = 2_048
"""Proxies refuse long headers; what does not fit is counted."""

encode = msgspec.json.Encoder().encode


def timing(call: Call) -> bytes:
    """Return a Server-Timing value: the provider's time and ours, in milliseconds.

    https://www.w3.org/TR/server-timing/
    """
    now = clock.perf()
    trace = call.trace
    if not trace.sent_at:
        return b"gateway;dur=%.3f" % ((now - trace.started_at) * 1000)
    upstream = (trace.finished_at or trace.first_byte_at or now) - trace.sent_at
    return b"upstream;dur=%.3f, gateway;dur=%.3f" % (
        upstream * 1000,
        (now - trace.started_at - upstream) * 1000,
    )


def call_headers(call: Call, warnings: tuple[Notice, ...] = ()) -> list[tuple[bytes, bytes]]:
    """Return the headers that tell which provider, credential and model answered, and in what time."""
    headers = [
        *_constant(call.target.provider.name, call.model, call.credential.id),
        (b"server-timing", timing(call)),
    ]
    if request_id := call.provider_request_id:
        headers.append((b"x-upstream-request-id", _header_text(request_id)))
    if warnings:
        headers.append((b"x-integration-warnings", _warnings(warnings)))
    return headers


@lru_cache(maxsize=4096)
def _constant(provider: str, model: str, credential_id: int) -> tuple[tuple[bytes, bytes], ...]:
    """Return what is the same in every call of one credential to one model."""
    headers = [
        (b"x-integration-provider", provider.encode()),
        (b"x-integration-model", _header_text(model)),
    ]
    if credential_id:
        headers.append((b"x-integration-credential", b"%d" % credential_id))
    return tuple(headers)


def _header_text(text: str) -> bytes:
    if not text.isascii() or not text.isprintable():
        text = "".join(char if " " <= char <= "~" else "?" for char in text)
    return text.encode()


def _warnings(warnings: tuple[Notice, ...]) -> bytes:
    kept = list(warnings)
    while True:
        said = encode([*kept, {"more": len(warnings) - len(kept)}] if len(kept) < len(warnings) else kept)
        text = said.decode().encode("ascii", "backslashreplace")
        if len(text) <= WARNINGS_BYTES:
            return text
        kept.pop()
