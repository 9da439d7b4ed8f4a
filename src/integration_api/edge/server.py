"""The edge as the house sees it: give it a socket, and it answers; drain it, and it leaves in peace."""

import asyncio
import socket
import ssl

from integration_api.edge.application import Application
from integration_api.edge.limits import Limits
from integration_api.edge.listener import Listener
from integration_api.edge.live import Live

__all__ = ["Edge", "Limits"]


class Edge:
    """One per worker. The socket is bound by others and may be shared by several workers."""

    def __init__(self, application: Application, limits: Limits, ssl: ssl.SSLContext | None = None) -> None:
        self._application = application
        self._limits = limits
        self._ssl = ssl
        self._live: Live | None = None
        self._server: asyncio.Server | None = None

    @property
    def connections(self) -> int:
        return len(self._live.connections) if self._live else 0

    @property
    def requests(self) -> int:
        """Requests that handlers work on now."""
        return self._live.requests if self._live else 0

    async def serve(self, sock: socket.socket) -> None:
        """Begin to answer on `sock`."""
        loop = asyncio.get_running_loop()
        live = self._live = Live(self._application, self._limits, loop, tls=self._ssl is not None)
        self._server = await loop.create_server(
            lambda: Listener(live),
            sock=sock,
            ssl=self._ssl,
            backlog=1024,
            ssl_handshake_timeout=self._limits.header_timeout if self._ssl else None,
        )

    async def drain(self, seconds: float) -> None:
        """Stop accepting, let running requests end within `seconds`, then cancel what is left."""
        if self._server is not None:
            self._server.close()
        if self._live is not None:
            await self._live.drain(seconds)
