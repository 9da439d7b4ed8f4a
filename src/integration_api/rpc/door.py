"""Every gRPC call comes in here: found, authenticated, allowed, answered, and never unexplained."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from functools import lru_cache

from integration_api.core.errors import Failure, Kind
from integration_api.core.secret import wipe
from integration_api.core.tenant import Principal
from integration_api.edge.application import Call, Method, RpcError, Status
from integration_api.rpc.errors import rpc_error
from integration_api.rpc.methods import Ask, RpcMethod, Stream, Unary
from integration_api.services.caller import forbidden, request_id_of
from integration_api.telemetry.board import Count
from integration_api.telemetry.log import Log
from integration_api.telemetry.metrics import RPC

Authenticate = Callable[[Mapping[bytes, bytes]], Awaitable[Principal]]


class RpcDoor:
    """The edge's `rpc`: a method that is not listed here does not exist."""

    def __init__(self, methods: Iterable[RpcMethod], authenticate: Authenticate, log: Log) -> None:
        self._authenticate = authenticate
        self._log = log
        self._methods = {method.path: self._guarded(method) for method in methods}

    def find(self, path: str) -> Method | None:
        return self._methods.get(path)

    def _guarded(self, method: RpcMethod) -> Method:
        if method.unary is not None:
            return Method("unary", unary=self._unary(method, method.unary))
        if method.stream is not None:
            return Method("stream", stream=self._stream(method, method.stream))
        raise ValueError(method.path)

    def _unary(self, method: RpcMethod, answer: Unary) -> Callable[[Call, bytearray], Awaitable[bytes]]:
        async def unary(call: Call, message: bytearray) -> bytes:
            ask = self._ask(call)
            status = Status.CANCELLED
            try:
                await self._admit(method, ask)
                said = await answer(ask, message)
                status = Status.OK
                return said
            except Exception as error:  # noqa: BLE001 - the last wall: nothing unexplained leaves
                refusal = self._refusal(method, ask, error)
                status = refusal.status
                raise refusal from None
            finally:
                wipe(message)
                _count(method.path, status.name).value += 1

        return unary

    def _stream(
        self, method: RpcMethod, answer: Stream
    ) -> Callable[[Call, AsyncIterator[bytearray]], AsyncGenerator[bytes, None]]:
        async def stream(call: Call, messages: AsyncIterator[bytearray]) -> AsyncGenerator[bytes, None]:
            ask = self._ask(call)
            status = Status.CANCELLED
            try:
                await self._admit(method, ask)
                async with aclosing(answer(ask, messages)) as frames:
                    async for frame in frames:
                        yield frame
                status = Status.OK
            except Exception as error:  # noqa: BLE001 - the last wall
                refusal = self._refusal(method, ask, error)
                status = refusal.status
                raise refusal from None
            finally:
                _count(method.path, status.name).value += 1

        return stream

    @staticmethod
    def _ask(call: Call) -> Ask:
        request_id = request_id_of(call.metadata.get(b"x-request-id"))
        call.initial_metadata.append((b"x-request-id", request_id.encode()))
        return Ask(call, request_id)

    async def _admit(self, method: RpcMethod, ask: Ask) -> None:
        if method.scope is None:
            return
        ask.principal = await self._authenticate(ask.call.metadata)
        if not ask.principal.may(method.scope):
            raise forbidden(method.scope)

    def _refusal(self, method: RpcMethod, ask: Ask, error: Exception) -> RpcError:
        if isinstance(error, RpcError):
            return error
        if not isinstance(error, Failure):
            self._log.error("unexpected", error=error, route=method.path, request_id=ask.request_id)
            error = Failure(Kind.INTERNAL, "internal error; the log has its request id")
        return rpc_error(error, ask.request_id)


@lru_cache(maxsize=1024)
def _count(method: str, status: str) -> Count:
    return RPC.of(method, status)
