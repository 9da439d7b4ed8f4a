"""The lab as an object: start it in a test, script it, ask it what it saw."""

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from lab import replay
from lab.control import Control
from lab.desk import Desk
from lab.faults import Fault
from lab.http import Provider
from lab.providers import CARRIERS, PROVIDERS
from lab.record import Disconnect, Received, Stats
from lab.script import Answer
from lab.server import Listener


class Lab:
    """Emulators of all providers on one port, for the length of an `async with`."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self.carriers = {carrier.name: carrier for carrier in (make() for make in CARRIERS)}
        self._desk = Desk((*PROVIDERS, *(one.provider for one in self.carriers.values())))
        self._desk.control = Control(self._desk, self.carriers)
        self._listener = Listener(self._desk)

    async def __aenter__(self) -> Self:
        self._port = await self._listener.start(self._host, self._port, self._tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for carrier in self.carriers.values():
            await carrier.close()
        await self._listener.stop()

    @property
    def providers(self) -> dict[str, Provider]:
        """The emulated providers by name."""
        return self._desk.providers

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        host = "localhost" if self._tls else f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._tls else 'http'}://{host}:{self._port}"

    def url(self, provider: str, version: str = "/v1") -> str:
        """A provider's address up to its version; with `version=""` up to what the SDKs of Anthropic and
        Mistral take as their base. Raises `KeyError` for a provider there is not.
        """
        return f"{self.origin}/{self.providers[provider].name}{version}"

    def script(self, provider: str, *answers: Answer) -> None:
        """Puts answers behind those that wait."""
        self._desk.answers[provider].add(answers)

    def fault(self, provider: str, *faults: Fault) -> None:
        """Puts faults behind those that wait."""
        self._desk.faults[provider].add(faults)

    def replay(self, provider: str, path: Path) -> int:
        """Answers from a recording, or from a folder of them; how many there were."""
        found = replay.load(path)
        self._desk.shelves[provider].add(found)
        return len(found)

    @property
    def requests(self) -> Sequence[Received]:
        """The requests received, oldest first."""
        return self._desk.requests

    @property
    def stats(self) -> Stats:
        """The counters."""
        return self._desk.stats

    async def disconnect(self) -> Disconnect:
        """Waits for a client that leaves while it is being answered."""
        while not self.stats.disconnected:
            self._desk.left.clear()
            await self._desk.left.wait()
        return self.stats.disconnected[-1]

    def clear(self) -> None:
        """Forgets scripts, faults, recordings, requests, counters and calls."""
        self._desk.clear()
        for carrier in self.carriers.values():
            carrier.clear()

    async def quiet(self) -> None:
        """Waits until nobody is being answered."""
        while self.stats.answering:
            await asyncio.sleep(0.001)
