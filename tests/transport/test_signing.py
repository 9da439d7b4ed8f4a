"""How a request is signed: the secret in its place on the wire, and nowhere when the bytes have left."""

import asyncio
import base64
import contextlib
import json
import re
import socket
from collections.abc import Callable
from urllib.parse import parse_qs, quote

import pytest

from integration_api import __version__
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import Basic, Bearer, Form, Header, Headers, HttpRequest, Query, SigV4
from integration_api.transport import http
from integration_api.transport.limits import INLINE_BODY
from integration_api.transport.signing import Wire, base64_encoded, head, percent_encoded, scrub
from tests.transport.upstream import Held, Upstream, answer, send, to, transport

SECRET = "sk-Zm9y/IHlvdXI+gZXllcyBvbmx5=="
ODD = "pass word&=%+/\u00e9"
SIGNED = {
    "bearer": (Bearer(), {"authorization": f"Bearer {SECRET}"}),
    "header": (Header("x-api-key"), {"x-api-key": SECRET}),
    "header with a prefix": (Header("authorization", prefix="Token "), {"authorization": f"Token {SECRET}"}),
    "basic": (
        Basic("AC1", "key"),
        {"authorization": f"Basic {base64.b64encode(f'AC1:{SECRET}'.encode()).decode()}"},
    ),
}
SIZES = (2, INLINE_BODY, INLINE_BODY + 1)


@pytest.fixture
def wires(monkeypatch) -> list[Wire]:
    """Every request as it was written."""
    written: list[Wire] = []

    def keeping(make: Callable[..., Wire]) -> Callable[..., Wire]:
        def kept(*given) -> Wire:
            written.append(make(*given))
            return written[-1]

        return kept

    for name in ("sealed", "sealed_form", "signed"):
        monkeypatch.setattr(http, name, keeping(getattr(http, name)))
    return written


def wiped(wire: Wire) -> bool:
    return not any(wire.buffer[wire._start : wire._end])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("how", SIGNED)
async def test_a_secret_stands_in_a_header_and_is_wiped_when_it_has_left(wires, how, size) -> None:
    auth, headers = SIGNED[how]
    async with Upstream().serving() as upstream, transport() as over:
        held = Held(key=SECRET)
        await send(over, to(upstream, auth=auth, body=b"x" * size), held)
        [asked] = upstream.asked
        assert headers.items() <= asked.headers.items()
        assert len(asked.lines) == len(asked.headers), "no header twice"
        assert asked.body == b"x" * size
    assert held.all_wiped
    [wire] = wires
    assert wiped(wire)
    assert SECRET.encode() not in wire.buffer


async def test_headers_of_the_accounts_own_are_written_and_wiped(wires) -> None:
    own = {
        "Authorization": f"Bearer {SECRET}",
        "X-Team": "7",
        "Content-Type": "text/plain",
        "user-agent": "x",
    }
    async with Upstream().serving() as upstream, transport() as over:
        held = Held(headers=json.dumps(own))
        given = (("content-type", "application/json"),)
        await send(over, to(upstream, auth=Headers(), headers=given, body=b"{}"), held)
        [asked] = upstream.asked
        assert {
            "authorization": f"Bearer {SECRET}",
            "x-team": "7",
            "content-type": "application/json",
        }.items() <= (asked.headers.items())
        assert len(asked.lines) == len(asked.headers), "no header twice"
    assert held.all_wiped
    [wire] = wires
    assert wiped(wire)
    assert SECRET.encode() not in wire.buffer


async def test_what_a_provider_repeats_of_an_accounts_own_headers_is_taken_out() -> None:
    own = {"Authorization": f"Bearer {SECRET}", "X-Team": "7"}
    async with (
        Upstream([answer(401, f"7 times no to {SECRET}")]).serving() as upstream,
        transport() as over,
    ):
        with pytest.raises(ProviderError) as refused:
            await send(over, to(upstream, auth=Headers()), Held(headers=json.dumps(own)))
    assert refused.value.message == "7 times no to ***"


