"""Which of several targets answers: one after another, or the next one beside the first when that is slow."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeAlias

from msgspec import Struct

from integration_api.core.errors import Failure
from integration_api.core.llm import Usage
from integration_api.services.leg import Leg, Talk, late, recoverable
from integration_api.services.target import Target

NOTHING = Usage()


class Fallback(Struct, frozen=True, kw_only=True):
    """Milliseconds. `targets` stand in for the first one, in their order."""

    targets: tuple[Target, ...] = ()
    connect_timeout_ms: int = 5_000
    first_event_timeout_ms: int = 4_000
    """Without a word from the provider while somebody speaks, or while text waits to be spoken."""
    hedge_after_ms: int | None = None
    """The next target is dialled too when the first has not answered by then; None never does."""


Begin: TypeAlias = Callable[[Target], Awaitable[Leg[Talk]]]


class Plan(Generic[Talk]):
    """The targets of one session, used up as they fail. When there is no other, one that may fare better is tried
    `again` times.
    """

    def __init__(self, first: Target, fallback: Fallback, begin: Begin[Talk], *, again: int = 1) -> None:
        self._left: list[Target] = [first, *fallback.targets]
        self._fallback = fallback
        self._begin = begin
        self._again = again

    async def open(self) -> tuple[Leg[Talk], list[Any]]:
        """Return the first leg that opens, with what it has told. Raises the first failure when none does."""
        failures: list[Failure] = []
        while self._left:
            last = self._left[-1]
            try:
                return await self._race()
            except Failure as error:
                failures.append(error)
                if not self._left and recoverable(error) and self._again > 0:
                    self._again -= 1
                    self._left.append(last)
        raise failures[0]

    def once_more(self, leg: Leg[Talk]) -> None:
        """Let a leg's target, which asked for a new socket, be the next."""
        self._left.insert(0, leg.call.target)

    def lost(self, leg: Leg[Talk], error: Failure) -> bool:
        """Hear that an open leg has failed; return whether to go on."""
        if not recoverable(error):
            # Over gRPC a provider refuses when the call is open: that is like any dial that is refused.
            return bool(self._left) and not leg.heard
        if not self._left and self._again > 0:
            self._again -= 1
            self._left.append(leg.call.target)
        return bool(self._left)

    async def _race(self) -> tuple[Leg[Talk], list[Any]]:
        """Open the next target, and the one after it if that takes too long: whoever opens first stays."""
        hedge = self._fallback.hedge_after_ms
        racing = {asyncio.create_task(self._opened(self._left.pop(0)))}
        failed: Failure | None = None
        try:
            while racing:
                patience = None if hedge is None or not self._left or len(racing) > 1 else hedge / 1000
                done, pending = await asyncio.wait(
                    racing, timeout=patience, return_when=asyncio.FIRST_COMPLETED
                )
                racing = pending
                if not done:
                    racing = racing | {asyncio.create_task(self._opened(self._left.pop(0)))}
                for one in done:
                    try:
                        return one.result()
                    except Failure as error:
                        failed = failed or error
            assert failed is not None  # noqa: S101 - nobody is left, so somebody failed
            raise failed
        finally:
            for one in racing:
                one.cancel()
            await asyncio.gather(*racing, return_exceptions=True)

    async def _opened(self, target: Target) -> tuple[Leg[Talk], list[Any]]:
        leg = await self._begin(target)
        try:
            async with asyncio.timeout(self._fallback.connect_timeout_ms / 1000):
                return leg, await leg.open()
        except TimeoutError:
            error = late("the provider did not begin the session in time")
            await leg.close(error, NOTHING)
            raise error from None
        except BaseException as error:
            await leg.close(error, NOTHING)
            raise
