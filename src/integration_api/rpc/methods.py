"""What a gRPC method of ours is: its name, the scope it needs, and who answers."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

from integration_api.core.errors import Failure, Kind
from integration_api.core.tenant import Principal, Scope
from integration_api.edge.application import Call
from integration_api.services.call import Origin
from integration_api.services.caller import REQUEST_ID_LENGTH


@dataclass(slots=True)
class Ask:
    """One call: who asks for what."""

    call: Call
    request_id: str
    principal: Principal | None = None

    @property
    def caller(self) -> Principal:
        """The authenticated caller. Only public methods have none, and they do not ask."""
        if self.principal is None:
            raise Failure(Kind.AUTHENTICATION, "this method needs an API key", code="invalid_api_key")
        return self.principal

    def origin(
        self, metadata: Mapping[str, str], request_id: str = "", received_at: float | None = None
    ) -> Origin:
        """Return where a call comes from.

        `metadata` goes into its audit record, as does `request_id`, the message's own name for it.
        One message of a stream is `received_at` a time of its own.
        """
        return Origin(
            self.caller,
            request_id[:REQUEST_ID_LENGTH] or self.request_id,
            self.call.received_at if received_at is None else received_at,
            metadata,
        )


Unary = Callable[[Ask, bytearray], Awaitable[bytes]]
Stream = Callable[[Ask, AsyncIterator[bytearray]], AsyncGenerator[bytes, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcMethod:
    """One method: it has either a `unary` or a `stream`."""

    service: str
    name: str
    scope: Scope | None
    """None is public."""
    unary: Unary | None = None
    stream: Stream | None = None

    @property
    def path(self) -> str:
        return f"/{self.service}/{self.name}"
