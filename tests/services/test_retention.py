"""What is kept for a while is forgotten: all that is old enough, in the background, unless it is kept for ever."""

import asyncio
import time
from pathlib import Path

from integration_api.app import House
from integration_api.core.telephony import CallState
from integration_api.services.retention import Retention
from integration_api.settings import load
from integration_api.telemetry.log import Log
from tests.e2e.service import ADMIN_KEY
from tests.storage.telephony import call, note

DAY = 86_400.0


async def test_forgetting_goes_on_until_nothing_is_old_enough() -> None:
    batches, asked = [500, 500, 7, 0], []

    async def forget(before: float, limit: int) -> int:
        asked.append((before, limit))
        return batches.pop(0)

    retention = Retention(forget, 30.0, Log("error"), what="things")
    assert await retention.once() == 1007
    assert len({before for before, _ in asked}) == 1


async def test_nothing_is_forgotten_that_is_kept_for_ever() -> None:
    asked = []

    async def forget(before: float, limit: int) -> int:
        asked.append(before)
        return 0

    for days in (0.0, 1.0):
        retention = Retention(forget, days, Log("error"), what="things")
        retention.start()
        for _ in range(3):
            await asyncio.sleep(0)
        await retention.stop()
        assert len(asked) == days


async def test_a_service_forgets_old_calls_by_itself(tmp_path: Path) -> None:
    settings = load({
        "DATA_DIR": str(tmp_path / "data"), "CRYPTO__ROOT": f"file:{tmp_path}/root.json",
        "TELEPHONY__CALLS_DAYS": "2",
    })  # fmt: skip
    house = await House.open(settings, Log("error"))
    made = await house.identity.bootstrap(ADMIN_KEY)
    assert made is not None
    tenant, calls = made[0], house.store.telephony
    for id, days in ((1, 3), (2, 1)):
        over = {"state": CallState.BUSY, "ended_at": time.time() - days * DAY}
        await calls.add_call(call(id, tenant, **over), note(id, id, tenant))
        await calls.settle_call(tenant, id)
    async with house.at_work(), asyncio.timeout(60):
        while await calls.call(tenant, 1) is not None:
            await asyncio.sleep(0.01)
        assert await calls.call(tenant, 2) is not None
