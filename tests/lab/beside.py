"""Our adapters at an emulator, beside the vendor's own SDK: what either sends, and wherein they differ."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import msgspec

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, HttpRequest, Stream
from integration_api.core.provider import Provider
from integration_api.core.session import Say
from integration_api.transport.drive import Trace, Transport
from lab import Lab
from lab.record import Received
from tests.transport.upstream import Held, transport

KEY = "lab-key"
"""To be given to the SDK too: then both have to sign alike."""
OF_HTTP = frozenset({
    "host", "connection", "upgrade", "content-length", "transfer-encoding", "sec-websocket-key",
    "sec-websocket-version", "sec-websocket-extensions", "accept", "accept-encoding", "user-agent",
})  # fmt: skip
"""What each client has its own way with, and no vendor reads."""
OF_SDKS = ("x-fern-", "x-stainless-", "x-cartesia-client", "x-goog-api-client")
"""What tells a vendor about its SDK."""
ABSENT = ...


@dataclass(frozen=True)
class Sent:
    """One request as it came, and what was said on the socket that it opened; JSON is read, forms are in parts."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    said: list[Any]


@dataclass
class Ours:
    """A provider's adapter on a real transport."""

    lab: Lab
    provider: Provider
    over: Transport
    credential: Credential

    async def run(self, exchange: Exchange[Any]) -> list[Sent]:
        """Return what an exchange sends, to its end."""
        before = len(self.lab.requests)
        await self.over.run(exchange, self.provider.fault, Held(key=KEY), Trace(0.0), None)
        return [sent(one) for one in list(self.lab.requests)[before:]]

    async def send(self, request: HttpRequest) -> Sent:
        """Return what one request of an exchange is on the wire."""
        await self.over.send(request, self.provider.fault, Held(key=KEY), Trace(0.0), None)
        return sent(self.lab.requests[-1])

    async def stream(self, stream: Stream[Any]) -> Sent:
        """Return what a stream sends, read to its end."""
        told = self.over.stream(stream, self.provider.fault, Held(key=KEY), Trace(0.0), None)
        async for _ in told:
            pass
        return sent(self.lab.requests[-1])

    async def live(self, session: Any, says: Callable[[Any], Iterable[Any]]) -> Sent:
        """Return what a session sends when that is done with it. It is hung up on then."""
        link = await self.over.dial(session.request, self.provider.fault, Held(key=KEY), Trace(0.0), None)
        try:
            said = [act.message for act in says(session) if isinstance(act, Say)]
            for message in said:
                link.write(message)
            return await heard(self.lab, len(said))
        finally:
            link.abort()


@asynccontextmanager
async def ours(lab: Lab, provider: Provider, **fields: str) -> AsyncIterator[Ours]:
    """Yield an adapter whose credential has these fields besides the key."""
    base = lab.url(provider.name, version="")
    credential = Credential(provider.name, {"base_url": base, **fields}, held=frozenset({"key"}))
    async with transport() as over:
        yield Ours(lab, provider, over, credential)


async def heard(lab: Lab, messages: int) -> Sent:
    """Return what came on the last socket, once so many messages have come."""
    async with asyncio.timeout(20):
        while len(lab.requests[-1].said) < messages:
            await asyncio.sleep(0.001)
    return sent(lab.requests[-1])


def sent(one: Received) -> Sent:
    headers = {
        name: value
        for name, value in one.headers.items()
        if name not in OF_HTTP and not name.startswith(OF_SDKS)
    }
    kind = headers.pop("content-type", "")
    if kind and one.raw:
        # A form's boundary is any; and how text is encoded goes without saying in JSON.
        headers["content-type"] = kind.partition(";")[0]
    return Sent(one.method, one.path, one.query, headers, _body(kind, one.raw), [*map(_message, one.said)])


def apart(mine: Sent, theirs: Sent) -> dict[str, tuple[Any, Any]]:
    """Return wherein two that were sent differ: what ours says in each such place, and what the SDK says."""
    a, b = dict(_leaves("", asdict(mine))), dict(_leaves("", asdict(theirs)))
    return {
        place: (a.get(place, ABSENT), b.get(place, ABSENT))
        for place in {**a, **b}
        if a.get(place, ABSENT) != b.get(place, ABSENT)
    }


def _leaves(place: str, value: Any) -> Iterable[tuple[str, Any]]:
    if not isinstance(value, dict | list) or (not value and "." in place):
        yield place, value
        return
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for name, one in inner:
        yield from _leaves(f"{place}.{name}" if place else str(name), one)


def _message(said: str | bytes) -> Any:
    if isinstance(said, bytes):
        return said
    try:
        return msgspec.json.decode(said)
    except msgspec.DecodeError:
        return said


def _body(kind: str, raw: bytes) -> Any:
    if raw and kind.startswith("application/json"):
        return msgspec.json.decode(raw)
    if not kind.startswith("multipart/"):
        return raw
    form = BytesParser(policy=HTTP).parsebytes(f"content-type: {kind}\r\n\r\n".encode() + raw)
    found: dict[str, list[Any]] = {}
    for part in form.iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        data = part.get_payload(decode=True)
        kind, file = part.get_content_type(), part.get_filename()
        value = msgspec.json.decode(data) if kind == "application/json" else data
        # A file is told by its name.
        found.setdefault(name, []).append(
            value if file is None else {"name": file, "type": kind, "data": value}
        )
    return found
