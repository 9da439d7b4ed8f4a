"""Makes an HTTP request's head of HTTP/2 fields. https://www.rfc-editor.org/rfc/rfc9113#name-http-message-framing"""

from dataclasses import dataclass

from integration_api.http2.fields import Field
from integration_api.http2.frames import ErrorCode, StreamFault

_CONNECTION_FIELDS = frozenset(
    {b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"}
)
"""They speak of a connection that HTTP/2 speaks of in other ways; section 8.2.2."""


@dataclass(slots=True)
class Head:
    """A request before its body. `headers` joins repeated names as `application.Headers` promises."""

    method: bytes
    target: bytes
    headers: dict[bytes, bytes]
    length: int | None
    """What content-length announced."""


def read_head(fields: list[Field]) -> Head:
    """Raises `StreamFault` for a malformed request, section 8.1.1."""
    method = scheme = target = authority = None
    headers: dict[bytes, bytes] = {}
    for name, value in fields:
        if name[0] == 0x3A:  # ":"
            if headers:
                raise _malformed()
            if name == b":path" and target is None:
                target = value
            elif name == b":method" and method is None:
                method = value
            elif name == b":scheme" and scheme is None:
                scheme = value
            elif name == b":authority" and authority is None:
                authority = value
            else:
                raise _malformed()
        elif name in headers:
            if name == b"content-length" or name == b"host":
                raise _malformed()
            headers[name] += (b"; " if name == b"cookie" else b", ") + value.strip(b" \t")
        elif name in _CONNECTION_FIELDS or (name == b"te" and value != b"trailers"):
            raise _malformed()
        else:
            headers[name] = value.strip(b" \t")
    if method == b"CONNECT":
        target = b"/"
    elif not target or not method or not scheme:
        raise _malformed()
    if authority is not None:
        if headers.setdefault(b"host", authority) != authority:
            raise _malformed()
    return Head(method, target, headers, _announced(headers))


def check_trailers(fields: list[Field]) -> None:
    """Raises `StreamFault` for trailers that hold more than fields. Their content is of no use to anyone here."""
    for name, _ in fields:
        if name[0] == 0x3A or name in _CONNECTION_FIELDS:
            raise _malformed()


def _announced(headers: dict[bytes, bytes]) -> int | None:
    length = headers.get(b"content-length")
    if length is None:
        return None
    if not length.isdigit() or len(length) > 18:
        raise _malformed()
    return int(length)


def _malformed() -> StreamFault:
    return StreamFault(ErrorCode.PROTOCOL_ERROR)
