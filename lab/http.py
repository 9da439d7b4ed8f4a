"""What a request and an answer are to an emulator: plain values, before any socket."""

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol
from urllib.parse import unquote

import msgspec

from lab.faults import Directives, Fault, directives
from lab.script import Answer

JSON = "application/json"
SSE = "text/event-stream; charset=utf-8"

encode: Callable[[Any], bytes] = msgspec.json.encode


def _nothing() -> None:
    return None


@dataclass(slots=True)
class Call:
    """One received request. Header names are lower case; `path` has lost the provider's prefix, `target` is
    what stood on the wire; `params` are what stood where its route has names, `origin` is where it was sent to.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    target: str = ""
    params: dict[str, str] = field(default_factory=dict)
    origin: str = ""
    provider: str = ""
    model: str = ""
    serial: int = 0
    document: Any = None
    take: Callable[[], Answer | None] = _nothing
    fault: Fault | None = None
    said: list[str | bytes] = field(default_factory=list)
    """What the client said on the WebSocket that the call opened."""

    def header(self, name: str) -> str:
        """The header's value, or the empty string."""
        return self.headers.get(name, "")

    def json(self) -> Any:
        """The body as JSON, decoded once. Raises `msgspec.DecodeError`."""
        if self.document is None:
            self.document = msgspec.json.decode(self.body)
            if isinstance(self.document, dict):
                model = self.document.get("model")
                if isinstance(model, str):
                    self.model = model
        return self.document

    @property
    def asked(self) -> Directives:
        """What the model's name asks the lab to do."""
        return directives(self.model)


@dataclass(slots=True)
class Response:
    """One answer, whole (`body`) or in events. `ending` are the events without which a reader must say that
    the stream was cut; `error_event` is what the vendor sends when it fails midway; `lazy` events are made
    while they are sent, as fast as the client reads. `spoil` makes an event bad where events are not lines of
    text, and is told how: json, utf8 or frame.
    """

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    events: Iterable[bytes] | None = None
    ending: Sequence[bytes] = ()
    error_event: bytes = b""
    delay_ms: float = 0
    gap_ms: float = 0
    gaps_ms: Sequence[float] = ()
    lazy: bool = False
    spoil: Callable[[bytes, str], bytes] | None = None
    talk: "Talk | None" = None
    """With status 101: what is said on the WebSocket that it opens."""

    @property
    def streamed(self) -> bool:
        """Whether the answer goes out in chunks."""
        return self.events is not None


class Refused(Exception):
    """The vendor would refuse this request, with this answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


class Peer(Protocol):
    """The client of a WebSocket."""

    async def receive(self) -> str | bytes | None:
        """The next message, or None once it has left."""
        ...

    async def send(self, message: str | bytes) -> None: ...

    async def close(self, code: int = 1000, reason: str = "") -> None: ...

    def abort(self) -> None:
        """Resets the connection."""
        ...

    def vanish(self) -> None:
        """Answers nothing any more, neither pings nor goodbyes, on a connection that stays open."""
        ...


Talk = Callable[[Peer], Awaitable[None]]
Handler = Callable[[Call], Response]


class Refusal(Protocol):
    """A provider's answer with a status, in its own words unless it is given some."""

    def __call__(self, status: int, call: Call, words: str = "") -> Response: ...


@dataclass(frozen=True, slots=True)
class Provider:
    """An emulated provider: its routes, those that end in an id, and what it answers with a status.

    A route may have names: `{model}` stands for one segment of a path, `{model:path}` for several. Those
    without go first, the others in the order they are written.
    """

    name: str
    routes: dict[tuple[str, str], Handler]
    by_id: dict[tuple[str, str], Handler]
    refusal: Refusal
    stream_headers: Callable[[Call], list[tuple[str, str]]]
    example: str

    def find(self, call: Call) -> Handler | None:
        """The handler of the call's method and path."""
        found = self.routes.get((call.method, call.path))
        if found is None:
            parent, _, last = call.path.rpartition("/")
            if last:
                found = self.by_id.get((call.method, parent))
        return found or self._named(call)

    def _named(self, call: Call) -> Handler | None:
        for (method, route), handler in self.routes.items():
            if method == call.method and "{" in route and (hit := _pattern(route).fullmatch(call.path)):
                call.params = {name: unquote(value) for name, value in hit.groupdict().items()}
                return handler
        return None


@cache
def _pattern(route: str) -> re.Pattern[str]:
    """What the paths of a route with names look like."""
    parts = re.split(r"\{(\w+)(:path)?\}", route)
    spelled = [re.escape(parts[0])]
    for name, several, rest in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        spelled += [f"(?P<{name}>{'.+' if several else '[^/]+'})", re.escape(rest)]
    return re.compile("".join(spelled))
