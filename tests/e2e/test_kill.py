"""kill -9 under load: every record whose caller saw the end is stored, once; ready again within three seconds.

KILL_CYCLES sets how often; the gate runs all 300, a hurried developer fewer.
"""

import os
import threading
import urllib.request
from pathlib import Path

from tests.e2e.service import ADMIN_KEY, Service

CYCLES = int(os.environ.get("KILL_CYCLES", "300"))
CALLERS = 4
BODY = b'{"model":"sandbox/echo","stream":%s,"messages":[{"role":"user","content":"hello there"}]}'
READY_SECONDS = 3.0


def test_nothing_told_is_lost(tmp_path: Path) -> None:
    service = Service(tmp_path)
    told: set[str] = set()
    for cycle in range(CYCLES):
        service.start() if cycle == 0 else _restart(service)
        told |= _load_until_killed(service, cycle)
    _restart(service)
    try:
        stored = _stored(service, len(told))
    finally:
        service.kill()
    assert len(told) > CYCLES, "the load was too light to prove anything"
    missing = told - set(stored)
    assert not missing, f"{len(missing)} of {len(told)} records lost"
    assert len(stored) == len(set(stored)), "a record was stored twice"


def _restart(service: Service) -> None:
    service.start()
    assert service.wait_ready() < READY_SECONDS


def _load_until_killed(service: Service, cycle: int) -> set[str]:
    """Call from several threads, kill the service among them, and return the ids of calls that saw their end."""
    told: set[str] = set()
    enough = threading.Event()
    goal = 3 + cycle % 17

    def caller(name: int) -> None:
        number = 0
        while True:
            request_id = f"c{cycle}-{name}-{number}"
            stream = number % 2
            request = urllib.request.Request(
                service.url + "/v1/chat/completions",
                data=BODY % (b"true" if stream else b"false"),
                headers={"authorization": f"Bearer {ADMIN_KEY}", "x-request-id": request_id},
            )
            try:
                with urllib.request.urlopen(request, timeout=10) as reply:
                    answer = reply.read()
            except OSError:
                return
            except Exception:
                return
            if answer.endswith(b"data: [DONE]\n\n") if stream else answer.endswith(b"}"):
                told.add(request_id)
            number += 1
            if number >= goal:
                enough.set()

    threads = [threading.Thread(target=caller, args=(name,)) for name in range(CALLERS)]
    for thread in threads:
        thread.start()
    assert enough.wait(30)
    service.kill()
    for thread in threads:
        thread.join()
    return told


def _stored(service: Service, least: int) -> list[str]:
    """Read the whole audit trail once it has been shipped."""
    import time

    until = time.monotonic() + 60
    while True:
        found: list[str] = []
        after = ""
        while True:
            _, page = service.call("GET", f"/v1/audit?limit=100&operation=chat{after}")
            found += [record["request_id"] for record in page["data"] if record["status"] == "success"]
            if not page["has_more"]:
                break
            after = f"&after={page['last_id']}"
        if len(found) >= least or time.monotonic() > until:
            return found
        time.sleep(0.2)
