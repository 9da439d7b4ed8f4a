"""Requests that are nearly right, by the thousand: each is answered or refused for what it is, and none breaks anything.

NONSENSE sets how many each route and method gets.
"""

import http.client
import json
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration_api import proto
from tests.e2e.nonsense import Nonsense
from tests.e2e.service import ADMIN_KEY, ROOT, Service

EXAMPLES = int(os.environ.get("NONSENSE", "40"))
DESCRIBED = json.loads((ROOT / "docs" / "openapi.json").read_text())
SCHEMAS = DESCRIBED["components"]["schemas"]
HEADERS = (
    "x-request-id", "x-credential-id", "x-integration-provider", "x-integration-credential", "x-integration-model",
    "x-integration-strict", "x-project-id", "x-auth-id", "x-client-source", "accept", "content-type", "expect", "user-agent",
)  # fmt: skip
FORM = "multipart/form-data"
BOUNDARY = "a-line-that-stands-nowhere-else"
MALFORMED = frozenset({
    grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DATA_LOSS, grpc.StatusCode.UNAVAILABLE,
})  # fmt: skip
"""Statuses that say that we have failed. (grpcio's own for text that is not UTF-8 in metadata are not sent.)"""
often = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    print_blob=True,
)
drawn = st.randoms(use_true_random=False)
ALONE = """
import socket
from integration_api.cli import main
from integration_api.transport import egress

async def nowhere(host, port):
    raise socket.gaierror(socket.EAI_NONAME, "no name leads anywhere from here")

egress._getaddrinfo = nowhere
main(["serve"])
"""
"""The service without names: nonsense with a key in it is not for the providers whose addresses are known."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One for this file alone: what it makes of keys and credentials is nobody's business."""
    started = Service(tmp_path_factory.mktemp("nonsense"), {"UPSTREAM__RETRIES": "0"}, program=("-c", ALONE))
    try:
        yield started.start()
        assert "unexpected" not in started.log.read_text()
        assert started.stop() == 0
    finally:
        started.kill()


def routes() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, said)
        for path, methods in DESCRIBED["paths"].items()
        for method, said in methods.items()
        if path not in ("/metrics", "/docs", "/openapi.json")
    ]


def ask(
    service: Service, method: str, path: str, said: dict[str, Any], nonsense: Nonsense
) -> tuple[int, Any]:
    """Ask once, and return status and answer."""
    body, kind = b"", "application/json"
    for kind, content in said.get("requestBody", {}).get("content", {}).items():
        fitting = nonsense.fitting(content["schema"], SCHEMAS)
        body = nonsense.written(fitting) if kind == "application/json" else form(fitting, nonsense)
    if kind == FORM:
        kind += f"; boundary={BOUNDARY}"
    query = []
    for one in said.get("parameters", ()):
        value = nonsense.random.choice(
            (
                "1",
                "0",
                "-1",
                "99999999999999999999",
                "x",
                "%00",
                "%ff",
                "",
                "a b".replace(" ", "+"),
                "é".encode().hex(),
            )
        )
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", value)
        elif nonsense.random.random() < 0.5:
            query.append(f"{one['name']}={value}")
    headers = {"authorization": f"Bearer {ADMIN_KEY}", "content-type": kind}
    if nonsense.random.random() < 0.5:
        headers[nonsense.random.choice(HEADERS)] = nonsense.header()
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    try:
        connection.request(method, path + ("?" + "&".join(query) if query else ""), body or None, headers)
        answer = connection.getresponse()
        # What a watcher is told has no end.
        return answer.status, answer.read(1 if answer.status == 200 and path.endswith("/watch") else None)
    finally:
        connection.close()


def form(fields: Any, nonsense: Nonsense) -> bytes:
    """Write what fits a form's description as one, with a file that is nearly sound."""
    lines = []
    for name, value in fields.items() if isinstance(fields, dict) else ():
        text = json.dumps(value) if not isinstance(value, str) else value
        quoted = name.encode("utf-8", "replace")
        lines.append(b'content-disposition: form-data; name="%s"' % quoted)
        if name == "file":
            lines[-1] += b'; filename="a.wav"'
            text = nonsense.random.choice(("RIFF", "", "x" * 70_000, "\0" * 44))
        lines[-1] += b"\r\n\r\n" + text.encode("utf-8", "replace")
    mark = f"--{BOUNDARY}".encode()
    end = b"" if nonsense.random.random() < 0.1 else mark + b"--\r\n"
    return b"".join(mark + b"\r\n" + line + b"\r\n" for line in lines) + end


@pytest.mark.parametrize(
    ("method", "path", "said"), routes(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_no_request_breaks_a_route(service: Service, method: str, path: str, said: dict[str, Any]) -> None:
    @often
    @given(drawn)
    def judge(random: Random) -> None:
        status, answer = ask(service, method, path, said, Nonsense(random))
        assert status < 500, answer
        if status >= 400:
            error = json.loads(answer)["error"]
            assert error["message"]
            assert error["type"]
            assert error["code"]

    judge()


def calls() -> Iterator[tuple[str, Any, bool]]:
    """Every method that the service describes: its path, its request's class, and whether it streams."""
    described = descriptor_pb2.FileDescriptorSet.FromString(
        Path(proto.__file__).with_name("services.binpb").read_bytes()
    )
    pool = descriptor_pool.DescriptorPool()
    for file in described.file:
        pool.Add(file)
        for service in file.service:
            name = ".".join(filter(None, (file.package, service.name)))
            found = pool.FindServiceByName(name)
            for method in found.methods:
                request = message_factory.GetMessageClass(method.input_type)
                yield f"/{name}/{method.name}", request, method.client_streaming or method.server_streaming


def watch(channel: grpc.Channel, path: str, said: bytes, metadata: list[tuple[str, str]]) -> None:
    """Watch for a moment: who watches what never happens is told nothing, and that is no error."""
    try:
        list(channel.unary_stream(path)(said, metadata=metadata, timeout=0.2))
    except grpc.RpcError as ended:
        if ended.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
            raise


def judge_call(channel: grpc.Channel, path: str, request: Any, random: Random, *, streams: bool) -> None:
    nonsense = Nonsense(random)
    said = [
        nonsense.garbled(message) if random.random() < 0.1 else message
        for message in (
            nonsense.filled(request()).SerializePartialToString()
            for _ in range(random.randrange(1, 5) if streams else 1)
        )
    ]
    metadata = [("authorization", f"Bearer {ADMIN_KEY}")]
    if random.random() < 0.3:
        value = "".join(char for char in nonsense.header() if char <= "\x7e")
        metadata.append((random.choice(HEADERS[:9]), value.strip()))
    try:
        if not streams:
            channel.unary_unary(path)(said[0], metadata=metadata, timeout=60)
        elif path.endswith("/Watch"):
            answers = channel.unary_stream(path)(said[0], metadata=metadata, timeout=60)
            next(answers)
            answers.cancel()
        elif path.endswith("/WatchCalls"):
            watch(channel, path, said[0], metadata)
        else:
            list(channel.stream_stream(path)(iter(said), metadata=metadata, timeout=60))
    except grpc.RpcError as refused:
        assert refused.code() not in MALFORMED, refused
        assert refused.code() is not grpc.StatusCode.DEADLINE_EXCEEDED
        assert refused.details()


@pytest.mark.parametrize(
    ("path", "request_class", "streams"),
    list(calls()),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_no_message_breaks_a_method(service: Service, path: str, request_class: Any, streams: bool) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{service.port}") as channel:

        @often
        @given(drawn)
        def judge(random: Random) -> None:
            judge_call(channel, path, request_class, random, streams=streams)

        judge()
