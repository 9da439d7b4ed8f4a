"""Spoils an answer's events before they are framed: what a vendor's bad day looks like inside a body."""

import re
from collections.abc import Callable, Iterable, Iterator

from lab.faults import Fault
from lab.http import Response

_LINE_END = re.compile(rb"\r?\n")


def spoiled_body(body: bytes, fault: Fault) -> bytes:
    """A whole body under a fault: JSON that stops short, or bytes that are no UTF-8."""
    if fault.malformed == "utf8":
        middle = len(body) // 2
        return body[:middle] + b"\xff\xfe" + body[middle:]
    if fault.malformed in ("json", "frame") or fault.unfinished:
        return body[: len(body) // 2]
    return body


def spoiled_events(response: Response, fault: Fault) -> Iterable[bytes]:
    """The answer's events under a fault. A lazy answer stays lazy unless its middle has to be known."""
    events: Iterable[bytes] = response.events or ()
    ending: Iterable[bytes] = response.ending
    if fault.error_midstream:
        events, ending = [*_first_half(events), response.error_event], ()
    if fault.unfinished:
        ending = ()
    if fault.malformed in ("json", "frame", "utf8"):
        events = _with_bad_one(list(events), fault.malformed, response.spoil or _bad_lines)
    whole: Iterable[bytes] = _chained(events, ending)
    if fault.duplicate:
        whole = _duplicated(list(whole), fault.duplicate)
    if response.spoil is not None:
        return whole  # Bytes, not lines: there is one way to frame them.
    if fault.framing == "crlf":
        whole = (_LINE_END.sub(b"\r\n", event) for event in whole)
    elif fault.framing == "comments":
        whole = _commented(whole)
    return whole


def _chained(events: Iterable[bytes], ending: Iterable[bytes]) -> Iterator[bytes]:
    yield from events
    yield from ending


def _first_half(events: Iterable[bytes]) -> list[bytes]:
    known = list(events)
    return known[: (len(known) + 1) // 2]


def _with_bad_one(events: list[bytes], how: str, spoil: Callable[[bytes, str], bytes]) -> list[bytes]:
    middle = len(events) // 2
    good = events[middle] if events else b"data: {}\n\n"
    return [*events[:middle], spoil(good, how), *events[middle + 1 :]]


def _bad_lines(good: bytes, how: str) -> bytes:
    if how == "json":
        return good[: max(good.rfind(b"}") - 1, 0)] + b"\n\n"
    if how == "utf8":
        return good.replace(b'":"', b'":"\xff\xfe', 1)
    return b"<<this line belongs to no event stream>>\n" + good.replace(b"data:", b"dat:", 1)


def _duplicated(events: list[bytes], which: str) -> list[bytes]:
    if which == "first":
        return events[:1] + events
    if which == "last":
        return events + events[-1:]
    return [copy for event in events for copy in (event, event)]


def _commented(events: Iterable[bytes]) -> Iterator[bytes]:
    yield b": keep-alive\n\n"
    for event in events:
        yield event
        yield b": keep-alive\nretry: 3000\n\n"
