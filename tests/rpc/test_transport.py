"""What gRPC itself promises, on the service's own methods: compression, sizes, deadlines, leaving, metadata."""

import hashlib

import grpc
import pytest

from integration_api.proto import unified_pb2 as wire
from tests.e2e.conftest import base_url
from tests.rpc.caller import (
    SERVICE,
    Caller,
    chat_frame,
    chat_request,
    configuration,
    credential,
    details,
    signed,
    spoken,
    system,
    until,
    user,
)
from tests.rpc.test_chat import LIVE_KEY, records
from tests.rpc.test_stream_chat import SLOW, left, signed_admin

MEGABYTE = 1 << 20


def chat_stub(channel: grpc.Channel) -> grpc.UnaryUnaryMultiCallable:
    return channel.unary_unary(
        SERVICE + "Chat", wire.ChatRequest.SerializeToString, wire.ChatResponse.FromString
    )


def test_compressed_messages_are_read_and_their_secrets_used(caller: Caller, lab: str) -> None:
    key = LIVE_KEY + "-compressed"
    request = chat_request(
        "openai/gpt-4o-mini", credential=credential(key=key, base_url=base_url(lab, "openai"))
    )
    for compression in (grpc.Compression.Gzip, grpc.Compression.NoCompression):
        answer = chat_stub(caller.channel)(
            request, metadata=signed_admin(), timeout=60, compression=compression
        )
        assert answer.success
        assert hashlib.sha256(key.encode()).hexdigest() in str(caller.seen("openai")[-1])
    with pytest.raises(grpc.RpcError) as refused:
        chat_stub(caller.channel)(request, timeout=60, compression=grpc.Compression.Deflate)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "gzip" in refused.value.details()


def test_a_compressed_conversation(caller: Caller) -> None:
    stub = caller.channel.stream_stream(
        SERVICE + "StreamChat", wire.StreamChatRequest.SerializeToString, wire.StreamChatResponse.FromString
    )
    sent = [configuration("sandbox"), chat_frame("zipped", "sandbox/echo", user("Hello " * 1000))]
    call = stub(iter(sent), metadata=signed_admin(), timeout=60, compression=grpc.Compression.Gzip)
    *_, last = call
    assert spoken(last.chat) == "You said: " + "Hello " * 1000


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_messages_have_a_size(caller: Caller, compression: grpc.Compression) -> None:
    """Larger than the four megabytes of gRPC's defaults, and never larger than the limit, unpacked."""
    stub = chat_stub(caller.channel)
    fits = chat_request("sandbox/echo", system("x" * 12 * MEGABYTE), user("Hello"))
    assert spoken(stub(fits, metadata=signed_admin(), timeout=60)) == "You said: Hello"
    large = chat_request("sandbox/echo", system("x" * 17 * MEGABYTE), user("Hello"))
    with pytest.raises(grpc.RpcError) as refused:
        stub(large, metadata=signed_admin(), timeout=60, compression=compression)
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "larger than" in refused.value.details()


def test_a_deadline_ends_a_conversation_and_the_providers_work(caller: Caller) -> None:
    stub = caller.channel.stream_stream(
        SERVICE + "StreamChat", wire.StreamChatRequest.SerializeToString, wire.StreamChatResponse.FromString
    )
    for seconds in (0.7, 2, 5, 25):  # Until one was long enough for the provider to be asked.
        before, asked, id = left(caller), len(caller.seen("openai")), f"too late {seconds}"
        sent = [configuration("openai"), chat_frame(id, f"openai/{SLOW}", user("Hello"))]
        call = stub(iter(sent), metadata=signed_admin(), timeout=seconds)
        with pytest.raises(grpc.RpcError) as late:
            list(call)
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        if len(caller.seen("openai")) > asked:
            break
    until(lambda: left(caller) == before + 1)
    (record,) = until(lambda: records(caller, id))
    assert record["status"] == "cancelled"


def test_leaving_ends_the_providers_work(caller: Caller) -> None:
    before = left(caller)
    asked = len(caller.seen("openai"))
    request = chat_request("openai/gpt-4o-mini-lab-delay-60000", requestId="left")
    call = chat_stub(caller.channel).future(request, metadata=signed_admin(), timeout=60)
    until(lambda: len(caller.seen("openai")) > asked)
    assert call.cancel()
    until(lambda: left(caller) == before + 1)
    (record,) = until(lambda: records(caller, "left"))
    assert record["status"] == "cancelled"


@pytest.mark.parametrize(
    ("given", "kept"),
    [("mine-1", True), ("x" * 128, True), ("x" * 129, False), ("with space", False), ("", False)],
)
def test_a_request_id_is_the_callers_where_it_is_one(caller: Caller, given: str, kept: bool) -> None:
    _, told = caller.call_told("Chat", chat_request("sandbox/echo"), metadata=[("x-request-id", given)])
    assert (told["x-request-id"] == given) is kept
    assert told["x-request-id"]


def test_metadata_of_any_kind_does_no_harm(caller: Caller) -> None:
    odd = [
        ("x-trace-bin", b"\x00\xff raw"),
        ("x-client-source", "sdk"),
        ("x-twice", "one"),
        ("x-twice", "two"),
        ("traceparent", "00-" + "0" * 32 + "-" + "0" * 16 + "-00"),
    ]
    answer, _ = caller.call_told("Chat", chat_request("sandbox/echo"), metadata=odd)  # type: ignore[arg-type]
    assert answer.success


def test_metadata_has_a_size(caller: Caller) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        caller.call("Chat", chat_request("sandbox/echo"), metadata=[("x-large", "x" * 20_000)])
    assert refused.value.code() in {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE}
    assert caller.chat("sandbox/echo").success


def test_two_keys_are_none(caller: Caller) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        caller.call("Chat", chat_request("sandbox/echo"), metadata=[("x-api-key", "iak_other")])
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert details(refused.value)[1]["ErrorInfo"].reason == "invalid_api_key"
    assert signed(None) == []


def test_a_hundred_conversations_on_one_connection(caller: Caller) -> None:
    stub = caller.channel.stream_stream(
        SERVICE + "StreamChat", wire.StreamChatRequest.SerializeToString, wire.StreamChatResponse.FromString
    )
    calls = [
        stub(
            iter([configuration("sandbox"), chat_frame(f"many-{n}", "sandbox/echo", user(f"number {n}"))]),
            metadata=signed_admin(),
            timeout=30,
        )
        for n in range(100)
    ]
    for n, call in enumerate(calls):
        *_, last = call
        assert (last.chat.requestId, spoken(last.chat)) == (f"many-{n}", f"You said: number {n}")
