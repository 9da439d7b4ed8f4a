"""Which of several targets answers: one after another, or the next one beside the first when that is slow."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping
from typing import Any, Generic, TypeAlias

from msgspec import Struct

from integration_api.core.errors import Failure, Kind
from integration_api.core.llm import Usage
from integration_api.services.leg import Leg, Talk, late, recoverable
from integration_api.services.target import Target
from integration_api.transport.budget import Budget

NOTHING = Usage()


class Outrun(Failure):
    """Another target answered first."""

    def __init__(self) -> None:
        super().__init__(Kind.CANCELLED, "another target answered first", code="hedge_lost")


class Fallback(Struct, frozen=True, kw_only=True):
    """Milliseconds. `targets` stand in for the first one, in their order."""

    targets: tuple[Target, ...] = ()
    connect_timeout_ms: int = 5_000
    first_event_timeout_ms: int = 4_000
    """Without a word from the provider while somebody speaks, or while text waits to be spoken."""
    hedge_after_ms: int | None = None
    """The next target is dialled too when one has not begun its session by then, or has begun it and owes a first word
    for so long, within the tenant's budget; None never does. Who is first stays, and the other is hung up on.
    """


def options_of(target: Target, first: Target, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the options for a target: its own, or those that were `asked` of the first where that is the same
    provider's. Another one does not know them.
    """
    return target.options or (asked if target.provider is first.provider else {})


def voice_of(target: Target, first: Target, asked: str | None) -> str | None:
    """Return whose voice a target is to speak with, by the same rule."""
    return target.voice or (asked if target.provider is first.provider else None)


Begin: TypeAlias = Callable[[Target], Awaitable[Leg[Talk]]]


class Plan(Generic[Talk]):
    """The targets of one session, used up as they fail. When there is no other, one that may fare better is tried
    `again` times. Dialling beside a slow one takes from `account`'s part of `budget`.
    """

    def __init__(
        self,
        first: Target,
        fallback: Fallback,
        begin: Begin[Talk],
        budget: Budget,
        account: Hashable,
        *,
        again: int = 1,
    ) -> None:
        self._left: list[Target] = [first, *fallback.targets]
        self._fallback = fallback
        self._begin = begin
        self._budget = budget
        self._account = account
        self._again = again
        budget.started(account)

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

    @property
    def more(self) -> bool:
        """Whether somebody may go on where the present leg fails."""
        return bool(self._left) or self._again > 0

    @property
    def others(self) -> bool:
        """Whether there are targets that have not had their turn."""
        return bool(self._left)

    def beside(self) -> "Racer[Talk] | None":
        """Open the next target beside a leg that owes a word, if there is one and the budget allows it."""
        if not self._left or not self._budget.spend(self._account):
            return None
        return Racer(self._opened, self._left.pop(0))

    def back(self, target: Target, *, last: bool = False) -> None:
        """Let a target that was outrun, and did not fail, be the next again, or the `last`."""
        self._left.insert(len(self._left) if last else 0, target)

    def goes_on(self, leg: Leg[Talk], error: Failure) -> bool:
        """Whether another may go on where a leg has failed.

        Over gRPC a provider refuses when the call is open: that is like any dial that is refused.
        """
        return isinstance(error, Outrun) or recoverable(error) or not leg.heard

    async def after(self, leg: Leg[Talk], error: Failure | None) -> tuple[Leg[Talk], list[Any]]:
        """Return the leg that follows one which failed, or which asked for a new socket where `error` is None.

        Raises what the leg failed with where nothing follows, or else what the following failed with.
        """
        target, left = leg.call.target, self._left
        if error is None:
            left.insert(0, target)
        elif isinstance(error, Outrun):
            left.append(target)
        elif not left and recoverable(error) and self._again > 0:
            self._again -= 1
            left.append(target)
        if not left or (error is not None and not self.goes_on(leg, error)):
            assert error is not None  # noqa: S101 - it would be its own follower
            raise error
        return await self.open()

    async def _race(self) -> tuple[Leg[Talk], list[Any]]:
        """Open the next target, and the one after it if that takes too long: whoever opens first stays."""
        hedge = self._fallback.hedge_after_ms
        racers = [Racer(self._opened, self._left.pop(0))]
        failed: Failure | None = None
        winner: Racer[Talk] | None = None
        try:
            while running := {one.task for one in racers if not one.task.done()}:
                alone = hedge is not None and bool(self._left) and len(racers) == 1
                patience = hedge / 1000 if alone and hedge is not None else None
                await asyncio.wait(running, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                for one in racers:
                    if one.task.done() and (error := one.task.exception()) is None:
                        winner = one
                        return one.task.result()
                    if one.task.done() and isinstance(error, Failure):
                        failed = failed or error
                    elif one.task.done() and error is not None:
                        raise error
                if alone and not racers[0].task.done():
                    if self._budget.spend(self._account):
                        racers.append(Racer(self._opened, self._left.pop(0)))
                    else:
                        hedge = None
            assert failed is not None  # noqa: S101 - nobody is left, so somebody failed
            raise failed
        finally:
            for one in racers:
                if one is not winner:
                    await one.stop(outrun=winner is not None)

    async def _opened(self, racer: "Racer[Talk]") -> tuple[Leg[Talk], list[Any]]:
        leg = await self._begin(racer.target)
        try:
            async with asyncio.timeout(self._fallback.connect_timeout_ms / 1000):
                return leg, await leg.open()
        except TimeoutError:
            error = late("the provider did not begin the session in time")
            await leg.close(error, NOTHING)
            raise error from None
        except asyncio.CancelledError as gone:
            await leg.close(Outrun() if racer.outrun else gone, NOTHING)
            raise
        except BaseException as error:
            await leg.close(error, NOTHING)
            raise


class Racer(Generic[Talk]):
    """One target on its way to an open leg."""

    def __init__(
        self,
        open: "Callable[[Racer[Talk]], Coroutine[Any, Any, tuple[Leg[Talk], list[Any]]]]",
        target: Target,
    ) -> None:
        self.target = target
        self.outrun = False
        """Whether another one was faster."""
        self.task = asyncio.create_task(open(self))

    async def stop(self, *, outrun: bool, usage: Usage = NOTHING) -> None:
        """Hang up on who is not wanted any more, be it open by now, and given what `usage` says, or not."""
        self.outrun = outrun
        self.task.cancel()
        await asyncio.wait({self.task})
        if not self.task.cancelled() and self.task.exception() is None:
            leg, _ = self.task.result()
            await leg.close(Outrun() if outrun else asyncio.CancelledError(), usage)
