"""Who goes on for a session whose leg is silent or has failed."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.llm import Usage
from integration_api.providers import PROVIDERS
from integration_api.services import clock
from integration_api.services.fallback import Fallback, Outrun, Plan
from integration_api.services.leg import late
from integration_api.services.succession import Succession
from integration_api.services.target import Target
from integration_api.transport.budget import RESERVE, Budget

A, B, C = (Target(PROVIDERS["deepgram"], name) for name in "abc")
WORD = "word"
PATIENCE = 10.0


class FakeLeg:
    """Opens and speaks when it is let, and remembers what it was told and how it was closed."""

    def __init__(self, target: Target) -> None:
        self.call = SimpleNamespace(target=target, tell_first_token=lambda: None)
        self.dialled = asyncio.Event()
        self.opens: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self.says: asyncio.Queue[list[Any] | Failure] = asyncio.Queue()
        self.given: list[str] = []
        self.closed: list[BaseException | None] = []
        self.usage = Usage()
        self.heard = False
        self.answers = ""
        """What it tells of each word that it is given."""
        self.takes: Callable[[], Awaitable[Any]] | None = None
        """Stands in for a socket that is not read."""

    async def open(self) -> list[Any]:
        self.dialled.set()
        return await self.opens

    async def events(self) -> AsyncGenerator[list[Any], None]:
        while True:
            said = await self.says.get()
            if isinstance(said, Failure):
                raise said
            self.heard = True
            yield said

    def give_up(self, error: Failure) -> None:
        self.says.put_nowait(error)

    async def close(self, error: BaseException | None, usage: Usage) -> None:
        self.closed.append(error)
        self.usage = usage

    @property
    def code(self) -> str | None:
        """Why it was closed: an error's code."""
        (error,) = self.closed
        return error.code if isinstance(error, Failure) else type(error).__name__


class Told:
    def __init__(self, leg: FakeLeg, words: list[str]) -> None:
        self.leg = leg
        self._words = words

    async def catch_up(self) -> list[Any]:
        leg, told = self.leg, []
        while len(leg.given) < len(self._words):
            if leg.takes is not None:
                await leg.takes()
            leg.given.append(self._words[len(leg.given)])
            told += [f"{leg.answers} {leg.given[-1]}"] if leg.answers else []
        return told

    def usage(self) -> Usage:
        return Usage(characters=len(self.leg.given))


class Stage:
    """A session whose own leg is silent, unless it is said to be none."""

    def __init__(self, *targets: Target, budget: Budget | None = None, again: int = 0) -> None:
        self.legs = {target.model: FakeLeg(target) for target in (A, B, C)}
        self.words = ["one", "two"]
        self.own: FakeLeg | None = self.legs["a"]
        self.silent = True
        self.looked_after = 0
        self.outrun_by_now = asyncio.Event()
        fallback = Fallback(targets=targets, hedge_after_ms=1)
        self.plan: Plan[Any] = Plan(A, fallback, self._begin, budget or Budget(), "tenant", again=again)
        self.succession: Succession[Any, Any] = Succession(self.plan, 1, self)

    async def open(self) -> "Stage":
        self.legs["a"].opens.set_result([])
        await self.plan.open()
        return self

    async def _begin(self, target: Target) -> Any:
        return self.legs[target.model]

    def silent_since(self) -> float:
        self.looked_after += 1
        return clock.perf() - 1 if self.silent else 0.0

    def is_word(self, event: Any) -> bool:
        return bool(event == WORD)

    def brief(self, leg: Any) -> Told:
        return Told(leg, self.words)

    def outrun(self) -> None:
        self.outrun_by_now.set()

    def take(self, briefing: Told) -> None:
        self.own = briefing.leg

    async def let_go(self, cause: BaseException | None) -> None:
        assert self.own is not None
        await self.own.close(cause, Usage())
        self.own = None


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0)


@pytest.fixture
async def watching() -> Any:
    tasks: list[tuple[Stage, asyncio.Task[None]]] = []

    def watch(stage: Stage) -> Stage:
        tasks.append((stage, asyncio.create_task(stage.succession.watch())))
        return stage

    yield watch
    for stage, task in tasks:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await stage.succession.stop()


