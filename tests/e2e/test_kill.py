"""kill -9 under load: every record whose caller saw the end is stored, once; ready again within three seconds.

KILL_CYCLES sets how often; the gate runs all 300, a hurried developer fewer.
"""

import contextlib
import os
import signal
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.service import ADMIN_KEY, Service, postgres_settings, redis_settings
from tests.servers import database, postgres_server, redis_server

CYCLES = int(os.environ.get("KILL_CYCLES", "300"))
CALLERS = 4
BODY = b'{"model":"sandbox/echo","stream":%s,"messages":[{"role":"user","content":"hello there"}]}'
READY_SECONDS = 3.0
QUICK = 0.1
"""The part of all starts that whatever else the machine does (disks, databases) leaves undisturbed."""


@pytest.fixture(params=["sqlite", "postgres and redis"])
def killed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Service, int]]:
    """A service that was not started yet, and how often it is to be killed."""
    with contextlib.ExitStack() as stack:
        environ: dict[str, str] = {}
        cycles = CYCLES
        if request.param != "sqlite":
            environ |= postgres_settings(stack.enter_context(database(postgres_server())))
            environ |= redis_settings(redis_server())
            cycles = max(5, CYCLES // 15)
        service = Service(tmp_path, environ)
        yield service, cycles
        service.kill()


def test_nothing_told_is_lost(killed: tuple[Service, int]) -> None:
    service, cycles = killed
    told: set[str] = set()
    starts = []
    for cycle in range(cycles):
        starts.append(service.start().started_in)
        told |= load_until_killed(service, cycle)
    service.start()
    assert_stored_once(service, told)
    assert len(told) > cycles, "the load was too light to prove anything"
    quick = sorted(starts[1:])[: max(1, int(cycles * QUICK))]
    assert quick[-1] < READY_SECONDS, quick


def test_a_killed_worker_takes_nothing_with_it(tmp_path: Path) -> None:
    service = Service(tmp_path, {"WORKERS": "2"})
    service.start()
    try:
        load = Load(service, "w")
        for cycle in range(max(3, CYCLES // 15)):
            before = workers(service)
            load.wait_for(5)
            os.kill(before[cycle % 2], signal.SIGKILL)
            wait(lambda: len(workers(service)) == 2 and workers(service) != before)  # noqa: B023 - called at once
        load.wait_for(5)
        told = load.stop()
        assert_stored_once(service, told)
    finally:
        service.kill()


def test_a_worker_that_was_just_born_stops_with_the_others(tmp_path: Path) -> None:
    service = Service(tmp_path, {"WORKERS": "2"})
    for _ in range(3):
        service.start()
        before = workers(service)
        os.kill(before[0], signal.SIGKILL)
        wait(lambda: len(workers(service)) == 2 and before[0] not in workers(service))  # noqa: B023 - called at once
        assert service.stop() == 0


def test_workers_leave_with_their_supervisor(tmp_path: Path) -> None:
    service = Service(tmp_path, {"WORKERS": "2"})
    service.start()
    left = workers(service)
    assert service.process is not None
    service.process.kill()
    service.process.wait()
    try:
        wait(lambda: not any(Path(f"/proc/{pid}").exists() for pid in left))
        service.start()
    finally:
        service.kill()


# --- load -------------------------------------------------------------------------------------------


class Load:
    """Callers who call until they are stopped, and what each was told to its end."""

    def __init__(self, service: Service, name: str) -> None:
        self._service = service
        self._stopped = threading.Event()
        self.told: set[str] = set()
        self._threads = [
            threading.Thread(target=self._call, args=(f"{name}-{number}",)) for number in range(CALLERS)
        ]
        for thread in self._threads:
            thread.start()

    def wait_for(self, more: int) -> None:
        """Wait until so many more calls have ended well."""
        goal = len(self.told) + more
        wait(lambda: len(self.told) >= goal)

    def stop(self) -> set[str]:
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        return self.told

    def _call(self, name: str) -> None:
        number = 0
        while not self._stopped.is_set():
            number += 1
            request_id, stream = f"{name}-{number}", number % 2
            request = urllib.request.Request(
                self._service.url + "/v1/chat/completions",
                data=BODY % (b"true" if stream else b"false"),
                headers={"authorization": f"Bearer {ADMIN_KEY}", "x-request-id": request_id},
            )
            answer = b""
            # Whatever a killed server does to a client: what counts is what was told.
            with contextlib.suppress(Exception), urllib.request.urlopen(request, timeout=60) as reply:
                answer = reply.read()
            if answer.endswith(b"data: [DONE]\n\n") if stream else answer.endswith(b"}"):
                self.told.add(request_id)


def load_until_killed(service: Service, cycle: int) -> set[str]:
    """Call from several threads, kill the service among them, and return the ids of calls that saw their end."""
    load = Load(service, f"c{cycle}")
    load.wait_for(CALLERS * (3 + cycle % 17))
    service.kill()
    return load.stop()


# --- what is stored ---------------------------------------------------------------------------------


def assert_stored_once(service: Service, told: set[str]) -> None:
    """Wait until the audit trail has every call that was told, and assert that it has none twice."""
    wait(lambda: told <= set(stored(service)), 120)
    found = stored(service)
    assert len(found) == len(set(found)), "a record was stored twice"


def stored(service: Service) -> list[str]:
    """Read the request ids of the whole audit trail."""
    found: list[str] = []
    after = ""
    while True:
        _, page = service.call("GET", f"/v1/audit?limit=100&operation=chat&status=success{after}")
        found += [record["request_id"] for record in page["data"]]
        if not page["has_more"]:
            return found
        after = f"&after={page['last_id']}"


def workers(service: Service) -> list[int]:
    assert service.process is not None
    pid = service.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait(true: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it did not come true in time"
        time.sleep(0.01)
