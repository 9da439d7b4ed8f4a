"""A call of no batch whose service is killed at the moment of its end: the audit has its end, and has it once.

The lab plays Twilio, and tells of an end only once.
"""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.service import Service, lab_running
from tests.e2e.telephones import CARRIERS, Exchange, create

TWILIO = CARRIERS["twilio"]
FAULTY = ("-m", "tests.e2e.killed_at_an_end")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    with lab_running(tmp_path) as url:
        yield url


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path)
    yield made
    if made.alive:
        made.kill()


@pytest.mark.parametrize("fault", ["unrecorded", "unsettled"])
def test_the_end_of_a_call_is_recorded_once_wherever_its_service_is_killed(
    fault: str, lab: str, service: Service
) -> None:
    exchange = Exchange(lab, TWILIO)
    exchange.reset()
    exchange.phone(picks_up="busy")
    sound = service.program
    service.environ = {"TELEPHONY__PUBLIC_URL": service.url, "FAULT": fault}
    service.program = FAULTY
    service.start()
    service.add_credential(TWILIO.name, f"{lab}/{TWILIO.name}", value=TWILIO.value)
    call = create(service, TWILIO)
    assert service.wait(60) == -9, "it is killed where the call has ended"

    service.program = sound
    service.start()
    status, over = service.call("GET", f"/v1/calls/{call['id']}")
    assert (status, over["state"]) == (200, "busy"), over
    until(lambda: ends(service, call["id"]))
    until(lambda: settled(service))
    # Records are stored in their order: had the first call another, it had come before that of a later one.
    last = create(service, TWILIO)
    until(lambda: ends(service, last["id"]))
    [record] = ends(service, call["id"])
    assert (record["status"], record["error_code"]) == ("failed", "busy")


def settled(service: Service) -> bool:
    with contextlib.closing(sqlite3.connect(service.folder / "data" / "integration.db")) as store:
        return bool(store.execute("SELECT settled FROM calls").fetchone()[0])


def ends(service: Service, call_id: str) -> list[dict[str, Any]]:
    status, found = service.call("GET", "/v1/audit?operation=call&limit=100")
    assert status == 200, found
    return [one for one in found["data"] if one["metadata"].get("call_id") == call_id]


def until(true: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)
