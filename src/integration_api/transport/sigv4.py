"""AWS Signature Version 4: a request signed over its final bytes, with a key that leaves no copy behind.

The secret access key is only ever in bytearrays that are wiped, and inside OpenSSL's HMAC, which clears
its own. What is derived from it for one day, region and service passes through immutable `bytes`, as does
the signature; neither leads back to it.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import re
import time
from collections import OrderedDict
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import quote

from integration_api.core.credential import Secrets
from integration_api.core.errors import Failure, Kind
from integration_api.core.exchange import HttpRequest, SigV4
from integration_api.core.secret import wipe
from integration_api.transport.limits import INLINE_BODY
from integration_api.transport.signing import Wire, fits, head, unfit

ALGORITHM = "AWS4-HMAC-SHA256"

UNSIGNED = frozenset({
    "baggage", "connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "te",
    "traceparent", "tracestate", "trailer", "transfer-encoding", "upgrade", "user-agent", "x-amzn-trace-id",
})  # fmt: skip
"""Headers that proxies add, change or take away: signing one would make their work a forgery."""

TOLERANCE = 240.0
"""Seconds two clocks may differ before it is ours that is taken to be wrong. AWS refuses at five minutes."""
HOSTS = 1024
"""Hosts whose clocks are remembered; more than a process talks to."""

_SCOPE = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)


class Clocks:
    """How far AWS's clocks are from ours, learned from refusals, so that a wrong clock costs one request."""

    def __init__(self) -> None:
        self._ahead: OrderedDict[str, float] = OrderedDict()

    def now(self, host: str) -> float:
        """Return the Unix time that `host` believes it is."""
        return time.time() + self._ahead.get(host, 0.0)

    def learn(self, host: str, headers: Mapping[str, str]) -> bool:
        """Note the time a refusal was made at; tell whether signing anew would make a difference."""
        try:
            told = parsedate_to_datetime(headers.get("date", "")).timestamp()
        except (ValueError, TypeError, IndexError, OverflowError):
            return False
        off = told - self.now(host)
        if abs(off) < TOLERANCE:
            return False
        self._ahead[host] = self._ahead.get(host, 0.0) + off
        self._ahead.move_to_end(host)
        if len(self._ahead) > HOSTS:
            self._ahead.popitem(last=False)
        return True


def signed(
    authority: str, path: str, request: HttpRequest, auth: SigV4, secrets: Secrets, now: float
) -> Wire:
    """Write a request into one buffer, signed for the Unix time `now`.

    Raises `Failure` when a secret is missing, does not open or cannot be sent.
    """
    for part, field in (
        (auth.access_key_id, "access_key_id"),
        (auth.region, "region"),
        (auth.service, "service"),
    ):
        if not _SCOPE.fullmatch(part):
            raise Failure(
                Kind.CREDENTIAL_INVALID,
                f"the credential's {field} cannot be signed with; store it again without spaces",
                code="credential_invalid",
                param=field,
            )
    lines = head(request.method, authority, path, request.headers, None)
    body = request.body
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    scope = f"{moment[:8]}/{auth.region}/{auth.service}/aws4_request"
    token = None if auth.session_field is None else secrets.reveal(auth.session_field)
    try:
        if token is not None and (not fits(token) or b" " in token):
            raise unfit(str(auth.session_field))
        before, names, after = _canonical_headers(authority, request, moment, token is not None)
        digest = hashlib.sha256(
            f"{request.method}\n{_canonical_path(path)}\n{_canonical_query(path)}\n{before}".encode()
        )
        if token is not None:
            digest.update(token)
        digest.update(f"{after}\n{names}\n{hashlib.sha256(body).hexdigest()}".encode())
        to_sign = f"{ALGORITHM}\n{moment}\n{scope}\n{digest.hexdigest()}".encode()
        signature = hmac.digest(_key(auth, scope, secrets), to_sign, "sha256").hex()
        signing = (
            f"x-amz-date: {moment}\r\n"
            f"authorization: {ALGORITHM} Credential={auth.access_key_id}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}\r\n"
        ).encode("ascii")
        length = b"\r\n" if not body and lines.bodiless else b"content-length: %d\r\n\r\n" % len(body)
        inline = body if len(body) <= INLINE_BODY else b""
        if token is None:
            return Wire(bytearray().join((lines.before, lines.after, signing, length, inline)), 0, 0)
        opening = lines.before + lines.after + signing + b"x-amz-security-token: "
        start, end = len(opening), len(opening) + len(token)
        buffer = bytearray().join((opening, bytes(len(token)), b"\r\n", length, inline))
        buffer[start:end] = token
        return Wire(buffer, start, end)
    finally:
        if token is not None:
            wipe(token)


def _key(auth: SigV4, scope: str, secrets: Secrets) -> bytes:
    """Return the key of one day, region and service."""
    secret = secrets.reveal(auth.field)
    try:
        if not fits(secret):
            raise unfit(auth.field)
        key = bytearray(4 + len(secret))
        try:
            key[:4] = b"AWS4"
            key[4:] = secret
            first, *rest = scope.split("/")
            derived = hmac.digest(key, first.encode(), "sha256")
        finally:
            wipe(key)
    finally:
        wipe(secret)
    for part in rest:
        derived = hmac.digest(derived, part.encode(), "sha256")
    return derived


def _canonical_headers(
    authority: str, request: HttpRequest, moment: str, token: bool
) -> tuple[str, str, str]:
    """Return the lines to sign up to where the session token belongs, all their names, and the lines after it."""
    values: dict[str, list[str]] = {"host": [authority]}
    for name, value in request.headers:
        if (lower := name.lower()) not in UNSIGNED:
            values.setdefault(lower, []).append(" ".join(value.split()))
    values["x-amz-date"] = [moment]
    if token:
        values["x-amz-security-token"] = []
    ordered = sorted(values)
    lines = [f"{name}:{','.join(values[name])}\n" for name in ordered]
    names = ";".join(ordered)
    if not token:
        return "".join(lines), names, ""
    at = ordered.index("x-amz-security-token")
    return "".join(lines[:at]) + lines[at][:-1], names, "\n" + "".join(lines[at + 1 :])


def _canonical_path(path: str) -> str:
    """Encode the path that is sent once more, without its empty and dotted segments, as every service but S3 does."""
    segments: list[str] = []
    raw = path.partition("?")[0]
    for segment in raw.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in {"", "."}:
            segments.append(segment)
    ending = "/" if segments and raw[-1] == "/" else ""
    return "/" + quote("/".join(segments), safe="/~") + ending


def _canonical_query(path: str) -> str:
    pairs = sorted(pair.partition("=")[::2] for pair in path.partition("?")[2].split("&") if pair)
    return "&".join(f"{name}={value}" for name, value in pairs)
