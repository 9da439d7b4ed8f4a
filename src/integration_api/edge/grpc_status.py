"""The parts of gRPC's wire that both of its carriers share.

https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
"""

import re

from integration_api.edge.application import RpcError, Status

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
