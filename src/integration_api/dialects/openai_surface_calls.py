"""Tool calls of one streamed message, told one after another even where a provider interleaves them.

Clients take a new call for the end of the one before; so each is finished before the next begins.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

import msgspec

from integration_api.core.llm import Opaque, ToolCall
from integration_api.dialects.openai_surface_answer import call_id
from integration_api.dialects.openai_surface_parts import extra_content

_encode = msgspec.json.Encoder().encode


class OpenCall:
    """A call whose end has not come."""

    __slots__ = ("call", "ended", "index", "pieces", "sent", "signature")

    def __init__(self, call: ToolCall) -> None:
        self.call = call
        self.signature: Opaque | None = call.signature
        self.pieces = [call.arguments] if call.arguments else []
        """Arguments that wait for the call's turn."""
        self.sent = 0
        self.index = -1
        """Its place among the calls, once it has begun."""
        self.ended = False


class Calls:
    """Every method yields the deltas that are due, as JSON."""

    def __init__(self, answer_id: str) -> None:
        self._answer_id = answer_id
        self._count = 0
        self._speaking: OpenCall | None = None
        self._waiting: deque[OpenCall] = deque()

    def start(self, call: OpenCall) -> Iterator[bytes]:
        if self._speaking is None:
            yield from self._begin(call)
        else:
            self._waiting.append(call)

    def arguments(self, call: OpenCall, fragment: str) -> Iterator[bytes]:
        if call is self._speaking:
            yield _arguments(call, fragment)
        else:
            call.pieces.append(fragment)

    def end(self, call: OpenCall, value: ToolCall | None) -> Iterator[bytes]:
        """`value` is the whole call, where the provider gives it: what of it has not been told is told."""
        call.ended = True
        if value is not None:
            call.pieces = [value.arguments[call.sent :]]
            call.signature = call.signature or value.signature
        while self._speaking is not None and self._speaking.ended:
            yield from self._finish(self._speaking)
            self._speaking = None
            if self._waiting:
                yield from self._begin(self._waiting.popleft())

    def _begin(self, call: OpenCall) -> Iterator[bytes]:
        """Say the id and name, once, then whatever has been said by now."""
        self._speaking = call
        call.index = self._count
        self._count += 1
        shell = call.call
        begin: dict[str, Any] = {
            "index": call.index,
            "id": call_id(shell, call.index, self._answer_id),
            "type": shell.kind,
        }
        if shell.kind == "custom":
            begin["custom"] = {"name": shell.name, "input": ""}
        else:
            begin["function"] = {"name": shell.name, "arguments": ""}
        if call.signature is not None:
            begin["extra_content"] = extra_content(call.signature)
            call.signature = None
        yield _encode({"tool_calls": [begin]})
        if said := _taken(call):
            yield _arguments(call, said)

    @staticmethod
    def _finish(call: OpenCall) -> Iterator[bytes]:
        rest = _taken(call)
        kind = call.call.kind
        if not rest and not call.sent and kind == "function":
            rest = "{}"
        if rest:
            yield _arguments(call, rest)
        if call.signature is not None:
            signed = {"index": call.index, kind: {}, "extra_content": extra_content(call.signature)}
            yield _encode({"tool_calls": [signed]})


def _taken(call: OpenCall) -> str:
    said = "".join(call.pieces)
    call.pieces = []
    return said


def _arguments(call: OpenCall, fragment: str) -> bytes:
    call.sent += len(fragment)
    if call.call.kind == "custom":
        return b'{"tool_calls":[{"index":%d,"custom":{"input":%b}}]}' % (call.index, _encode(fragment))
    return b'{"tool_calls":[{"index":%d,"function":{"arguments":%b}}]}' % (call.index, _encode(fragment))
