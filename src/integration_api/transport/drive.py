"""Drives exchanges and streams to their end: the transport as services see it."""

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from itertools import islice
from time import perf_counter
from typing import Any, TypeVar

import msgspec

from integration_api.core.credential import Secrets
from integration_api.core.errors import CallerLeft, Failure, Kind, Phase, ProviderError, Refusal
from integration_api.core.exchange import (
    Auth,
    Exchange,
    Fault,
    HttpRequest,
    HttpResponse,
    SigV4,
    Stream,
)
from integration_api.core.relay import Outlet, RelayedStream
from integration_api.core.secret import wipe
from integration_api.transport import grant
from integration_api.transport.connection import SWITCHED, Connection
from integration_api.transport.decompress import broken
from integration_api.transport.egress import EgressGuard
from integration_api.transport.farewell import Farewells
from integration_api.transport.grpc_call import GrpcCall
from integration_api.transport.http import Client, Context, tls_context
from integration_api.transport.limits import TransportLimits
from integration_api.transport.link import Link
from integration_api.transport.retry import Retries, retry_after
from integration_api.transport.sent import sent
from integration_api.transport.signing import hide, scrub
from integration_api.transport.tokens import BEARER, BY_TOKEN, Token, Tokens
from integration_api.transport.trace import Trace
from integration_api.transport.websocket import Socket

__all__ = ["Trace", "Transport"]

Answer = TypeVar("Answer")
Event = TypeVar("Event")

TOKEN_SECONDS = 30.0
"""A token endpoint answers within a second; after this its callers had better hear of it."""

BATCH = 64
"""Events in one list of a stream that needs no network: enough to be cheap, few enough to be fair."""


