"""Anthropic's messages, whole and streamed, and their token counts (platform.claude.com/docs/en/api/messages)."""

from collections.abc import Iterator
from typing import Any

import msgspec

from lab.anthropic import rules
from lab.anthropic.client import admit, answer, document, refuse, request_id, stream_headers
from lab.anthropic.message_rules import blocks
from lab.anthropic.signature import sign
from lab.anthropic.traits import Traits
from lab.conversation import IMAGE_TOKENS, Prompt, Reply, Tool, compose, mark
from lab.http import Call, Response, encode

_STOPS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
_SNAPSHOTS = {
    "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
    "claude-opus-4-5": "claude-opus-4-5-20251101",
}
_PING = b'event: ping\ndata: {"type": "ping"}\n\n'
_LONGEST_PADDING = 15  # blanks at the end of a data line, as they are seen on the wire


def create(call: Call) -> Response:
    """POST /v1/messages. Raises `Refused`."""
    version = admit(call)
    body = document(call)
    trait = rules.check(call, body, version)
    prompt, cached = read(call, body, trait)
    if prompt.tokens > trait.window:
        refuse(call, f"prompt is too long: {prompt.tokens} tokens > {trait.window} maximum")
    reply = compose(prompt, call.take(), provider="Anthropic")
    writer = Writer(call, body, reply, trait, cached)
    if not body.get("stream"):
        response = answer(call, writer.whole())
    else:
        events = writer.deltas()
        fault = {
            "type": "error",
            "error": {"type": "overloaded_error", "message": "Overloaded"},
            "request_id": request_id(call),
        }
        response = Response(
            200,
            stream_headers(call),
            events=events if reply.lazy else list(events),
            ending=writer.ending(),
            error_event=b"event: error\ndata: %b\n\n" % encode(fault),
            lazy=reply.lazy,
        )
    response.delay_ms, response.gap_ms = reply.delay_ms, reply.gap_ms
    return response


def count_tokens(call: Call) -> Response:
    """POST /v1/messages/count_tokens. Raises `Refused`."""
    version = admit(call)
    body = document(call)
    trait = rules.check_count(call, body, version)
    return answer(call, {"input_tokens": read(call, body, trait)[0].tokens})


class Cached(msgspec.Struct):
    """What of a prompt is in the cache: tokens read from it, written to it, and for how long."""

    read: int = 0
    written: int = 0
    ttl: str = "5m"


def read(call: Call, body: dict[str, Any], trait: Traits) -> tuple[Prompt, Cached]:
    """The conversation in the lab's terms, and its cache. What is marked is written by the first turn and
    read by later ones.
    """
    prompt = Prompt(shape=call.asked, tokens=3, announces_tools=True)
    cached = Cached()
    marked = 0
    for tool in body.get("tools") or ():
        if "input_schema" in tool:
            prompt.tools.append(Tool(tool["name"], tool["input_schema"]))
        prompt.read(encode(tool).decode())
        marked = _marked(tool, prompt, cached, marked)
    system = body.get("system") or ()
    for block in [{"text": system}] if isinstance(system, str) else system:
        prompt.read(block["text"])
        marked = _marked(block, prompt, cached, marked)
    for message in body["messages"]:
        prompt.tokens += 4
        texts: list[str] = []
        results: list[str] = []
        for block in blocks(message):
            _block(block, prompt, texts, results)
            marked = _marked(block, prompt, cached, marked)
        if message["role"] == "user":
            prompt.text, prompt.results = " ".join(texts), results
            prompt.user_turn = not results
        elif message["role"] == "assistant":
            prompt.continued = True
    if body.get("cache_control"):
        marked = _marked(body, prompt, cached, marked)
    if prompt.continued:
        cached.read = marked
    else:
        cached.written = marked
    _settings(prompt, body, trait)
    return prompt, cached


