"""Looks at a connection's first bytes, or at ALPN under TLS, and hands it to the protocol it speaks."""

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import cast

from integration_api.edge.http1 import Http1
from integration_api.edge.live import Live
from integration_api.edge.refusals import FULL_ANSWER

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""RFC 9113, section 3.4. No HTTP/1.1 request begins with `PRI `."""

Speak = Callable[[Live, asyncio.Transport, bytes], None]
"""Takes over a connection with the bytes that have come."""


class Listener(asyncio.Protocol):
    """Lives until the first bytes tell; a preface may come byte by byte, within the header deadline."""

    def __init__(self, live: Live, http2: Speak | None) -> None:
        self._live = live
        self._http2 = http2
        self._begun = perf_counter()
        self._seen = b""
        self._handed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop has a class of its own.
        if self._live.full or self._live.draining:
            self._transport.write(FULL_ANSWER)
            self._transport.close()
            return
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            if tls.selected_alpn_protocol() == "h2" and self._http2 is not None:
                self._hand(self._http2)
            else:
                self._hand(_http1)
            return
        self._live.add(self)

    def data_received(self, data: bytes) -> None:
        self._seen += data
        if PREFACE.startswith(self._seen[: len(PREFACE)]) or self._seen.startswith(PREFACE):
            if len(self._seen) < len(PREFACE):
                return
            if self._http2 is None:
                self._transport.abort()
                return
            self._hand(self._http2)
        else:
            self._hand(_http1)

    def connection_lost(self, exc: Exception | None) -> None:
        self._live.discard(self)

    def _hand(self, speak: Speak) -> None:
        self._live.discard(self)
        seen, self._seen = self._seen, b""
        speak(self._live, self._transport, seen)

    # --- the worker speaks -------------------------------------------------------------------

    @property
    def requests(self) -> int:
        return 0

    def tick(self, now: float) -> None:
        if now - self._begun > self._live.limits.header_timeout:
            self._transport.abort()

    def drain(self) -> None:
        self._transport.close()

    def abandon(self) -> None:
        self._transport.abort()


def _http1(live: Live, transport: asyncio.Transport, seen: bytes) -> None:
    protocol = Http1(live)
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    if seen:
        protocol.feed_first(seen)
