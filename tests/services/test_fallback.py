"""Which target a session gets, and what becomes of those that it does not."""

import asyncio
from typing import Any

import pytest

from integration_api.core.errors import Failure, Kind
from integration_api.providers import PROVIDERS
from integration_api.services.fallback import Fallback, Plan
from integration_api.services.target import Target
from integration_api.transport.budget import RESERVE, Budget

A, B = (Target(PROVIDERS["deepgram"], name) for name in ("a", "b"))
AT_ONCE = Fallback(targets=(B,), hedge_after_ms=1)


class Dial:
    """A leg that opens when it is let, and remembers how it was closed."""

    def __init__(self) -> None:
        self.dialled = asyncio.Event()
        self.opens = asyncio.get_running_loop().create_future()
        self.closed: list[BaseException | None] = []

    async def open(self) -> list[Any]:
        self.dialled.set()
        return await self.opens

    async def close(self, error: BaseException | None, usage: object) -> None:
        self.closed.append(error)


class Dials:
    def __init__(self) -> None:
        self.a, self.b = Dial(), Dial()

    def plan(self, budget: Budget) -> Plan[Any]:
        return Plan(A, AT_ONCE, self.begin, budget, "tenant", again=0)

    async def begin(self, target: Target) -> Any:
        return self.a if target is A else self.b


async def both_dialled(dials: Dials) -> None:
    async with asyncio.timeout(60):
        await dials.a.dialled.wait()
        await dials.b.dialled.wait()


async def test_of_two_that_open_at_the_same_time_one_is_hung_up_on() -> None:
    dials = Dials()
    opening = asyncio.create_task(dials.plan(Budget()).open())
    await both_dialled(dials)
    dials.a.opens.set_result([])
    dials.b.opens.set_result([])
    leg, _ = await opening
    assert leg is dials.a
    assert dials.a.closed == []
    (lost,) = dials.b.closed
    assert isinstance(lost, Failure)
    assert (lost.kind, lost.code) == (Kind.CANCELLED, "hedge_lost")


async def test_who_is_slower_is_hung_up_on_while_it_opens() -> None:
    dials = Dials()
    opening = asyncio.create_task(dials.plan(Budget()).open())
    await both_dialled(dials)
    dials.b.opens.set_result([])
    assert (await opening)[0] is dials.b
    assert [getattr(one, "code", "") for one in dials.a.closed] == ["hedge_lost"]


async def test_a_caller_who_leaves_leaves_no_leg_open() -> None:
    dials = Dials()
    opening = asyncio.create_task(dials.plan(Budget()).open())
    await both_dialled(dials)
    dials.a.opens.set_result([])
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    for dial in (dials.a, dials.b):
        assert [type(one) for one in dial.closed] == [asyncio.CancelledError]


async def test_when_both_fail_the_first_targets_failure_is_told() -> None:
    dials = Dials()
    opening = asyncio.create_task(dials.plan(Budget()).open())
    await both_dialled(dials)
    dials.b.opens.set_exception(Failure(Kind.UPSTREAM, "b"))
    dials.a.opens.set_exception(Failure(Kind.UPSTREAM, "a"))
    with pytest.raises(Failure, match="a"):
        await opening


async def test_a_tenant_who_has_spent_its_budget_waits_for_the_slow_one() -> None:
    budget = Budget()
    for _ in range(int(RESERVE)):
        assert budget.spend("tenant")
    dials = Dials()
    opening = asyncio.create_task(dials.plan(budget).open())
    async with asyncio.timeout(60):
        await dials.a.dialled.wait()
    # The patience of a millisecond has passed when this has.
    await asyncio.wait({opening}, timeout=0.05)
    assert not dials.b.dialled.is_set()
    dials.a.opens.set_result([])
    assert (await opening)[0] is dials.a
    assert budget.spend("another"), "nobody else's budget is spent"
