"""The database goes away under load and comes back: no inference fails, no record is lost or stored twice.

OUTAGE_SECONDS sets how long; the gate takes all 30, a hurried developer less.
"""

import contextlib
import os
import resource
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import base_url
from tests.e2e.service import Service, lab_running, metric, postgres_settings, redis_settings, running
from tests.e2e.test_kill import stored, wait
from tests.servers import PostgresServer, RedisServer, database

SECONDS = float(os.environ.get("OUTAGE_SECONDS", "30"))
CALLERS = 3
MODELS = ("openai/gpt-4o", "anthropic/claude-sonnet-4-5", "sandbox/echo")
PAUSE_BETWEEN_CALLS = 0.02
"""Load enough: what is tested is not how fast the service is."""


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def kept_in(postgres: PostgresServer) -> Iterator[dict[str, str]]:
    """Settings of a service whose database is on that server."""
    with database(postgres.url) as url:
        yield postgres_settings(url)


class Callers:
    """Chats with every provider, whole and streamed, that go on until they are told to stop."""

    def __init__(self, service: Service, name: str) -> None:
        self.told: list[str] = []
        self.failed: list[Any] = []
        self._service, self._name = service, name
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(number,)) for number in range(CALLERS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _call(self, caller: int) -> None:
        number = 0
        while not self._stopped.wait(PAUSE_BETWEEN_CALLS):
            number += 1
            request_id, stream = f"{self._name}-{caller}-{number}", number % 2 == 0
            body = {
                "model": MODELS[number % len(MODELS)],
                "stream": stream,
                "messages": [{"role": "user", "content": "hello"}],
            }
            try:
                status, answer = self._service.call(
                    "POST", "/v1/chat/completions", body, headers={"x-request-id": request_id}
                )
            except OSError as error:
                status, answer = 0, error
            if status == 200 and (not stream or answer.endswith("data: [DONE]\n\n")):
                self.told.append(request_id)
            else:
                self.failed.append((request_id, status, answer))


@contextlib.contextmanager
def under_load(folder: Path, name: str, **environ: str) -> Iterator[tuple[Service, Callers]]:
    """Run the service with credentials that were stored before it started, and callers who use them."""
    with lab_running(folder) as lab, running(folder, **environ) as service:
        for model in MODELS[:2]:
            provider = model.partition("/")[0]
            service.add_credential(provider, base_url(lab, provider), name=name)
        assert service.stop() == 0
        service.start()
        callers = Callers(service, name)
        try:
            wait(lambda: len(callers.told) > 10)
            yield service, callers
        finally:
            callers.stop()


def assert_nothing_lost(service: Service, callers: Callers) -> None:
    assert callers.failed == []
    wait(lambda: set(callers.told) <= set(stored(service)), 120)
    twice = [one for one, times in Counter(stored(service)).items() if times > 1]
    assert twice == []
    wait(lambda: spooled(service) == 0)


def spooled(service: Service) -> float:
    return metric(service.call("GET", "/metrics", key=None)[1], "integration_audit_spool_bytes")


def ready(service: Service) -> dict[str, bool]:
    return dict(service.call("GET", "/readiness/", key=None)[1]["data"])


def test_a_database_that_is_stopped_under_load_stops_nobody(
    tmp_path: Path, postgres: PostgresServer, kept_in: dict[str, str]
) -> None:
    with under_load(tmp_path, "stopped", **kept_in) as (service, callers):
        postgres.stop()
        try:
            stopped, told = time.monotonic(), len(callers.told)
            wait(lambda: not ready(service)["store"])
            assert service.call("GET", "/healthz", key=None)[0] == 200
            assert_says_that_it_can_not_store(service)
            wait(lambda: time.monotonic() > stopped + SECONDS, SECONDS + 10)
            assert spooled(service) > 0
            assert len(callers.told) > told + SECONDS, "the load was too light to prove anything"
        finally:
            postgres.start()
        wait(lambda: ready(service)["store"])
        told = len(callers.told)
        wait(lambda: len(callers.told) > told + 10)
        callers.stop()
        assert_nothing_lost(service, callers)


def test_a_database_that_hangs_under_load_stops_nobody(
    tmp_path: Path, postgres: PostgresServer, kept_in: dict[str, str]
) -> None:
    with under_load(tmp_path, "paused", **kept_in) as (service, callers):
        postgres.pause()
        try:
            told = len(callers.told)
            wait(lambda: not ready(service)["store"])
            assert_says_that_it_can_not_store(service)
            wait(lambda: len(callers.told) > told + 50)
        finally:
            postgres.resume()
        wait(lambda: ready(service)["store"])
        callers.stop()
        assert_nothing_lost(service, callers)


@pytest.mark.parametrize("away", ["stopped", "paused"])
def test_records_wait_on_disk_for_a_database_that_is_away_when_the_service_stops(
    tmp_path: Path, postgres: PostgresServer, kept_in: dict[str, str], away: str
) -> None:
    with under_load(tmp_path, "left", **kept_in) as (service, callers):
        postgres.stop() if away == "stopped" else postgres.pause()
        try:
            told = len(callers.told)
            wait(lambda: len(callers.told) > told + 10)
            callers.stop()
            assert service.stop() == 0
            assert any((tmp_path / "data" / "spool").glob("*.spool"))
        finally:
            postgres.start() if away == "stopped" else postgres.resume()
        service.start()
        assert_nothing_lost(service, callers)


def test_a_redis_that_is_stopped_under_load_stops_nobody(tmp_path: Path, kept_in: dict[str, str]) -> None:
    server = RedisServer()
    environ = kept_in | redis_settings(server.start())
    try:
        with under_load(tmp_path, "redis", **environ) as (service, callers):
            server.stop()
            wait(lambda: not ready(service)["cache"])
            told = len(callers.told)
            # What is not in memory is asked of the database.
            status, made = service.call("POST", "/v1/keys", {"name": "new", "scopes": ["infer"]})
            assert status == 201
            assert service.call("GET", "/v1/providers", key=made["key"])[0] == 200
            wait(lambda: len(callers.told) > told + 20)
            server.start()
            wait(lambda: ready(service)["cache"])
            callers.stop()
            assert_nothing_lost(service, callers)
    finally:
        server.stop()


# --- the spool --------------------------------------------------------------------------------------


def test_a_full_spool_refuses_calls_until_the_database_is_back(
    tmp_path: Path, postgres: PostgresServer, kept_in: dict[str, str]
) -> None:
    with running(tmp_path, **kept_in, AUDIT__SPOOL_BYTES="20000") as service:
        assert chat(service, "before")[0] == 200
        postgres.stop()
        try:
            wait(lambda: not ready(service)["store"])
            told = ["before", *fill(service)]
            assert not ready(service)["audit"]
        finally:
            postgres.start()
        wait(lambda: ready(service)["audit"])
        assert chat(service, "again")[0] == 200
        wait(lambda: {*told, "again"} <= set(stored(service)))
        assert len(stored(service)) == len(told) + 1
        assert '"audit_not_kept"' in service.log.read_text()


def test_a_full_disk_refuses_calls_until_there_is_room(tmp_path: Path, kept_in: dict[str, str]) -> None:
    with running(tmp_path, **kept_in) as service:
        assert service.process is not None
        for number in range(3):
            assert chat(service, f"before-{number}")[0] == 200
        # No file may grow beyond this: for the spool, what a full disk is.
        unlimited = resource.prlimit(
            service.process.pid, resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY)
        )
        status, answer = chat(service, "full")
        assert (status, answer["error"]["code"]) == (503, "audit_spool_full")
        status, answer = chat(service, "full-stream", stream=True)
        assert "[DONE]" not in str(answer), "a stream whose record is not kept must not end well"
        assert "audit_spool_full" in str(answer)
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, unlimited)
        assert chat(service, "after")[0] == 200
        wait(lambda: "after" in stored(service))
        assert sorted(stored(service)) == ["after", "before-0", "before-1", "before-2"]


