"""A client that sends the bytes it is told, and reads answers as RFC 9112 says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tests.edge.house import Open

WAIT = 60
"""Seconds after which a test that waits has failed."""


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes = b""
    chunks: tuple[bytes, ...] = ()


class Raw:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, *parts: bytes) -> None:
        """Send each part in a packet of its own."""
        for number, part in enumerate(parts):
            if number:
                await asyncio.sleep(0.002)
            self.writer.write(part)
            await self.writer.drain()

    async def ask(self, target: str, *headers: str, method: str = "GET", body: bytes = b"") -> None:
        lines = [f"{method} {target} HTTP/1.1", "host: test", *headers]
        if body:
            lines.append(f"content-length: {len(body)}")
        await self.say("\r\n".join([*lines, "", ""]).encode() + body)

    async def head(self) -> Answer:
        async with asyncio.timeout(WAIT):
            first, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        version, status, _ = first.split(" ", 2)
        assert version == "HTTP/1.1"
        pairs = [line.split(": ", 1) for line in lines]
        headers = dict(pairs)
        assert len(headers) == len(pairs), "a header came twice"
        return Answer(int(status), headers)

    async def answer(self, *, to_head: bool = False) -> Answer:
        """Read one answer to its end."""
        answer = await self.head()
        headers = answer.headers
        if to_head or answer.status in (100, 101, 204, 304):
            return answer
        async with asyncio.timeout(WAIT):
            if "content-length" in headers:
                assert "transfer-encoding" not in headers
                answer.body = await self.reader.readexactly(int(headers["content-length"]))
            elif headers.get("transfer-encoding") == "chunked":
                answer.chunks = tuple([chunk async for chunk in self.chunks()])
                answer.body = b"".join(answer.chunks)
            else:
                assert headers["connection"] == "close"
                answer.body = await self.reader.read()
        return answer

    async def chunks(self) -> AsyncIterator[bytes]:
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            chunk = await self.reader.readexactly(size + 2)
            assert chunk[-2:] == b"\r\n"
            yield chunk[:-2]
        assert await self.reader.readexactly(2) == b"\r\n"

    async def rest(self) -> bytes:
        """Read to the connection's end, however it ends."""
        got = bytearray()
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(WAIT):
                while data := await self.reader.read(65_536):
                    got += data
        return bytes(got)


@contextlib.asynccontextmanager
async def raw(edge: Open, **tls: object) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.port, **tls)
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
