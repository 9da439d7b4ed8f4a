"""Mistral's chat completions, whole and streamed (docs.mistral.ai/api, chat)."""

from collections.abc import Iterator
from typing import Any

from lab.conversation import BIRTH, IMAGE_TOKENS, Prompt, Reply, Tool, compose, mark
from lab.http import Call, Response, encode
from lab.mistral import rules
from lab.mistral.client import admit, answer, document, refuse, stream_headers
from lab.mistral.traits import Traits

_PADDING = "abcdefghijklmnopqrstuvwxyz01234567"
_DONE = b"data: [DONE]\n\n"
_ERROR = {
    "object": "error",
    "message": "Service unavailable.",
    "type": "internal_server_error",
    "code": "3000",
}


def complete(call: Call) -> Response:
    """POST /v1/chat/completions. Raises `Refused`."""
    admit(call)
    body = document(call)
    trait = rules.check(call, body)
    prompt = read(call, body, trait)
    if prompt.tokens > trait.window:
        refuse(
            call,
            f"Prompt contains {prompt.tokens} tokens, too large for model with {trait.window} maximum context length",
            "invalid_request_prompt",
            "3051",
        )
    reply = compose(prompt, call.take(), provider="Mistral")
    writer = Writer(call, body, reply)
    if not body.get("stream"):
        response = answer(call, writer.whole())
    else:
        events = writer.deltas()
        response = Response(
            200,
            stream_headers(call),
            events=events if reply.lazy else list(events),
            error_event=b"data: %b\n\n" % encode(_ERROR),
            lazy=reply.lazy,
        )
        response.ending = writer.ending()
    response.delay_ms, response.gap_ms = reply.delay_ms, reply.gap_ms
    return response


def read(call: Call, body: dict[str, Any], trait: Traits) -> Prompt:
    """The conversation in the lab's terms."""
    prompt = Prompt(shape=call.asked, tokens=3)
    for message in body["messages"]:
        prompt.tokens += 4
        texts = _texts(message.get("content"), prompt)
        for one in message.get("tool_calls") or ():
            prompt.read(encode(one).decode())
        match message["role"]:
            case "user":
                prompt.text, prompt.user_turn, prompt.results = texts, True, []
            case "tool":
                prompt.user_turn = False
                prompt.results.append(texts)
            case "assistant":
                prompt.continued = True
                prompt.results = []
            case _:
                pass
    for tool in body.get("tools") or ():
        if "function" in tool:
            prompt.tools.append(Tool(tool["function"]["name"], tool["function"]["parameters"]))
            prompt.read(encode(tool).decode())
    choice = body.get("tool_choice") or "auto"
    if isinstance(choice, dict):
        prompt.choice, prompt.forced = "named", choice["function"]["name"]
    else:
        prompt.choice = "required" if choice == "any" else choice
    prompt.parallel = body.get("parallel_tool_calls") is not False
    wanted = body.get("response_format") or {}
    prompt.wants_json = wanted.get("type") == "json_object"
    if wanted.get("type") == "json_schema":
        prompt.schema = wanted["json_schema"]["schema"]
    prompt.max_tokens = body.get("max_tokens")
    stop = body.get("stop") or ()
    prompt.stop = [stop] if isinstance(stop, str) else stop
    prompt.effort = body.get("reasoning_effort") or ("medium" if trait.reasons else "")
    return prompt


def _texts(content: Any, prompt: Prompt) -> str:
    if isinstance(content, str):
        prompt.read(content)
        return content
    texts = []
    for chunk in content or ():
        match chunk.get("type", "text"):
            case "text":
                texts.append(chunk["text"])
                prompt.read(chunk["text"])
            case "image_url":
                prompt.images += 1
                prompt.tokens += IMAGE_TOKENS
            case "document_url" | "file":
                prompt.files += 1
                prompt.tokens += IMAGE_TOKENS
            case "input_audio":
                prompt.sounds += 1
                prompt.tokens += IMAGE_TOKENS
            case _:
                prompt.read(encode(chunk).decode())
    return " ".join(texts)