def test_a_damaged_spool_gives_up_what_can_be_read_and_is_kept(tmp_path: Path) -> None:
    with running(tmp_path, AUDIT__SHIP_SECONDS="3600") as service:
        told = [f"call-{number}" for number in range(9)]
        assert all(chat(service, request_id)[0] == 200 for request_id in told)
        service.kill()
        [segment] = [path for path in (tmp_path / "data" / "spool").glob("*.spool") if path.stat().st_size]
        held = bytearray(segment.read_bytes())
        at = held.index(b"call-4")
        held[at] ^= 1
        segment.write_bytes(held + b"\0\0\1\0torn")
    with running(tmp_path) as service:
        wait(lambda: len(stored(service)) == 8)
        assert sorted(stored(service)) == sorted(set(told) - {"call-4"})
        assert segment.with_suffix(".damaged").read_bytes() == bytes(held) + b"\0\0\1\0torn"
        assert '"audit_segment_damaged"' in service.log.read_text()


def test_a_spool_that_can_not_be_written_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "spool").write_text("in the way")
    with pytest.raises(AssertionError, match=r"error: DATA_DIR: .*spool can not be written: "):
        Service(tmp_path).start()


def chat(service: Service, request_id: str, *, stream: bool = False) -> tuple[int, Any]:
    body = {"model": "sandbox/echo", "stream": stream, "messages": [{"role": "user", "content": "hello"}]}
    return service.call("POST", "/v1/chat/completions", body, headers={"x-request-id": request_id})


def fill(service: Service) -> list[str]:
    """Call until no record can be kept; return the ids of calls that ended well."""
    told: list[str] = []
    while True:
        request_id = f"fill-{len(told)}"
        status, answer = chat(service, request_id)
        if status != 200:
            assert (status, answer["error"]["code"]) == (503, "audit_spool_full")
            return told
        told.append(request_id)
        assert len(told) < 1000


def assert_says_that_it_can_not_store(service: Service) -> None:
    """Assert that what needs the database is refused soon, with a word on when to try again."""
    began = time.monotonic()
    body = {"provider": "sandbox", "name": "late", "value": {}}
    status, answer = service.call("POST", "/v1/credentials?verify=false", body)
    assert (status, answer["error"]["code"], answer["error"]["retryable"]) == (503, "store_unavailable", True)
    status, answer = service.call("GET", "/v1/credentials")
    assert (status, answer["error"]["code"]) == (503, "store_unavailable")
    assert time.monotonic() - began < 30, "nobody waits that long"
