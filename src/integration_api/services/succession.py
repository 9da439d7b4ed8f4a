"""Which leg goes on for a session: the next target where one failed, or its rival where one is open and silent.

A rival is opened beside the session's own leg, told the same, and heard up to its first word.
"""

import asyncio
from contextlib import aclosing, suppress
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from integration_api.core.errors import Failure, ProviderError
from integration_api.core.llm import Usage
from integration_api.services import clock
from integration_api.services.fallback import Outrun, Plan, Racer
from integration_api.services.leg import Leg, Talk, late


class Briefing(Protocol):
    """What one leg has been told of a session."""

    async def catch_up(self) -> list[Any]:
        """Tell the leg what it has not been told; return what it told thereby. Raises `ProviderError`."""
        ...

    def usage(self) -> Usage:
        """Return what the leg has been given."""
        ...


Told = TypeVar("Told", bound=Briefing)


class Successor(NamedTuple, Generic[Talk, Told]):
    """A leg that may go on for a session, with what it has told so far, and what it has been told."""

    leg: Leg[Talk]
    told: list[Any]
    briefing: Told


class Side(Protocol[Talk, Told]):
    """The session."""

    def silent_since(self) -> float:
        """Return since when its own leg owes a word, by `clock.perf()`; 0.0 where it owes none."""
        ...

    def is_word(self, event: Any) -> bool:
        """Whether an event is the word that is owed."""
        ...

    def brief(self, leg: Leg[Talk]) -> Told:
        """Return the briefing of a leg that has just opened."""
        ...

    def outrun(self) -> None:
        """Let its own leg go if that is silent still: another one had the word first."""
        ...

    def take(self, briefing: Told) -> None:
        """Make a leg its own, from the present moment on."""
        ...

    async def let_go(self, cause: BaseException | None) -> None:
        """Hang up on its own leg, if there is one, and keep its record: of success, or of `cause`."""
        ...


class Succession(Generic[Talk, Told]):
    """Knows who follows a leg of `plan`, and has it ready where that owes a word for `hedge_after_ms`."""

    def __init__(self, plan: Plan[Talk], hedge_after_ms: int | None, side: Side[Talk, Told]) -> None:
        self._plan = plan
        self._after = None if hedge_after_ms is None else hedge_after_ms / 1000
        self._side = side
        self._rival: _Rival[Talk, Told] | None = None
        self._following = False
        """Whether a leg is being followed: then nobody has the session who could owe a word."""
        self._leaving: set[asyncio.Task[None]] = set()

    async def watch(self) -> None:
        """Look after a silent leg, for as long as the session lasts."""
        after = self._after
        if after is None:
            return
        wait = after
        while True:
            # What becomes due meanwhile has at least as long.
            await asyncio.sleep(wait)
            wait = after
            since = self._side.silent_since()
            if not since or self._accompanied or self._following:
                continue
            if (left := since + after - clock.perf()) > 0:
                wait = left
            elif (racer := self._plan.beside()) is not None:
                self._rival = _Rival(racer, self._side)

    def more(self) -> None:
        """Hear that the session has been told more: its rival is told, too."""
        if self._rival is not None:
            self._rival.more.set()

    @property
    def further(self) -> bool:
        """Whether somebody may go on where the session's own leg fails."""
        return self._accompanied or self._plan.more

    @property
    def others(self) -> bool:
        """Whether another target may go on, or is about to."""
        return self._accompanied or self._plan.others

    @property
    def _accompanied(self) -> bool:
        return self._rival is not None and not self._rival.failed

    def drop(self) -> None:
        """Hang up on the rival, if there is one: the session's own leg has the word, or nobody wants one any more."""
        rival, self._rival = self._rival, None
        if rival is None:
            return
        rival.dropped = True
        if not rival.failed:
            self._plan.back(rival.target)
        leaving = asyncio.create_task(rival.stop(outrun=True))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    async def follow(
        self, leg: Leg[Talk], error: Failure | None, patience: float
    ) -> tuple[Leg[Talk], list[Any]]:
        """Have another leg go on where one ended, with `error` or in order to be dialled anew; return it when it has
        been told all, with what it told by then.

        The rival goes on if there is one, even if it is still being opened, and is told all within `patience` seconds.
        Raises `Failure` where nobody goes on.
        """
        self._following = True
        try:
            return await self._followed(leg, error, patience)
        finally:
            self._following = False

    async def _followed(
        self, leg: Leg[Talk], error: Failure | None, patience: float
    ) -> tuple[Leg[Talk], list[Any]]:
        if error is None or not self._plan.goes_on(leg, error):
            self.drop()
        successor = None if self._rival is None else await self._rival.stay(patience)
        self._rival = None
        if successor is None:
            successor = await self._next(leg, error)
        elif isinstance(error, Outrun):
            self._plan.back(leg.call.target, last=True)
        while True:
            self._side.take(successor.briefing)
            try:
                told = await successor.briefing.catch_up()
            except ProviderError as failure:
                await self._side.let_go(failure)
                successor = await self._next(successor.leg, failure)
            else:
                return successor.leg, [*successor.told, *told]

    async def stop(self) -> None:
        """Hang up on whoever is there: the session is over."""
        rival, self._rival = self._rival, None
        if rival is not None:
            await rival.stop(outrun=False)
        await asyncio.gather(*self._leaving)

    async def _next(self, leg: Leg[Talk], error: Failure | None) -> Successor[Talk, Told]:
        following, told = await self._plan.after(leg, error)
        return Successor(following, told, self._side.brief(following))


