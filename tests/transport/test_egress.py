"""Where this service may connect to: every address in every spelling, names that lead to them, and nothing around the guard."""

import asyncio
import itertools
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import HttpRequest
from integration_api.transport import egress
from integration_api.transport.egress import EgressGuard, denied, locate
from tests.transport.upstream import Trace, Upstream, answer, fault, send, to, transport

DENIED_V4 = (
    "0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.100.100.200", "100.127.255.255",
    "127.0.0.1", "127.255.255.255", "168.63.129.16", "169.254.0.0", "169.254.169.254", "169.254.170.2",
    "169.254.255.255", "172.16.0.0", "172.31.255.255", "192.0.0.0", "192.0.0.192", "192.0.0.255", "192.0.2.1",
    "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.0.0", "192.168.255.255", "192.175.48.1", "198.18.0.0",
    "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
)  # fmt: skip
PUBLIC_V4 = (
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0",
    "192.0.3.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
)  # fmt: skip
DENIED_V6 = (
    "::", "::1", "::2", "::ffff:0:0:1", "100::1", "64:ff9b:1::1", "64:ff9b:1:0:808:808::", "2001::1", "2001:1::1",
    "2001:2::1", "2001:10::1", "2001:1ff:ffff::1", "2001:db8::1", "2002::1", "2002:808:808::1", "2620:4f:8000::1",
    "3fff::1", "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fdff:ffff::1", "fe80::1", "febf::1", "fec0::1",
    "feff::1", "ff02::1", "ffff::1",
)  # fmt: skip
PUBLIC_V6 = (
    "2000::1",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2003::1",
    "2606:4700:4700::1111",
    "2a00::1",
    "3ffe::1",
)

ENCODED = {
    "mapped": lambda number: IPv6Address(0xFFFF << 32 | number),
    "NAT64": lambda number: IPv6Address((0x64FF9B << 96) | number),
    "compatible": IPv6Address,
    "translated": lambda number: IPv6Address(0xFFFF << 48 | number),
    "6to4": lambda number: IPv6Address((0x2002 << 112) | number << 80),
    "Teredo": lambda number: IPv6Address((0x20010000 << 96) | (number ^ 0xFFFF_FFFF)),
    "ISATAP": lambda number: IPv6Address((0x2A00 << 112) | (0x00005EFE << 32) | number),
    "ISATAP, global": lambda number: IPv6Address((0x2A00 << 112) | (0x02005EFE << 32) | number),
    "NAT64 of one's own": lambda number: IPv6Address((0x64FF9B0001 << 80) | number),
}
"""IPv4 inside IPv6, in every way that some gateway on the path would undo."""


@pytest.mark.parametrize("address", [*DENIED_V4, *DENIED_V6])
def test_what_is_no_public_host_is_denied(address) -> None:
    assert denied(ip_address(address))


@pytest.mark.parametrize("address", [*PUBLIC_V4, *PUBLIC_V6])
def test_what_is_a_public_host_is_not(address) -> None:
    assert not denied(ip_address(address))


@pytest.mark.parametrize("encoding", ENCODED)
def test_an_address_inside_another_is_judged_as_what_it_is(encoding) -> None:
    for address in DENIED_V4:
        assert denied(ENCODED[encoding](int(IPv4Address(address)))), address


@pytest.mark.parametrize("encoding", ["mapped", "NAT64", "ISATAP"])
def test_a_public_address_inside_another_stays_public(encoding) -> None:
    for address in PUBLIC_V4:
        assert not denied(ENCODED[encoding](int(IPv4Address(address)))), address


@pytest.mark.parametrize("address", ["fe80::1%eth0", "2a00::1%1", "::ffff:8.8.8.8%lo"])
def test_a_zone_is_no_public_place(address) -> None:
    assert denied(IPv6Address(address))


# --- URLs ------------------------------------------------------------------------------------

STRANGE = (
    "2130706433", "0x7f000001", "0x7f.1", "127.1", "127.0.1", "0177.0.0.1", "017700000001", "127.0.0.01",
    "0x7f.0x0.0x0.0x1", "00000177.0.0.1", "127.0.0.1.", "127.0.0.1..", "127。0。0。1", "①②⑦.0.0.1", "127%2e0%2e0%2e1",
    "[::1%25lo]", "[::1%lo]", "[::ffff:7f00:1%1]", "[0:0:0:0:0:ffff:127.0.0.1", "::1", "[127.0.0.1]", "[::127.1]",
    "[v1.fe]", "localhost%00.example.com", "example.com@127.0.0.1", "user:pass@example.com", "a b", "a\tb", "exa\\mple",
    "-a.com", "a-.com", "a..com", ".a.com", "a" * 64 + ".com", ".".join(["a" * 60] * 5), "1.2.3.4.5", "1.2.3",
    "999.1.1.1", "0x", "é.com", "", "%31%32%37.0.0.1",
)  # fmt: skip


