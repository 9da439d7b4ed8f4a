"""Requests to connections: who may share one, how long it is kept, and how a new one is made."""

import asyncio
import ssl
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import partial
from time import perf_counter

from websockets.utils import generate_key

from integration_api.core.credential import Secrets
from integration_api.core.errors import Failure, Kind, Phase, ProviderError
from integration_api.core.exchange import Form, HttpRequest, SigV4
from integration_api.core.secret import OP_CLEANSE_PLAINTEXT
from integration_api.transport.connection import REFUSAL, Connection
from integration_api.transport.egress import Address, EgressGuard, Origin, locate
from integration_api.transport.grpc_call import GrpcCall
from integration_api.transport.grpc_head import opening
from integration_api.transport.limits import INLINE_BODY, TransportLimits
from integration_api.transport.sent import hide_sent
from integration_api.transport.signing import Wire, head, no_credential, sealed, sealed_form
from integration_api.transport.sigv4 import Clocks, signed
from integration_api.transport.trace import Trace
from integration_api.transport.websocket import check_handshake, handshake

ADDRESSES_TRIED = 2
"""A name's first address, and one other when that does not answer."""


def tls_context(given: ssl.SSLContext | None = None, protocol: str = "http/1.1") -> ssl.SSLContext:
    """Return a context for a protocol, as ALPN names it, that verifies certificates and host names, from TLS 1.2 on.

    Raises `ValueError` for a context that was told not to verify.
    """
    context = given or ssl.create_default_context()
    if context.verify_mode is not ssl.CERT_REQUIRED or not context.check_hostname:
        raise ValueError("outbound TLS must verify certificates and host names")
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    # OpenSSL would write session keys to the file that SSLKEYLOGFILE names.
    context.keylog_filename = None  # type: ignore[assignment]
    context.options |= OP_CLEANSE_PLAINTEXT
    context.set_alpn_protocols([protocol])
    return context


Context = Callable[[], ssl.SSLContext]
"""Makes the context of HTTP/2 once it is needed: reading all authorities takes some milliseconds."""