def _marked(block: dict[str, Any], prompt: Prompt, cached: Cached, marked: int) -> int:
    control = block.get("cache_control")
    if not control:
        return marked
    cached.ttl = control.get("ttl", "5m")
    return prompt.tokens


def _block(block: dict[str, Any], prompt: Prompt, texts: list[str], results: list[str]) -> None:
    match block["type"]:
        case "text":
            texts.append(block["text"])
            prompt.read(block["text"])
        case "image":
            prompt.images += 1
            prompt.tokens += IMAGE_TOKENS
        case "document":
            prompt.files += 1
            prompt.tokens += IMAGE_TOKENS
        case "tool_result":
            content = block.get("content") or ""
            inner: list[str] = []
            for one in [{"type": "text", "text": content}] if isinstance(content, str) else content:
                _block(one, prompt, inner, results)
            results.append(" ".join(inner))
        case _:
            prompt.read(encode(block).decode())


def _settings(prompt: Prompt, body: dict[str, Any], trait: Traits) -> None:
    choice = body.get("tool_choice") or {}
    kinds = {"any": "required", "tool": "named"}
    prompt.choice = kinds.get(choice.get("type", "auto"), choice.get("type", "auto"))
    prompt.forced = choice.get("name", "")
    prompt.parallel = not choice.get("disable_parallel_tool_use")
    config = body.get("output_config") or {}
    if config.get("format"):
        prompt.schema = config["format"]["schema"]
    prompt.max_tokens = body.get("max_tokens")
    prompt.stop = body.get("stop_sequences") or ()
    thinking = (body.get("thinking") or {}).get("type")
    always = trait.rare or (trait.line, trait.version) == ("opus", (5, 5))
    if thinking == "enabled":
        prompt.effort = "medium"
    elif thinking in ("adaptive", "between_tools") or (thinking is None and always):
        prompt.effort = config.get("effort") or trait.default_effort


