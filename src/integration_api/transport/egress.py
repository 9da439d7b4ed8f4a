"""Where this service may connect to: the one guard before every outbound socket.

https://www.iana.org/assignments/iana-ipv4-special-registry
https://www.iana.org/assignments/iana-ipv6-special-registry
"""

import asyncio
import re
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple, TypeAlias

from integration_api.core.errors import Failure, Kind, Phase, ProviderError
from integration_api.transport.limits import DNS_CACHE_NAMES, DNS_CACHE_SECONDS, DNS_STALE_SECONDS

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
Lookup: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""A host name and a port to the addresses it has now, as text. Raises `OSError` when it has none."""

HTTPS = 443
HTTP = 80

_DENIED_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # carrier-grade NAT, and Alibaba's metadata service
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # Azure's host: a public address that is answered inside
            "169.254.0.0/16",  # link-local, and most clouds' metadata services
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments, and Oracle's metadata service
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",  # AS112
            "192.52.193.0/24",  # automatic multicast tunnelling
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "192.175.48.0/24",  # AS112
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)

_GLOBAL_V6 = IPv6Network("2000::/3")
"""Everything else is loopback, local, site-local (fec0::/10), multicast, unassigned or a translation."""

_DENIED_V6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: an IPv4 address of anybody's choice
            "2620:4f:8000::/48",  # AS112
            "3fff::/20",  # documentation
        ),
    )
)

_TRANSLATED = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
"""Mapped and NAT64: IPv4 in other clothes, and judged as such. The NAT64 prefix for local use is refused."""

_ISATAP = (0x00005EFE, 0x02005EFE)
_LOW_32 = 0xFFFF_FFFF


def canonical(address: Address) -> Address:
    """Return the IPv4 address that a mapped or NAT64 address stands for, or the address itself."""
    if isinstance(address, IPv6Address) and any(address in network for network in _TRANSLATED):
        return IPv4Address(int(address) & _LOW_32)
    return address


def denied(address: Address) -> bool:
    """Tell whether an address is anything but a public host, in whatever encoding."""
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return True
    address = canonical(address)
    if isinstance(address, IPv4Address):
        return any(address in network for network in _DENIED_V4)
    if address not in _GLOBAL_V6 or any(address in network for network in _DENIED_V6):
        return True
    number = int(address)
    return (number >> 32) & _LOW_32 in _ISATAP and denied(IPv4Address(number & _LOW_32))


class Origin(NamedTuple):
    """Where a URL leads: `host` is a lower-case name or an address without brackets."""

    tls: bool
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The `Host` header: brackets for IPv6, no port where it is the scheme's own."""
        return _authority(self)


@lru_cache(maxsize=1024)
def _authority(origin: Origin) -> str:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return host if origin.port == (HTTPS if origin.tls else HTTP) else f"{host}:{origin.port}"


_URL = re.compile(
    r"(https?|wss?)://(\[[0-9a-f:.]{2,45}\]|[0-9a-z._-]{1,253})(?::([0-9]{1,5}))?([/?][!\"$-\[\]-~]*)?",
    re.ASCII | re.IGNORECASE,
)
_LABEL = re.compile(r"[0-9a-z_](?:[0-9a-z_-]{0,61}[0-9a-z_])?", re.ASCII)
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)


def _refuse(why: str) -> Failure:
    return Failure(Kind.INVALID_REQUEST, why, code="egress_denied", param="base_url")


def _host(text: str) -> str | None:
    """Return a host in its one spelling, or None when it is not plainly a name or an address."""
    host = text.lower()
    try:
        if host[:1] == "[":
            return str(IPv6Address(host[1:-1]))
        labels = host.split(".")
        if _NUMERIC.fullmatch(labels[-1]):  # What a resolver might read as a number must be four plain ones.
            return str(IPv4Address(host))
    except ValueError:
        return None
    return host if len(host) <= 253 and all(map(_LABEL.fullmatch, labels)) else None


@lru_cache(maxsize=1024)
def locate(url: str) -> tuple[Origin, str]:
    """Split a URL into its origin and its path with query. Raises `Failure` for anything but plain http(s) or ws(s)."""
    match = _URL.fullmatch(url)
    host = _host(match[2]) if match else None
    if match is None or host is None:
        raise _refuse(
            "the address must be https:// with a plain host name, no user, no fragment and no spaces"
        )
    tls = match[1].lower() in {"https", "wss"}
    port = int(match[3]) if match[3] else (HTTPS if tls else HTTP)
    if not 0 < port < 65536:
        raise _refuse("the address has a port that does not exist")
    path = match[4] or "/"
    return Origin(tls, host, port), path if path[0] == "/" else f"/{path}"


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


