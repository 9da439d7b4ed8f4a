"""Several processes on one port: all serve, one that dies is replaced, all drain, all know the same."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import base_url
from tests.e2e.service import Service, metric, running
from tests.e2e.streams import EACH, Http1

WORKERS = 3
PACED = "anthropic/claude-sonnet-4-5-lab-paced-120-50"
ECHO = {"model": "sandbox/echo", "messages": [{"role": "user", "content": "x"}]}
SECONDS = 60


@pytest.fixture
def service(tmp_path: Path, lab: str) -> Iterator[Service]:
    with running(tmp_path, WORKERS=str(WORKERS)) as started:
        started.add_credential("anthropic", base_url(lab, "anthropic"))
        yield started


def soon(true: Callable[[], Any]) -> Any:
    until = time.monotonic() + SECONDS
    while not (value := true()):
        assert time.monotonic() < until
        time.sleep(0.01)
    return value


def chat(service: Service, request_id: str = "") -> int:
    named = {"x-request-id": request_id} if request_id else {}
    return service.call("POST", "/v1/chat/completions", ECHO, headers=named)[0]


def serving(service: Service) -> dict[int, int]:
    """Return how many connections each worker holds."""
    inodes = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, state, inode = (line.split()[at] for at in (1, 3, 9))
        if local.endswith(f":{service.port:04X}") and state == "01":
            inodes.add(f"socket:[{inode}]")
    return {pid: len(inodes.intersection(_links(pid))) for pid in service.pids}


def server_of(service: Service, stream: Http1) -> int:
    """Return which worker has a stream's connection."""
    port = stream.connection.getsockname()[1]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, remote, inode = (line.split()[at] for at in (1, 2, 9))
        if local.endswith(f":{service.port:04X}") and remote.endswith(f":{port:04X}"):
            return next(pid for pid in service.pids if f"socket:[{inode}]" in _links(pid))
    raise AssertionError("the stream has ended")


def _links(pid: int) -> list[str]:
    found = []
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed in this moment
            found.append(str(fd.readlink()))
    return found


def audited(service: Service) -> list[str]:
    """Return the request ids of all chats on record."""
    ids, after = [], ""
    while True:
        page = service.call("GET", f"/v1/audit?operation=chat&limit=100{after}")[1]
        ids += [record["request_id"] for record in page["data"]]
        if not page["has_more"]:
            return ids
        after = f"&after={page['last_id']}"


def test_all_serve_and_count_together(service: Service) -> None:
    assert len(service.pids) == WORKERS
    with contextlib.ExitStack() as held:
        for _ in range(60):
            held.enter_context(socket.create_connection(("127.0.0.1", service.port)))
        soon(lambda: sum(serving(service).values()) == 60)
        assert all(serving(service).values()), serving(service)
    for _ in range(40):
        assert chat(service) == 200

    def counted() -> float:
        _, text = service.call("GET", "/metrics", key=None)
        return metric(str(text), "integration_calls_total", provider="sandbox", status="success")

    soon(lambda: counted() == 40)


def test_a_second_service_does_not_take_half_of_the_callers(service: Service, tmp_path: Path) -> None:
    second = Service(tmp_path / "second", {"WORKERS": "2"}, port=service.port)
    second.folder.mkdir()
    assert f"{service.port} can not be listened on: Address already in use" in second.refused()


def test_one_that_dies_is_replaced_and_loses_nothing_that_was_told(service: Service) -> None:
    told: list[str] = []
    over = threading.Event()

    def call(name: int) -> None:
        number = 0
        while not over.is_set():
            request_id = f"{name}-{number}"
            number += 1
            try:
                if chat(service, request_id) == 200:
                    told.append(request_id)
            except (OSError, HTTPException):
                pass  # it was with the one that died

    callers = [threading.Thread(target=call, args=(name,)) for name in range(4)]
    for caller in callers:
        caller.start()
    streams: list[Http1] = []
    for turn in range(4):
        enough = len(told) + 20
        soon(lambda enough=enough: len(told) > enough)
        if turn == 0:
            streams = [Http1(service, PACED) for _ in range(6)]
        died = service.pids[0] if turn else server_of(service, streams[-1])
        os.kill(died, signal.SIGKILL)
        soon(lambda died=died: len(service.pids) == WORKERS and died not in service.pids)
    over.set()
    for caller in callers:
        caller.join()
    streams += [Http1(service, PACED)]
    assert streams[-1].finish()
    finished = [stream.finish() for stream in streams[:-1]]
    soon(lambda: set(told) <= set(audited(service)))
    stored = audited(service)
    assert len(stored) == len(set(stored))
    assert service.stop() == 0
    assert service.log.read_text().count('"worker_died"') == 4
    assert not finished[5], "whose worker died is told the end"


def test_what_one_is_told_all_know(service: Service, lab: str) -> None:
    """A key and a credential that all have used are taken back by one, and gone everywhere."""
    made = service.call("POST", "/v1/keys", {"name": "short-lived", "scopes": ["infer"]})[1]
    credential = service.add_credential("openai", base_url(lab, "openai"), name="short-lived")
    ask = {"model": "openai/gpt-4o", "messages": ECHO["messages"]}

    def asked() -> set[int]:
        named = {"x-credential-id": credential}
        calls = (
            service.call("POST", "/v1/chat/completions", ask, key=made["key"], headers=named)[0]
            for _ in range(40)
        )
        return set(calls)

    assert asked() == {200}
    assert service.call("DELETE", f"/v1/credentials/{credential}")[0] in (200, 204)
    soon(lambda: asked() == {404})
    assert service.call("DELETE", f"/v1/keys/{made['id']}")[0] in (200, 204)
    soon(lambda: asked() == {401})


def test_all_drain(service: Service) -> None:
    streams = [speak(service, PACED) for speak in EACH]
    while not all(serving(service).values()):
        streams.append(Http1(service, PACED))
    service.signal(signal.SIGTERM)

    def closed() -> bool:
        try:
            socket.create_connection(("127.0.0.1", service.port), 1).close()
        except ConnectionRefusedError:
            return True
        return False

    soon(closed)
    assert service.alive
    assert [stream.finish() for stream in streams] == [True] * len(streams)
    assert service.wait(SECONDS) == 0
    assert service.log.read_text().count('"stopped"') == WORKERS