@pytest.mark.parametrize(("path", "joint"), [("/v1", "?"), ("/v1?a=b", "&")])
@pytest.mark.parametrize("secret", [SECRET, ODD])
async def test_a_secret_stands_in_a_query_percent_encoded(wires, path, joint, secret) -> None:
    async with Upstream().serving() as upstream, transport() as over:
        held = Held(key=secret)
        await send(over, to(upstream, path, auth=Query("the key")), held)
        assert upstream.asked[0].path == f"{path}{joint}the%20key={quote(secret, safe='')}"
    assert held.all_wiped
    assert wiped(wires[0])


@pytest.mark.parametrize("body", [b"", b"a=b"])
async def test_secrets_stand_at_the_end_of_a_form(wires, body) -> None:
    form = Form((("client_secret", "key"), ("assertion", "other")))
    async with Upstream().serving() as upstream, transport() as over:
        held = Held(key=SECRET, other=ODD)
        await send(over, to(upstream, auth=form, body=body), held)
        said = parse_qs(upstream.asked[0].body.decode(), strict_parsing=True)
        assert said == {**({"a": ["b"]} if body else {}), "client_secret": [SECRET], "assertion": [ODD]}
    assert held.all_wiped
    assert wiped(wires[0])


@pytest.mark.parametrize("size", SIZES)
async def test_a_signature_is_of_the_body_that_is_sent(wires, size) -> None:
    auth = SigV4("bedrock", "us-east-1", "AKIDEXAMPLE", "key")
    async with Upstream().serving() as upstream, transport() as over:
        held = Held(key=SECRET)
        await send(over, to(upstream, auth=auth, body=b"x" * size), held)
        [asked] = upstream.asked
        assert asked.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
        assert len(asked.body) == size
        assert SECRET not in str(asked)
    assert held.all_wiped
    assert SECRET.encode() not in wires[0].buffer


async def test_what_we_say_of_ourselves() -> None:
    async with Upstream().serving() as upstream, transport() as over:
        await send(over, to(upstream))
        await send(
            over,
            to(upstream, method="GET", body=b"", headers=(("User-Agent", "x"), ("accept-encoding", "gzip"))),
        )
        said, unsaid = upstream.asked
    assert said.lines == [
        ("host", f"127.0.0.1:{upstream.port}"),
        ("accept-encoding", "identity"),
        ("user-agent", f"integration-api/{__version__}"),
        ("content-length", "2"),
    ]
    assert [name.lower() for name, _ in unsaid.lines] == ["host", "user-agent", "accept-encoding"]


# --- a buffer that does not leave at once ----------------------------------------------------


