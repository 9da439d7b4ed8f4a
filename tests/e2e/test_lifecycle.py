"""Starting, draining, cancelling, and the database going away."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.conftest import base_url
from tests.e2e.service import ADMIN_KEY, Service, metric, python, running

PACED = "anthropic/claude-sonnet-4-5-lab-paced-40-50"


def stream(service: Service, model: str) -> tuple[socket.socket, bytes]:
    """Begin a streamed chat and return the socket and what came with the first event."""
    body = json.dumps(
        {"model": model, "stream": True, "messages": [{"role": "user", "content": "x"}]}
    ).encode()
    connection = socket.create_connection(("127.0.0.1", service.port), 30)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN_KEY}\r\n"
    connection.sendall(head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body)
    got = b""
    while b"data: " not in got:
        chunk = connection.recv(65536)
        assert chunk, got
        got += chunk
    return connection, got


def lab_stats(lab: str) -> dict[str, object]:
    with urllib.request.urlopen(f"{lab}/_lab/stats", timeout=5) as reply:
        return dict(json.loads(reply.read()))


def test_the_first_start_prints_a_curl_that_streams(tmp_path: Path) -> None:
    service = Service(tmp_path, {"BOOTSTRAP_API_KEY": ""})
    service.start()
    try:
        printed = service.log.read_text()
        command = re.search(r"^curl -N .*$", printed, re.MULTILINE)
        assert command is not None, printed
        answer = subprocess.run(
            command[0], shell=True, capture_output=True, text=True, timeout=30, check=True
        )
        assert answer.stdout.endswith("data: [DONE]\n\n")
        assert answer.stdout.count("data: ") > 3
        key_file = tmp_path / "keys" / "root.json"
        assert key_file.stat().st_mode & 0o777 == 0o600
        key = re.search(r"iak_\S+", printed)
        assert key is not None
    finally:
        service.kill()
    service.start()
    try:
        assert "curl" not in service.log.read_text()[len(printed) :], (
            "the key is printed on the first start only"
        )
        assert service.call("GET", "/v1/providers", key=key[0].rstrip("'\""))[0] == 200
    finally:
        service.kill()


def test_a_key_file_that_is_gone_or_readable_by_others_stops_the_start(tmp_path: Path, lab: str) -> None:
    with running(tmp_path) as service:
        service.add_credential("anthropic", base_url(lab, "anthropic"))
        assert service.stop() == 0
        key_file = tmp_path / "keys" / "root.json"
        key_file.chmod(0o644)
        refused = _start_refused(service)
        assert "root.json" in refused
        key_file.chmod(0o600)
        held = key_file.read_bytes()
        key_file.unlink()
        assert "root.json" in _start_refused(service)
        assert not key_file.exists(), "a lost key must not be replaced by a new one"
        key_file.write_bytes(held)
        key_file.chmod(0o600)
        service.start()
        status, _ = service.call(
            "POST",
            "/v1/chat/completions",
            {"model": "anthropic/claude-sonnet-4-5", "messages": [{"role": "user", "content": "x"}]},
        )
        assert status == 200


def _start_refused(service: Service) -> str:
    done = subprocess.run(
        [python(), "-m", "integration_api", "serve"],
        env=service.settings(), cwd=service.folder, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done.stderr + done.stdout


def test_sigterm_lets_streams_finish_and_exits_0(tmp_path: Path, lab: str) -> None:
    with running(tmp_path) as service:
        service.add_credential("anthropic", base_url(lab, "anthropic"))
        connection, got = stream(service, PACED)
        idle = socket.create_connection(("127.0.0.1", service.port), 5)
        assert service.process is not None
        service.process.send_signal(signal.SIGTERM)
        while chunk := connection.recv(65536):
            got += chunk
        assert got.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n") or b"data: [DONE]" in got
        assert service.process.wait(40) == 0
        assert idle.recv(1) == b""
        idle.close()
        connection.close()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", service.port), 1)


def test_a_caller_who_leaves_cancels_the_provider_at_once(service: Service, lab: str) -> None:
    before = int(str(lab_stats(lab)["disconnects"]))
    connection, _ = stream(service, PACED)
    left = time.monotonic()
    connection.close()
    while int(str(lab_stats(lab)["disconnects"])) == before:
        assert time.monotonic() - left < 5
    until = time.monotonic() + 10
    while True:
        _, page = service.call("GET", "/v1/audit?operation=chat&status=cancelled")
        if page["data"]:
            break
        assert time.monotonic() < until
    record = page["data"][0]
    assert (record["provider"], record["error_code"]) == ("anthropic", "client_closed_request")


def test_metrics_count_calls_and_times(service: Service) -> None:
    def read() -> str:
        return str(service.call("GET", "/metrics", key=None)[1])

    labels = {"provider": "anthropic", "operation": "chat"}
    before = metric(read(), "integration_calls_total", status="success", **labels)
    body = {"model": "anthropic/claude-sonnet-4-5", "messages": [{"role": "user", "content": "x"}]}
    assert service.call("POST", "/v1/chat/completions", body)[0] == 200
    text = read()
    assert metric(text, "integration_calls_total", status="success", **labels) == before + 1
    assert metric(text, "integration_gateway_seconds_count", **labels) >= 1
    assert metric(text, "integration_upstream_seconds_sum", **labels) > 0


def test_several_workers_share_the_port_and_their_metrics(tmp_path: Path) -> None:
    with running(tmp_path, WORKERS="2") as service:
        body = {"model": "sandbox/echo", "messages": [{"role": "user", "content": "x"}]}
        for _ in range(40):
            assert service.call("POST", "/v1/chat/completions", body)[0] == 200
        until = time.monotonic() + 10  # Whichever worker is asked, it soon knows what the other has counted.
        counted = 0.0
        while counted != 40:
            _, text = service.call("GET", "/metrics", key=None)
            counted = metric(str(text), "integration_calls_total", provider="sandbox", status="success")
            assert counted <= 40
            assert time.monotonic() < until, f"{counted} of 40 calls are counted"
        assert service.process is not None
        children = (
            Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children").read_text().split()
        )
        assert len(children) == 2
        os.kill(int(children[0]), signal.SIGKILL)
        until = time.monotonic() + 10
        while True:
            now = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children").read_text().split()
            if len(now) == 2 and children[0] not in now:
                break
            assert time.monotonic() < until, "a worker that died was not replaced"
        assert service.call("POST", "/v1/chat/completions", body)[0] == 200
        assert service.stop() == 0


def test_embedded_and_threads_do_not_mix_up_answers(service: Service) -> None:
    wrong = []

    def caller(name: int) -> None:
        for number in range(20):
            said = f"caller-{name}-{number}"
            body = {"model": "sandbox/echo", "messages": [{"role": "user", "content": said}]}
            _, answer = service.call("POST", "/v1/chat/completions", body)
            if said not in answer["choices"][0]["message"]["content"]:
                wrong.append(said)

    threads = [threading.Thread(target=caller, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
