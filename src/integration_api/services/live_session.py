"""One caller's live session, whether it is of sound or of text: how it begins, what goes wrong with it, how it ends."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

from integration_api.core.errors import Failure, Kind
from integration_api.core.llm import Usage
from integration_api.services.call import Calls, Origin
from integration_api.services.fallback import Fallback, Outrun, Plan
from integration_api.services.leg import Leg, Talk
from integration_api.services.lines import Lines
from integration_api.services.live_words import Ended
from integration_api.services.succession import Briefing, Side, Succession
from integration_api.services.target import Target
from integration_api.telemetry.log import Log

Brief = TypeVar("Brief", bound=Briefing)
Event = TypeVar("Event")


class LiveSession(Side[Talk, Brief], Generic[Talk, Brief, Event]):
    """One leg after another, for one caller. What is told goes into `_out`: `Over` or `Ended` at last. `waiting` lists
    of events may wait there for a caller who reads slowly; then the provider waits, too.
    """

    def __init__(
        self, calls: Calls, lines: Lines, log: Log, origin: Origin, operation: str, waiting: int
    ) -> None:
        self._calls = calls
        self._lines = lines
        self._log = log
        self._origin = origin
        self._operation = operation
        self._first: Target
        """Whom the request was made for."""
        self._leg: Leg[Talk] | None = None
        """Who has the session now: nobody, between two of them."""
        self._latest: Leg[Talk]
        self._succession: Succession[Talk, Brief]
        self._turn = asyncio.Lock()
        """Held by whoever sends: what the caller says waits while another leg takes over."""
        self._out: asyncio.Queue[tuple[Leg[Talk], list[Event | Ended]]] = asyncio.Queue(waiting)
        self._tasks: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def _begun(
        self, target: Target, fallback: Fallback, asks: AsyncIterator[Any]
    ) -> AsyncIterator[tuple[Leg[Talk], list[Any]]]:
        """Give the first leg, with what it told by the time that it was open, and work on until the context is left.

        Raises `Failure` where no target opens.
        """
        self._first = target
        plan = Plan(target, fallback, self._begin, self._lines.hedges, self._origin.principal.tenant)
        patience = fallback.first_event_timeout_ms / 1000
        self._succession = Succession(plan, fallback.hedge_after_ms, self)
        leg, told = await plan.open()
        self.take(self.brief(leg))
        self._work(self._talk(leg, patience))
        self._work(self._hear(asks))
        self._work(self._watch(patience))
        self._work(self._succession.watch())
        try:
            yield leg, told
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._succession.stop()
            await self.let_go(asyncio.CancelledError())

    def _work(self, part: Coroutine[Any, Any, None]) -> None:
        """Begin a part of the session's work, which ends with the session at the latest."""
        task = asyncio.create_task(self._minded(part))
        self._tasks.append(task)
        task.add_done_callback(self._tasks.remove)

    async def _minded(self, part: Coroutine[Any, Any, None]) -> None:
        """Do a part of the session's work. What goes wrong with it ends the session; what nobody foresaw is logged."""
        try:
            await part
        except Failure as error:
            await self._break_off(error)
        except Exception as error:  # noqa: BLE001 - a session that just stopped would hang its caller
            self._log.error(
                "unexpected", error=error, operation=self._operation, request_id=self._origin.request_id
            )
            await self._break_off(Failure(Kind.INTERNAL, "internal error; the log has its request id"))

    async def _break_off(self, error: Failure) -> None:
        """Record what went wrong, beside the leg that went on without it, and tell of it last."""
        if self._leg is not None:
            self._leg.call.failed(error, usage=self._usage())
        await self._out.put((self._latest, [Ended(error)]))

    async def _listen(self, leg: Leg[Talk]) -> Failure | None:
        """Hear a leg until it ends, and let it go; return why, where it did not end well."""
        cause: BaseException | None = None
        try:
            await self._hear_out(leg)
        except Failure as error:
            cause = error
            return error
        except BaseException as error:
            cause = error
            raise
        finally:
            await self.let_go(cause)
        return None

    async def let_go(self, cause: BaseException | None) -> None:
        leg, self._leg = self._leg, None
        if leg is not None:
            await leg.close(cause, self._usage())

    def outrun(self) -> None:
        if self._leg is not None and self.silent_since():
            self._leg.give_up(Outrun())

    @abstractmethod
    async def _begin(self, target: Target) -> Leg[Talk]:
        """Return a leg that is to be opened. Raises `Failure` where a target can not have the session."""

    @abstractmethod
    async def _talk(self, leg: Leg[Talk], patience: float) -> None:
        """Hear one leg after another until the session has ended, well or not."""

    @abstractmethod
    async def _hear_out(self, leg: Leg[Talk]) -> None:
        """Tell what a leg says until it ends. Raises `Failure` where it does not end well."""

    @abstractmethod
    async def _hear(self, asks: AsyncIterator[Any]) -> None:
        """Do what the caller asks. What can not be understood ends the session."""

    @abstractmethod
    async def _watch(self, patience: float) -> None:
        """Give up on a provider that owes a word for so many seconds."""

    @abstractmethod
    def _usage(self) -> Usage:
        """Return what the present leg was given, or the latest."""
