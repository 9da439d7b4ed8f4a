"""The messages of Azure Speech's WebSockets: headers and a body, as text or behind the length of the headers."""

import json
import struct
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Message:
    """One message. Names of headers, and the path, are lower case."""

    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def request(self) -> str:
        return self.headers.get("x-requestid", "")

    def json(self) -> Any:
        return json.loads(self.body or b"{}")


def read(message: str | bytes) -> Message:
    """Raises `ValueError` when it is none."""
    if isinstance(message, str):
        head, _, body = message.encode().partition(b"\r\n\r\n")
    else:
        (size,) = struct.unpack_from(">H", message)
        head, body = message[2 : 2 + size], message[2 + size :]
    headers = {}
    for line in head.decode().split("\r\n"):
        name, separator, value = line.partition(":")
        if separator:
            headers[name.strip().lower()] = value.strip()
    if "path" not in headers:
        raise ValueError("Path is required")
    return Message(headers["path"].lower(), headers, body)


def text(path: str, request: str, document: Any) -> str:
    head = f"X-RequestId:{request}\r\nContent-Type:application/json; charset=utf-8\r\nPath:{path}\r\n"
    return f"{head}\r\n{json.dumps(document, separators=(',', ':'))}"


def sound(request: str, stream: str, data: bytes) -> bytes:
    head = (
        f"X-RequestId:{request}\r\nContent-Type:audio/x-wav\r\nX-StreamId:{stream}\r\nPath:audio\r\n".encode()
    )
    return struct.pack(">H", len(head)) + head + data


def ticks(milliseconds: float) -> int:
    """In units of 100 ns."""
    return round(milliseconds * 10_000)
