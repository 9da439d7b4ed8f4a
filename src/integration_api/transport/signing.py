"""A request's head, and the secret inside it: from the name of a field to bytes that are wiped once sent.

A secret is copied from one bytearray into another and never into `str` or
`bytes`, which nobody can overwrite. Sizes are known before anything is
allocated, so nothing is moved and no old copy is left behind.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

from integration_api import __version__
from integration_api.core.credential import Secrets
from integration_api.core.errors import Failure, Kind
from integration_api.core.exchange import Auth, Basic, Bearer, Form, Header, Headers, Query
from integration_api.core.secret import Secret, read_fields, wipe
from integration_api.transport.limits import INLINE_BODY, MESSAGE

_VISIBLE = bytes(range(0x20, 0x7F))
_SPACE = 0x20
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_VALUE = re.compile(r"[\t\x20-\x7e]*", re.ASCII)
_OURS = frozenset({
    "host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer",
    "expect", "proxy-authorization", "proxy-connection",
})  # fmt: skip
"""Headers that frame the message or belong to one hop; a provider has no business with them."""

_WRITTEN = frozenset({"accept-encoding", "content-type", "user-agent"})
"""Headers that each request has: an account's own list of headers does not say them again."""

_BODILESS = frozenset({"GET", "DELETE"})
_METHODS = _BODILESS | {"POST", "PUT", "PATCH"}
"""What providers are asked by. An answer to HEAD would be read like any other, and its body waited for."""

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PERCENT = tuple(bytes((byte,)) if byte in _UNRESERVED else b"%%%02X" % byte for byte in range(256))
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BASE64_URL = _BASE64[:-2] + b"-_"

Encode = Callable[[bytearray], bytearray]
"""Returns a buffer of its own, and leaves its argument as it is."""


class Head(NamedTuple):
    """A request's head without its secret and its length: constant for most of a provider's requests."""

    before: bytes
    after: bytes
    field: str
    """The secret that belongs between the two; empty for none."""
    encode: Encode | None
    """How it is written there; None writes it as it is, and then it must fit into a header."""
    bodiless: bool
    """Whether a length of 0 goes without saying."""


class Wire:
    """The bytes of a request, and where in them the secret lies."""

    __slots__ = ("_end", "_start", "buffer")

    def __init__(self, buffer: bytearray, start: int, end: int) -> None:
        self.buffer = buffer
        self._start = start
        self._end = end

    def wipe(self) -> None:
        """Overwrite the secret. Only after the bytes have left, or never will."""
        self.buffer[self._start : self._end] = bytes(self._end - self._start)


@lru_cache(maxsize=1024)
def head(
    method: str, authority: str, path: str, headers: tuple[tuple[str, str], ...], auth: Auth | None
) -> Head:
    """Write a request's head around the place where its secret belongs.

    Raises `Failure` (INVALID_REQUEST) for a header that could break out of its line.
    """
    lines: list[str] = []
    named = {"accept-encoding", "user-agent"}
    for name, value in headers:
        if not _TOKEN.fullmatch(name) or name.lower() in _OURS or not _VALUE.fullmatch(value):
            raise Failure(Kind.INVALID_REQUEST, "a request header cannot be sent", code="invalid_header")
        lines.append(f"{name}: {value}\r\n")
        named.discard(name.lower())
    if "accept-encoding" in named:  # Silence would mean that anything is welcome.
        lines.append("accept-encoding: identity\r\n")
    if "user-agent" in named:
        lines.append(f"user-agent: integration-api/{__version__}\r\n")
    if method not in _METHODS:
        raise Failure(Kind.INTERNAL, "a request method cannot be sent", code="invalid_method")
    start = f"{method} {path}"
    rest = f" HTTP/1.1\r\nhost: {authority}\r\n{''.join(lines)}"
    field = ""
    encode: Encode | None = None
    match auth:
        case None:
            before, after = start + rest, ""
        case Bearer():
            before, after, field = f"{start}{rest}authorization: Bearer ", "\r\n", auth.field
        case Header():
            if not _TOKEN.fullmatch(auth.name) or not _VALUE.fullmatch(auth.prefix):
                raise Failure(Kind.INTERNAL, "a signing header cannot be sent", code="invalid_header")
            before, after, field = f"{start}{rest}{auth.name}: {auth.prefix}", "\r\n", auth.field
        case Headers():
            before, after, field, encode = start + rest, "", auth.field, header_lines
        case Query():
            joint = "&" if "?" in path else "?"
            name = b"".join(_PERCENT[byte] for byte in auth.name.encode()).decode()
            before, after, field, encode = f"{start}{joint}{name}=", rest, auth.field, percent_encoded
        case Basic():
            before, after, field = f"{start}{rest}authorization: Basic ", "\r\n", auth.field
            encode = _basic(auth.user)
        case _:
            raise Failure(Kind.INTERNAL, "a request cannot be signed by its head", code="invalid_signing")
    return Head(before.encode("ascii"), after.encode("ascii"), field, encode, method in _BODILESS)


