"""A provider's streamed answer, played to its reader and rendered for clients of OpenAI's language."""

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

from integration_api.core.credential import Credential
from integration_api.core.llm import LlmEvent, LlmRequest, LlmResponse
from integration_api.core.llm_fold import LlmFold
from integration_api.core.provider import Provider
from integration_api.dialects.openai_surface_response import ChatStream
from tests.laws.speaker import data_lines


def sse(*events: dict[str, Any] | str, named: bool = False) -> bytes:
    """Frame events as server-sent ones, `named` by their type where the vendor does."""
    lines = []
    for said in events:
        text = said if isinstance(said, str) else json.dumps(said)
        name = f"event: {said['type']}\n" if named and not isinstance(said, str) else ""
        lines.append(f"{name}data: {text}\n\n")
    return "".join(lines).encode()


def events(provider: Provider, ask: LlmRequest, body: bytes, size: int = 64) -> list[LlmEvent]:
    """Every event of an answer that comes `size` bytes at a time."""
    stream = provider.llm.stream(ask, Credential(provider.name))
    if stream.opened is not None:
        stream.opened({})
    found = [
        said
        for at in range(0, len(body) + size, size)
        for frame in stream.framing.feed(body[at : at + size])
        for said in stream.reader.feed(frame)
    ]
    return [*found, *stream.reader.close()]


def folded(found: Iterable[LlmEvent]) -> LlmResponse:
    fold = LlmFold()
    for said in found:
        fold.feed(said)
    return fold.close()


def chunks(provider: str, found: Iterable[LlmEvent], *, include_usage: bool = True) -> list[dict[str, Any]]:
    """What our chat completions route sends for these events, chunk by chunk."""
    stream = ChatStream(include_usage=include_usage, provider=provider, id="chatcmpl-1", model="m", created=1)
    said = b"".join(stream.render([event]) for event in found) + stream.close()
    return data_lines(said)


@dataclasses.dataclass
class ToolDelta:
    """One piece of a call, as a client reads it: keys it has not are missing."""

    index: int
    keys: frozenset[str]
    id: str | None
    name: str | None
    arguments: str


def tool_deltas(told: Iterable[dict[str, Any]]) -> list[ToolDelta]:
    """Every piece of a call in a stream's chunks; a piece without index or function is an error."""
    return [
        ToolDelta(
            one["index"],
            frozenset(one),
            one.get("id"),
            one["function"].get("name"),
            one["function"]["arguments"],
        )
        for chunk in told
        for choice in chunk["choices"]
        for one in choice["delta"].get("tool_calls") or ()
    ]


def well_told(deltas: list[ToolDelta]) -> bool:
    """Whether LangChain and LiveKit would read these calls as they were made.

    LangChain drops what has no index; LiveKit begins a call anew at each name, and ends one when another begins.
    """
    order = [delta.index for delta in deltas]
    first = {index: order.index(index) for index in order}
    return (
        order == sorted(order)
        and sorted(first) == list(range(len(first)))
        and all(
            (place == first[delta.index]) == bool(delta.name) == bool(delta.id)
            for place, delta in enumerate(deltas)
        )
    )
