"""How a gRPC call begins: the HEADERS frame, and the secret inside it.

https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests
"""

from integration_api import __version__
from integration_api.core.credential import Secrets
from integration_api.core.errors import Failure, Kind
from integration_api.core.exchange import Auth, Bearer, Header
from integration_api.core.secret import wipe
from integration_api.http2.fields import NO_TABLE, open_secret, write_fields
from integration_api.http2.frames import END_HEADERS, FRAME_BYTES, HEADER_BYTES, HEADERS, header
from integration_api.transport.egress import Origin
from integration_api.transport.signing import Wire, fits, no_credential, unfit

STREAM = 1
"""A connection has one call: its first stream."""

_USER_AGENT = f"integration-api/{__version__}".encode()


def opening(
    origin: Origin,
    path: str,
    headers: tuple[tuple[str, str], ...],
    auth: Auth | None,
    secrets: Secrets | None,
    seconds: float,
) -> Wire:
    """Write a call's HEADERS into one buffer. The secret is a literal as it is, which nobody may index.

    Raises `Failure` when the secret is missing, does not open or cannot be sent, or for a header that is none.
    """
    try:
        block = NO_TABLE + write_fields([
            (b":method", b"POST"),
            (b":scheme", b"https" if origin.tls else b"http"),
            (b":path", path.encode("ascii")),
            (b":authority", origin.authority.encode("ascii")),
            (b"te", b"trailers"),
            (b"content-type", b"application/grpc"),
            (b"user-agent", _USER_AGENT),
            (b"grpc-timeout", b"%dm" % max(1, int(seconds * 1000))),
            *((name.encode("ascii"), value.encode("ascii")) for name, value in headers),
        ])  # fmt: skip
    except ValueError:
        raise Failure(
            Kind.INVALID_REQUEST, "a request header cannot be sent", code="invalid_header"
        ) from None
    match auth:
        case None:
            return Wire(bytearray(_headers(len(block)) + block), 0, 0)
        case Bearer():
            name, prefix = b"authorization", b"Bearer "
        case Header():
            name, prefix = auth.name.encode("ascii"), auth.prefix.encode("ascii")
        case _:
            raise Failure(Kind.INTERNAL, "a gRPC call cannot be signed this way", code="invalid_signing")
    if secrets is None:
        raise no_credential()
    secret = secrets.reveal(auth.field)
    try:
        block += open_secret(name, len(prefix) + len(secret)) + prefix
        size = len(block) + len(secret)
        if not fits(secret) or size > FRAME_BYTES:
            raise unfit(auth.field)
        start = HEADER_BYTES + len(block)
        buffer = bytearray().join((_headers(size), block, bytes(len(secret))))
        buffer[start:] = secret  # From a bytearray: any other type would be copied on the way.
        return Wire(buffer, start, len(buffer))
    finally:
        wipe(secret)


def _headers(size: int) -> bytes:
    return header(HEADERS, END_HEADERS, STREAM, size)
