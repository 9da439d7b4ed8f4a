"""A provider key is in the service for as long as it takes to send it, and in nothing the service keeps or says.

Each test looks for any part of a key in the memory of the running process, and in the same memory for
something that must be found. The last ones look everywhere else.
"""

import json
import ssl
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import grpc
import pytest

from integration_api.proto import unified_pb2 as wire
from tests.e2e.memory import copies
from tests.e2e.raw import saying
from tests.e2e.secrecy import Stage, staged
from tests.e2e.service import ADMIN_KEY
from tests.rpc.caller import ANSWERS, SERVICE, Talk, chat_request, credential, signed, until

MODELS = ("openai/gpt-4o", "anthropic/claude-sonnet-4-5", "mistral/mistral-large-latest")
CALLS = 500


@pytest.fixture(scope="module", params=["sqlite", "postgres and redis, by TLS"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("secrecy")
    with staged(folder, shared=request.param != "sqlite") as made:
        for model in MODELS:
            made.store(model.partition("/")[0])
        yield made


def test_storing_keys_leaves_none_in_memory(stage: Stage) -> None:
    stage.assert_forgotten(thoroughly=True)


def test_500_requests_leave_no_key_in_memory(stage: Stage) -> None:
    for number in range(CALLS):
        status, answer = stage.chat(MODELS[number % len(MODELS)], stream=number % 2 == 0)
        assert status == 200, answer
    stage.assert_forgotten(thoroughly=True)


# --- failures ---------------------------------------------------------------------------------------

FAULTS = {
    "status-401": 424,
    "status-403": 403,
    "status-429": 429,
    "status-500": 502,
    "status-503": 503,
    "delay-60000": 504,
    "half-open-after-head": 504,
    "reset-after-head": 502,
    "cut-after-head": 502,
    "malformed-head": 502,
    "html-200": 502,
    "html-502": 502,
    "empty": 502,
    "redirect": 502,
    "echo-key": 400,
}
"""What the lab does to an answer before there is any of it, and the status that a caller sees."""
BROKEN = ("reset", "cut", "half-open", "malformed")
"""What it does to an answer in its middle."""
BROKEN_STREAMS = ("malformed-chunking", "error-midstream", "unfinished")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("model", "stream"), [(MODELS[0], False), (MODELS[1], True)], ids=["whole", "streamed"]
)
def test_a_provider_that_fails_leaves_no_key_in_memory(
    stage: Stage, model: str, stream: bool, fault: str
) -> None:
    status, answer = stage.chat(f"{model}-lab-{fault}", stream=stream)
    assert status == FAULTS[fault], answer
    stage.assert_forgotten()


@pytest.mark.parametrize("fault", BROKEN)
def test_an_answer_that_breaks_leaves_no_key_in_memory(stage: Stage, fault: str) -> None:
    status, answer = stage.chat(f"{MODELS[1]}-lab-{fault}")
    assert status in {502, 504}, answer
    stage.assert_forgotten()


@pytest.mark.parametrize("fault", [*BROKEN, *BROKEN_STREAMS])
def test_a_stream_that_breaks_leaves_no_key_in_memory(stage: Stage, fault: str) -> None:
    status, answer = stage.chat(f"{MODELS[1]}-lab-{fault}", stream=True)
    assert status == 200
    assert '"error"' in answer
    stage.assert_forgotten()


class Peer(NamedTuple):
    """An address that answers in a way no provider should, and what callers are told of it."""

    answer: bytes
    status: int
    code: str
    tls: str = "known"


JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
PEERS = {
    "decompression bomb": Peer(
        JSON + b"content-encoding: gzip\r\n\r\n" + zlib.compress(bytes(1 << 24), 9, 31), 502, "bad_upstream_response"
    ),
    "bad gzip": Peer(JSON + b"content-encoding: gzip\r\n\r\nplain", 502, "bad_upstream_response"),
    "bad chunk": Peer(JSON + b"transfer-encoding: chunked\r\n\r\nxyz\r\n", 502, "bad_upstream_response"),
    "short body": Peer(JSON + b"content-length: 1000\r\n\r\n{}", 502, "stream_truncated"),
    "large head": Peer(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n{}", 502, "bad_upstream_response"),
    "not http": Peer(b"SSH-2.0-OpenSSH_9.6\r\n" * 10, 502, "bad_upstream_response"),
    "hangs up": Peer(b"", 502, "upstream_disconnected"),
    "another protocol": Peer(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", 502, "bad_upstream_response"),
    "unknown authority": Peer(b"", 502, "upstream_unreachable", "stranger"),
    "no tls": Peer(b"HTTP/1.1 400 Bad Request\r\n\r\n", 502, "upstream_unreachable", ""),
}  # fmt: skip


@pytest.mark.parametrize("kind", PEERS)
def test_a_peer_that_is_no_provider_leaves_no_key_in_memory(stage: Stage, kind: str) -> None:
    peer = PEERS[kind]
    contexts: dict[str, ssl.SSLContext | None] = {"known": stage.known, "stranger": stage.stranger, "": None}
    with saying(peer.answer, contexts[peer.tls]) as port:
        for stream in (False, True):
            assert_refused(stage, f"https://127.0.0.1:{port}/v1", peer.status, peer.code, stream=stream)
    stage.assert_forgotten()


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("https://no-such-host.invalid/v1", 502, "upstream_unreachable"),
        ("https://127.0.0.1:1/v1", 502, "upstream_unreachable"),
        ("https://169.254.169.254/v1", 400, "egress_denied"),
        ("https://10.0.0.1/v1", 400, "egress_denied"),
    ],
    ids=["no such name", "refused connection", "metadata service", "private network"],
)
def test_an_address_that_can_not_be_called_leaves_no_key_in_memory(
    stage: Stage, address: str, status: int, code: str
) -> None:
    for stream in (False, True):
        assert_refused(stage, address, status, code, stream=stream)
    stage.assert_forgotten()


def assert_refused(stage: Stage, base_url: str, status: int, code: str, *, stream: bool) -> None:
    id = stage.store("openai", base_url, verify=False)
    found, answer = stage.chat("openai/gpt-4o", stream=stream, credential=id)
    assert (found, answer["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    "directive", ["delay-60000", "paced-1000-20"], ids=["before an answer", "in the middle"]
)
def test_a_caller_who_leaves_leaves_no_key_in_memory(stage: Stage, directive: str) -> None:
    body = {
        "model": f"anthropic/claude-sonnet-4-5-lab-{directive}",
        "stream": True,
        "messages": [{"role": "user", "content": "hello"}],
    }
    asked = cancelled(stage)
    content = json.dumps(body).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN_KEY}\r\n"
    with stage.connected() as caller:
        caller.sendall(head.encode() + b"content-length: %d\r\n\r\n" % len(content) + content)
        if directive.startswith("paced"):
            assert b"data: " in caller.recv(65536)
        else:
            until(lambda: in_flight(stage) == 1)
    until(lambda: cancelled(stage) == asked + 1)
    stage.assert_forgotten()


def in_flight(stage: Stage) -> float:
    return stage.metric("integration_calls_in_flight")


def cancelled(stage: Stage) -> float:
    return stage.metric("integration_calls_total", provider="anthropic", operation="chat", status="cancelled")


# --- keys on their way in ---------------------------------------------------------------------------


def offer(stage: Stage, provider: str = "openai", *, word: str = "", **more: Any) -> dict[str, Any]:
    return {
        "provider": provider,
        "name": stage.name(),
        "value": {"key": stage.key(word), "base_url": f"{stage.lab}/{provider}/v1"},
        **more,
    }


def create(stage: Stage) -> int:
    return stage.ask("POST", "/v1/credentials", offer(stage))[0]


def replace(stage: Stage) -> int:
    id = stage.store("openai", word="first-")
    return stage.ask("PATCH", f"/v1/credentials/{id}", {"value": offer(stage)["value"]})[0]


def verify(stage: Stage) -> int:
    body = offer(stage)
    del body["name"]
    return stage.ask("POST", "/v1/credentials/verify", body)[0]


def verify_stored(stage: Stage) -> int:
    return stage.ask("POST", f"/v1/credentials/{stage.store('openai')}/verify")[0]


def in_text_that_is_not_latin(stage: Stage) -> int:
    body = json.dumps(offer(stage, name=f"{stage.name()} 名 😀"), ensure_ascii=False).encode()
    return stage.ask("POST", "/v1/credentials", body)[0]


def with_escapes(stage: Stage) -> int:
    body = json.dumps(offer(stage)).replace("sk-", "\\u0073k\\u002d").encode()
    return stage.ask("POST", "/v1/credentials", body)[0]


def in_chunks(stage: Stage) -> int:
    content = json.dumps(offer(stage)).encode()
    parts = [content[at : at + 7] for at in range(0, len(content), 7)]
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    return raw(stage, b"transfer-encoding: chunked\r\n", body)


def in_drops(stage: Stage) -> int:
    content = json.dumps(offer(stage)).encode()
    return raw(stage, b"content-length: %d\r\n" % len(content), content, step=5)


def refused_key(stage: Stage) -> int:
    return stage.ask("POST", "/v1/credentials", offer(stage, word="invalid-"))[0]


def replaced_by_refused(stage: Stage) -> int:
    id = stage.store("openai")
    return stage.ask("PATCH", f"/v1/credentials/{id}", {"value": offer(stage, word="invalid-")["value"]})[0]


def unknown_field(stage: Stage) -> int:
    body = offer(stage)
    body["value"]["secret_token"] = stage.key()
    return stage.ask("POST", "/v1/credentials", body)[0]


def field_beside_the_value(stage: Stage) -> int:
    return stage.ask("POST", "/v1/credentials", offer(stage, key=stage.key()))[0]


def key_as_value(stage: Stage) -> int:
    return stage.ask("POST", "/v1/credentials", offer(stage, value=stage.key()))[0]


def nested_value(stage: Stage) -> int:
    return stage.ask("POST", "/v1/credentials", offer(stage, value={"key": {"key": stage.key()}}))[0]


def unknown_provider(stage: Stage) -> int:
    return stage.ask("POST", "/v1/credentials", offer(stage, "nobody"))[0]


def cut_json(stage: Stage) -> int:
    return stage.ask("POST", "/v1/credentials", json.dumps(offer(stage)).encode()[:-2])[0]


def header_breaking_key(stage: Stage) -> int:
    body = offer(stage)
    body["value"]["key"] += "\r\nx: y"
    return stage.ask("POST", "/v1/credentials", body)[0]


def long_key(stage: Stage) -> int:
    body = offer(stage)
    body["value"]["key"] *= 1000
    return stage.ask("POST", "/v1/credentials", body)[0]


def body_too_large(stage: Stage) -> int:
    return raw(stage, b"content-length: %d\r\n" % (2 << 20), json.dumps(offer(stage)).encode())


def without_a_key_of_ours(stage: Stage) -> int:
    return stage.ask("POST", "/v1/credentials", offer(stage), key=None)[0]


def with_a_wrong_key_of_ours(stage: Stage) -> int:
    return stage.ask("POST", "/v1/credentials", offer(stage), key="iak_" + "w" * 40)[0]


def to_no_route(stage: Stage) -> int:
    return stage.ask("POST", "/v1/credential", offer(stage))[0]


def by_a_wrong_method(stage: Stage) -> int:
    return stage.ask("PUT", "/v1/credentials", offer(stage))[0]


def to_a_chat(stage: Stage) -> int:
    return stage.ask("POST", "/v1/chat/completions", offer(stage))[0]


def to_no_credential(stage: Stage) -> int:
    return stage.ask("PATCH", "/v1/credentials/17", {"value": offer(stage)["value"]})[0]


def with_a_bad_query(stage: Stage) -> int:
    return stage.ask("POST", "/v1/credentials?verify=maybe", offer(stage))[0]


def not_http(stage: Stage) -> int:
    body = json.dumps(offer(stage)).encode()
    return raw(stage, b"transfer-encoding: chunked\r\n", b"%x\r\n%b" % (len(body), body) + b"nonsense\r\n")


def half_a_request(stage: Stage) -> int:
    """Leave before the body's end; a caller who only has stopped writing hears when that is noticed."""
    body = json.dumps(offer(stage)).encode()
    with stage.connected() as caller:
        caller.sendall(head(b"content-length: 10000\r\n") + body)
        until(lambda: copies(stage.pid, [stage.token.encode()])[stage.token.encode()])
    until(lambda: not copies(stage.pid, [stage.token.encode()])[stage.token.encode()])
    return 0


def head(framing: bytes) -> bytes:
    line = f"POST /v1/credentials HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN_KEY}\r\n"
    return line.encode() + framing + b"\r\n"


def raw(stage: Stage, framing: bytes, body: bytes, step: int = 1 << 20) -> int:
    """Store a credential by hand, so many bytes at once; return the status."""
    with stage.connected() as caller:
        caller.sendall(head(framing))
        for at in range(0, len(body), step):
            caller.sendall(body[at : at + step])
        answer = caller.recv(65536)
    stage.said += answer
    return int(answer.split(b" ", 2)[1])


WAYS: dict[str, tuple[Callable[[Stage], int], int]] = {
    way.__name__: (way, status)
    for way, status in [
        (create, 201), (replace, 200), (verify, 200), (verify_stored, 200), (in_text_that_is_not_latin, 201),
        (with_escapes, 201), (in_chunks, 201), (in_drops, 201), (refused_key, 422),
        (replaced_by_refused, 422), (unknown_field, 400), (field_beside_the_value, 400), (key_as_value, 400),
        (nested_value, 400), (unknown_provider, 400), (cut_json, 400), (header_breaking_key, 422),
        (long_key, 400), (body_too_large, 413), (without_a_key_of_ours, 401), (with_a_wrong_key_of_ours, 401),
        (to_no_route, 404), (by_a_wrong_method, 405), (to_a_chat, 400), (to_no_credential, 404),
        (with_a_bad_query, 400), (not_http, 400), (half_a_request, 0),
    ]
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_key_that_comes_in_leaves_none_in_memory(stage: Stage, way: str) -> None:
    work, status = WAYS[way]
    assert work(stage) == status
    stage.assert_forgotten()


# --- the same by gRPC -------------------------------------------------------------------------------


def rpc(
    stage: Stage,
    method: str,
    request: Any,
    *,
    key: str | None = ADMIN_KEY,
) -> Any:
    """Make a unary call; return its answer, or the error."""
    asked, answered = ANSWERS.get(method, (None, None))
    write = bytes if isinstance(request, bytes) else asked.SerializeToString
    read = answered.FromString if answered else bytes
    with stage.channel() as channel:
        stub = channel.unary_unary(SERVICE + method, write, read)
        try:
            answer = stub(request, metadata=signed(key), timeout=60)
        except grpc.RpcError as error:
            stage.said += repr(error).encode()
            return error
    stage.said += answer.SerializeToString()
    return answer


def offered(stage: Stage, provider: str = "openai", word: str = "", **more: Any) -> wire.Credential:
    value = {"key": stage.key(word), "base_url": f"{stage.lab}/{provider}/v1", "note": stage.control}
    return credential(**{**value, **more})


def verification(stage: Stage, provider: str = "openai", **more: Any) -> wire.VerifyCredentialRequest:
    held = offered(stage, **more)
    del held.value.fields["note"]
    return wire.VerifyCredentialRequest(providerName=provider, credential=held)


CODES: dict[str, Callable[[Stage], tuple[Any, Any]]] = {
    "verify": lambda stage: (rpc(stage, "VerifyCredential", verification(stage)).code, 200),
    "verify, refused": lambda stage: (
        rpc(stage, "VerifyCredential", verification(stage, word="invalid-")).code,
        401,
    ),
    "verify, unknown provider": lambda stage: (
        rpc(stage, "VerifyCredential", verification(stage, provider="nobody")).code,
        400,
    ),
    "verify, denied address": lambda stage: (
        rpc(stage, "VerifyCredential", verification(stage, base_url="https://10.0.0.1")).code,
        400,
    ),
    "verify, without a key": lambda stage: (
        rpc(stage, "VerifyCredential", verification(stage), key=None).code(),
        grpc.StatusCode.UNAUTHENTICATED,
    ),
    "verify, cut short": lambda stage: (
        rpc(stage, "VerifyCredential", verification(stage).SerializeToString()[:-3]).code(),
        grpc.StatusCode.INVALID_ARGUMENT,
    ),
    "no such method": lambda stage: (
        rpc(stage, "Nothing", verification(stage).SerializeToString()).code(),
        grpc.StatusCode.UNIMPLEMENTED,
    ),
    "chat": lambda stage: (
        rpc(stage, "Chat", chat_request("openai/gpt-4o", credential=offered(stage))).success,
        True,
    ),
    "chat, large": lambda stage: (
        rpc(
            stage,
            "Chat",
            chat_request("openai/gpt-4o", credential=offered(stage), additionalData={"x": "y" * 200_000}),
        ).success,
        True,
    ),
    "chat, refused": lambda stage: (
        rpc(stage, "Chat", chat_request("openai/gpt-4o-lab-status-401", credential=offered(stage))).success,
        False,
    ),
    "chat, key told": lambda stage: (
        rpc(stage, "Chat", chat_request("openai/gpt-4o-lab-echo-key", credential=offered(stage))).success,
        False,
    ),
    "chat, without a model": lambda stage: (
        rpc(stage, "Chat", chat_request("openai/", credential=offered(stage))).code(),
        grpc.StatusCode.INVALID_ARGUMENT,
    ),
}


@pytest.mark.parametrize("way", CODES)
def test_a_key_that_comes_by_grpc_leaves_none_in_memory(stage: Stage, way: str) -> None:
    found, expected = CODES[way](stage)
    assert found == expected
    stage.assert_forgotten()


def test_a_conversation_with_a_key_of_its_own_leaves_none_in_memory(stage: Stage) -> None:
    with stage.channel() as channel, Talk(channel) as talk:
        for word in ("", "second-", "invalid-"):
            talk.configure("openai", credential=offered(stage, word=word))
            talk.chat(word, "gpt-4o")
            stage.said += talk.turn()[1].SerializeToString()
        talk.half_close()
        talk.rest()
    stage.assert_forgotten()
    with stage.channel() as channel, Talk(channel) as talk:
        talk.configure("openai", credential=offered(stage))
        talk.chat("cut off", "gpt-4o-lab-paced-1000-20")
        talk.next()
    until(lambda: in_flight(stage) == 0)
    stage.assert_forgotten()


@pytest.mark.parametrize("kind", ["grpc-web", "grpc-web-text"])
def test_a_key_that_comes_by_grpc_web_leaves_none_in_memory(stage: Stage, kind: str) -> None:
    message = verification(stage).SerializeToString()
    body = b"\0" + len(message).to_bytes(4, "big") + message
    body = b64encode(body) if kind.endswith("text") else body
    status, _ = stage.ask(
        "POST", SERVICE + "VerifyCredential", body, content_type=f"application/{kind}+proto", x_grpc_web="1"
    )
    assert status == 200
    stage.assert_forgotten(thoroughly=True)


# --- everywhere else --------------------------------------------------------------------------------


def test_no_key_was_ever_written_or_said(stage: Stage) -> None:
    for model in MODELS:
        assert stage.chat(model)[0] == 200
    stage.said += stage.client.get("/metrics").content
    stage.assert_absent_everywhere()