async def test_who_has_the_word_first_goes_on_with_all_it_told(watching: Any) -> None:
    stage = watching(await Stage(B).open())
    b = stage.legs["b"]
    b.opens.set_result(["opened"])
    await until(lambda: b.given == ["one", "two"])
    stage.words.append("three")
    stage.succession.more()
    await until(lambda: b.given == ["one", "two", "three"])
    b.says.put_nowait(["a sign"])
    b.says.put_nowait([WORD, "more"])
    await stage.outrun_by_now.wait()
    leg, told = await stage.succession.follow(stage.legs["a"], Outrun(), PATIENCE)
    assert (leg, told) == (b, ["opened", "a sign", WORD, "more"])
    assert stage.own is b
    assert b.closed == []


async def test_who_was_outrun_is_asked_again_when_the_other_fails(watching: Any) -> None:
    stage = watching(await Stage(B).open())
    a, b = stage.legs["a"], stage.legs["b"]
    b.opens.set_result([])
    b.says.put_nowait([WORD])
    await stage.outrun_by_now.wait()
    await stage.succession.follow(a, Outrun(), PATIENCE)
    stage.silent = False
    leg, _ = await stage.succession.follow(b, late("it fell silent"), PATIENCE)
    assert leg is a


async def test_when_the_own_leg_speaks_the_other_is_hung_up_on_and_kept_for_later(watching: Any) -> None:
    stage = watching(await Stage(B).open())
    a, b = stage.legs["a"], stage.legs["b"]
    b.opens.set_result([])
    await until(lambda: b.given == ["one", "two"])
    stage.silent = False
    stage.succession.drop()
    await until(lambda: b.closed)
    assert b.code == "hedge_lost"
    assert b.usage.characters == 2
    leg, _ = await stage.succession.follow(a, late("it fell silent later"), PATIENCE)
    assert leg is b


async def test_one_that_was_hung_up_on_outruns_nobody(watching: Any) -> None:
    """Its word comes just when the own leg has had one."""
    stage = watching(await Stage(B).open())
    b = stage.legs["b"]
    b.opens.set_result([])
    await until(lambda: b.given == ["one", "two"])
    b.says.put_nowait([WORD])
    stage.succession.drop()
    await until(lambda: b.closed)
    assert not stage.outrun_by_now.is_set()


async def test_what_a_leg_tells_while_it_is_told_is_not_lost(watching: Any) -> None:
    stage = watching(await Stage(B, C).open())
    a, b, c = (stage.legs[one] for one in "abc")
    b.answers = c.answers = "heard"
    b.opens.set_result(["opened"])
    await until(lambda: b.given == ["one", "two"])
    b.says.put_nowait([WORD])
    await stage.outrun_by_now.wait()
    stage.words.append("three")
    leg, told = await stage.succession.follow(a, Outrun(), PATIENCE)
    assert (leg, told) == (b, ["opened", "heard one", "heard two", WORD, "heard three"])
    stage.silent = False
    c.opens.set_result(["opened"])
    leg, told = await stage.succession.follow(b, late("it fell silent"), PATIENCE)
    assert (leg, told) == (c, ["opened", "heard one", "heard two", "heard three"])


async def test_one_that_is_still_being_opened_is_hung_up_on_too(watching: Any) -> None:
    stage = watching(await Stage(B).open())
    b = stage.legs["b"]
    await b.dialled.wait()
    stage.succession.drop()
    await until(lambda: b.closed)
    assert b.code == "hedge_lost"


async def test_a_rival_goes_on_for_a_leg_that_fails_before_either_had_a_word(watching: Any) -> None:
    stage = watching(await Stage(B).open())
    a, b = stage.legs["a"], stage.legs["b"]
    await b.dialled.wait()
    following = asyncio.create_task(stage.succession.follow(a, late("gone"), PATIENCE))
    b.opens.set_result(["opened"])
    leg, told = await following
    assert (leg, told, b.given) == (b, ["opened"], ["one", "two"])


async def test_a_rival_that_fails_leaves_the_own_leg_alone_and_the_next_is_tried(watching: Any) -> None:
    stage = watching(await Stage(B, C).open())
    a, b, c = (stage.legs[one] for one in "abc")
    b.opens.set_exception(ProviderError(Kind.OVERLOADED, "busy"))
    await until(lambda: b.closed)
    c.opens.set_result([])
    await until(lambda: c.given == ["one", "two"])
    c.says.put_nowait([WORD])
    await stage.outrun_by_now.wait()
    assert a.closed == []
    leg, _ = await stage.succession.follow(a, Outrun(), PATIENCE)
    assert leg is c