class _Rival(Generic[Talk, Told]):
    def __init__(self, racer: Racer[Talk], side: Side[Talk, Told]) -> None:
        self.target = racer.target
        self.more = asyncio.Event()
        """Set when there may be more to tell it."""
        self.more.set()
        self.dropped = False
        """Whether nobody wants its word any more: it is about to be hung up on."""
        self._racer = racer
        self._side = side
        self._told: list[Any] = []
        self._briefing: Told | None = None
        self._telling: asyncio.Task[None] | None = None
        self._stays = False
        """Whether the session takes it: it is told no more than it is being told, and not hung up on."""
        self._task = asyncio.create_task(self._hear())

    @property
    def failed(self) -> bool:
        task = self._task
        return task.done() and not task.cancelled() and task.exception() is not None

    async def stay(self, patience: float) -> Successor[Talk, Told] | None:
        """Return it once it is open, and is not being told anything; None where it failed."""
        with suppress(Failure):
            await asyncio.shield(self._racer.task)
        if not self._task.done():
            self._stays = True
            self._task.cancel()
            await asyncio.wait({self._task})
        if self.failed or self._briefing is None or self._telling is None:
            return None
        self._stays = True
        self.more.set()
        leg, _ = self._racer.task.result()
        await asyncio.wait({self._telling}, timeout=patience)
        if not self._telling.done():
            self._telling.cancel()
            await asyncio.wait({self._telling})
            await leg.close(late("the provider did not take what was said before"), self._briefing.usage())
            return None
        return Successor(leg, self._told, self._briefing)

    async def stop(self, *, outrun: bool) -> None:
        self._stays = False
        for task in (self._task, self._telling):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
        if not self.failed:
            usage = Usage() if self._briefing is None else self._briefing.usage()
            await self._racer.stop(outrun=outrun, usage=usage)

    async def _hear(self) -> None:
        """Open the leg and hear it up to its first word."""
        leg, told = await asyncio.shield(self._racer.task)
        self._told += told
        self._briefing = self._side.brief(leg)
        self._telling = asyncio.create_task(self._tell(leg, self._briefing))
        try:
            async with aclosing(leg.events()) as heard:
                async for events in heard:
                    self._told += events
                    if any(map(self._side.is_word, events)):
                        leg.call.tell_first_token()
                        if not self.dropped:
                            self._side.outrun()
                        return
            raise late("the provider ended the session without a word")
        except Failure as error:
            self._telling.cancel()
            await leg.close(error, self._briefing.usage())
            raise

    async def _tell(self, leg: Leg[Talk], briefing: Briefing) -> None:
        try:
            while not self._stays:
                await self.more.wait()
                self.more.clear()
                self._told += await briefing.catch_up()
        except Failure as error:
            leg.give_up(error)
