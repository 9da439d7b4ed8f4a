"""Whether a carrier's request is the carrier's: checked over its raw bytes, before anything of it is read."""

import hashlib
import hmac
import json
import re
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, TypeAlias
from urllib.parse import SplitResult, parse_qsl, unquote_plus, urlsplit

import msgspec
from msgspec import Struct

from integration_api.core.credential import Secrets
from integration_api.core.errors import Failure
from integration_api.core.secret import wipe
from integration_api.core.webhook import Addresses, BodyJwt, Path, Proof, UrlFormHmac

FORM = "application/x-www-form-urlencoded"
SKEW_SECONDS = 60.0
"""How far a carrier's clock may be ahead of ours."""
MOST_FIELDS = 256
"""Of a form: carriers send some thirty."""
TOKEN_BYTES = 4_096
"""Of a JWT: carriers' have some four hundred."""
_PLAIN = r"[!$'()*+,\-./0-9:;?@A-Z\[\]_a-z~]|%[0-9A-Fa-f]{2}"
_FIELD = re.compile(f"((?:{_PLAIN})+)=((?:{_PLAIN}|=)*)")
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
Network: TypeAlias = IPv4Network | IPv6Network


class Forged(Exception):
    """The request is not proven to be the carrier's; `reason` is a word for logs and metrics."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Evidence(Struct, frozen=True, kw_only=True):
    """A request as it came."""

    method: str
    url: str
    """As the carrier was given it: public base URL, path and raw query; wss for the handshake of a media socket."""
    headers: Mapping[bytes, bytes]
    body: bytes | bytearray = b""
    client: str = ""
    """The address it came from: the carrier's, or that of the nearest proxy."""


class Gate(Struct, frozen=True):
    """What the operator says of the carriers' requests."""

    replay_seconds: float
    addresses: tuple[Network, ...] = ()
    """Where unsigned requests may come from."""
    proxies: tuple[Network, ...] = ()
    """Whose `x-forwarded-for` is believed."""


def networks(text: str) -> tuple[Network, ...]:
    """Read CIDRs separated by commas. Raises `ValueError`."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def check(proof: Proof, evidence: Evidence, secrets: Secrets | None, gate: Gate, now: float) -> None:
    """Return if the request is the carrier's. Raises `Forged`."""
    match proof:
        case UrlFormHmac():
            _check_url_form(proof, evidence, secrets)
        case BodyJwt():
            _check_jwt(proof, evidence, secrets, gate, now)
        case Addresses():
            if not gate.addresses:
                raise Forged("no_addresses")
            if not _within(_sender(evidence, gate.proxies), gate.addresses):
                raise Forged("address")
        case Path():
            pass  # It has been opened: that is all there is.


def read_form(body: bytes | bytearray) -> tuple[tuple[str, str], ...]:
    """Read a form to the letter: what can be read in two ways is refused. Raises `Forged`."""
    if not body:
        return ()
    if not body.isascii():
        raise Forged("form")
    pieces = body.decode("ascii").split("&")
    if len(pieces) > MOST_FIELDS:
        raise Forged("form")
    fields = []
    for piece in pieces:
        found = _FIELD.fullmatch(piece)
        if found is None:
            raise Forged("form")
        try:
            name, value = (unquote_plus(text, errors="strict") for text in found.groups())
        except UnicodeDecodeError:
            raise Forged("form") from None
        fields.append((name, value))
    if len(set(fields)) != len(fields):
        raise Forged("form")  # The signature counts a field once that is there twice.
    return tuple(fields)


# --- signed URL and form ---------------------------------------------------------------------


def _check_url_form(proof: UrlFormHmac, evidence: Evidence, secrets: Secrets | None) -> None:
    given = evidence.headers.get(proof.header.lower().encode(), b"")
    if not given:
        raise Forged("unsigned")
    fields: Sequence[tuple[str, str]] = ()
    unlike = False
    if evidence.body:
        digest = _query_value(evidence.url, proof.digest_parameter)
        if digest is not None:
            # Its body is no form: the URL, which is signed, says what it is.
            computed = hashlib.sha256(evidence.body).hexdigest()
            unlike = not hmac.compare_digest(computed.encode(), digest.lower().encode())
        elif _kind(evidence.headers) == FORM:
            fields = read_form(evidence.body)
            _check_cuts(fields, proof.names)
        else:
            raise Forged("unsigned_body")
    said = "".join(name + value for name, value in sorted(fields)).encode()
    secret = _revealed(secrets, proof.field)
    try:
        matches = [
            hmac.compare_digest(b64encode(hmac.digest(secret, url.encode() + said, "sha1")), given)
            for url in _spellings(evidence.url)
        ]
    finally:
        wipe(secret)
    if unlike or not any(matches):
        raise Forged("signature")


def _check_cuts(fields: Sequence[tuple[str, str]], names: Sequence[str]) -> None:
    """Refuse a form in which a field that is read may have been cut elsewhere than between name and value."""
    missing = tuple(set(names).difference(name for name, _ in fields))
    if any((name + value).startswith(missing) for name, value in fields):
        raise Forged("form")


