"""gRPC-Web: calls as browsers make them, in both protocols and both encodings."""

import asyncio
from base64 import b64decode, b64encode
from dataclasses import replace

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_api.edge.limits import Limits
from tests.edge.house import QUICK, Open, opened
from tests.edge.raw import WAIT, raw
from tests.edge.test_grpc import method, until

BINARY, TEXT = "application/grpc-web+proto", "application/grpc-web-text"


def framed(message: bytes, kind: int = 0) -> bytes:
    return bytes((kind,)) + len(message).to_bytes(4, "big") + message


def read(answer: httpx2.Response) -> tuple[list[bytes], dict[str, str]]:
    """Cut an answer into its messages and its trailers, which come last and once."""
    body = answer.content
    if answer.headers["content-type"].startswith(TEXT):
        body = b"".join(b64decode(part + b"==") for part in body.replace(b"==", b"=").split(b"=") if part)
    messages = []
    while body:
        kind, size = body[0], int.from_bytes(body[1:5], "big")
        payload, body = body[5 : 5 + size], body[5 + size :]
        if kind == 0x80:
            assert body == b""
            lines = payload.decode().removesuffix("\r\n").split("\r\n")
            return messages, dict(line.split(": ", 1) for line in lines)
        assert kind == 0
        messages.append(payload)
    raise AssertionError("no trailers")


async def call(
    edge: Open, name: str, body: bytes, *, http2: bool = False, **headers: str
) -> tuple[list[bytes], dict[str, str], httpx2.Headers]:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    headers = {"content-type": BINARY, "x-grpc-web": "1", **headers}
    async with httpx2.AsyncClient(http1=not http2, http2=http2, timeout=WAIT) as client:
        answer = await client.post(f"http://{edge.address}{method(name)}", content=body, headers=headers)
    assert answer.status_code == 200
    return *read(answer), answer.headers


@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize(
    "content_type", [BINARY, "application/grpc-web", TEXT, TEXT + "+proto", BINARY + "; charset=utf-8"]
)
async def test_a_unary_call_carries_messages_and_metadata_both_ways(content_type, http2):
    async with opened() as edge:
        for size in (0, 1, 2, 3, 100_000):
            message = b"\xff" * size
            said = b64encode(framed(message)) if TEXT in content_type else framed(message)
            messages, trailers, headers = await call(
                edge, "Echo", said, http2=http2, content_type=content_type, x_tenant="seven", trace_bin="AP9y"
            )
            assert messages == [message]
            assert trailers == {"grpc-status": "0", "x-last": "2", "last-bin": "/wA"}
            assert (headers["x-first"], headers["first-bin"]) == ("1", "AAE")
            assert (TEXT if TEXT in content_type else "application/grpc-web+") in headers["content-type"]
        seen = edge.house.calls[0]
        assert (seen.path, seen.client, seen.timeout) == (method("Echo"), "127.0.0.1", None)
        assert (seen.metadata[b"x-tenant"], seen.metadata[b"trace-bin"]) == (b"seven", b"\x00\xffr")


@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("content_type", [BINARY, TEXT])
async def test_a_stream_comes_frame_by_frame(content_type, http2):
    async with opened() as edge:
        said = b64encode(framed(b"300")) if content_type == TEXT else framed(b"300")
        messages, trailers, _ = await call(edge, "Count", said, http2=http2, content_type=content_type)
        assert messages == [b"%d" % number for number in range(300)]
        assert trailers == {"grpc-status": "0"}


async def test_accept_decides_about_the_answer():
    async with opened() as edge:
        for accept, told in ((TEXT, TEXT), (BINARY, BINARY), ("*/*", BINARY)):
            messages, _, headers = await call(edge, "Echo", framed(b"x"), accept=accept)
            assert messages == [b"x"]
            assert headers["content-type"].startswith(told)


async def test_base64_may_be_padded_wherever_its_sender_flushed():
    said = framed(b"in pieces of every length")
    async with opened() as edge:
        for size in range(1, 9):
            body = b"".join(b64encode(said[at : at + size]) for at in range(0, len(said), size))
            messages, _, _ = await call(edge, "Echo", body, content_type=TEXT)
            assert messages == [b"in pieces of every length"]


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("Refuse", "9", "not today: %C3%BCnm%C3%B6glich 100%25%0A"),
        ("Raise", "13", "internal error"),
        ("BadMetadata", "13", "internal error"),
        ("Missing", "12", "there is no such method"),
    ],
)
async def test_what_goes_wrong_is_a_status_in_the_trailers(name, code, message):
    async with opened() as edge:
        for content_type, said in ((BINARY, framed(b"")), (TEXT, b64encode(framed(b"")))):
            messages, trailers, _ = await call(edge, name, said, content_type=content_type)
            assert messages == ([b""] if name == "BadMetadata" else [])
            assert (trailers["grpc-status"], trailers["grpc-message"]) == (code, message)
            if name == "Refuse":
                assert b64decode(trailers["grpc-status-details-bin"] + "==") == b"\x08\x09details"
                assert trailers["x-reason"] == "none"