class EgressGuard:
    """Judges addresses before anything connects to them.

    `allow` exempts CIDRs, and hosts with or without a port, from every rule:
    they may be private, speak http and use any port. Raises `ValueError` for
    an entry that is neither.
    """

    def __init__(
        self, allow: Sequence[str] = (), allow_http: bool = False, *, lookup: Lookup | None = None
    ) -> None:
        self._allow_http = allow_http
        self._networks: list[Network] = []
        self._hosts: dict[str, set[int]] = {}
        self._lookup = lookup or _getaddrinfo
        self._known: dict[tuple[str, int], tuple[float, list[Address]]] = {}
        self._asking: dict[tuple[str, int], asyncio.Task[list[Address]]] = {}
        self._passed: set[Origin] = set()
        """Origins that were found good: what is judged here depends on nothing that changes."""
        for entry in allow:
            self._exempt(entry.strip())

    def _exempt(self, entry: str) -> None:
        bare = _literal(entry)
        if bare is not None or "/" in entry:
            self._networks.append(ip_network(entry, strict=False))
            return
        match = re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]+)(?::([0-9]{1,5}))?", entry)
        host = _host(match[1]) if match else None
        if match is None or host is None or (match[2] and not 0 < int(match[2]) < 65536):
            raise ValueError(f"{entry!r} is neither a CIDR nor a host with or without a port")
        self._hosts.setdefault(host, set()).add(int(match[2] or 0))  # 0 stands for every port.

    def check_url(self, url: str) -> None:
        """Refuse a URL that must not be called, as far as can be told without asking DNS.

        Raises `Failure` (INVALID_REQUEST, `egress_denied`).
        """
        self.check(locate(url)[0])

    def check(self, origin: Origin) -> None:
        """Refuse an origin as `check_url` does."""
        if origin not in self._passed:
            self._judge(origin)
            if len(self._passed) >= DNS_CACHE_NAMES:
                self._passed.clear()
            self._passed.add(origin)

    def _judge(self, origin: Origin) -> None:
        address = _literal(origin.host)
        if self._exempted(origin, address):
            return
        if address is not None and denied(address):
            raise _private()
        if address is not None or not self._networks:  # A name may yet resolve to an exempt address.
            self._check_door(origin.tls, origin.port)

    def exempts(self, url: str) -> bool:
        """Tell whether the operator has named the host of a URL, or the network of its address."""
        try:
            origin = locate(url)[0]
        except Failure:
            return False
        return self._exempted(origin, _literal(origin.host))

    async def resolve(self, host: str, port: int, *, tls: bool = True) -> list[Address]:
        """Return the addresses to connect to, IPv4 and IPv6 as the resolver orders them.

        One address that must not be reached refuses them all. Raises `Failure`
        (`egress_denied`), or `ProviderError` (UNREACHABLE) when the name has no address.
        """
        literal = _literal(host)
        addresses = [literal] if literal is not None else await self._addresses(host, port)
        if self._named(host, port):
            return addresses
        strange = [address for address in addresses if not self._inside(address)]
        if any(map(denied, strange)):
            raise _private()
        if strange:
            self._check_door(tls, port)
        return addresses

    def _exempted(self, origin: Origin, address: Address | None) -> bool:
        return self._named(origin.host, origin.port) or (address is not None and self._inside(address))

    def _named(self, host: str, port: int) -> bool:
        ports = self._hosts.get(host)
        return ports is not None and (0 in ports or port in ports)

    def _inside(self, address: Address) -> bool:
        plain = canonical(address)
        return any(plain in network or address in network for network in self._networks)

    def _check_door(self, tls: bool, port: int) -> None:
        if not tls and not self._allow_http:
            raise _refuse("the address must be https; an operator can allow http with EGRESS__ALLOW")
        if port not in ((HTTPS, HTTP) if self._allow_http else (HTTPS,)):
            raise _refuse(
                "the address must use the https port; an operator can allow another with EGRESS__ALLOW"
            )

    async def _addresses(self, host: str, port: int) -> list[Address]:
        key = (host, port)
        known = self._known.get(key)
        age = 0.0 if known is None else time.monotonic() - known[0]
        if known is not None and age < 0:
            return known[1]
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.create_task(self._ask(key))
            asking.add_done_callback(lambda asked: self._asked(key, asked))
        if known is not None and age < DNS_STALE_SECONDS:
            return known[1]
        # Shielded: a caller who gives up must not fail the others who wait for the same name.
        return await asyncio.shield(asking)

    def _asked(self, key: tuple[str, int], asked: asyncio.Task[list[Address]]) -> None:
        del self._asking[key]
        if not asked.cancelled():
            asked.exception()  # Seen, even when everybody who asked has left.

    async def _ask(self, key: tuple[str, int]) -> list[Address]:
        try:
            addresses = list(map(ip_address, await self._lookup(*key)))
        except (OSError, ValueError):
            addresses = []
        if not addresses:
            raise ProviderError(
                Kind.UNREACHABLE,
                f"the host name {key[0]} could not be resolved",
                code="upstream_unreachable",
                phase=Phase.CONNECT,
            )
        self._known.pop(key, None)
        while len(self._known) >= DNS_CACHE_NAMES:
            self._known.pop(next(iter(self._known)))
        self._known[key] = (time.monotonic() + DNS_CACHE_SECONDS, addresses)
        return addresses


def _private() -> Failure:
    return _refuse("the address is not a public host; an operator can allow it with EGRESS__ALLOW")


async def _getaddrinfo(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
