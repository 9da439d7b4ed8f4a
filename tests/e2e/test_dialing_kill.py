"""A batch of calls while the service is killed again and again: each number is called once, and never too fast.

The lab plays Twilio, and is the witness: it says when it was asked for which call. Its clock is the machine's.
"""

import contextlib
import json
import sqlite3
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.service import Service, lab_running, postgres_settings
from tests.servers import database, postgres_server
from tests.services.test_pace import busiest

FROM = "+15005550006"
TWILIO = {
    "account_sid": "AC00000000000000000000000000000001",
    "account_token": "0123456789abcdef0123456789abcdef",
}
RATE = 150
AWAY = 40
"""Of all numbers, so many first do not answer, and are called once more."""
SETTINGS = {
    "TELEPHONY__LEASE_SECONDS": "0.5", "TELEPHONY__DOUBT_SECONDS": "5", "TELEPHONY__STALE_SECONDS": "3",
}  # fmt: skip
"""As brief as can be: a killed process is waited for ten times here. But what it sent last has to have reached the
carrier within twice the time of a doubt, however slowly that reads.
"""


@dataclass(frozen=True)
class Case:
    name: str
    numbers: int
    kills: int


CASES = [Case("sqlite", 2_000, 10), Case("postgres", 300, 2)]


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    with lab_running(tmp_path) as url:
        yield url


@pytest.fixture
def service(case: Case, tmp_path: Path) -> Iterator[Service]:
    with contextlib.ExitStack() as stack:
        environ = dict(SETTINGS)
        if case.name == "postgres":
            environ["WORKERS"] = "2"
            environ |= postgres_settings(stack.enter_context(database(postgres_server())))
        made = Service(tmp_path, environ)
        made.environ = {**environ, "TELEPHONY__PUBLIC_URL": made.url}
        yield made.start()
        made.kill()


def test_each_number_is_called_once_however_often_the_service_is_killed(
    case: Case, lab: str, service: Service
) -> None:
    began = time.monotonic()
    away = [number(at) for at in range(AWAY)]
    phones: dict[str, Any] = {"*": {"picks_up": "busy"}} | {
        one: {"picks_up": "no", "speed": 200} for one in away
    }
    control(lab, "PUT", {"phones": phones})
    service.add_credential("twilio", f"{lab}/twilio", value=TWILIO)
    batch = create(service, case.numbers, retry={"max": 1, "backoff_s": 0.5, "on": ["no_answer"]})
    hour = time.gmtime().tm_hour
    shut = create(
        service, 5, first=900_000,
        window={"start": f"{(hour + 3) % 24:02}:00", "end": f"{(hour + 4) % 24:02}:00", "tz": "UTC"},
    )  # fmt: skip
    paused = (0.0, 0.0)
    for kill in range(case.kills):
        goal = (kill + 1) * case.numbers // (case.kills + 1)
        until(lambda goal=goal: progress(service, batch)["attempts"] >= goal)
        service.kill()
        service.start()
        if kill == case.kills // 2:
            paused = pause_for_a_while(service, lab, batch)
    until(lambda: progress(service, batch)["state"] == "completed", 90)
    took = time.monotonic() - began

    told = control(lab, "GET")
    asked = [(call["asked_at"], call["to"]) for call in told["calls"]]
    called = Counter(to for _, to in asked)
    assert len(called) == case.numbers
    assert {to for to, times in called.items() if times != 1} == set(away)
    assert {called[to] for to in away} == {2}
    peak = busiest([at for at, _ in told["asked"]])
    assert peak <= RATE
    assert not [at for at, _ in asked if paused[0] < at < paused[1]], "somebody was called during the pause"
    stood = progress(service, batch)
    assert (stood["total"], stood["attempts"]) == (case.numbers, case.numbers + AWAY)
    assert stood["progress"] == {"busy": case.numbers - AWAY, "no_answer": AWAY}
    waits = progress(service, shut)
    assert (waits["state"], waits["progress"], waits["attempts"]) == ("running", {"queued": 5}, 0)
    print(f"\n{case.name}: {took:.1f} s, at most {peak} calls in a second,", resolved(service, case))


def pause_for_a_while(service: Service, lab: str, batch: str) -> tuple[float, float]:
    """Pause a batch that is being dialed; return from when to when nobody may have been called."""
    at = progress(service, batch)["attempts"]
    until(lambda: progress(service, batch)["attempts"] > at)
    status, answer = service.call("POST", f"/v1/calls/batches/{batch}/pause")
    assert (status, answer["state"]) == (200, "paused"), answer
    # Whoever plays Twilio may still have to read what was sent before: it is done with that when it answers us.
    control(lab, "GET")
    paused = time.monotonic()
    # As long as a lease takes to end, and as it takes a call in doubt to be looked for.
    time.sleep(1.5)
    resumed = time.monotonic()
    status, answer = service.call("POST", f"/v1/calls/batches/{batch}/resume")
    assert (status, answer["state"]) == (200, "running"), answer
    return paused, resumed


def resolved(service: Service, case: Case) -> str:
    """Say what became of calls in doubt, where the database can be read from here."""
    if case.name != "sqlite":
        return ""
    with contextlib.closing(sqlite3.connect(service.folder / "data" / "integration.db")) as store:
        lines = store.execute("SELECT what, count(*) FROM call_notes GROUP BY what").fetchall()
        asks = store.execute(
            "SELECT operation, status, count(*) FROM external_audits WHERE operation LIKE 'call%' GROUP BY 1, 2"
        ).fetchall()
    return f"{dict(lines)} {asks}"


def number(at: int) -> str:
    return f"+4930{at:07}"


def create(service: Service, count: int, first: int = 0, **more: Any) -> str:
    status, answer = service.call(
        "POST",
        "/v1/calls/batches",
        {
            # Of three notices a call the last: the service shares a processor with who plays Twilio.
            "template": {
                "provider": "twilio",
                "from": FROM,
                "provider_options": {"StatusCallbackEvent": "completed"},
            },
            "rows": [{"to": number(first + at)} for at in range(count)],
            "calls_per_second": RATE,
            "max_concurrent": 500,
            **more,
        },
    )
    assert status == 201, answer
    return str(answer["id"])


def progress(service: Service, batch: str) -> Mapping[str, Any]:
    status, answer = service.call("GET", f"/v1/calls/batches/{batch}")
    assert status == 200, answer
    return answer


def control(lab: str, method: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        f"{lab}/_lab/carriers/twilio", method=method, data=None if body is None else json.dumps(body).encode()
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        return json.loads(reply.read())


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)