async def test_a_stream_may_fail_midway():
    async with opened() as edge:
        messages, trailers, _ = await call(edge, "Midway", framed(b""))
        assert messages == [b"one"]
        assert trailers == {"grpc-status": "10", "grpc-message": "midway"}


MALFORMED: dict[str, tuple[str, bytes, dict[str, str]]] = {
    "no message": ("3", b"", {}),
    "two messages": ("3", framed(b"a") + framed(b"b"), {}),
    "cut prefix": ("3", framed(b"")[:3], {}),
    "cut message": ("3", framed(b"hello")[:-1], {}),
    "length beyond all": ("3", b"\0\xff\xff\xff\xff", {}),
    "compressed": ("12", framed(b"a", 1), {}),
    "trailers": ("12", framed(b"a: b\r\n", 0x80), {}),
    "not base64": ("3", b"!!!!", {"content_type": TEXT}),
    "half base64": ("3", b64encode(framed(b"ab"))[:-1].rstrip(b"="), {"content_type": TEXT}),
    "padding alone": ("3", b"==", {"content_type": TEXT}),
    "JSON": ("12", b"{}", {"content_type": "application/grpc-web+json"}),
    "bad timeout": ("3", framed(b""), {"grpc_timeout": "soon"}),
    "bad binary metadata": ("3", framed(b""), {"trace_bin": "*"}),
    "no time at all": ("4", framed(b""), {"grpc_timeout": "0n"}),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_malformed_call_is_refused_and_its_handler_not_begun(name):
    code, body, headers = MALFORMED[name]
    async with opened() as edge:
        _, trailers, _ = await call(edge, "Hang" if name == "no time at all" else "Echo", body, **headers)
        assert trailers["grpc-status"] == code
        assert edge.house.calls == []
        assert edge.house.failures == []


async def test_a_message_that_is_too_large_is_refused():
    async with opened(replace(QUICK, message_bytes=1_000)) as edge:
        _, trailers, _ = await call(edge, "Echo", framed(bytes(1_001)))
        assert trailers["grpc-status"] == "8"


@given(body=st.binary(max_size=60) | st.binary(max_size=40).map(b64encode), text=st.booleans())
@settings(max_examples=60, deadline=None)
async def test_noise_is_a_status(body, text):
    async with opened() as edge:
        _, trailers, _ = await call(edge, "Echo", body, content_type=TEXT if text else BINARY)
        assert trailers["grpc-status"] in ("0", "3", "8", "12")


async def test_only_a_post_is_a_call():
    async with opened() as edge, httpx2.AsyncClient(timeout=60) as client:
        answer = await client.get(f"http://{edge.address}{method('Echo')}", headers={"content-type": BINARY})
        assert answer.text == f"GET {method('Echo')} 0"


async def test_a_page_of_another_origin_may_not_call():
    async with opened() as edge, httpx2.AsyncClient(timeout=60) as client:
        headers = {"content-type": BINARY, "origin": "https://evil.example"}
        answer = await client.post(
            f"http://{edge.address}{method('Echo')}", content=framed(b""), headers=headers
        )
        assert answer.status_code == 403
        assert answer.json()["error"]["type"] == "permission_error"
        assert edge.house.calls == []


@pytest.mark.parametrize("name", ["Hang", "Endless", "Wait"])
async def test_the_deadline_ends_call_and_handler(name):
    async with opened() as edge:
        messages, trailers, _ = await call(edge, name, framed(b""), grpc_timeout="50m")
        assert trailers["grpc-status"] == "4"
        assert bool(messages) == (name != "Hang")
        async with asyncio.timeout(WAIT):
            await (edge.house.cancelled if name == "Hang" else edge.house.closed).wait()


@pytest.mark.parametrize("name", ["Hang", "Endless"])
async def test_a_caller_who_leaves_cancels_the_handler(name):
    async with opened() as edge, raw(edge) as client:
        await client.ask(method(name), f"content-type: {BINARY}", method="POST", body=framed(b""))
        async with asyncio.timeout(WAIT):
            await edge.house.begun.wait()
            client.writer.transport.abort()
            await (edge.house.cancelled if name == "Hang" else edge.house.closed).wait()
        await until(lambda: edge.edge.requests == 0)


def test_a_secret_in_a_body_is_wiped_wherever_it_was():
    from integration_api.edge import grpc_web

    plain = bytearray(framed(b"a-secret"))
    assert grpc_web._messages(plain, Limits()) == [b"a-secret"]
    assert not any(plain)
    coded = bytearray(b64encode(framed(b"a-secret")))
    assert grpc_web._decoded(coded) == framed(b"a-secret")
    assert not any(coded)
