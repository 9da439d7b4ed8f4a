"""Whoever an emulated carrier calls on: webhooks answered and remembered, media sockets talked on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from lab.desk import Desk
from lab.http import Call, Peer, Provider, Response
from lab.server import Listener
from lab.sockets import Opened

WAIT_SECONDS = 60


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not is_so():
            await asyncio.sleep(0.002)


async def silent(peer: Peer) -> None:
    """Hear all, and say nothing."""
    while await peer.receive() is not None:
        pass


@dataclass
class Told:
    """One request of a carrier's: as it came, and what its form says."""

    path: str
    url: str
    headers: dict[str, str]
    body: bytes
    form: dict[str, str]


@dataclass
class Callee:
    """Its addresses begin with `http` and `ws`. `answers` are documents by path, `statuses` what is answered else."""

    origin: str = ""
    told: list[Told] = field(default_factory=list)
    answers: dict[str, bytes] = field(default_factory=dict)
    content_type: str = "text/xml"
    status: int = 200
    talk: Callable[[Peer], Awaitable[None]] = silent
    handshakes: list[Call] = field(default_factory=list)

    @property
    def http(self) -> str:
        return f"{self.origin}/us"

    @property
    def ws(self) -> str:
        return self.http.replace("http", "ws", 1)

    def forms(self, path: str) -> list[dict[str, str]]:
        return [one.form for one in self.told if one.path == path]

    def webhook(self, call: Call) -> Response:
        fields = dict(parse_qsl(call.body.decode(), keep_blank_values=True))
        self.told.append(Told(call.path, f"{self.origin}{call.target}", call.headers, call.body, fields))
        body = self.answers.get(call.path, b"")
        return Response(self.status, [("content-type", self.content_type)], body)

    def media(self, call: Call) -> Response:
        self.handshakes.append(call)
        if self.status >= 400:
            return Response(self.status)
        return Opened([], self.talk)


@asynccontextmanager
async def listening() -> AsyncIterator[Callee]:
    callee = Callee()
    provider = Provider(
        name="us",
        routes={
            ("GET", "/media"): callee.media,
            ("POST", "/{any:path}"): callee.webhook,
            ("GET", "/{any:path}"): callee.webhook,
        },
        by_id={},
        refusal=lambda status, call, words="": Response(status),
        stream_headers=lambda call: [],
        example="",
    )
    listener = Listener(Desk([provider]))
    callee.origin = f"http://127.0.0.1:{await listener.start('127.0.0.1', 0, None)}"
    try:
        yield callee
    finally:
        await listener.stop()
