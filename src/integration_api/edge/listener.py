"""Looks at a connection's first bytes, or at ALPN under TLS, and hands it to the protocol it speaks."""

import asyncio
from time import perf_counter
from typing import cast

from integration_api.edge.http1 import Http1
from integration_api.edge.http2 import Http2
from integration_api.edge.live import Live
from integration_api.edge.refusals import DRAINING_ANSWER, FULL_ANSWER
from integration_api.http2.frames import PREFACE


class Listener(asyncio.BufferedProtocol):
    """Reads into the worker's own buffer, as the protocols after it do: a secret may be in the first read.

    Lives until the first bytes tell; a preface may come byte by byte, within the header deadline.
    """

    def __init__(self, live: Live) -> None:
        self._live = live
        self._begun = perf_counter()
        self._seen = b""
        self._handed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop has a class of its own.
        if self._live.full or self._live.draining:
            self._transport.write(DRAINING_ANSWER if self._live.draining else FULL_ANSWER)
            self._transport.close()
            return
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self._hand(Http2 if tls.selected_alpn_protocol() == "h2" else Http1)
            return
        self._live.add(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._live.view

    def buffer_updated(self, nbytes: int) -> None:
        begun = self._seen + bytes(self._live.view[: min(nbytes, len(PREFACE) - len(self._seen))])
        if not PREFACE.startswith(begun):
            self._hand(Http1, nbytes)
        elif len(begun) < len(PREFACE):
            self._seen = begun
        else:
            self._hand(Http2, nbytes)

    def connection_lost(self, exc: Exception | None) -> None:
        self._live.discard(self)

    def _hand(self, speaker: type[Http1 | Http2], nbytes: int = 0) -> None:
        """Give the connection up, with the bytes of earlier reads and the `nbytes` in the receive buffer."""
        self._live.discard(self)
        protocol = speaker(self._live, self._begun)
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        if self._seen:
            protocol.feed(memoryview(self._seen))
        if nbytes:
            protocol.buffer_updated(nbytes)

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
