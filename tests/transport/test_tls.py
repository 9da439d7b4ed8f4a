"""Outbound TLS: whoever cannot prove to be whom the address names is not spoken to."""

import asyncio
import ssl
from datetime import UTC, datetime

import pytest
import trustme

from integration_api.core.errors import Kind, Phase, ProviderError
from integration_api.core.exchange import Bearer, HttpRequest
from integration_api.transport.egress import EgressGuard
from integration_api.transport.http import tls_context
from integration_api.transport.limits import INLINE_BODY
from tests.transport.upstream import Held, Trace, Upstream, answer, fault, transport

AUTHORITY = trustme.CA()
STRANGER = trustme.CA()
PAST = datetime(2020, 1, 1, tzinfo=UTC)
KEY = "sk-never-seen-by-a-stranger"


def trusting(authority: trustme.CA = AUTHORITY) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def serving(certificate: trustme.LeafCert, **more) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    for name, value in more.items():
        setattr(context, name, value)
    return context


async def asked(
    upstream: Upstream, host: str = "localhost", client: ssl.SSLContext | None = None, **more
) -> Held:
    """Ask over TLS, by a name of this machine's."""
    held = Held(key=KEY)
    async with transport("localhost", "127.0.0.1", tls=client or trusting()) as over:
        url = f"https://{host}:{upstream.port}/v1"
        request = HttpRequest(**{"method": "POST", "url": url, "body": b"{}", "auth": Bearer(), **more})
        await over.send(request, fault, held, Trace(0.0), "a")
    return held


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("size", [2, INLINE_BODY, INLINE_BODY + 1, 3_000_000])
async def test_a_host_that_proves_itself_is_spoken_to(host, size) -> None:
    server = serving(AUTHORITY.issue_cert("localhost", "127.0.0.1"))
    async with Upstream([answer(200, b"x" * size)]).serving(server) as upstream:
        held = await asked(upstream, host, body=b"y" * size)
        assert upstream.asked[0].headers["authorization"] == f"Bearer {KEY}"
        assert upstream.asked[0].body == b"y" * size
    assert held.all_wiped


REFUSED = {
    "another host": serving(AUTHORITY.issue_cert("other.example")),
    "a part of the host": serving(AUTHORITY.issue_cert("host")),
    "a wild card": serving(AUTHORITY.issue_cert("*.localhost")),
    "an address for a name": serving(AUTHORITY.issue_cert("127.0.0.1")),
    "expired": serving(AUTHORITY.issue_cert("localhost", not_after=PAST)),
    "signed by itself": serving(STRANGER.issue_cert("localhost")),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_a_certificate_that_does_not_fit_is_refused_before_a_word_is_said(what) -> None:
    async with Upstream().serving(REFUSED[what]) as upstream:
        with pytest.raises(ProviderError) as refused:
            await asked(upstream)
        assert upstream.asked == []
    error = refused.value
    assert (error.kind, error.phase, error.code) == (Kind.UNREACHABLE, Phase.CONNECT, "upstream_unreachable")
    assert error.message == f"localhost:{upstream.port} showed a certificate that could not be verified"


async def test_a_name_in_the_certificate_is_not_enough_for_an_address() -> None:
    async with Upstream().serving(serving(AUTHORITY.issue_cert("localhost"))) as upstream:
        with pytest.raises(ProviderError, match="could not be verified"):
            await asked(upstream, "127.0.0.1")
        assert upstream.asked == []


async def test_a_server_that_speaks_only_old_tls_is_refused(recwarn) -> None:
    old = serving(AUTHORITY.issue_cert("localhost"))
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    recwarn.clear()
    async with Upstream().serving(old) as upstream:
        with pytest.raises(ProviderError) as refused:
            await asked(upstream)
        assert upstream.asked == []
    assert (refused.value.kind, refused.value.phase) == (Kind.UNREACHABLE, Phase.CONNECT)


async def test_a_server_that_speaks_no_tls_is_refused() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer())
        await reader.read()
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    upstream = Upstream(port=server.sockets[0].getsockname()[1])
    with pytest.raises(ProviderError, match="did not complete a TLS handshake"):
        await asked(upstream)
    server.close()


async def test_the_name_asked_for_is_sent_and_no_other_protocol_is_offered() -> None:
    seen: list[str | None] = []
    server = serving(AUTHORITY.issue_cert("localhost"), sni_callback=lambda _, name, __: seen.append(name))
    server.set_alpn_protocols(["h2", "http/1.1"])
    chosen: list[str | None] = []

    async def told(asked_, reader, writer) -> None:
        chosen.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        writer.write(answer())

    async with Upstream([told]).serving(server) as upstream:
        await asked(upstream)
    assert (seen, chosen) == (["localhost"], ["http/1.1"])


@pytest.mark.parametrize("how", ["verify_mode", "check_hostname"])
def test_a_context_that_does_not_verify_is_refused_at_the_start(how) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    if how == "verify_mode":
        context.verify_mode = ssl.CERT_NONE
    with pytest.raises(ValueError, match="must verify"):
        tls_context(context)


def test_session_keys_are_written_nowhere(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    context = tls_context()
    assert context.keylog_filename is None
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


async def test_a_guard_that_allows_http_does_not_make_https_any_weaker() -> None:
    guard = EgressGuard(["127.0.0.1"], allow_http=True)
    assert [str(one) for one in await guard.resolve("127.0.0.1", 80, tls=False)] == ["127.0.0.1"]
    async with Upstream().serving(REFUSED["signed by itself"]) as upstream:
        with pytest.raises(ProviderError, match="could not be verified"):
            await asked(upstream)