@pytest.mark.parametrize("host", STRANGE)
def test_a_host_that_is_not_plainly_a_name_or_an_address_is_refused(host) -> None:
    with pytest.raises(Failure) as refused:
        locate(f"https://{host}/")
    assert (refused.value.kind, refused.value.code) == (Kind.INVALID_REQUEST, "egress_denied")
    assert refused.value.param == "base_url"


@pytest.mark.parametrize(
    "url",
    [
        "http//a.com", "//a.com", "a.com", "ftp://a.com", "file:///etc/passwd", "gopher://a.com", "javascript:1",
        "https://a.com#x", "https://a.com/#x", "https://a.com/ x", "https://a.com/\r\nhost: b", "https://a.com/\x00",
        "https://a.com/é", "https://a.com\\@b.com", "https://a.com:0", "https://a.com:65536", "https://a.com:x",
        "https://a.com:443:443", "https://[::1", "https://[]", "https://[1::2::3]", "https://a.com\n", " https://a.com",
    ],
)  # fmt: skip
def test_an_address_that_is_anything_but_a_plain_url_is_refused(url) -> None:
    with pytest.raises(Failure, match=r"the address (must be https://|has a port)"):
        locate(url)


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("https://API.Example.COM", "api.example.com", "/"),
        ("https://api.example.com:443/v1", "api.example.com", "/v1"),
        ("http://api.example.com:80?a=b", "api.example.com", "/?a=b"),
        ("https://api.example.com:8443//v1/%2e?x='[y]'", "api.example.com:8443", "//v1/%2e?x='[y]'"),
        ("wss://api.example.com/live", "api.example.com", "/live"),
        ("https://[2606:4700:4700:0:0::1111]/", "[2606:4700:4700::1111]", "/"),
        ("https://[2606:4700:4700::1111]:8443/", "[2606:4700:4700::1111]:8443", "/"),
        ("https://8.8.8.8", "8.8.8.8", "/"),
        ("https://a_b.example.com", "a_b.example.com", "/"),
        ("https://xn--bcher-kva.example", "xn--bcher-kva.example", "/"),
    ],
)
def test_a_url_has_one_spelling(url, authority, path) -> None:
    origin, found = locate(url)
    assert (origin.authority, found) == (authority, path)


# --- what the operator allows ----------------------------------------------------------------


def check(url: str, *allow: str, http: bool = False) -> str | None:
    """Return why a URL is refused; None when it is not."""
    try:
        EgressGuard(allow, http).check_url(url)
    except Failure as refused:
        assert refused.code == "egress_denied"
        return refused.message
    return None


@pytest.mark.parametrize(
    ("url", "allow", "http", "why"),
    [
        ("https://api.example.com", (), False, None),
        ("http://api.example.com", (), False, "must be https"),
        ("http://api.example.com", (), True, None),
        ("https://api.example.com:8443", (), False, "https port"),
        ("https://api.example.com:8443", (), True, "https port"),
        ("https://api.example.com:80", (), True, None),
        ("https://8.8.8.8", (), False, None),
        ("https://127.0.0.1", (), True, "not a public host"),
        ("https://[::ffff:127.0.0.1]", (), False, "not a public host"),
        ("https://[::ffff:8.8.8.8]", (), False, None),
        ("http://127.0.0.1:9104", ("127.0.0.1/32",), False, None),
        ("http://127.0.0.1:9104", ("127.0.0.1",), False, None),
        ("http://[::ffff:127.0.0.1]:9104", ("127.0.0.0/8",), False, None),
        ("http://127.0.0.2:9104", ("127.0.0.1/32",), False, "not a public host"),
        ("http://[::1]:9104", ("127.0.0.1/32",), False, "not a public host"),
        ("http://[::1]:9104", ("::1",), False, None),
        ("http://[::1]:9104", ("[::1]",), False, None),
        ("http://[::1]:9104", ("[::1]:9104",), False, None),
        ("http://[::1]:9105", ("[::1]:9104",), False, "not a public host"),
        ("http://lab:9104", ("lab",), False, None),
        ("http://LAB:9104", ("lab:9104",), False, None),
        ("http://lab:9105", ("lab:9104",), False, "must be https"),
        ("http://sub.lab:9104", ("lab",), False, "must be https"),
        (
            "http://api.example.com:81",
            ("10.0.0.0/8",),
            False,
            None,
        ),  # It may yet be in there: `resolve` tells.
    ],
)
def test_what_can_be_told_without_asking_is_told(url, allow, http, why) -> None:
    found = check(url, *allow, http=http)
    assert found is None if why is None else why in (found or "")


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "1.2.3.4/33",
        "a b",
        "http://a.com",
        "a.com:0",
        "a.com:65536",
        "[::1",
        "127.1",
        "a.com/8",
        "*.a.com",
    ],
)
def test_an_entry_that_means_nothing_is_refused_at_the_start(entry) -> None:
    with pytest.raises(ValueError):
        EgressGuard([entry])


