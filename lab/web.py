"""How an emulated carrier calls on whoever it serves: one request, or a WebSocket."""

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httptools
from websockets.asyncio.client import ClientConnection, connect

SECONDS = 15.0
"""How long carriers wait for an answer; Twilio does."""
MESSAGE_LIMIT = 1024 * 1024  # the largest message that a carrier takes on its media socket


@dataclass(slots=True)
class Reply:
    """A whole answer; header names are lower case."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class _Reading:
    def __init__(self) -> None:
        self.reply = Reply()
        self.whole = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.reply.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self.reply.body += body

    def on_message_complete(self) -> None:
        self.whole = True


async def ask(
    method: str,
    url: str,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
    seconds: float = SECONDS,
) -> Reply:
    """Asks on a connection of its own. Raises `OSError` when there is none, or no answer in time."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [f"{method} {target} HTTP/1.1", f"host: {parts.netloc}", "connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body or method == "POST":
        lines.append(f"content-length: {len(body)}")
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection(
            parts.hostname,
            parts.port or (443 if secure else 80),
            ssl=ssl.create_default_context() if secure else None,
        )
        try:
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)
            reading = _Reading()
            parser: Any = httptools.HttpResponseParser(reading)
            while not reading.whole:
                data = await reader.read(65536)
                if not data:
                    break
                parser.feed_data(data)
            if not parser.get_status_code():
                raise ConnectionError("the answer did not come")
            reading.reply.status = parser.get_status_code()
            return reading.reply
        except httptools.HttpParserError as error:
            raise ConnectionError("the answer is none") from error
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def socket(url: str, headers: Sequence[tuple[str, str]] = (), agent: str = "lab") -> ClientConnection:
    """Opens a WebSocket. Raises `OSError` or `websockets.InvalidHandshake`."""
    return await connect(
        url,
        additional_headers=list(headers),
        user_agent_header=agent,
        compression=None,
        max_size=MESSAGE_LIMIT,
        open_timeout=SECONDS,
        close_timeout=1.0,
        ping_interval=None,
    )