class Pool:
    """Connections, each of one account at one origin and never of another."""

    def __init__(
        self, guard: EgressGuard, limits: TransportLimits, tls: ssl.SSLContext, tls2: Context
    ) -> None:
        self._guard = guard
        self._limits = limits
        self._tls = tls
        self._make_tls2 = tls2
        self._tls2: ssl.SSLContext | None = None
        self._open: set[Connection] = set()
        self._opening = 0
        self._idle: dict[tuple[Hashable, Origin], list[Connection]] = {}
        self._oldest: OrderedDict[Connection, None] = OrderedDict()

    def kept(self, origin: Origin, account: Hashable | None) -> Connection | None:
        """Return the connection that the account used last, if one waits."""
        if account is None:
            return None
        key = (account, origin)
        while waiting := self._idle.get(key):
            connection = waiting.pop()
            if not waiting:
                del self._idle[key]
            del self._oldest[connection]
            if connection.reusable:
                return connection
            connection.abort()
        return None

    def release(self, connection: Connection) -> None:
        """Keep a connection for its account's next request, or hang up."""
        if connection.account is None or not connection.reusable:
            connection.abort()
            return
        waiting = self._idle.setdefault((connection.account, connection.origin), [])
        if len(waiting) >= self._limits.idle_per_account:
            connection.abort()
            return
        connection.rest()
        waiting.append(connection)
        self._oldest[connection] = None
        if len(self._oldest) > self._limits.idle_connections:
            self._drop_oldest()

    def drop(self, gone: Callable[[Hashable], bool]) -> None:
        """Let no connection of the accounts that `gone` tells be used again."""
        for connection in [one for one in self._open if one.account is not None and gone(one.account)]:
            connection.leave()

    async def close(self) -> None:
        """Hang up on everybody, and wait until the sockets are closed."""
        for connection in list(self._open):
            connection.abort()
        while self._open:
            await asyncio.sleep(0)

    async def connect(self, origin: Origin, account: Hashable | None, *, http2: bool = False) -> Connection:
        """Open a connection to the first of the origin's addresses that answers. One for HTTP/2 is bare.

        Raises `ProviderError` (UNREACHABLE or TIMEOUT), or `Failure` (OVERLOADED, `egress_denied`).
        """
        if len(self._open) + self._opening >= self._limits.connections:
            if not self._oldest:
                raise Failure(
                    Kind.OVERLOADED, "too many calls are under way; try again shortly", code="overloaded"
                )
            self._drop_oldest()
        self._opening += 1
        try:
            return await self._connect(origin, account, http2=http2)
        finally:
            self._opening -= 1

    async def _connect(self, origin: Origin, account: Hashable | None, *, http2: bool) -> Connection:
        seconds = self._limits.connect
        tls = self._context(http2=http2) if origin.tls else None
        try:
            async with asyncio.timeout(seconds):
                addresses = await self._guard.resolve(origin.host, origin.port, tls=origin.tls)
        except TimeoutError:
            raise _unreachable(origin, TimeoutError()) from None
        cause: Exception = OSError()
        for address in _to_try(addresses):
            try:
                async with asyncio.timeout(seconds):
                    _, connection = await asyncio.get_running_loop().create_connection(
                        lambda: Connection(origin, account, self._limits, self._gone, bare=http2),
                        str(address),
                        origin.port,
                        ssl=tls,
                        server_hostname=origin.host if origin.tls else None,
                        ssl_handshake_timeout=seconds if origin.tls else None,
                    )
            except (OSError, EOFError) as error:  # TLS and timeouts are kinds of OSError.
                cause = error
            else:
                self._open.add(connection)
                return connection
        raise _unreachable(origin, cause) from None

    def _context(self, *, http2: bool) -> ssl.SSLContext:
        if not http2:
            return self._tls
        if self._tls2 is None:
            self._tls2 = tls_context(self._make_tls2(), "h2")
        return self._tls2

    def _drop_oldest(self) -> None:
        connection = next(iter(self._oldest))
        self._forget(connection)
        connection.abort()

    def _forget(self, connection: Connection) -> None:
        if connection in self._oldest:
            del self._oldest[connection]
            key = (connection.account, connection.origin)
            self._idle[key].remove(connection)
            if not self._idle[key]:
                del self._idle[key]

    def _gone(self, connection: Connection) -> None:
        self._open.discard(connection)
        self._forget(connection)


_WHOLE: frozenset[type] = frozenset({Form, SigV4})
"""Ways of signing that need the whole request."""


