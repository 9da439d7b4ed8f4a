"""Callers who leave, who read slowly, who send without end: the provider hears of it, and memory does not."""

import contextlib
import itertools
import json
import socket
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import h2.config
import h2.connection
import h2.events
import pytest

from integration_api.proto import unified_pb2 as wire
from tests.e2e.service import ADMIN_KEY, Service
from tests.e2e.streams import CHAT, EACH, SECONDS, head
from tests.rpc.caller import SERVICE, signed

PACED = "anthropic/claude-sonnet-4-5-lab-paced-200-50"
HUGE = "anthropic/claude-sonnet-4-5-lab-huge-2000000"
"""Some 240 MB."""
MB = 1 << 20
KERNELS = 32 * MB
"""What the socket buffers on the way may hold, at most."""


def departures(lab: str) -> list[dict[str, Any]]:
    """Answers whose reader left, as the provider saw it."""
    with urllib.request.urlopen(f"{lab}/_lab/stats", timeout=SECONDS) as reply:
        return list(json.loads(reply.read())["disconnected"])


def soon(true: Callable[[], Any]) -> Any:
    until = time.monotonic() + SECONDS
    while not (value := true()):
        assert time.monotonic() < until
        time.sleep(0.005)
    return value


def rested(service: Service) -> None:
    """Wait until the service reads next to nothing any more."""
    last, until = 0, time.monotonic() + SECONDS
    while (now := read_bytes(service)) > last + MB // 4:
        assert time.monotonic() < until, "the service reads on, though nobody reads of it"
        last = now
        time.sleep(0.3)


def read_bytes(service: Service) -> int:
    """Return what the service has read so far, of sockets and all else."""
    lines = Path(f"/proc/{service.pids[0]}/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("rchar")).split()[1])


@pytest.mark.parametrize("speak", EACH)
def test_a_caller_who_leaves_cancels_the_provider(service: Service, lab: str, speak) -> None:
    before = len(departures(lab))
    seen = service.call("GET", "/v1/audit?operation=chat&status=cancelled")[1]["data"]
    speak(service, PACED).leave()
    (left,) = soon(lambda: departures(lab)[before:])
    assert left["sent_pieces"] < 100, "half of the answer was made for nobody"
    record = soon(
        lambda: [
            record
            for record in service.call("GET", "/v1/audit?operation=chat&status=cancelled")[1]["data"]
            if record not in seen
        ]
    )[0]
    assert (record["provider"], record["error_code"]) == ("anthropic", "client_closed_request")


@pytest.mark.parametrize("speak", EACH)
def test_a_slow_reader_holds_the_provider_back(service: Service, lab: str, speak) -> None:
    before, memory = len(departures(lab)), service.rss()
    stream = speak(service, HUGE)
    rested(service)
    assert service.rss() < memory + 16 * MB
    stream.leave()
    (left,) = soon(lambda: departures(lab)[before:])
    assert left["sent_bytes"] < KERNELS


def test_a_fast_reader_gets_all_of_a_long_answer_in_little_memory(service: Service, lab: str) -> None:
    memory = service.rss()
    for speak in EACH:
        assert speak(service, HUGE.replace("2000000", "40000")).finish()
        assert service.rss() < memory + 24 * MB


# Bodies without end: 300 MB are offered of which 10 are allowed.

PIECE = b"x" * 65_536
PIECES = 4_800


def push_http1(service: Service) -> int:
    """Return the status of the answer."""
    with socket.create_connection(("127.0.0.1", service.port), SECONDS) as connection:
        connection.sendall(head(CHAT, "transfer-encoding: chunked"))
        with contextlib.suppress(ConnectionError):
            for _ in range(PIECES):
                connection.sendall(b"10000\r\n" + PIECE + b"\r\n")
        return int(connection.recv(65536).split()[1])


def push_http2(service: Service) -> int:
    client = h2.connection.H2Connection(h2.config.H2Configuration())
    with socket.create_connection(("127.0.0.1", service.port), SECONDS) as connection:
        client.initiate_connection()
        fields = [(":method", "POST"), (":scheme", "http"), (":path", CHAT), (":authority", "x")]
        client.send_headers(1, [*fields, ("authorization", f"Bearer {ADMIN_KEY}")])
        for _ in range(PIECES):
            while client.local_flow_control_window(1) < 16_384:
                connection.sendall(client.data_to_send())
                for event in client.receive_data(connection.recv(65536)):
                    if isinstance(event, h2.events.ResponseReceived):
                        return int(dict(event.headers)[b":status"])
            client.send_data(1, PIECE[:16_384])
            connection.sendall(client.data_to_send())
        raise AssertionError("all of it was taken")


def push_message(service: Service) -> int:
    with grpc.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        call = channel.unary_unary(SERVICE + "Chat")
        with pytest.raises(grpc.RpcError) as refused:
            call(PIECE * 400, metadata=signed(ADMIN_KEY), timeout=SECONDS)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        return 413


def push_messages(service: Service) -> int:
    """Say more than is listened to: half a gigabyte of chats, each of which cancels the one before."""
    with grpc.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        frame = wire.StreamChatRequest(chat=wire.StreamChatInput(requestId="x" * 65_536)).SerializeToString()
        call = channel.stream_stream(SERVICE + "StreamChat")
        answers = call(iter(itertools.repeat(frame, PIECES)), metadata=signed(ADMIN_KEY), timeout=SECONDS)
        next(answers)
        answers.cancel()
        return 413


@pytest.mark.parametrize("push", [push_http1, push_http2, push_message, push_messages])
def test_a_body_without_end_is_refused_in_little_memory(service: Service, push) -> None:
    memory = service.rss()
    highest = 0
    for _ in range(3):
        assert push(service) == 413
        highest = max(highest, service.rss())
    assert highest < memory + 64 * MB
    assert service.call("GET", "/healthz/", key=None)[0] == 200
