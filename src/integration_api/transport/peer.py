"""A WebSocket to another replica of this service.

Its address is one that the replica has stored itself, so the guard that stands before tenants' addresses has no say in
it, and learns nothing from it: each call has a guard of its own that lets it to this one address.
"""

import asyncio
import ssl
from collections.abc import Callable
from time import perf_counter

from integration_api.core.credential import Secrets
from integration_api.core.errors import ProviderError, Refusal, kind_of_status
from integration_api.core.exchange import Bearer, HttpRequest
from integration_api.transport.connection import SWITCHED
from integration_api.transport.egress import EgressGuard, locate
from integration_api.transport.http import Client, tls_context
from integration_api.transport.limits import MIB, SocketLimits, TransportLimits
from integration_api.transport.link import Link
from integration_api.transport.trace import Trace
from integration_api.transport.websocket import Socket

LIMITS = TransportLimits(
    connect=2.0,  # Replicas are near one another, and somebody waits on the telephone.
    connections=4096,
    socket=SocketLimits(
        answer=3.0,  # It has to look a call up.
        message=32 * MIB,  # What it tells in one message is what a carrier said in one, and a little more.
        ping=5.0,  # A call's sound is never silent: a machine that lost its power is noticed within ten seconds.
        pong=5.0,
        stall=30.0,  # A carrier may take sound at the pace of speech; what waits here is some ten seconds of it.
        farewell=1.0,
    ),
)


class PeerDialer:
    """`tls` makes the context for addresses of https, once it is needed."""

    def __init__(self, tls: Callable[[], ssl.SSLContext]) -> None:
        self._make_tls = tls
        self._tls: ssl.SSLContext | None = None

    async def dial(self, url: str, path: str, token: Secrets) -> Link:
        """Open a WebSocket at a replica's address, with its field `key` as a bearer token. The caller closes it.

        Raises `ProviderError`, which names the status of a refusal, or `Failure` for what is no address.
        """
        origin, _ = locate(url)
        if self._tls is None:
            self._tls = tls_context(self._make_tls())
        client = Client(EgressGuard([origin.authority]), LIMITS, self._tls, self._make_tls)
        request = HttpRequest(method="GET", url=url + path, auth=Bearer(), upgrade=())
        until = asyncio.get_running_loop().time() + LIMITS.socket.answer
        connection = await client.ask(
            request, token, Trace(perf_counter()), None, LIMITS.socket.answer, until
        )
        if connection.state != SWITCHED:
            status = connection.status
            connection.abort()
            raise ProviderError(kind_of_status(status), "the machine refused", refusal=Refusal(status=status))
        return Socket(connection, LIMITS.socket)