class Transport:
    """The one way out. A call belongs to an `account`: connections and retry budgets are never shared
    between two, and an account of None keeps no connection.

    A refusal (status 300 and above: redirects are not followed) becomes the `ProviderError` that
    `fault` makes of it, scrubbed of the secret that was sent. A cancelled call hangs up at once;
    what it had started at the provider is stopped behind its back (`CallerLeft`).
    """

    def __init__(
        self,
        guard: EgressGuard,
        limits: TransportLimits,
        *,
        ssl_context: ssl.SSLContext | None = None,
        http2_context: Context = ssl.create_default_context,
    ) -> None:
        self._limits = limits
        self._client = Client(guard, limits, tls_context(ssl_context), http2_context)
        self._retries = Retries(limits.retries)
        self._farewells = Farewells()
        self._tokens = Tokens(self._grant, guard.exempts)

    async def run(
        self,
        exchange: Exchange[Answer],
        fault: Fault,
        secrets: Secrets | None,
        trace: Trace,
        account: Hashable | None,
    ) -> Answer:
        """Send what the exchange asks for until it returns its answer.

        A refusal is thrown into it; every other failure is raised here. Raises `Failure`.
        """
        until = self._until()
        auth: Auth | None = None
        asking: asyncio.Task[HttpResponse | ProviderError] | None = None
        try:
            request = next(exchange)
            while True:
                auth = request.auth
                asked = self._reply(request, fault, secrets, trace, account, until)
                if request.idempotent:
                    reply = await asked
                else:
                    asking = asyncio.create_task(asked)
                    reply = await asyncio.shield(asking)
                    asking = None
                request = _after(exchange, reply)
        except StopIteration as done:
            answer: Answer = done.value
            return answer
        except (Failure, asyncio.CancelledError) as error:
            self._leave(exchange, asking, fault, secrets, trace, account)
            if isinstance(error, ProviderError):
                self._clean(error, secrets, auth, account)
            raise
        finally:
            trace.finished_at = perf_counter()

    async def send(
        self,
        request: HttpRequest,
        fault: Fault,
        secrets: Secrets | None,
        trace: Trace,
        account: Hashable | None,
    ) -> HttpResponse:
        """Send one request and return its whole answer. Raises `Failure`."""
        first_byte, until = self._limits.first_byte, self._until()
        try:
            connection = await self._answered(request, fault, secrets, trace, account, first_byte, until)
            if isinstance(connection, ProviderError):
                raise connection
            try:
                body = await connection.whole(first_byte)
            finally:
                self._client.pool.release(connection)
        finally:
            trace.finished_at = perf_counter()
        return HttpResponse(connection.status, connection.headers, body)

    async def stream(
        self,
        stream: Stream[Event],
        fault: Fault,
        secrets: Secrets | None,
        trace: Trace,
        account: Hashable | None,
    ) -> AsyncGenerator[list[Event], None]:
        """Yield events as they arrive, one list a read and none of them empty.

        The first event comes alone, before what follows it is looked at. Close the iterator to
        hang up. Raises `Failure`; `after_output` says whether anything was yielded before.
        """
        reader = stream.reader
        if stream.course is not None:
            async with aclosing(self._course(stream.course, stream, fault, secrets, trace, account)) as told:
                async for batch in told:
                    yield batch
            return
        if stream.request is None:
            said = iter(reader.close())
            batch = list(islice(said, 1))
            while batch:
                yield batch
                batch = list(islice(said, BATCH))
            return
        began = False
        try:
            connection = await self._stream(stream.request, fault, secrets, trace, account)
            if stream.opened is not None:
                stream.opened(connection.headers)
            framing_feed, reader_feed = stream.framing.feed, reader.feed
            patience: float | None = self._stream_first_byte
            try:
                while True:
                    chunk = await connection.read(patience)
                    patience = None
                    events: list[Event] = []
                    try:
                        for frame in framing_feed(chunk):
                            events += reader_feed(frame)
                            if events and not began:
                                began = True
                                yield events[:1]
                                del events[0]
                    except ProviderError:
                        if events:  # What was said before it failed has been said.
                            yield events
                        raise
                    if events:
                        yield events
                    if not chunk:
                        break
            except ProviderError as error:
                if error.kind is not Kind.TRUNCATED or error.phase is not Phase.STREAM:
                    raise
                # Cut off: after the answer's own ending that is no loss, and `close` knows.
            finally:
                self._client.pool.release(connection)
            if events := list(reader.close()):
                yield events
        except ProviderError as error:
            error.after_output = began
            self._clean(error, secrets, stream.request.auth, account)
            raise
        finally:
            trace.finished_at = perf_counter()

    async def _course(
        self,
        course: Exchange[Sequence[Event]],
        stream: Stream[Event],
        fault: Fault,
        secrets: Secrets | None,
        trace: Trace,
        account: Hashable | None,
    ) -> AsyncGenerator[list[Event], None]:
        """Follow a stream that has something to ask before and after it."""
        until = self._until()
        began = False
        auth: Auth | None = None
        asking: asyncio.Task[HttpResponse | ProviderError] | None = None
        reply: HttpResponse | ProviderError
        try:
            request = next(course)
            while True:
                auth = request.auth
                if request.streamed:
                    told = self.stream(
                        Stream(request, stream.framing, stream.reader, stream.opened),
                        fault,
                        secrets,
                        trace,
                        account,
                    )
                    try:
                        async with aclosing(told):
                            async for events in told:
                                began = True
                                yield events
                        reply = HttpResponse(trace.status, trace.headers, b"")
                    except ProviderError as error:
                        reply = error
                elif request.idempotent:
                    reply = await self._reply(request, fault, secrets, trace, account, until)
                else:
                    asking = asyncio.create_task(self._reply(request, fault, secrets, trace, account, until))
                    reply = await asyncio.shield(asking)
                    asking = None
                request = _after(course, reply)
        except StopIteration as done:
            last = list(done.value)
        except (Failure, asyncio.CancelledError, GeneratorExit) as error:
            self._leave(course, asking, fault, secrets, trace, account)
            if isinstance(error, ProviderError):
                error.after_output = began
                self._clean(error, secrets, auth, account)
            raise
        finally:
            trace.finished_at = perf_counter()
        if last:
            yield last

    def _leave(
        self,
        exchange: Exchange[Any],
        asking: "asyncio.Task[HttpResponse | ProviderError] | None",
        fault: Fault,
        secrets: Secrets | None,
        trace: Trace,
        account: Hashable | None,
    ) -> None:
        """Let an exchange that nobody waits for stop what it has started, behind the caller's back.

        `asking` is a request under way that could not be given up; one that was not sent yet never will be.
        """
        if asking is not None and not trace.sent_at:
            asking.cancel()
        elif asking is not None and not asking.done():
            self._farewells.say(self._late_farewell(exchange, asking, fault, secrets, account))
            return
        if (request := _last_word(exchange)) is not None:
            self._farewells.say(self._farewell(request, fault, secrets, account))

    async def _late_farewell(
        self,
        exchange: Exchange[Any],
        asking: "asyncio.Task[HttpResponse | ProviderError]",
        fault: Fault,
        secrets: Secrets | None,
        account: Hashable | None,
    ) -> None:
        try:
            _after(exchange, await asking)
        except StopIteration:
            return  # It has ended by itself.
        finally:
            request = _last_word(exchange)
        if request is not None:
            await self._farewell(request, fault, secrets, account)

    async def _farewell(
        self, request: HttpRequest, fault: Fault, secrets: Secrets | None, account: Hashable | None
    ) -> None:
        trace = Trace(started_at=perf_counter())
        await self._reply(request, fault, secrets, trace, account, self._until())

    async def relay(
        self,
        request: HttpRequest,
        relayed: RelayedStream,
        fault: Fault,
        secrets: Secrets | None,
        trace: Trace,
        account: Hashable | None,
        outlet: Outlet | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """Yield what `relayed` lets through, as it arrives, or hand it to `outlet` where that takes it.

        The caller calls `relayed.close` afterwards, for the rest and the tally; a body that was cut
        off ends the iteration, and only `close` knows whether its ending was lost. Raises `Failure`.
        """
        began = False
        try:
            connection = await self._stream(request, fault, secrets, trace, account)
            feed = relayed.feed
            patience: float | None = self._stream_first_byte
            try:
                while chunk := await connection.read(patience):
                    patience = None
                    if passed := feed(chunk):
                        began = True
                        yield passed
                        if outlet is not None and outlet.take is not None:
                            await connection.pour(_through(feed, outlet.take))
            except ProviderError as error:
                if error.kind is not Kind.TRUNCATED or error.phase is not Phase.STREAM:
                    raise
            finally:
                self._client.pool.release(connection)
        except ProviderError as error:
            error.after_output = began
            self._clean(error, secrets, request.auth, account)
            raise
        finally:
            trace.finished_at = perf_counter()

    async def dial(
        self,
        request: HttpRequest,
        fault: Fault,
        secrets: Secrets | None,
        trace: Trace,
        account: Hashable | None,
    ) -> Link:
        """Open the WebSocket or the gRPC call that `request` asks for. The caller closes it. Raises `Failure`.

        It is tried once: who is spoken to live has other targets, and no time. A gRPC call is open before
        the provider has judged it: a refusal is how it closes.
        """
        if request.grpc:
            return await self._call(request, secrets, trace, account)
        answer = self._limits.socket.answer
        connection = await self._answered(
            request, fault, secrets, trace, account, answer, self._until(), once=True
        )
        if isinstance(connection, ProviderError):
            raise connection
        if connection.state != SWITCHED:
            connection.abort()
            raise broken("the provider answered, but did not open a WebSocket")
        return Socket(connection, self._limits.socket)

    async def _call(
        self, request: HttpRequest, secrets: Secrets | None, trace: Trace, account: Hashable | None
    ) -> GrpcCall:
        trace.attempts = trace.attempts or 1
        if not isinstance(request.auth, BY_TOKEN):
            return await self._client.call(request, secrets, trace, account)
        token = await self._tokens.get(request.auth, secrets, account)
        asked = msgspec.structs.replace(request, auth=BEARER)
        call = await self._client.call(asked, token, trace, account)
        # It may have been revoked: whoever calls next gets another.
        call.unauthenticated = partial(self._tokens.reject, token)
        return call

    def clean(
        self, error: ProviderError, secrets: Secrets | None, auth: Auth | None, account: Hashable | None
    ) -> None:
        """Take the secrets of a session out of everything an error of its quotes."""
        self._clean(error, secrets, auth, account)

    def drop(self, gone: Callable[[Hashable], bool]) -> None:
        """Keep no connection and no token of accounts whose credential changed; calls under way may end."""
        self._client.pool.drop(gone)
        self._tokens.drop(gone)

    async def close(self) -> None:
        """Say what is left to say, then hang up on everybody."""
        await self._farewells.close()
        await self._tokens.close()
        await self._client.pool.close()

    # --- one request -------------------------------------------------------------------------

    def _until(self) -> float:
        return asyncio.get_running_loop().time() + self._limits.total

    @property
    def _stream_first_byte(self) -> float:
        return min(self._limits.first_byte, self._limits.stream_first_byte)

    async def _reply(
        self,
        request: HttpRequest,
        fault: Fault,
        secrets: Secrets | None,
        trace: Trace,
        account: Hashable | None,
        until: float,
    ) -> HttpResponse | ProviderError:
        first_byte = self._limits.first_byte
        connection = await self._answered(request, fault, secrets, trace, account, first_byte, until)
        if isinstance(connection, ProviderError):
            return connection
        try:
            body = await connection.whole(first_byte)
        finally:
            self._client.pool.release(connection)
        return HttpResponse(connection.status, connection.headers, body)

    async def _stream(
        self,
        request: HttpRequest,
        fault: Fault,
        secrets: Secrets | None,
        trace: Trace,
        account: Hashable | None,
    ) -> Connection:
        connection = await self._answered(
            request, fault, secrets, trace, account, self._stream_first_byte, self._until()
        )
        if isinstance(connection, ProviderError):
            raise connection
        return connection

    async def _answered(
        self,
        request: HttpRequest,
        fault: Fault,
        secrets: Secrets | None,
        trace: Trace,
        account: Hashable | None,
        first_byte: float,
        until: float,
        *,
        once: bool = False,
    ) -> Connection | ProviderError:
        """Try until there is an answer or no use: return the connection it comes on, or the refusal."""
        loop = asyncio.get_running_loop()
        if request.delay > 0:
            if loop.time() + request.delay > until:
                raise ProviderError(
                    Kind.TIMEOUT, "the provider did not finish in time", code="upstream_timeout"
                )
            await asyncio.sleep(request.delay)
        trace.attempts = trace.attempts or 1
        self._retries.started(account)
        tried = 1
        auth = request.auth
        asked, signs, token = request, secrets, None
        renewed = False
        while True:
            trace.status, trace.headers = 0, {}
            if isinstance(auth, BY_TOKEN):
                trace.sent_at = trace.sent_at or perf_counter()
                signs = token = await self._tokens.get(auth, secrets, account)
                asked = msgspec.structs.replace(request, auth=BEARER)
            refused = False
            try:
                connection = await self._client.ask(asked, signs, trace, account, first_byte, until)
                if connection.status < 300:
                    if token is not None:
                        token.used = True
                    return connection
                refused = True
                status, headers = connection.status, connection.headers
                error = await self._refusal(connection, fault, secrets, auth, account)
                if self._renews(connection.origin.host, auth, token, status, headers) and not renewed:
                    renewed = True
                    trace.attempts += 1
                    continue
            except ProviderError as failure:
                if refused:
                    raise
                error = failure
            pause = None
            if not (once or request.once):
                pause = self._retries.pause(
                    error, tried, trace.headers, account, idempotent=request.idempotent
                )
            if pause is None or loop.time() + pause > until:
                if refused:
                    return error
                raise error
            tried += 1
            trace.attempts += 1
            await asyncio.sleep(pause)

    def _renews(
        self, host: str, auth: Auth | None, token: Token | None, status: int, headers: Mapping[str, str]
    ) -> bool:
        """Tell whether a refusal was of an old token or a wrong clock: then signing anew is worth one try."""
        if token is not None and status == 401:
            self._tokens.reject(token)
            return token.used
        return status == 403 and isinstance(auth, SigV4) and self._client.clocks.learn(host, headers)

    async def _grant(self, exchange: Exchange[grant.Grant], secrets: Secrets) -> grant.Grant:
        """Have a conversation with a token endpoint; it belongs to nobody's account and has little time."""
        try:
            async with asyncio.timeout(TOKEN_SECONDS):
                return await self.run(exchange, grant.fault, secrets, Trace(perf_counter()), None)
        except TimeoutError:
            raise ProviderError(
                Kind.TIMEOUT,
                "the token endpoint did not answer in time",
                code="upstream_timeout",
                phase=Phase.CONNECT,
            ) from None

    async def _refusal(
        self,
        connection: Connection,
        fault: Fault,
        secrets: Secrets | None,
        auth: Auth | None,
        account: Hashable | None,
    ) -> ProviderError:
        try:
            body = await connection.excerpt(self._limits.idle)
        finally:
            self._client.pool.release(connection)
        status, headers = connection.status, connection.headers
        if status < 400:
            return ProviderError(
                Kind.UPSTREAM,
                "the provider answered with a redirect, which is not followed; check the credential's base_url",
                refusal=Refusal(status=status),
                code="redirect_refused",
                retryable=False,
            )
        live = self._sent(secrets, auth, account)
        hide(body, live)
        for secret in live:
            wipe(secret)
        error = fault(HttpResponse(status, headers, bytes(body)))
        if (wish := retry_after(headers, time.time())) is not None:
            error.retry_after = wish
        self._clean(error, secrets, auth, account)
        return error

    def _clean(
        self, error: ProviderError, secrets: Secrets | None, auth: Auth | None, account: Hashable | None
    ) -> None:
        """Take the secrets that were sent out of everything an error quotes, and keep its words short."""
        _scrub(error, self._sent(secrets, auth, account))

    def _sent(self, secrets: Secrets | None, auth: Auth | None, account: Hashable | None) -> list[bytearray]:
        """Return the secrets that a request was signed with, for the caller to wipe."""
        if isinstance(auth, BY_TOKEN):
            return sent(self._tokens.peek(auth, secrets, account), BEARER)
        return sent(secrets, auth)


def _through(feed: Callable[[bytes], bytes], take: Callable[[bytes], bool]) -> Callable[[bytes], bool]:
    """Return what hands on what a watcher lets through of a chunk."""

    def pass_on(chunk: bytes) -> bool:
        passed = feed(chunk)
        return take(passed) if passed else True

    return pass_on


def _after(exchange: Exchange[Any], reply: HttpResponse | ProviderError) -> HttpRequest:
    """Hand an exchange its reply, or its refusal; return what it asks next. Raises what it raises."""
    if isinstance(reply, ProviderError):
        return exchange.throw(reply)
    return exchange.send(reply)


def _last_word(exchange: Exchange[Any]) -> HttpRequest | None:
    """Tell an exchange that nobody waits for it; return the request that stops what it has started."""
    try:
        return exchange.throw(CallerLeft())
    except (Failure, StopIteration):
        return None
    finally:
        exchange.close()


def _scrub(error: ProviderError, live: list[bytearray]) -> None:
    try:
        error.message = scrub(error.message, live)
        error.args = (error.message,)
        error.code = scrub(error.code, live)
        error.param = _scrubbed(error.param, live)
        refusal = error.refusal
        error.refusal = msgspec.structs.replace(
            refusal,
            type=_scrubbed(refusal.type, live),
            code=_scrubbed(refusal.code, live),
            request_id=_scrubbed(refusal.request_id, live),
        )
    finally:
        for secret in live:
            wipe(secret)


def _scrubbed(text: str | None, live: Iterable[bytearray]) -> str | None:
    return text and scrub(text, live)