class Writer:
    """Writes one reply in Mistral's shapes."""

    def __init__(self, call: Call, body: dict[str, Any], reply: Reply) -> None:
        self.call = call
        self.reply = reply
        self.choices = body.get("n") or 1
        self.finish = reply.native_finish or reply.finish
        if reply.refusal is not None:
            reply.text = [reply.refusal]
        self.id = mark(call, 32)
        self._padding = 0

    def whole(self) -> dict[str, Any]:
        """The answer in one piece; the content is a list when there was reasoning."""
        reply = self.reply
        text = "".join(reply.text)
        content: Any = text
        if reply.reasoning:
            content = [_thinking("".join(reply.reasoning), closed=True), {"type": "text", "text": text}]
        message: dict[str, Any] = {"role": "assistant", "tool_calls": None, "content": content}
        if reply.calls:
            message["tool_calls"] = self._tool_calls()
        choices = [
            {"index": index, "finish_reason": self.finish, "message": message}
            for index in range(self.choices)
        ]
        return {
            "id": self.id,
            "created": BIRTH,
            "model": self.call.model,
            "usage": self._usage(),
            "object": "chat.completion",
            "choices": choices,
        }

    def deltas(self) -> Iterator[bytes]:
        """The events of the stream up to its last delta, which the ending carries."""
        reply = self.reply
        yield from self._chunks({"role": "assistant", "content": ""}, padded=False)
        for place, piece in enumerate(reply.reasoning):
            yield from self._chunks({"content": [_thinking(piece, closed=place > 0)]})
        text = iter(reply.text)
        if reply.reasoning and (first := next(text, None)) is not None:
            # The first words after the thoughts are still a list; then content is a string again.
            yield from self._chunks({"content": [{"type": "text", "text": first}]})
        for piece in text:
            yield from self._chunks({"content": piece})

    def ending(self) -> list[bytes]:
        """The events that end the stream: whole tool calls if any, finish and usage in one, then [DONE]."""
        delta: dict[str, Any] = {"content": ""}
        if self.reply.calls:
            delta = {"content": None, "tool_calls": self._tool_calls()}
        return [*self._chunks(delta, finish=self.finish), _DONE]

    def _chunks(
        self, delta: dict[str, Any], *, finish: str | None = None, padded: bool = True
    ) -> Iterator[bytes]:
        for index in range(self.choices):
            chunk: dict[str, Any] = {
                "id": self.id,
                "object": "chat.completion.chunk",
                "created": BIRTH,
                "model": self.call.model,
                "choices": [{"index": index, "delta": delta, "finish_reason": finish}],
            }
            if finish is not None and index == self.choices - 1:
                chunk["usage"] = self._usage()
            if padded:
                self._padding = (self._padding + 11) % len(_PADDING)
                chunk["p"] = _PADDING[: self._padding + 1]
            yield b"data: %b\n\n" % encode(chunk)

    def _tool_calls(self) -> list[dict[str, Any]]:
        return [
            {
                "id": one.id or mark(self.call, 9, f"call{place}"),
                "function": {"name": one.name, "arguments": one.arguments},
            }
            for place, one in enumerate(self.reply.calls)
        ]

    def _usage(self) -> dict[str, Any]:
        reply = self.reply
        completion = reply.output_tokens * self.choices
        return {
            "prompt_tokens": reply.input_tokens,
            "total_tokens": reply.input_tokens + completion,
            "completion_tokens": completion,
            "prompt_tokens_details": {"cached_tokens": reply.cached_tokens},
            "service_tier": "standard",
        } | reply.usage


def _thinking(text: str, *, closed: bool) -> dict[str, Any]:
    chunk: dict[str, Any] = {"type": "thinking", "thinking": [{"type": "text", "text": text}]}
    if closed:
        chunk["closed"] = True
    return chunk