class Client:
    """Sends requests: the address checked, the secret in and out of the buffer, one connection each."""

    def __init__(
        self, guard: EgressGuard, limits: TransportLimits, tls: ssl.SSLContext, tls2: Context
    ) -> None:
        self.pool = Pool(guard, limits, tls, tls2)
        self._limits = limits
        self.clocks = Clocks()
        self._guard = guard

    async def ask(
        self,
        request: HttpRequest,
        secrets: Secrets | None,
        trace: Trace,
        account: Hashable | None,
        first_byte: float,
        until: float,
    ) -> Connection:
        """Send a request and return its connection once status and headers are there.

        The caller gives it back by `pool.release`, whatever happens. Raises `ProviderError` or `Failure`.
        """
        origin, path = locate(request.url)
        self._guard.check(origin)
        # Something that must not happen twice gets a connection that can not have gone stale, and so does
        # a socket, which does not come back.
        fresh = not request.idempotent or request.upgrade is not None
        connection = None if fresh else self.pool.kept(origin, account)
        auth, body = request.auth, request.body
        key = generate_key() if request.upgrade is not None else ""
        while True:
            if connection is None:
                connection = await self.pool.connect(origin, account)
            connection.hide = partial(hide_sent, secrets, auth)
            connection.private = request.private
            connection.upgrading = request.upgrade is not None
            try:
                if request.send_by and perf_counter() > request.send_by:
                    raise _too_late()
                if auth.__class__ in _WHOLE:
                    wire = self._written(origin, path, request, secrets)
                elif request.upgrade is not None:
                    lines = head("GET", origin.authority, path, request.headers, auth)
                    wire = sealed(lines, secrets, b"", handshake(key, request.upgrade, request.name_header))
                else:
                    lines = head(request.method, origin.authority, path, request.headers, auth)
                    wire = sealed(lines, secrets, body)
                connection.write(wire, until)
                if not trace.sent_at:
                    trace.sent_at = perf_counter()
                if len(body) > INLINE_BODY and auth.__class__ is not Form:
                    await connection.push(body)
                await connection.head(first_byte)
                trace.first_byte_at = connection.started_at
                trace.status = connection.status
                trace.headers = connection.headers
                if request.upgrade is not None and connection.status < REFUSAL:
                    check_handshake(key, request.upgrade, connection)
                return connection
            except ProviderError:
                connection.abort()
                if not connection.stale:
                    raise
            except BaseException:
                connection.abort()
                raise
            connection = None  # Kept in vain; a fresh one decides.

    async def call(
        self, request: HttpRequest, secrets: Secrets | None, trace: Trace, account: Hashable | None
    ) -> GrpcCall:
        """Begin a gRPC call on a connection of its own; return it once the provider speaks HTTP/2.

        Raises `ProviderError` or `Failure`.
        """
        origin, path = locate(request.url)
        self._guard.check(origin)
        connection = await self.pool.connect(origin, account, http2=True)
        connection.hide = partial(hide_sent, secrets, request.auth)
        try:
            opened = opening(origin, path, request.headers, request.auth, secrets, self._limits.total)
            call = GrpcCall(connection, self._limits.socket, opened, self._limits.total)
            trace.sent_at = perf_counter()
            await call.greeted()
        except BaseException:
            connection.abort()
            raise
        return call

    def _written(self, origin: Origin, path: str, request: HttpRequest, secrets: Secrets | None) -> Wire:
        """Write a request that is signed by more than a place in its head."""
        if secrets is None:
            raise no_credential()
        match request.auth:
            case SigV4() as auth:
                now = self.clocks.now(origin.host)
                return signed(origin.authority, path, request, auth, secrets, now)
            case Form() as form:
                lines = head(request.method, origin.authority, path, request.headers, None)
                return sealed_form(lines, form, secrets, request.body)
            case _:
                raise Failure(Kind.INTERNAL, "a request cannot be signed this way", code="internal")


def _to_try(addresses: list[Address]) -> list[Address]:
    """Choose whom to call: the resolver's first choice, then preferably one of the other family."""
    first = addresses[0]
    others = sorted(addresses[1:], key=lambda one: one.version == first.version)
    return [first, *others[: ADDRESSES_TRIED - 1]]


def _too_late() -> ProviderError:
    return ProviderError(
        Kind.TIMEOUT,
        "there was no time left to send the request",
        code="upstream_timeout",
        phase=Phase.CONNECT,
    )


def _unreachable(origin: Origin, cause: Exception) -> ProviderError:
    late = isinstance(cause, TimeoutError)
    if late:
        why = "did not accept a connection in time"
    elif isinstance(cause, ssl.SSLCertVerificationError):
        why = "showed a certificate that could not be verified"
    elif isinstance(cause, ssl.SSLError):
        why = "did not complete a TLS handshake"
    else:
        why = "did not accept a connection"
    return ProviderError(
        Kind.TIMEOUT if late else Kind.UNREACHABLE,
        f"{origin.authority} {why}",
        code="upstream_timeout" if late else "upstream_unreachable",
        phase=Phase.CONNECT,
    )