async def test_a_rival_that_has_failed_is_nobody_who_could_go_on() -> None:
    stage = await Stage(B).open()
    b, watch = stage.legs["b"], asyncio.create_task(stage.succession.watch())
    await b.dialled.wait()
    assert stage.succession.others
    watch.cancel()  # Before it looks again.
    b.opens.set_exception(ProviderError(Kind.OVERLOADED, "busy"))
    await until(lambda: not stage.succession.others)
    assert not stage.succession.further


async def test_a_rival_that_fails_while_it_is_heard_is_closed_with_what_it_was_given(watching: Any) -> None:
    stage = watching(await Stage(B).open())
    a, b = stage.legs["a"], stage.legs["b"]
    b.opens.set_result([])
    await until(lambda: b.given == ["one", "two"])
    b.says.put_nowait(late("it broke"))
    await until(lambda: b.closed)
    assert b.code == "upstream_timeout"
    assert b.usage.characters == 2
    with pytest.raises(ProviderError, match="gone"):
        await stage.succession.follow(a, late("gone"), PATIENCE)


async def test_who_has_had_a_word_before_it_knows_all_is_told_the_rest(watching: Any) -> None:
    stage = watching(await Stage(B).open())
    b, gate = stage.legs["b"], asyncio.Event()
    b.takes = gate.wait
    b.opens.set_result([])
    b.says.put_nowait([WORD])
    await stage.outrun_by_now.wait()
    following = asyncio.create_task(stage.succession.follow(stage.legs["a"], Outrun(), PATIENCE))
    await asyncio.sleep(0)
    gate.set()
    assert (await following)[0] is b
    assert b.given == ["one", "two"]


async def test_a_rival_that_takes_nothing_is_not_waited_for(watching: Any) -> None:
    stage = watching(await Stage(B, C).open())
    b, c = stage.legs["b"], stage.legs["c"]
    b.takes = asyncio.Event().wait
    b.opens.set_result([])
    c.opens.set_result([])
    b.says.put_nowait([WORD])
    await stage.outrun_by_now.wait()
    leg, _ = await stage.succession.follow(stage.legs["a"], Outrun(), 0.01)
    assert leg is c
    assert b.code == "upstream_timeout"
    assert b.usage.characters == 0


async def test_nobody_is_opened_beside_a_leg_that_is_being_followed(watching: Any) -> None:
    """Who follows would be waited for, whoever has a word meanwhile."""
    stage = watching(await Stage(B, C).open())
    stage.plan._fallback = Fallback(connect_timeout_ms=60_000)  # Each is tried by itself.
    a, b, c = (stage.legs[one] for one in "abc")
    stage.silent = False
    following = asyncio.create_task(stage.succession.follow(a, late("gone"), PATIENCE))
    await b.dialled.wait()
    stage.silent, looked_after = True, stage.looked_after
    await until(lambda: c.dialled.is_set() or stage.looked_after > looked_after + 3)
    assert not c.dialled.is_set()
    b.opens.set_result([])
    assert (await following)[0] is b
    await c.dialled.wait()


async def test_who_fails_while_it_is_told_is_followed_by_the_next() -> None:
    stage = await Stage(B, C).open()
    a, b, c = (stage.legs[one] for one in "abc")

    async def breaks() -> None:
        raise late("not read")

    b.takes = breaks
    for one in (b, c):
        one.opens.set_result([])
    leg, _ = await stage.succession.follow(a, late("gone"), PATIENCE)
    assert leg is c
    assert b.code == "upstream_timeout"


async def test_a_budget_that_is_spent_opens_nothing_beside(watching: Any) -> None:
    budget = Budget()
    for _ in range(int(RESERVE)):
        assert budget.spend("tenant")
    stage = watching(await Stage(B, budget=budget).open())
    await until(lambda: stage.looked_after > 3)
    assert stage.succession._rival is None


async def test_a_caller_who_leaves_leaves_no_rival(watching: Any) -> None:
    stage = watching(await Stage(B).open())
    b = stage.legs["b"]
    b.opens.set_result([])
    await until(lambda: b.given == ["one", "two"])
    await stage.succession.stop()
    assert b.code == "CancelledError"


async def test_what_can_not_be_mended_elsewhere_is_told_at_once(watching: Any) -> None:
    stage = watching(await Stage(B).open())
    a, b = stage.legs["a"], stage.legs["b"]
    a.heard = True
    b.opens.set_result([])
    await until(lambda: b.given == ["one", "two"])
    with pytest.raises(Failure, match="bad words"):
        await stage.succession.follow(a, Failure(Kind.INVALID_REQUEST, "bad words"), PATIENCE)
    await until(lambda: b.closed)