def sealed(head: Head, secrets: Secrets | None, body: bytes, more: bytes = b"") -> Wire:
    """Write a request into one buffer: head, secret, and a body of up to 64 KiB.

    `more` are header lines that no two requests share.
    Raises `Failure` when the secret is missing, does not open or cannot be sent.
    """
    length = b"\r\n" if not body and head.bodiless else b"content-length: %d\r\n\r\n" % len(body)
    if more:
        length = more + length
    inline = body if len(body) <= INLINE_BODY else b""
    if not head.field:
        return Wire(bytearray().join((head.before, length, inline)), 0, 0)
    if secrets is None:
        raise no_credential()
    secret = secrets.reveal(head.field)
    try:
        if head.encode is not None:
            plain, secret = secret, bytearray()
            try:
                secret = head.encode(plain)
            finally:
                wipe(plain)
        elif not fits(secret):
            raise unfit(head.field)
        start = len(head.before)
        end = start + len(secret)
        buffer = bytearray().join((head.before, bytes(end - start), head.after, length, inline))
        buffer[start:end] = secret  # From a bytearray: any other type would be copied on the way.
        return Wire(buffer, start, end)
    finally:
        wipe(secret)


def sealed_form(head: Head, form: Form, secrets: Secrets, body: bytes) -> Wire:
    """Write a request whose body is a form that ends in secrets.

    Raises `Failure` when a secret is missing or does not open.
    """
    tail = bytearray()
    try:
        for name, field in form.fields:
            secret = secrets.reveal(field)
            opening = f"{'&' if body or tail else ''}{name}=".encode()
            encoded = bytearray()
            try:
                encoded = percent_encoded(secret)
                grown = bytearray(len(tail) + len(opening) + len(encoded))
                grown[: len(tail)] = tail
                grown[len(tail) : len(tail) + len(opening)] = opening
                grown[len(tail) + len(opening) :] = encoded
            finally:
                wipe(secret)
                wipe(encoded)
            wipe(tail)
            tail = grown
        length = b"content-length: %d\r\n\r\n" % (len(body) + len(tail))
        buffer = bytearray().join((head.before, head.after, length, body, bytes(len(tail))))
        start = len(buffer) - len(tail)
        buffer[start:] = tail
        return Wire(buffer, start, len(buffer))
    finally:
        wipe(tail)


def unfit(field: str) -> Failure:
    """Build the failure for a secret that cannot be sent."""
    return Failure(
        Kind.CREDENTIAL_INVALID,
        f"the credential's {field} is empty or holds characters that cannot be sent; "
        "store it again without line breaks and surrounding spaces",
        code="credential_invalid",
        param=field,
    )


def no_credential() -> Failure:
    """Build the failure for a request that must be signed, with nothing to sign it."""
    return Failure(Kind.CREDENTIAL_INVALID, "this call needs a credential", code="credential_missing")


def fits(secret: bytearray) -> bool:
    """Tell whether a secret can be a header's value: visible ASCII, spaces only inside."""
    return (
        len(secret) > 0
        and secret[0] != _SPACE
        and secret[-1] != _SPACE
        and not secret.translate(None, _VISIBLE)  # Holds what is not allowed, so normally nothing.
    )


def percent_encoded(secret: bytearray) -> bytearray:
    """Write bytes as a URL's query does, every character that is not plain as %XX."""
    encoded = bytearray(sum(len(_PERCENT[byte]) for byte in secret))
    at = 0
    for byte in secret:
        step = _PERCENT[byte]
        encoded[at : at + len(step)] = step
        at += len(step)
    return encoded


