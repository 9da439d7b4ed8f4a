"""The way of every call that is one ask and one whole answer."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind
from integration_api.core.exchange import Exchange
from integration_api.core.llm import Usage
from integration_api.services.call import Call, Calls, Ending, Origin
from integration_api.services.target import Target
from integration_api.transport.drive import Transport


class HasUsage(Protocol):
    @property
    def usage(self) -> Usage: ...


Ask = TypeVar("Ask")
Answer = TypeVar("Answer", bound=HasUsage)


class Unary:
    """Runs one ask of a provider and keeps its record. Raises `Failure`."""

    def __init__(self, calls: Calls, transport: Transport) -> None:
        self._calls = calls
        self._transport = transport

    async def run(
        self,
        origin: Origin,
        target: Target,
        operation: str,
        capability: Callable[[Ask, Credential], Exchange[Answer]] | None,
        ask: Ask,
        kept: Ask | None = None,
    ) -> tuple[Call, Answer]:
        """Return the answer. `kept` is what the record keeps of `ask`, where that is not all of it."""
        if capability is None:
            raise unsupported(target, operation)
        call = await self._calls.open(origin, target, operation)
        with Ending(call):
            call.asked = ask if kept is None else kept
            answer = call.answered = await self.drive(call, capability(ask, call.credential))
            call.done(answer.usage)
            return call, answer

    async def drive(self, call: Call, exchange: Exchange[Any]) -> Any:
        """Send what `exchange` asks for, signed with the call's credential."""
        return await self._transport.run(
            exchange, call.target.provider.fault, call.secrets, call.trace, call.account
        )


def unsupported(target: Target, operation: str) -> Failure:
    return Failure(
        Kind.UNSUPPORTED,
        f"{target.provider.name} does not offer {operation}; GET /v1/providers lists who does",
        code="unsupported_operation",
        param="model" if target.model else None,
    )
