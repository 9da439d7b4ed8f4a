"""Structured JSON logs whose every field is on a list: what is not listed is not written.

There is no message formatting and no exception text from other libraries: a
line is an event name and allowed fields, control and bidirectional characters
escaped by JSON.
"""

import contextlib
import logging
import sys
import time
from typing import Any, Final, TextIO

import msgspec

FIELDS: Final = frozenset({
    "request_id", "method", "route", "path", "status", "duration_ms", "organization_id",
    "project_id", "key_id", "provider", "model", "operation", "credential_id", "credential_version",
    "fault", "code", "provider_status", "provider_request_id", "retries", "error", "worker", "pid",
    "address", "port", "workers", "version", "backend", "cache", "count", "seconds", "bytes",
    "signal", "exit_code", "root_id", "reason", "logger", "streams", "connections", "migration",
})  # fmt: skip
"""Everything a log line may say."""

LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class Log:
    """Writes lines at or above its level. `error` takes an exception's type name, never its text."""

    def __init__(self, level: str = "info", out: TextIO | None = None) -> None:
        self._level = LEVELS[level]
        self._out = out or sys.stderr
        self._encode = msgspec.json.Encoder().encode

    def enabled(self, level: str) -> bool:
        return LEVELS[level] >= self._level

    def debug(self, event: str, **fields: Any) -> None:
        self._write("debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        self._write("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._write("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._write("error", event, fields)

    def _write(self, level: str, event: str, fields: dict[str, Any]) -> None:
        if LEVELS[level] < self._level:
            return
        line: dict[str, Any] = {"time": round(time.time(), 3), "level": level, "event": event}
        for name, value in fields.items():
            if name in FIELDS and value not in (None, ""):
                line[name] = type(value).__name__ if isinstance(value, BaseException) else value
        with contextlib.suppress(OSError, ValueError):  # A log that can not be written must not fail a call.
            self._out.write(_plain(self._encode(line)) + "\n")
            self._out.flush()


def _plain(encoded: bytes) -> str:
    """Escape what terminals and editors would obey: C1 controls and bidirectional marks."""
    text = encoded.decode()
    if text.isascii():
        return text
    return "".join(
        f"\\u{ord(char):04x}"
        if "\x7f" <= char <= "\x9f"
        or char in "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
        else char
        for char in text
    )


class _Bridge(logging.Handler):
    """Lets other libraries say that something happened, but not in their own words."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        level = "error" if record.levelno >= logging.ERROR else "warning"
        getattr(self._log, level)("library", logger=record.name, error=error)


def capture_libraries(log: Log) -> None:
    """Route the standard library's logging through `log`: name and exception type only."""
    root = logging.getLogger()
    root.handlers[:] = [_Bridge(log)]
    root.setLevel(logging.WARNING)
    logging.raiseExceptions = False
