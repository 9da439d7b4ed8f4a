"""Starting, draining, cancelling, and the database going away."""

import contextlib
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import base_url
from tests.e2e.service import Service, metric, running
from tests.e2e.streams import EACH, Lingering

PACED = "anthropic/claude-sonnet-4-5-lab-paced-120-50"
ENDLESS = "anthropic/claude-sonnet-4-5-lab-paced-1000-50"


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
        refused = service.refused()
        assert "root.json" in refused
        key_file.chmod(0o600)
        held = key_file.read_bytes()
        key_file.unlink()
        assert "root.json" in service.refused()
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


def test_sigterm_lets_streams_finish_and_exits_0(tmp_path: Path, lab: str) -> None:
    with running(tmp_path, DRAIN_SECONDS="600") as service, contextlib.ExitStack() as left:
        service.add_credential("anthropic", base_url(lab, "anthropic"))
        streams = [speak(service, PACED) for speak in EACH]
        probe = left.enter_context(Lingering(service, "/readiness/"))
        with socket.create_connection(("127.0.0.1", service.port), 60) as idle:
            # Answered, so that it and the probe before it were accepted: the kernel resets those that wait for that.
            idle.sendall(b"HEAD /healthz/ HTTP/1.1\r\nhost: x\r\n\r\n")
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                answer += idle.recv(65536)
            service.signal(signal.SIGTERM)
            assert idle.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", service.port), 1)
        answer = probe.ask()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"connection: close\r\n" in answer
        assert b'"accepting":false' in answer
        assert service.alive
        assert [stream.finish() for stream in streams] == [True] * 3
        # The ten minutes there would be are not waited for.
        assert service.wait(60) == 0


def test_what_does_not_finish_in_time_is_cut_off_and_on_record(tmp_path: Path, lab: str) -> None:
    with running(tmp_path, DRAIN_SECONDS="0.5") as service:
        service.add_credential("anthropic", base_url(lab, "anthropic"))
        streams = [speak(service, ENDLESS) for speak in EACH]
        assert service.stop() == 0
        assert [stream.finish() for stream in streams] == [False] * 3
        service.start()
        until = time.monotonic() + 60
        stored = []
        while len(stored) < 3:
            stored = service.call("GET", "/v1/audit?operation=chat")[1]["data"]
            assert time.monotonic() < until, stored
        assert [record["status"] for record in stored] == ["cancelled"] * 3


SAID = [{"role": "user", "content": "x"}]
OPERATIONS = {
    "chat": ("anthropic", "/v1/chat/completions", {"model": "anthropic/claude-sonnet-4-5", "messages": SAID}),
    "embedding": ("mistral", "/v1/embeddings", {"model": "mistral/mistral-embed", "input": "x"}),
    "rerank": ("cohere", "/v1/rerank", {"model": "cohere/rerank-v3.5", "query": "x", "documents": ["x"]}),
    "moderation": ("openai", "/v1/moderations", {"model": "openai/omni-moderation-latest", "input": "x"}),
}  # fmt: skip


@pytest.mark.parametrize("operation", OPERATIONS)
def test_metrics_count_calls_and_times(service: Service, operation: str) -> None:
    """A histogram of our own time and one of the provider's, for each provider and operation."""
    provider, path, body = OPERATIONS[operation]
    labels = {"provider": provider, "operation": operation}

    def read(name: str, **more: str) -> float:
        return metric(
            str(service.call("GET", "/metrics", key=None)[1]), f"integration_{name}", **labels, **more
        )

    def counted() -> list[float]:
        return [
            read("calls_total", status="success"),
            read("gateway_seconds_count"),
            read("upstream_seconds_count"),
        ]

    before = counted()
    times = read("gateway_seconds_sum"), read("upstream_seconds_sum")
    assert service.call("POST", path, body)[0] == 200
    assert counted() == [count + 1 for count in before]
    assert read("gateway_seconds_sum") > times[0]
    assert read("upstream_seconds_sum") > times[1]
    for name in ("gateway", "upstream"):
        assert read(f"{name}_seconds_bucket", le=r"+Inf") == read(f"{name}_seconds_count")
    failures = read("calls_total", status="failed")
    assert service.call("POST", path, {**body, "model": f"{body['model']}-lab-status-500"})[0] == 502
    assert read("calls_total", status="failed") == failures + 1


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