def _spellings(url: str) -> list[str]:
    """Return a URL as it is, without its port and with it: carriers sign one or the other.

    Of a socket also with a slash behind its path: people have seen that signed. It opens nothing that the URL does not.
    """
    parts = _parts(url)
    if parts.scheme in ("ws", "wss") and not parts.query and not parts.path.endswith("/"):
        return [*_with_and_without_port(url, parts), *_with_and_without_port(url + "/", parts)]
    return _with_and_without_port(url, parts)


def _with_and_without_port(url: str, parts: SplitResult) -> list[str]:
    start = len(parts.scheme) + len("://")
    rest = url[start + len(parts.netloc) :]
    if parts.port is not None:
        return [url, url[:start] + parts.netloc.rpartition(":")[0] + rest]
    usual = {"https": 443, "wss": 443}.get(parts.scheme, 80)
    return [url, f"{url[:start]}{parts.netloc}:{usual}{rest}"]


def _query_value(url: str, name: str) -> str | None:
    """Return what the query says once; None where it does not. Raises `Forged` where it says it twice."""
    found = [value for key, value in _query(url) if key == name]
    if len(found) > 1 or (found and not _DIGEST.fullmatch(found[0])):
        raise Forged("body_digest")
    return found[0] if found else None


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - it is read when it is asked for
        return parts
    except ValueError:
        raise Forged("url") from None


def _query(url: str) -> list[tuple[str, str]]:
    return parse_qsl(_parts(url).query, keep_blank_values=True)


# --- signed body -----------------------------------------------------------------------------


def _check_jwt(proof: BodyJwt, evidence: Evidence, secrets: Secrets | None, gate: Gate, now: float) -> None:
    scheme, _, token = evidence.headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer" or not token:
        raise Forged("unsigned")
    parts = token.split(b".")
    if len(token) > TOKEN_BYTES or len(parts) != 3:
        raise Forged("token")
    head, claims = _json(parts[0]), _json(parts[1])
    if head.get("alg") != "HS256" or "crit" in head:
        raise Forged("algorithm")
    secret = _revealed(secrets, proof.field)
    try:
        signature = hmac.digest(secret, parts[0] + b"." + parts[1], "sha256")
    finally:
        wipe(secret)
    # As text: the last character of base64 has bits that mean nothing.
    if not hmac.compare_digest(urlsafe_b64encode(signature).rstrip(b"="), parts[2]):
        raise Forged("signature")
    if proof.issuer and claims.get("iss") != proof.issuer:
        raise Forged("issuer")
    if any(name in claims and claims[name] != value for name, value in proof.claims):
        raise Forged("account")
    issued, ends, begins = (_seconds(claims, name) for name in ("iat", "exp", "nbf"))
    if issued is None:
        raise Forged("token")
    if issued < now - gate.replay_seconds or (ends is not None and ends <= now):
        raise Forged("expired")
    if max(issued, begins or 0.0) > now + SKEW_SECONDS:
        raise Forged("early")
    _check_payload(claims.get("payload_hash"), evidence)


def _check_payload(told: Any, evidence: Evidence) -> None:
    """Compare the hash of what was signed: the body, or where there is none the query as a JSON object."""
    if told is None and not evidence.body:
        return
    payloads: list[bytes | bytearray] = [evidence.body]
    if not evidence.body:
        query = _query(evidence.url)
        if len({name for name, _ in query}) != len(query):
            raise Forged("payload_hash")
        written = json.dumps(dict(query), ensure_ascii=False, separators=(",", ":"))
        # Without a query either, nothing may be hashed as nothing or as an object that is empty.
        payloads = [written.encode("utf-8", "replace"), *([] if query else [b""])]
    given = told.encode("utf-8", "replace") if isinstance(told, str) else b""
    expected = [hashlib.sha256(one).hexdigest().encode() for one in payloads]
    if True not in [hmac.compare_digest(one, given) for one in expected]:
        raise Forged("payload_hash")


def _json(part: bytes) -> dict[str, Any]:
    try:
        told = msgspec.json.decode(urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        raise Forged("token") from None
    if not isinstance(told, dict):
        raise Forged("token")
    return told


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Forged("token")
    return float(value)


# --- unsigned --------------------------------------------------------------------------------


def _sender(evidence: Evidence, proxies: Sequence[Network]) -> str:
    """Return who sent a request: the last address that is no proxy whose word counts."""
    hops = evidence.headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",")
    sender = evidence.client
    while hops and _within(sender, proxies):
        sender = hops.pop().strip() or sender
    return sender


def _within(text: str, among: Sequence[Network]) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in among)


def _kind(headers: Mapping[bytes, bytes]) -> str:
    return headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")


def _revealed(secrets: Secrets | None, field: str) -> bytearray:
    """Return a secret for the caller to wipe. One that is missing or empty proves nothing."""
    try:
        secret = bytearray() if secrets is None else secrets.reveal(field)
    except Failure:
        raise Forged("no_secret") from None
    if not secret:
        raise Forged("no_secret")
    return secret
