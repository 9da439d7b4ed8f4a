"""A key leaves no trace: not in memory, logs, database, cache, answers or metrics, on success or failure."""

import gc
import http.client
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.e2e.service import ADMIN_KEY, Service, lab_running

REQUESTS = 500
FAILURES = (
    "lab-status-400", "lab-status-401", "lab-status-402", "lab-status-403", "lab-status-404", "lab-status-408",
    "lab-status-409", "lab-status-413", "lab-status-422", "lab-status-429", "lab-status-500", "lab-status-502",
    "lab-status-503", "lab-status-504", "lab-reset-after-0-bytes", "lab-reset-after-20-bytes", "lab-malformed",
    "lab-cut", "lab-error-midstream", "lab-echo-key",
)  # fmt: skip
PROVIDERS = {"anthropic": "claude-sonnet-4-5"}


def provider_key(provider: str) -> bytearray:
    """Make the key of one run in pieces, so that this file and this process hold it only here."""
    return bytearray(b"sk-" + provider[:2].encode() + b"-" + os.urandom(20).hex().encode())


def copies(pid: int, needle: bytes) -> int:
    """Count how often `needle` stands in a process's writable memory."""
    found = 0
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) (rw..) .*?(\[\w+\])?$", line)
            if match is None or match[4] == "[vvar]":
                continue
            start, end = int(match[1], 16), int(match[2], 16)
            try:
                memory.seek(start)
                found += memory.read(end - start).count(needle)
            except (OSError, ValueError, OverflowError):
                continue
    return found


@pytest.fixture(scope="module")
def tls_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    server = authority.issue_cert("localhost", "127.0.0.1")
    server.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    pem = str(folder / "server.pem")
    with lab_running(folder, "--tls-cert", pem, "--tls-key", pem) as url:
        yield url.replace("http://127.0.0.1", "https://localhost"), folder / "ca.pem"


def ask(service: Service, connection: http.client.HTTPConnection, model: str, *, stream: bool) -> bytes:
    body = json.dumps({"model": model, "stream": stream, "messages": [{"role": "user", "content": "hello"}]})
    headers = {"authorization": f"Bearer {ADMIN_KEY}", "content-type": "application/json"}
    connection.request("POST", "/v1/chat/completions", body, headers)
    reply = connection.getresponse()
    return str(reply.getheaders()).encode() + reply.read()


def test_a_key_leaves_no_trace(tmp_path: Path, tls_lab: tuple[str, Path]) -> None:
    url, authority = tls_lab
    service = Service(
        tmp_path,
        {"LOG_LEVEL": "debug", "UPSTREAM__CA_FILE": str(authority), "EGRESS__ALLOW_HTTP": "false",
         "EGRESS__ALLOW": f"{url.removeprefix('https://')},127.0.0.1/32,::1/128"},
    )  # fmt: skip
    keys = {provider: provider_key(provider) for provider in PROVIDERS}
    service.start()
    try:
        assert service.process is not None
        answers = [_store(service, provider, url, key) for provider, key in keys.items()]
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
        for number in range(REQUESTS):
            provider = list(PROVIDERS)[number % len(PROVIDERS)]
            answers.append(
                ask(
                    service,
                    connection,
                    f"{provider}/{PROVIDERS[provider]}",
                    stream=bool(number // len(PROVIDERS) % 2),
                )
            )
        in_memory = {provider: copies(service.process.pid, bytes(key)) for provider, key in keys.items()}
        control = copies(service.process.pid, b"integration_gateway_seconds")
        for fault in FAILURES:
            for provider, model in PROVIDERS.items():
                for stream in (False, True):
                    answers.append(ask(service, connection, f"{provider}/{model}-{fault}", stream=stream))
        in_memory_after = {
            provider: copies(service.process.pid, bytes(key)) for provider, key in keys.items()
        }
        answers.append(json.dumps(service.call("GET", "/v1/audit?limit=100")[1]).encode())
        answers.append(json.dumps(service.call("GET", "/v1/credentials")[1]).encode())
        answers.append(str(service.call("GET", "/metrics", key=None)[1]).encode())
        connection.close()
        assert service.stop() == 0
    finally:
        if service.process is not None and service.process.poll() is None:
            service.kill()
    assert control > 0, "the scanner sees nothing at all"
    assert in_memory == dict.fromkeys(PROVIDERS, 0)
    assert in_memory_after == dict.fromkeys(PROVIDERS, 0)
    everything = b"".join(answers) + b"".join(
        p.read_bytes() for p in sorted(tmp_path.rglob("*")) if p.is_file()
    )
    assert b"integration-api" in everything or b"ready" in everything
    for key in keys.values():
        for start in range(0, len(key) - 12, 4):
            assert bytes(key[start : start + 12]) not in everything, "part of a key was written somewhere"


def test_the_scanner_finds_a_key_that_is_there() -> None:
    needle = provider_key("control")
    held = bytes(needle)
    gc.collect()
    assert copies(os.getpid(), bytes(needle)) >= 1
    assert held


def _store(service: Service, provider: str, url: str, key: bytearray) -> bytes:
    """Store a credential; its key goes from a buffer to the socket without becoming text here."""
    base = f"{url}/{provider}" + ("" if provider == "anthropic" else "/v1")
    body = b'{"provider":"%s","name":"tls","value":{"key":"%s","base_url":"%s"}}' % (
        provider.encode(), bytes(key), base.encode(),
    )  # fmt: skip
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    connection.request("POST", "/v1/credentials", body, {"authorization": f"Bearer {ADMIN_KEY}"})
    reply = connection.getresponse()
    answer = reply.read()
    connection.close()
    assert reply.status == 201, answer
    return answer
