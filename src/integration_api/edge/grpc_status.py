"""The parts of gRPC's wire that both of its carriers share.

https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
"""

import binascii
import re
from base64 import b64decode, b64encode

from integration_api.edge.application import Headers, RpcError, Status

_TIMEOUT = re.compile(rb"([0-9]{1,8})([HMSmun])")
_SECONDS = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}


def read_timeout(header: bytes | None) -> float | None:
    """Return the seconds of a `grpc-timeout`. Raises `RpcError` for one that is malformed."""
    if header is None:
        return None
    match = _TIMEOUT.fullmatch(header)
    if match is None:
        raise RpcError(Status.INVALID_ARGUMENT, "grpc-timeout can not be read")
    return int(match[1]) * _SECONDS[match[2]]


def percent_encoded(message: str) -> bytes:
    """Return a status message as a header's value: visible ASCII, everything else as %XX."""
    return b"".join(
        bytes((byte,)) if 0x20 <= byte <= 0x7E and byte != 0x25 else b"%%%02X" % byte
        for byte in message.encode("utf-8", "replace")
    )


def read_metadata(headers: Headers) -> Headers:
    """Return headers as metadata: `-bin` values decoded. Raises `RpcError` for what is not base64."""
    binary = [name for name in headers if name.endswith(b"-bin")]
    if not binary:
        return headers
    metadata = dict(headers)
    for name in binary:
        try:
            # A name sent twice came joined; each value is base64 of its own, padded or not.
            values = [_decoded(value.strip()) for value in headers[name].split(b",")]
        except binascii.Error:
            raise RpcError(Status.INVALID_ARGUMENT, f"{name.decode('latin-1')} is not base64") from None
        metadata[name] = b", ".join(values)
    return metadata


def _decoded(value: bytes) -> bytes:
    bare = value.rstrip(b"=")
    return b64decode(bare + b"=" * (-len(bare) % 4), validate=True)


def write_metadata(metadata: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return metadata as headers: `-bin` values encoded."""
    return [
        (name, b64encode(value).rstrip(b"=") if name.endswith(b"-bin") else value) for name, value in metadata
    ]


def status_fields(error: RpcError | None, metadata: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the trailers that end a call; no error is OK."""
    if error is None:
        return [(b"grpc-status", b"0"), *write_metadata(metadata)]
    fields = [(b"grpc-status", b"%d" % error.status), (b"grpc-message", percent_encoded(error.message))]
    if error.details:
        fields.append((b"grpc-status-details-bin", b64encode(error.details).rstrip(b"=")))
    return fields + write_metadata(metadata)
