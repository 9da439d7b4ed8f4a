"""Garbage in: a clear typed error or a closed connection, never a 5xx, a crash or growing memory."""

import contextlib
import json
import socket
from pathlib import Path

import pytest

from tests.e2e.service import ADMIN_KEY, Service

CHAT = "/v1/chat/completions"


def raw(service: Service, payload: bytes, *, wait: float = 5.0) -> bytes:
    """Send bytes and return everything that comes back until the service closes or falls silent."""
    with socket.create_connection(("127.0.0.1", service.port), wait) as connection:
        connection.settimeout(wait)
        got = b""
        with contextlib.suppress(OSError):
            connection.sendall(payload)
            while chunk := connection.recv(65536):
                got += chunk
                if b"\r\n\r\n" in got and _whole(got):
                    break
        return got


def _whole(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.split(b":")[1])
    return False


def post(body: bytes, *headers: str, path: str = CHAT) -> bytes:
    head = [
        f"POST {path} HTTP/1.1",
        "host: x",
        f"authorization: Bearer {ADMIN_KEY}",
        f"content-length: {len(body)}",
    ]
    return "\r\n".join([*head, "content-type: application/json", *headers, "", ""]).encode() + body


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


def rss(service: Service) -> int:
    assert service.process is not None
    for line in Path(f"/proc/{service.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise AssertionError


def alive(service: Service) -> None:
    assert service.call("GET", "/healthz/", key=None)[0] == 200


BODIES: dict[str, bytes] = {
    "empty": b"",
    "not json": b"hello",
    "half": b'{"model": "sandbox/echo", "mess',
    "array": b"[]",
    "null": b"null",
    "number": b"12",
    "NaN": b'{"model":"sandbox/echo","messages":[],"temperature":NaN}',
    "Infinity": b'{"model":"sandbox/echo","messages":[],"temperature":1e999}',
    "deep": b'{"model":"sandbox/echo","messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep in a schema": b'{"model":"sandbox/echo","messages":[{"role":"user","content":"x"}],"metadata":'
    + b'{"a":' * 5000
    + b"1"
    + b"}" * 5000
    + b"}",
    "no messages": b'{"model":"sandbox/echo"}',
    "no model": b'{"messages":[{"role":"user","content":"x"}]}',
    "messages a string": b'{"model":"sandbox/echo","messages":"hi"}',
    "role unknown": b'{"model":"sandbox/echo","messages":[{"role":"king","content":"x"}]}',
    "content a number": b'{"model":"sandbox/echo","messages":[{"role":"user","content":7}]}',
    "temperature text": b'{"model":"sandbox/echo","messages":[{"role":"user","content":"x"}],"temperature":"hot"}',
    "stream text": b'{"model":"sandbox/echo","messages":[{"role":"user","content":"x"}],"stream":"yes"}',
    "lone surrogate": b'{"model":"sandbox/echo","messages":[{"role":"user","content":"\\ud800"}]}',
    "invalid utf-8": b'{"model":"sandbox/echo","messages":[{"role":"user","content":"\xff\xfe"}]}',
    "nul in model": b'{"model":"sandbox/e\\u0000cho\\r\\nx-evil: 1","messages":7}',
    "unknown provider": b'{"model":"nobody/x","messages":[{"role":"user","content":"x"}]}',
    "huge number": b'{"model":"sandbox/echo","messages":[],"n":' + b"9" * 5000 + b"}",
    "many keys": b'{"model":"sandbox/echo","messages":[],'
    + b",".join(b'"k%d":1' % i for i in range(20_000))
    + b"}",
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize(
    "path", [CHAT, "/v1/embeddings", "/v1/moderations", "/v1/rerank", "/v1/credentials", "/v1/keys"]
)
def test_a_bad_body_is_a_400_that_says_why(service: Service, name: str, path: str) -> None:
    answer = raw(service, post(BODIES[name], path=path))
    assert status(answer) == 400, (name, path, answer[:300])
    error = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert error["message"]
    assert error["type"] == "invalid_request_error"
    assert error["code"]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"\x00" * 1000,
        b"POST "
        + CHAT.encode()
        + b" HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST "
        + CHAT.encode()
        + b" HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"POST " + CHAT.encode() + b" HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n",
        b"POST " + CHAT.encode() + b" HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"GET /healthz/ HTTP/1.1\r\nhost: x\r\nx-a: b\r\n folded\r\n\r\n",
        b"GET /healthz/ HTTP/1.1\r\nhost: x\r\nx-a: b\x00c\r\n\r\n",
        b"GET /healthz/ HTTP/1.1\r\nhost: x\r\nx a: b\r\n\r\n",
        b"GET /healthz/ HTTP/1.1\r\n" + b"x-long: " + b"a" * 40_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
    ids=lambda value: value[:40].decode("latin-1").replace("\r\n", "|"),
)
def test_bad_http_is_refused_and_closed(service: Service, request_bytes: bytes) -> None:
    answer = raw(service, request_bytes)
    assert status(answer) in {0, 400, 413, 414, 431, 505}, answer[:200]
    alive(service)


def test_header_injection_reaches_nobody(service: Service) -> None:
    body = b'{"model":"sandbox/echo","messages":[{"role":"user","content":"x"}]}'
    for evil in (
        "x-request-id: a\x0bb",
        "x-credential-id: 1 2",
        "x-integration-provider: no/such",
        "x-request-id: " + "a" * 500,
    ):
        answer = raw(service, post(body, evil))
        assert status(answer) in {200, 400, 404}, (evil, answer[:200])
        assert answer.lower().count(b"x-request-id") <= 1
        assert b"a\x0bb" not in answer


def test_a_body_over_the_limit_is_413_before_it_is_read(service: Service) -> None:
    head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN_KEY}\r\ncontent-length: 99999999999\r\n\r\n"
    assert status(raw(service, head.encode())) == 413
    alive(service)


def test_two_different_keys_are_refused(service: Service) -> None:
    answer = raw(service, post(b"{}", "x-api-key: iak_" + "q" * 40))
    assert status(answer) == 401


def test_memory_does_not_grow_under_garbage(service: Service) -> None:
    def storm() -> None:
        for name in ("deep", "many keys", "not json"):
            for _ in range(30):
                raw(service, post(BODIES[name]))

    storm()
    before = rss(service)
    for _ in range(3):
        storm()
    assert rss(service) < before + 20_000, "kilobytes"


def test_half_requests_and_silence_hold_nothing(service: Service) -> None:
    held = []
    for _ in range(200):
        connection = socket.create_connection(("127.0.0.1", service.port), 5)
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n")
        held.append(connection)
    alive(service)
    for connection in held:
        connection.close()
    alive(service)


@pytest.mark.parametrize(
    "list_of", ["credentials", "keys", "audit", "calls", "calls/inbound", "calls/batches"]
)
def test_what_is_no_number_pages_nothing(service: Service, list_of: str) -> None:
    # The first two are digits to Python's `isdigit`, and the last is one more than an id may be.
    for query in ("limit=%C2%B2", "limit=%D9%A3", "limit=101", "after=%C2%B2", f"after={1 << 63}"):
        code, told = service.call("GET", f"/v1/{list_of}?{query}")
        assert (code, told["error"]["param"]) == (400, query.partition("=")[0]), query


@pytest.mark.parametrize("id", [str(1 << 63), "9" * 19, "-1", "x"])
def test_what_is_no_id_names_nothing(service: Service, id: str) -> None:
    for path in (f"calls/{id}", f"calls/{id}/events", f"calls/watch?call_id={id}", f"calls/batches/{id}"):
        assert service.call("GET", f"/v1/{path}")[0] == 404, path
    chat = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
    assert service.call("POST", CHAT, chat, headers={"x-credential-id": id})[0] == 404
