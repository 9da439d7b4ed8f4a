"""The forms every REST answer shares."""

from typing import Any

import msgspec

from integration_api.edge.application import Response

JSON = (b"content-type", b"application/json")
SSE_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)

encode = msgspec.json.Encoder().encode


def json(value: Any, status: int = 200) -> Response:
    return Response(status, [JSON], encode(value))