def base64_encoded(secret: bytearray, alphabet: bytes = _BASE64) -> bytearray:
    """Write bytes as base64, padded."""
    encoded = bytearray(b"=") * (-(-len(secret) // 3) * 4)
    for at in range(0, len(secret), 3):
        group = secret[at] << 16
        left = len(secret) - at
        group |= secret[at + 1] << 8 if left > 1 else 0
        group |= secret[at + 2] if left > 2 else 0
        to = at // 3 * 4
        encoded[to] = alphabet[group >> 18]
        encoded[to + 1] = alphabet[group >> 12 & 63]
        if left > 1:
            encoded[to + 2] = alphabet[group >> 6 & 63]
        if left > 2:
            encoded[to + 3] = alphabet[group & 63]
    return encoded


def _basic(user: str) -> Encode:
    if ":" in user or not _VALUE.fullmatch(user):
        raise Failure(
            Kind.CREDENTIAL_INVALID, "the credential's user name cannot be sent", code="credential_invalid"
        )
    prefix = f"{user}:".encode()

    def encode(secret: bytearray) -> bytearray:
        pair = _after(prefix, secret)
        try:
            return base64_encoded(pair)
        finally:
            wipe(pair)

    return encode


def header_lines(secret: bytearray) -> bytearray:
    """Write a JSON object of headers as lines of a head, without those that are written anyway.

    Raises `Failure` naming a header that can not be sent.
    """
    fields: dict[str, Secret] = {}
    try:
        fields = read_fields(secret)
        kept = {name: value for name, value in fields.items() if name.lower() not in _WRITTEN}
        lines = bytearray(sum(len(name) + len(value) + 4 for name, value in kept.items()))
        at = 0
        for name, value in kept.items():
            plain = value.copy()
            try:
                if not _TOKEN.fullmatch(name) or name.lower() in _OURS or not fits(plain):
                    wipe(lines)
                    raise unfit(f"header {name[:64]!r}")
                for piece in (f"{name.lower()}: ".encode(), plain, b"\r\n"):
                    lines[at : at + len(piece)] = piece
                    at += len(piece)
            finally:
                wipe(plain)
        return lines
    finally:
        for value in fields.values():
            value.wipe()


def _after(prefix: bytes, secret: bytearray) -> bytearray:
    pair = bytearray(len(prefix) + len(secret))
    pair[: len(prefix)] = prefix
    pair[len(prefix) :] = secret
    return pair


# --- taking secrets out of what a provider says ----------------------------------------------

_MASK = "***"
_ASTERISK = b"*"
_PREFIX = 8
"""So many first characters of a secret are already too many."""
_HIDDEN = re.compile(rf"\*{{{_PREFIX},}}")


def scrub(message: str, secrets: Iterable[bytearray]) -> str:
    """Return `message` without the secrets, in whatever common spelling, and at most 512 characters of it.

    Finds them plain, percent-encoded, JSON-escaped and in base64 (also inside a longer text), and
    any first part of 8 characters or more. The secrets are left as they are, for the caller to wipe.
    """
    text = bytearray(message, "utf-8", "replace")
    hide(text, secrets)
    scrubbed = _HIDDEN.sub(_MASK, text.decode("utf-8", "replace"))
    return scrubbed if len(scrubbed) <= MESSAGE else scrubbed[: MESSAGE - 1] + "…"


def hide(text: bytearray, secrets: Iterable[bytearray]) -> None:
    """Overwrite with asterisks what `scrub` would take out: in place, so that no copy is left behind."""
    for secret in filter(None, secrets):
        spelled = list(_spellings(secret))
        for spelling in spelled:
            _erase(text, spelling, spelled)
        for spelling in spelled:
            wipe(spelling)


def _spellings(secret: bytearray) -> Iterable[bytearray]:
    yield secret[:]
    if len(secret.translate(None, bytes(_UNRESERVED))):
        yield percent_encoded(secret)
        lower = percent_encoded(secret)
        for at in range(len(lower) - 2):
            if lower[at] == 0x25:
                lower[at + 1 : at + 3] = lower[at + 1 : at + 3].lower()
        yield lower
    if b'"' in secret or b"\\" in secret or b"/" in secret:
        yield _json_escaped(secret, b'"\\')
        yield _json_escaped(secret, b'"\\/')
    for alphabet in (_BASE64, _BASE64_URL):
        for offset in range(3):
            # Shifted by one or two bytes it reads differently; the characters that depend on
            # neighbours are left away at both ends.
            shifted = _after(bytes(offset), secret)
            encoded = base64_encoded(shifted, alphabet)
            piece = encoded[(0, 2, 3)[offset] : len(encoded) - (0, 3, 2)[len(shifted) % 3]]
            wipe(shifted)
            wipe(encoded)
            yield piece


def _json_escaped(secret: bytearray, special: bytes) -> bytearray:
    escaped = bytearray(sum(2 if byte in special else 1 for byte in secret))
    at = 0
    for byte in secret:
        if byte in special:
            escaped[at] = 0x5C
            at += 1
        escaped[at] = byte
        at += 1
    return escaped


def _erase(text: bytearray, spelling: bytearray, spelled: list[bytearray]) -> None:
    """Erase what begins as `spelling` does, as far as it agrees with any other: they may part after a while."""
    first = spelling[:_PREFIX]
    at = text.find(first) if first else -1
    while at >= 0:
        end = at + max(_agreement(text, at, other) for other in spelled)
        text[at:end] = _ASTERISK * (end - at)
        at = text.find(first, end)
    wipe(first)


def _agreement(text: bytearray, at: int, spelling: bytearray) -> int:
    """Return how many bytes of `text` from `at` on are those of `spelling`."""
    matched = 0
    most = min(len(spelling), len(text) - at)
    while matched < most and text[at + matched] == spelling[matched]:
        matched += 1
    return matched
