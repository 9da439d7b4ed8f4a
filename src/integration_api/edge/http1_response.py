"""Writes the head of an HTTP/1.1 answer. https://www.rfc-editor.org/rfc/rfc9112"""

from integration_api.edge.refusals import REASONS

_FIRST_LINES = {status: b"HTTP/1.1 %d %b\r\n" % (status, text.encode()) for status, text in REASONS.items()}

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"
LAST_CHUNK = b"0\r\n\r\n"
CLOSE = b"connection: close\r\n"
KEEP = b"connection: keep-alive\r\n"


def has_body(status: int) -> bool:
    """Return whether an answer with this status may have a body. RFC 9110, section 6.4.1."""
    return status >= 200 and status not in (204, 304)


def render_head(status: int, headers: list[tuple[bytes, bytes]], framing: bytes) -> bytes:
    """Return the head; `framing` is our own header lines, each with its end.

    Raises ValueError when a header would break out of its line.
    """
    first = _FIRST_LINES.get(status)
    if first is None:
        first = b"HTTP/1.1 %d \r\n" % status
    head = b"%b%b%b\r\n" % (first, b"".join([b"%b: %b\r\n" % header for header in headers]), framing)
    lines = len(headers) + framing.count(b"\n") + 2
    if head.count(b"\n") != lines or head.count(b"\r") != lines or b"\0" in head:
        raise ValueError("a response header holds a control character")
    return head
