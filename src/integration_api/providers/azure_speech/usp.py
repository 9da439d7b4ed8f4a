"""The messages of Azure Speech's sockets: lines of headers and a body, as text or behind the length of the headers.

https://learn.microsoft.com/azure/ai-services/speech-service/how-to-lower-speech-synthesis-latency names the sockets;
what is said on them is what Microsoft's SDK says.
"""

import struct
from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from msgspec import Struct

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.exchange import json_body
from integration_api.core.session import Message, Say

CONFIG = {
    "context": {
        "system": {"name": "integration-api", "version": "1", "build": "", "lang": "Python"},
        "os": {"platform": "Linux", "name": "", "version": ""},
    }
}
_CODES = {Encoding.PCM_S16LE: 1, Encoding.ALAW: 6, Encoding.MULAW: 7}
"""Of the formats of a RIFF header."""
TICKS = 10_000
"""In a millisecond."""


class Heard(Struct, frozen=True):
    """One message. `path` is lower case."""

    path: str
    request: str
    body: bytes


class Names:
    """Names and times for what is said on one socket, taken from its handshake: nobody here has dice or a clock.

    The acceptance of a WebSocket is a digest of 16 random bytes, and so as good as random.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        accepted = b64decode(headers.get("sec-websocket-accept", ""))
        self._seed = accepted.hex()[:24].rjust(24, "0")
        self._count = 0
        try:
            self._began = parsedate_to_datetime(headers.get("date", ""))
        except ValueError:
            self._began = datetime.fromtimestamp(0, UTC)

    def next(self) -> str:
        """Return 32 hexadecimal digits that name the next request."""
        self._count += 1
        return f"{self._seed}{self._count:08x}"

    def at(self, milliseconds: float) -> str:
        """Return the time so long after the handshake, as headers say it."""
        told = (self._began + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds")
        return told.partition("+")[0] + "Z"


def config(stamp: str) -> Say:
    """Say who speaks: the first message on a socket."""
    return Say(
        f"X-Timestamp:{stamp}\r\nPath:speech.config\r\nContent-Type:application/json\r\n\r\n"
        f"{json_body(CONFIG).decode()}"
    )


def text(path: str, request: str, stamp: str, body: str, kind: str = "") -> Say:
    written = f"Content-Type:{kind}\r\n" if kind else ""
    return Say(f"X-Timestamp:{stamp}\r\nPath:{path}\r\n{written}X-RequestId:{request}\r\n\r\n{body}")


def before_sound(request: str, stamp: str, stream: int, *, kind: str = "") -> bytes:
    """Return what stands before the sound of a message; with nothing behind it, it ends the sound."""
    written = f"Content-Type:{kind}\r\n" if kind else ""
    head = f"X-Timestamp:{stamp}\r\nPath:audio\r\n{written}X-RequestId:{request}\r\nX-StreamId:{stream}\r\n"
    return struct.pack(">H", len(head)) + head.encode()


def riff(format: AudioFormat, size: int = 0) -> bytes:
    """Return the header of a file of so many bytes of sound; 0 where nobody knows yet."""
    bits = 16 if format.encoding is Encoding.PCM_S16LE else 8
    block = bits // 8 * format.channels
    described = struct.pack(
        "<HHIIHH",
        _CODES[format.encoding],
        format.channels,
        format.sample_rate,
        format.bytes_per_second,
        block,
        bits,
    )
    whole = struct.pack("<I", size + 36 if size else 0)
    return b"RIFF" + whole + b"WAVEfmt \x10\0\0\0" + described + b"data" + struct.pack("<I", size)


def read(message: Message) -> Heard:
    """Raise `ValueError` when it is none. Names of headers are written in any case, with a space or without."""
    if isinstance(message, str):
        head, _, rest = message.partition("\r\n\r\n")
        body = rest.encode()
    else:
        if len(message) < 2:
            raise ValueError("a message without a head")
        end = 2 + int.from_bytes(message[:2], "big")
        head, body = message[2:end].decode(), message[end:]
    path = request = ""
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        match name.strip().lower():
            case "path":
                path = value.strip().lower()
            case "x-requestid":
                request = value.strip().lower()
    return Heard(path, request, body)
