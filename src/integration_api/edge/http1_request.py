"""Reads the head of an HTTP/1.1 request strictly. https://www.rfc-editor.org/rfc/rfc9112"""

import re
from urllib.parse import unquote_to_bytes

from integration_api.edge.application import SLASH
from integration_api.edge.limits import Limits
from integration_api.edge.refusals import Refused

_split_at_slashes = re.compile(b"%2[fF]").split
_is_host = re.compile(rb"[0-9A-Za-z\-._~!$&'()*+,;=%:\[\]]*").fullmatch
"""What a host and its port are made of, not how. RFC 3986, section 3.2.2."""


def read_target(target: bytes, method: str, headers: dict[bytes, bytes]) -> tuple[str, str]:
    """Return path (decoded) and query of a request target; an absolute one also replaces the host.

    Raises `Refused`.
    """
    if target[:1] != b"/":
        target = _unusual_target(target, method, headers)
    if b"#" in target:
        raise Refused(400, "The request target must not have a fragment.")
    path, _, query = target.partition(b"?")
    return decode_path(path), query.decode("latin-1")


def decode_path(path: bytes) -> str:
    """Return a path percent-decoded, as `Request` has it. Raises `Refused` for what is not UTF-8 or holds a NUL."""
    if b"%" in path:
        pieces = [unquote_to_bytes(piece) for piece in _split_at_slashes(path)]
        if any(b"\0" in piece for piece in pieces):
            raise Refused(400, "The path must not hold a NUL.")
        path = SLASH.encode().join(pieces)
    try:
        return path.decode()
    except UnicodeDecodeError:
        raise Refused(400, "The path is not UTF-8.") from None


def _unusual_target(target: bytes, method: str, headers: dict[bytes, bytes]) -> bytes:
    if target == b"*" and method == "OPTIONS":
        return b"/*"
    scheme, separator, rest = target.partition(b"://")
    if separator and scheme.lower() in (b"http", b"https"):
        end = min((at for at in (rest.find(b"/"), rest.find(b"?")) if at >= 0), default=len(rest))
        authority, path = rest[:end], rest[end:]
        if authority and b"@" not in authority:
            headers[b"host"] = authority
            return path if path[:1] == b"/" else b"/" + path
    raise Refused(400, "The request target must be a path, or an http or https address.")


def check_head(headers: dict[bytes, bytes], target: bytes, version: str, limits: Limits) -> None:
    """Refuse what is too large, ambiguous or from another protocol. Raises `Refused`."""
    if len(target) > limits.target_bytes:
        raise Refused(414, f"The request target is longer than {limits.target_bytes} bytes.")
    size = len(target) + sum(map(len, headers)) + sum(map(len, headers.values())) + 4 * len(headers)
    if size > limits.header_bytes:
        raise Refused(431, f"The request head is larger than {limits.header_bytes} bytes.")
    if version not in ("1.1", "1.0"):
        raise Refused(400, "Speak HTTP/1.1, HTTP/1.0, or HTTP/2 with its preface.")
    host = headers.get(b"host")
    if host is None:
        if version == "1.1":
            raise Refused(400, "An HTTP/1.1 request needs a host header.")
    elif not _is_host(host):
        raise Refused(400, "The host header does not hold a host.")


def body_size(headers: dict[bytes, bytes], version: str, most: int) -> tuple[int, bool]:
    """Return the announced size of the body (0 for none) and whether it comes in chunks. Raises `Refused`."""
    coding = headers.get(b"transfer-encoding")
    length = headers.get(b"content-length")
    if coding is not None:
        if length is not None or version != "1.1":
            raise Refused(400, "A request with transfer-encoding is HTTP/1.1 without content-length.")
        if coding.lower() != b"chunked":
            raise Refused(400, "The only transfer-encoding understood is chunked.")
    elif length is None:
        return 0, False
    size = int(length) if length is not None else 0
    if size or coding is not None:
        check_content(headers)
    if size > most:
        raise Refused(413, too_large(most))
    return size, coding is not None


def check_content(headers: dict[bytes, bytes]) -> None:
    """Refuse a compressed body: nothing here inflates what strangers send. Raises `Refused`."""
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Refused(415, "Send the body without a content-encoding.")


def too_large(most: int) -> str:
    return f"The request body is larger than {most} bytes."