class Writer:
    """Writes one reply in Anthropic's shapes."""

    def __init__(self, call: Call, body: dict[str, Any], reply: Reply, trait: Traits, cached: Cached) -> None:
        self.call = call
        self.reply = reply
        self.trait = trait
        self.cached = cached
        display = (body.get("thinking") or {}).get("display")
        self.shows_thinking = display == "summarized" if display else not trait.hides_thinking
        if reply.refusal is not None:
            reply.finish = "content_filter"
        stop = "stop_sequence" if reply.stopped_by else _STOPS[reply.finish]
        self.ended = {
            "stop_reason": reply.native_finish or stop,
            "stop_sequence": reply.stopped_by,
            "stop_details": {"type": "refusal", "category": "general_harms", "explanation": reply.refusal}
            if reply.refusal is not None
            else None,
        }
        self.envelope = {
            "model": _SNAPSHOTS.get(call.model, call.model),
            "id": f"msg_01{mark(call, 22)}",
            "type": "message",
            "role": "assistant",
        }
        self._padding = 0

    def whole(self) -> dict[str, Any]:
        """The answer in one piece."""
        reply = self.reply
        content: list[dict[str, Any]] = []
        if reply.redacted is not None:
            content.append({"type": "redacted_thinking", "data": reply.redacted})
        if reply.reasoning:
            content.append({"type": "thinking", **self._thinking()})
        text = "".join(reply.text)
        if text and reply.refusal is None:
            content.append({"type": "text", "text": text})
        content += [
            {**self._tool_use(place), "input": msgspec.json.decode(one.arguments or "{}")}
            for place, one in enumerate(reply.calls)
        ]
        return {**self.envelope, "content": content, **self.ended, "usage": self._usage()}

    def deltas(self) -> Iterator[bytes]:
        """The events of the stream up to the message's last words."""
        reply = self.reply
        opening: dict[str, Any] = {
            **self.envelope,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "stop_details": None,
            "usage": {**self._usage(), "output_tokens": 1},
        }
        yield self._event("message_start", {"message": opening})
        index = 0
        if reply.redacted is not None:
            yield self._start(index, {"type": "redacted_thinking", "data": reply.redacted})
            yield _PING
            yield self._stop(index)
            index += 1
        if reply.reasoning:
            yield from self._streamed_thinking(index)
            index += 1
        text = iter(reply.text if reply.refusal is None else ())
        first = next(text, None)
        if first is not None:
            yield self._start(index, {"type": "text", "text": ""})
            if index == 0:
                yield _PING
            yield self._delta(index, {"type": "text_delta", "text": first})
            for piece in text:
                yield self._delta(index, {"type": "text_delta", "text": piece})
            yield self._stop(index)
            index += 1
        for place, one in enumerate(reply.calls):
            yield self._start(index, {**self._tool_use(place), "input": {}})
            if index == 0:
                yield _PING
            # The first piece is empty; without arguments it stays alone.
            for piece in ["", *([] if one.arguments == "{}" else one.pieces())]:
                yield self._delta(index, {"type": "input_json_delta", "partial_json": piece})
            yield self._stop(index)
            index += 1

    def ending(self) -> list[bytes]:
        """The events that end the stream: how it stopped and what it cost, then message_stop."""
        usage = self._usage()
        kept = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
        said = {name: usage[name] for name in (*kept, "output_tokens_details")} | self.reply.usage
        return [
            self._event("message_delta", {"delta": self.ended, "usage": said}),
            self._event("message_stop", {}),
        ]

    def _streamed_thinking(self, index: int) -> Iterator[bytes]:
        yield self._start(index, {"type": "thinking", "thinking": "", "signature": ""})
        yield _PING
        if self.shows_thinking:
            for piece in self.reply.reasoning:
                yield self._delta(index, {"type": "thinking_delta", "thinking": piece})
        signature = self._thinking()["signature"]
        yield self._delta(index, {"type": "signature_delta", "signature": signature})
        yield self._stop(index)

    def _thinking(self) -> dict[str, str]:
        shown = "".join(self.reply.reasoning) if self.shows_thinking else ""
        return {"thinking": shown, "signature": sign(shown, self.trait)}

    def _tool_use(self, place: int) -> dict[str, Any]:
        one = self.reply.calls[place]
        id = one.id or f"toolu_01{mark(self.call, 22, f'call{place}')}"
        return {"type": "tool_use", "id": id, "name": one.name, "input": {}, "caller": {"type": "direct"}}

    def _usage(self) -> dict[str, Any]:
        """What the answer cost: the cache is not part of the input, thinking is part of the output."""
        reply, cached = self.reply, self.cached
        return {
            "input_tokens": max(reply.input_tokens - cached.read - cached.written, 0),
            "cache_creation_input_tokens": cached.written,
            "cache_read_input_tokens": cached.read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": cached.written if cached.ttl == "5m" else 0,
                "ephemeral_1h_input_tokens": cached.written if cached.ttl == "1h" else 0,
            },
            "output_tokens": reply.output_tokens,
            "output_tokens_details": {"thinking_tokens": reply.reasoning_tokens},
            "service_tier": "standard",
            "inference_geo": "global",
        } | reply.usage

    def _start(self, index: int, block: dict[str, Any]) -> bytes:
        return self._event("content_block_start", {"index": index, "content_block": block})

    def _delta(self, index: int, delta: dict[str, Any]) -> bytes:
        return self._event("content_block_delta", {"index": index, "delta": delta})

    def _stop(self, index: int) -> bytes:
        return self._event("content_block_stop", {"index": index})

    def _event(self, kind: str, more: dict[str, Any]) -> bytes:
        data = encode({"type": kind, **more})
        self._padding = (self._padding + 7) % _LONGEST_PADDING
        return b"event: %b\ndata: %b%b}\n\n" % (kind.encode(), data[:-1], b" " * self._padding)