@pytest.mark.parametrize(
    ("url", "exempt"),
    [
        ("http://lab:9104/x", True),
        ("http://lab:9105/x", False),
        ("https://10.1.2.3", True),
        ("https://login.example", False),
        ("not an address", False),
    ],
)
def test_what_an_operator_has_named_is_known(url, exempt) -> None:
    assert EgressGuard(["lab:9104", "10.0.0.0/8"]).exempts(url) is exempt


# --- names -----------------------------------------------------------------------------------


class Names:
    """A resolver: each name's answers in turn, the last one for good."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self.answers = {name.replace("_", "."): list(given) for name, given in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        await asyncio.sleep(0)
        given = self.answers.get(host)
        if given is None:
            raise OSError(-2, "Name or service not known")
        return given.pop(0) if len(given) > 1 else given[0]


MIXTURES = [
    ["8.8.8.8", bad] for bad in ("127.0.0.1", "::1", "169.254.169.254", "fe80::1%eth0", "::ffff:10.0.0.1")
]


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["::ffff:169.254.169.254"], ["64:ff9b::a00:1"], *MIXTURES]
)
async def test_a_name_with_one_address_that_is_denied_is_denied(addresses) -> None:
    for order in itertools.permutations(addresses):
        guard = EgressGuard(lookup=Names(evil_example=[order]))
        with pytest.raises(Failure, match="not a public host"):
            await guard.resolve("evil.example", 443)


@pytest.mark.parametrize(
    ("allow", "tls", "port", "addresses", "why"),
    [
        (("10.0.0.0/8",), False, 81, ["10.0.0.1"], None),
        (("10.0.0.0/8",), False, 81, ["10.0.0.1", "8.8.8.8"], "must be https"),
        (("10.0.0.0/8",), True, 81, ["8.8.8.8"], "https port"),
        (("10.0.0.0/8",), True, 443, ["10.0.0.1", "192.168.0.1"], "not a public host"),
        (("10.0.0.0/8",), True, 443, ["10.0.0.1", "8.8.8.8"], None),
        (("lab.example",), False, 81, ["192.168.0.1"], None),
        (("lab.example:82",), True, 443, ["192.168.0.1"], "not a public host"),
    ],
)
async def test_exemptions_are_for_the_address_that_is_called(allow, tls, port, addresses, why) -> None:
    guard = EgressGuard(allow, lookup=Names(lab_example=[addresses]))
    if why is None:
        assert [str(one) for one in await guard.resolve("lab.example", port, tls=tls)] == addresses
        return
    with pytest.raises(Failure, match=why):
        await guard.resolve("lab.example", port, tls=tls)


@pytest.mark.parametrize("given", [[], ["not an address"]])
async def test_a_name_that_leads_nowhere_is_unreachable(given) -> None:
    guard = EgressGuard(lookup=Names(a_example=[given]))
    for name in ("a.example", "unknown.example"):
        with pytest.raises(ProviderError) as lost:
            await guard.resolve(name, 443)
        assert lost.value.kind is Kind.UNREACHABLE
        assert name in lost.value.message


async def test_a_burst_asks_once_and_a_caller_who_leaves_fails_nobody_else() -> None:
    names = Names(a_example=[["8.8.8.8"]])
    guard = EgressGuard(lookup=names)
    asking = [asyncio.create_task(guard.resolve("a.example", 443)) for _ in range(5)]
    await asyncio.sleep(0)
    asking[0].cancel()
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert found[1:] == [[IPv4Address("8.8.8.8")]] * 4
    await guard.resolve("a.example", 443)
    assert names.asked == ["a.example"]


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """The time, to be set."""
    now = [0.0]
    monkeypatch.setattr("integration_api.transport.egress.time.monotonic", lambda: now[0])
    return now


async def test_names_kept_are_bounded_and_the_oldest_is_forgotten(monkeypatch, clock) -> None:
    monkeypatch.setattr(egress, "DNS_CACHE_NAMES", 2)
    names = Names(**{f"{letter}_example": [["8.8.8.8"]] for letter in "abc"})
    guard = EgressGuard(lookup=names)
    for letter in "abcbca":
        await guard.resolve(f"{letter}.example", 443)
    assert names.asked == [f"{letter}.example" for letter in "abca"]


async def test_an_answer_that_grew_old_serves_while_it_is_asked_for_anew(clock) -> None:
    names = Names(a_example=[["8.8.8.8"], ["8.8.4.4"], []])
    guard = EgressGuard(lookup=names)

    async def found() -> list[str]:
        return [str(one) for one in await guard.resolve("a.example", 443)]

    async def settled() -> None:
        await asyncio.gather(*guard._asking.values(), return_exceptions=True)

    assert await found() == ["8.8.8.8"]
    clock[0] += egress.DNS_CACHE_SECONDS - 1
    assert await found() == ["8.8.8.8"]
    assert len(names.asked) == 1
    clock[0] += 2
    assert await found() == ["8.8.8.8"], "nobody waits"
    await settled()
    assert await found() == ["8.8.4.4"]
    assert len(names.asked) == 2
    clock[0] += egress.DNS_CACHE_SECONDS + egress.DNS_STALE_SECONDS - 1
    assert await found() == ["8.8.4.4"], "a name server that is away holds up nobody"
    await settled()
    clock[0] += 2
    with pytest.raises(ProviderError, match="could not be resolved"):
        await found()


async def test_an_answer_that_grew_old_is_judged_like_any_other(clock) -> None:
    guard = EgressGuard(lookup=Names(a_example=[["8.8.8.8"], ["127.0.0.1"]]))
    await guard.resolve("a.example", 443)
    clock[0] += egress.DNS_CACHE_SECONDS + 1
    await guard.resolve("a.example", 443)
    await asyncio.gather(*guard._asking.values())
    for _ in range(2):
        with pytest.raises(Failure, match="not a public host"):
            await guard.resolve("a.example", 443)


# --- on sockets ------------------------------------------------------------------------------


async def test_a_connection_goes_to_the_address_that_was_checked(monkeypatch) -> None:
    """The resolver would lead elsewhere when asked a second time: nobody asks it."""
    names = Names(rebound_example=[["127.0.0.1"], ["10.255.255.1"]])
    monkeypatch.setattr(egress, "_getaddrinfo", names)
    async with Upstream([answer()]).serving() as upstream, transport("127.0.0.1") as over:
        url = f"http://rebound.example:{upstream.port}/v1"
        for _ in range(3):
            await over.send(HttpRequest(method="GET", url=url), fault, None, Trace(0.0), None)
        assert names.asked == ["rebound.example"]
        assert {one.headers["host"] for one in upstream.asked} == {f"rebound.example:{upstream.port}"}
        assert upstream.connections == 3


async def test_a_name_that_turns_to_a_denied_address_is_refused_when_it_is_asked_again(monkeypatch) -> None:
    names = Names(rebound_example=[["127.0.0.1"], ["127.0.0.2"]])
    monkeypatch.setattr(egress, "_getaddrinfo", names)
    monkeypatch.setattr(egress, "DNS_CACHE_SECONDS", -1.0)
    monkeypatch.setattr(egress, "DNS_STALE_SECONDS", 0.0)
    async with Upstream([answer()]).serving() as upstream, transport("127.0.0.1") as over:
        request = HttpRequest(method="GET", url=f"http://rebound.example:{upstream.port}/v1")
        await over.send(request, fault, None, Trace(0.0), None)
        with pytest.raises(Failure, match="not a public host"):
            await over.send(request, fault, None, Trace(0.0), None)
        assert upstream.connections == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 300, 304])
async def test_a_redirect_is_not_followed(status) -> None:
    async with Upstream().serving() as elsewhere, Upstream().serving() as upstream, transport() as over:
        upstream.answers = [answer(status, b"", location=f"{elsewhere.url}/metadata")]
        with pytest.raises(ProviderError) as refused:
            await send(over, to(upstream))
        assert elsewhere.connections == 0
    assert (refused.value.code, refused.value.refusal.status) == ("redirect_refused", status)
    assert not refused.value.retryable
    assert elsewhere.url not in refused.value.message


async def test_no_proxy_of_the_environment_is_asked(monkeypatch) -> None:
    async with Upstream().serving() as proxy, Upstream().serving() as upstream, transport() as over:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        await send(over, to(upstream))
        assert (proxy.connections, upstream.connections) == (0, 1)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"])
async def test_this_machine_is_not_reached_unless_it_is_allowed(host) -> None:
    async with Upstream().serving() as upstream, transport("10.0.0.1") as over:
        for scheme in ("http", "https"):
            request = HttpRequest(method="GET", url=f"{scheme}://{host}:{upstream.port}/")
            with pytest.raises(Failure) as refused:
                await over.send(request, fault, None, Trace(0.0), None)
            assert refused.value.code == "egress_denied"
        assert upstream.connections == 0