@contextlib.asynccontextmanager
async def slow_reader():
    """A server that takes a connection and reads nothing until it is told to."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        yield listener


@pytest.fixture
def narrow(monkeypatch) -> None:
    """Outgoing sockets hold little, so that a request waits for its reader."""
    made = http.Connection.connection_made

    def connection_made(self, raw) -> None:
        raw.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        made(self, raw)

    monkeypatch.setattr(http.Connection, "connection_made", connection_made)


@pytest.mark.parametrize("ends", ["read", "cancelled", "reset"])
async def test_a_secret_is_wiped_when_its_bytes_have_left_and_not_before(wires, narrow, ends) -> None:
    loop = asyncio.get_running_loop()
    async with slow_reader() as listener, transport() as over:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        request = HttpRequest(method="POST", url=url, auth=Bearer(), body=b"x" * INLINE_BODY)
        asking = asyncio.create_task(send(over, request, Held(key=SECRET)))
        peer, _ = await loop.sock_accept(listener)
        with peer:
            peer.setblocking(False)
            while not wires:
                await asyncio.sleep(0)
            [connection] = over._client.pool._open
            assert connection._transport.get_write_buffer_size()
            assert not wiped(wires[0]), "not before: the rest is still to be sent from it"
            if ends == "read":
                got = b""
                while len(got) < len(wires[0].buffer):
                    got += await loop.sock_recv(peer, 1 << 16)
                assert f"Bearer {SECRET}".encode() in got
                await loop.sock_sendall(peer, answer())
                assert (await asking).body == b"{}"
            elif ends == "cancelled":
                asking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asking
            else:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                peer.close()
                with pytest.raises(ProviderError):
                    await asking
        while ends != "read" and over._client.pool._open:
            await asyncio.sleep(0)
        assert wiped(wires[0])
        assert SECRET.encode() not in wires[0].buffer


async def test_an_answer_before_its_request_has_left_ends_the_connection_and_wipes_the_rest(
    wires, narrow
) -> None:
    loop = asyncio.get_running_loop()
    async with slow_reader() as listener, transport() as over:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        request = HttpRequest(method="POST", url=url, auth=Bearer(), body=b"x" * INLINE_BODY)
        asking = asyncio.create_task(send(over, request, Held(key=SECRET)))
        peer, _ = await loop.sock_accept(listener)
        with peer:
            peer.setblocking(False)
            while not wires:
                await asyncio.sleep(0)
            await loop.sock_sendall(peer, answer())
            assert (await asking).body == b"{}"
            assert not over._client.pool._oldest, "half a request is still on the line"
        while over._client.pool._open:
            await asyncio.sleep(0)
    assert wiped(wires[0])


async def test_a_request_that_could_not_be_sent_at_all_is_wiped(wires) -> None:
    async with Upstream().serving() as upstream, transport() as over:
        await send(over, to(upstream))
        [kept] = over._client.pool._oldest
        kept._transport.abort()
        await send(over, to(upstream, auth=Bearer()), Held(key=SECRET))
        assert upstream.connections == 2
    assert all(map(wiped, wires))


# --- what cannot be sent ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "secret", ["", " mine", "mine ", "mine\r\nx: y", "mine\n", "mi\x00ne", "min\u00e9", "mi\x7fne", "\tmine"]
)
@pytest.mark.parametrize("auth", [Bearer(), Header("x-api-key")])
async def test_a_secret_that_would_break_out_of_its_header_is_refused(auth, secret) -> None:
    async with Upstream().serving() as upstream, transport() as over:
        held = Held(key=secret)
        with pytest.raises(Failure) as refused:
            await send(over, to(upstream, auth=auth), held)
        assert upstream.asked == []
    assert (refused.value.kind, refused.value.code, refused.value.param) == (
        Kind.CREDENTIAL_INVALID,
        "credential_invalid",
        "key",
    )
    assert "mi" not in refused.value.message
    assert not any(map(any, held.lent))


@pytest.mark.parametrize(
    "own",
    [
        {"x": "mine\r\ny: z"},
        {"x": ""},
        {"x y": "mine"},
        {"x\r\ny": "mine"},
        {"Host": "mine"},
        {"Connection": "mine"},
    ],
)
async def test_an_accounts_own_header_that_would_break_out_is_refused(own) -> None:
    async with Upstream().serving() as upstream, transport() as over:
        held = Held(headers=json.dumps(own))
        with pytest.raises(Failure) as refused:
            await send(over, to(upstream, auth=Headers()), held)
        assert upstream.asked == []
    assert (refused.value.kind, refused.value.code) == (Kind.CREDENTIAL_INVALID, "credential_invalid")
    assert "mine" not in refused.value.message
    assert not any(map(any, held.lent))


@pytest.mark.parametrize("own", ["", "Bearer mine", "[]", '{"x": 1}', '{"x": "mine"'])
async def test_headers_that_are_no_object_of_texts_are_refused(own) -> None:
    async with Upstream().serving() as upstream, transport() as over:
        held = Held(headers=own)
        with pytest.raises(Failure) as refused:
            await send(over, to(upstream, auth=Headers()), held)
        assert upstream.asked == []
    assert "mine" not in refused.value.message
    assert not any(map(any, held.lent))


async def test_a_request_without_its_credential_is_not_sent() -> None:
    async with Upstream().serving() as upstream, transport() as over:
        for auth in (
            Bearer(),
            Headers(),
            Query("key"),
            Basic("u", "key"),
            Form((("a", "key"),)),
            SigV4("s", "r", "id", "key"),
        ):
            with pytest.raises(Failure) as refused:
                await send(over, to(upstream, auth=auth), None)
            assert refused.value.code == "credential_missing"
        assert upstream.asked == []


HOSTILE = [
    ("x", "a\r\nhost: b"), ("x", "a\nb"), ("x", "a\x00b"), ("x", "é"), ("x\r\ny", "a"), ("x y", "a"), ("x:", "a"), ("", "a"),
    ("é", "a"), ("Host", "b"), ("host", "b"), ("Content-Length", "0"), ("transfer-encoding", "chunked"),
    ("connection", "x-api-key"), ("Keep-Alive", "1"), ("upgrade", "h2c"), ("te", "trailers"), ("trailer", "x"),
    ("expect", "100-continue"), ("proxy-authorization", "x"), ("proxy-connection", "close"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), HOSTILE)
async def test_a_header_that_would_break_out_or_belongs_to_one_hop_is_refused(name, value) -> None:
    async with Upstream().serving() as upstream, transport() as over:
        with pytest.raises(Failure) as refused:
            await send(over, to(upstream, headers=((name, value),)))
        assert upstream.asked == []
    assert (refused.value.kind, refused.value.code) == (Kind.INVALID_REQUEST, "invalid_header")


@pytest.mark.parametrize(
    ("method", "auth"),
    [
        ("GET /evil HTTP/1.1\r\nx:", None),
        ("HEAD", None),
        ("CONNECT", None),
        ("POST", Header("x y")),
        ("POST", Header("x", prefix="a\r\nb: ")),
        ("POST", Basic("a:b", "key")),
        ("POST", Basic("a\n", "key")),
    ],
)
def test_what_no_provider_should_have_written_is_refused(method, auth) -> None:
    with pytest.raises(Failure, match="cannot be sent"):
        head(method, "a.example", "/", (), auth)


# --- spellings -------------------------------------------------------------------------------


@pytest.mark.parametrize("length", range(12))
def test_base64_and_percent_encoding_are_those_of_the_library(length) -> None:
    raw = bytearray(range(250 - length, 250))
    assert base64_encoded(raw) == base64.b64encode(raw)
    assert percent_encoded(raw).decode() == quote(bytes(raw), safe="")


SPELLED = {
    "plain": lambda secret: secret,
    "percent-encoded": lambda secret: quote(secret, safe=""),
    "percent-encoded in small letters": lambda secret: re.sub(
        "%..", lambda hit: hit[0].lower(), quote(secret, safe="")
    ),
    "JSON-escaped": lambda secret: secret.replace("/", "\\/"),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 behind a letter": lambda secret: base64.b64encode(b"x" + secret.encode() + b"yz").decode(),
    "base64 behind two": lambda secret: base64.b64encode(b"xy" + secret.encode() + b"z").decode(),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(b"u:" + secret.encode()).decode(),
    "a first part": lambda secret: secret[:12],
}


@pytest.mark.parametrize("how", SPELLED)
def test_a_secret_is_taken_out_of_a_message_however_it_is_spelled(how) -> None:
    told = SPELLED[how](SECRET)
    found = scrub(f"the key {told} is wrong, {told}!", [bytearray(SECRET.encode())])
    assert "***" in found
    assert not any(told[at : at + 12] in found for at in range(len(told) - 11))
    assert found.startswith("the key ")
    assert found.endswith("!")


def test_a_message_is_short_and_says_what_it_said() -> None:
    assert scrub("nothing to hide", [bytearray(SECRET.encode())]) == "nothing to hide"
    assert scrub("nothing to hide", [bytearray()]) == "nothing to hide"
    long = scrub("é" * 5000, [])
    assert (len(long), long[-1]) == (512, "…")
