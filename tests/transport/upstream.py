"""A provider on a real socket: it answers as it was told, and remembers what it was asked."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from integration_api.core.errors import Kind, ProviderError, kind_of_status
from integration_api.core.exchange import HttpRequest, HttpResponse
from integration_api.transport.drive import Trace, Transport
from integration_api.transport.egress import EgressGuard
from integration_api.transport.limits import TransportLimits


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    lines: list[tuple[str, str]]
    body: bytes
    connection: int
    """Which of the connections it came on, counted from 1."""

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.lines)

    @property
    def form(self) -> dict[str, str]:
        return {name: value for name, [value] in parse_qs(self.body.decode(), strict_parsing=True).items()}


Answer = bytes | Callable[[Asked, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answer(
    status: int = 200, body: bytes | str | dict[str, Any] = b"{}", /, head: str = "", **headers: str
) -> bytes:
    """Write a whole answer; underscores in header names stand for hyphens."""
    raw = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} x\r\ncontent-length: {len(raw)}\r\n{lines}{head}\r\n".encode() + raw


@dataclass
class Upstream:
    """`answers` are used up one a request; the last one stays."""

    answers: list[Answer] = field(default_factory=lambda: [answer()])
    routes: dict[str, list[Answer]] = field(default_factory=dict)
    """Answers for one path alone."""
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    url: str = ""
    port: int = 0
    failed: list[BaseException] = field(default_factory=list)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    def to(self, path: str) -> list[Asked]:
        return [one for one in self.asked if one.path.partition("?")[0] == path]

    @contextlib.asynccontextmanager
    async def serving(
        self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> AsyncIterator["Upstream"]:
        server = await asyncio.start_server(self._met, host, 0, ssl=tls, limit=1 << 20)
        self.port = server.sockets[0].getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{host}:{self.port}"
        try:
            yield self
        finally:
            server.close()
            for writer in self._writers:
                writer.transport.abort()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        assert not self.failed, self.failed

    def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        task = asyncio.create_task(self._serve(reader, writer, self.connections))
        self._tasks.add(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        try:
            while asked := await self._read(reader, number):
                self.asked.append(asked)
                script = self.routes.get(asked.path.partition("?")[0], self.answers)
                what = script.pop(0) if len(script) > 1 else script[0]
                if callable(what):
                    await what(asked, reader, writer)
                else:
                    writer.write(what)
                    await writer.drain()
                if writer.is_closing():
                    return
        except (OSError, asyncio.IncompleteReadError):
            pass  # The client hung up; what that means is the test's to say.
        except Exception as error:
            self.failed.append(error)
        finally:
            with contextlib.suppress(OSError):
                writer.close()

    async def _read(self, reader: asyncio.StreamReader, number: int) -> Asked | None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as rest:
            assert not rest.partial, "a request was cut off"
            return None
        first, *lines = head[:-4].decode("ascii").split("\r\n")
        method, path, version = first.split(" ")
        assert version == "HTTP/1.1"
        fields = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
        length = int(dict(fields).get("content-length", 0))
        return Asked(method, path, fields, await reader.readexactly(length), number)


class Held:
    """Secret fields, as a vault would open them."""

    def __init__(self, **fields: str) -> None:
        self._fields = fields
        self.lent: list[bytearray] = []

    def reveal(self, field: str) -> bytearray:
        lent = bytearray(self._fields[field].encode())
        self.lent.append(lent)
        return lent

    @property
    def all_wiped(self) -> bool:
        return bool(self.lent) and not any(any(one) for one in self.lent)


def fault(reply: HttpResponse) -> ProviderError:
    """Say everything a provider said, as the most talkative provider would."""
    return ProviderError(kind_of_status(reply.status), reply.body.decode("utf-8", "replace"))


@contextlib.asynccontextmanager
async def transport(
    *allow: str, tls: ssl.SSLContext | None = None, **limits: float
) -> AsyncIterator[Transport]:
    """A transport that may reach this machine and nothing else."""
    made = Transport(
        EgressGuard(allow or ["127.0.0.1", "::1"]),
        TransportLimits(**{"retries": 0, **limits}),  # type: ignore[arg-type]
        ssl_context=tls,
    )
    try:
        yield made
    finally:
        await made.close()


async def send(
    over: Transport, request: HttpRequest, secrets: Held | None = None, account: Hashable | None = "account"
) -> HttpResponse:
    return await over.send(request, fault, secrets, Trace(0.0), account)


def to(upstream: Upstream, path: str = "/", **more: Any) -> HttpRequest:
    return HttpRequest(**{"method": "POST", "url": upstream.url + path, "body": b"{}", **more})


__all__ = ["Asked", "Held", "Kind", "Upstream", "answer", "fault", "send", "to", "transport"]
