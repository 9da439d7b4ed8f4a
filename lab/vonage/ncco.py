"""NCCO, as far as calls here use it (developer.vonage.com/en/voice/voice-api/ncco-reference)."""

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from lab.http import encode

RATES = {f"audio/l16;rate={rate}": rate for rate in (8_000, 16_000, 24_000)}
MOST_HEADERS = 512
"""Bytes of what is told on a socket."""
_NUMBER = re.compile(r"[1-9]\d{6,14}")


@dataclass(slots=True)
class Socket:
    """`connect` to a `websocket`."""

    uri: str
    rate: int
    headers: dict[str, Any] = field(default_factory=dict)
    from_: str = ""
    event_url: str = ""
    event_method: str = "POST"
    synchronous: bool = False


@dataclass(slots=True)
class Phone:
    """`connect` to a `phone`."""

    number: str
    from_: str = ""


@dataclass(slots=True)
class Talk:
    text: str


@dataclass(slots=True)
class Record:
    event_url: str = ""


Action = Socket | Phone | Talk | Record


def parse(document: bytes | list[Any]) -> list[Action]:
    """What a document says to do. Raises `ValueError` with what is wrong with it."""
    said = json.loads(document) if isinstance(document, bytes) else document
    if not isinstance(said, list) or not all(isinstance(one, dict) for one in said):
        raise ValueError("Syntax error in NCCO. Invalid value type or action.")
    return [_action(one) for one in said]


def _action(said: dict[str, Any]) -> Action:
    match said:
        case {"action": "connect", "endpoint": [{"type": "websocket"} as there]}:
            return _socket(said, there)
        case {"action": "connect", "endpoint": [{"type": "phone", "number": str(number)}]}:
            if not _NUMBER.fullmatch(number):
                raise ValueError(f"Syntax error in NCCO. Not a number: {number}")
            return Phone(number, _from(said))
        case {"action": "talk", "text": str(text)} if 0 < len(text) <= 1_500:
            return Talk(text)
        case {"action": "record"}:
            return Record(_first(said.get("eventUrl")))
        case _:
            raise ValueError("Syntax error in NCCO. Invalid value type or action.")


def _socket(said: dict[str, Any], there: dict[str, Any]) -> Socket:
    uri = there.get("uri", "")
    parts = urlsplit(uri)
    loopback = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if parts.scheme != "wss" and not (parts.scheme == "ws" and loopback):
        raise ValueError(f"Syntax error in NCCO. Not a secure WebSocket: {uri}")
    rate = RATES.get(there.get("content-type", ""))
    if rate is None:
        raise ValueError("Syntax error in NCCO. A content-type is audio/l16 at 8000, 16000 or 24000.")
    headers = there.get("headers", {})
    if not isinstance(headers, dict) or len(encode(headers)) > MOST_HEADERS:
        raise ValueError(f"Syntax error in NCCO. Headers are an object of at most {MOST_HEADERS} bytes.")
    return Socket(
        uri=uri,
        rate=rate,
        headers=headers,
        from_=_from(said),
        event_url=_first(said.get("eventUrl")),
        event_method=said.get("eventMethod", "POST"),
        synchronous=said.get("eventType") == "synchronous",
    )


def _from(said: dict[str, Any]) -> str:
    shown = str(said.get("from", ""))
    if bool(shown) == bool(said.get("randomFromNumber")):
        raise ValueError("Syntax error in NCCO. Either from or randomFromNumber.")
    return shown


def _first(urls: Any) -> str:
    if urls is None:
        return ""
    if not isinstance(urls, list) or len(urls) != 1 or not isinstance(urls[0], str):
        raise ValueError("Syntax error in NCCO. An eventUrl is a list of one.")
    return urls[0]
