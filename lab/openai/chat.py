"""OpenAI's chat completions, whole and streamed (platform.openai.com/docs/api-reference/chat)."""

from collections.abc import Iterator
from typing import Any

from lab.conversation import BIRTH, IMAGE_TOKENS, Prompt, Reply, Tool, ToolCall, compose, mark
from lab.http import Call, Response, encode
from lab.openai import rules
from lab.openai.client import admit, answer, document, refuse, stream_headers
from lab.openai.traits import SNAPSHOTS, Traits

_PADDING = "aB3dE6gH9jK2mN5p"  # streams are padded so that the sizes of packets say little about the words
_LOGPROB = -0.1
_DONE = b"data: [DONE]\n\n"
_ERROR = {
    "error": {
        "message": "The server had an error while processing your request. Sorry about that!",
        "type": "server_error",
        "param": None,
        "code": None,
    }
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
            f"This model's maximum context length is {trait.window} tokens. However, your messages resulted in "
            f"{prompt.tokens} tokens. Please reduce the length of the messages.",
            param="messages",
            code="context_length_exceeded",
        )
    reply = compose(prompt, call.take(), provider="OpenAI")
    writer = Writer(call, body, reply)
    if not body.get("stream"):
        response = answer(call, writer.whole())
    else:
        events = writer.deltas()
        response = Response(
            200,
            stream_headers(call),
            events=events if reply.lazy else list(events),
            ending=writer.ending(),
            error_event=b"data: %b\n\n" % encode(_ERROR),
            lazy=reply.lazy,
        )
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
        role = message["role"]
        if role == "user":
            prompt.text, prompt.user_turn, prompt.results = texts, True, []
        elif role == "tool":
            prompt.user_turn = False
            prompt.results.append(texts)
        elif role == "assistant":
            prompt.continued = True
            prompt.results = []
    for tool in body.get("tools") or ():
        inner = tool[tool["type"]]
        prompt.tools.append(Tool(inner["name"], inner.get("parameters")))
        prompt.read(encode(tool).decode())
    _choose(prompt, body.get("tool_choice"))
    prompt.parallel = body.get("parallel_tool_calls") is not False
    wanted = body.get("response_format") or {}
    prompt.wants_json = wanted.get("type") == "json_object"
    if wanted.get("type") == "json_schema":
        prompt.schema = wanted["json_schema"].get("schema") or {}
    budget = body.get("max_completion_tokens")
    prompt.max_tokens = budget if budget is not None else body.get("max_tokens")
    stop = body.get("stop") or ()
    prompt.stop = [stop] if isinstance(stop, str) else stop
    if trait.reasoning != "never":
        prompt.effort = body.get("reasoning_effort") or trait.default_effort
    return prompt


def _texts(content: Any, prompt: Prompt) -> str:
    if isinstance(content, str):
        prompt.read(content)
        return content
    texts = []
    for part in content or ():
        match part["type"]:
            case "text":
                texts.append(part["text"])
                prompt.read(part["text"])
            case "image_url":
                prompt.images += 1
                prompt.tokens += IMAGE_TOKENS
            case "input_audio":
                prompt.sounds += 1
                prompt.tokens += IMAGE_TOKENS
            case "file":
                prompt.files += 1
                prompt.tokens += IMAGE_TOKENS
    return " ".join(texts)


def _choose(prompt: Prompt, choice: Any) -> None:
    if isinstance(choice, str):
        prompt.choice = choice
    elif isinstance(choice, dict) and choice["type"] == "allowed_tools":
        allowed = choice["allowed_tools"]
        names = {one[one["type"]]["name"] for one in allowed["tools"]}
        prompt.tools = [tool for tool in prompt.tools if tool.name in names]
        prompt.choice = allowed["mode"]
    elif isinstance(choice, dict):
        prompt.choice, prompt.forced = "named", choice[choice["type"]]["name"]


class Writer:
    """Writes one reply in OpenAI's shapes."""

    def __init__(self, call: Call, body: dict[str, Any], reply: Reply) -> None:
        self.reply = reply
        self.body = body
        self.call = call
        self.choices = body.get("n") or 1
        options = body.get("stream_options") or {}
        self.with_usage = bool(options.get("include_usage"))
        self.padded = options.get("include_obfuscation") is not False
        self.custom = {
            tool["custom"]["name"] for tool in body.get("tools") or () if tool.get("type") == "custom"
        }
        named = isinstance(body.get("tool_choice"), dict) and body["tool_choice"]["type"] != "allowed_tools"
        # A call that was forced by its name ends with `stop`.
        calls = "stop" if named and reply.finish == "tool_calls" else reply.finish
        self.finish = reply.native_finish or calls
        tier = body.get("service_tier") or "default"
        self.envelope = {
            "id": f"chatcmpl-{mark(call, 29)}",
            "object": "chat.completion",
            "created": BIRTH,
            "model": SNAPSHOTS.get(call.model, call.model),
            "service_tier": {"auto": "default", "fast": "priority"}.get(tier, tier),
            "system_fingerprint": "fp_1ab0000000",
        }
        self._padding = 0

    def whole(self) -> dict[str, Any]:
        """The answer in one piece."""
        reply = self.reply
        text = "".join(reply.text)
        message: dict[str, Any] = {
            "role": "assistant",
            "content": None if reply.refusal or (reply.calls and not text) else text,
            "refusal": reply.refusal,
            "annotations": [],
        }
        if reply.calls:
            message["tool_calls"] = [self._tool_call(place, one) for place, one in enumerate(reply.calls)]
        logprobs = self._logprobs([text]) if self.body.get("logprobs") and text else None
        choices = [
            {"index": index, "message": message, "logprobs": logprobs, "finish_reason": self.finish}
            for index in range(self.choices)
        ]
        return {**self.envelope, "choices": choices, "usage": self.usage()}

    def usage(self) -> dict[str, Any]:
        """What the answer cost: reasoning is part of the completion, the cache part of the prompt."""
        reply = self.reply
        completion = reply.output_tokens * self.choices
        return {
            "prompt_tokens": reply.input_tokens,
            "completion_tokens": completion,
            "total_tokens": reply.input_tokens + completion,
            "prompt_tokens_details": {"cached_tokens": reply.cached_tokens, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": reply.reasoning_tokens * self.choices,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        } | reply.usage

    def thoughts(self) -> list[dict[str, Any]]:
        """The deltas that show what was thought: OpenAI shows none."""
        return []

    def deltas(self) -> Iterator[bytes]:
        """The events of the stream up to its ending; choices take turns."""
        reply = self.reply
        turns = range(self.choices)
        calls = reply.calls
        opening: dict[str, Any] = {"role": "assistant", "content": "", "refusal": None}
        rest = list(calls)
        thoughts = self.thoughts()
        if calls and not thoughts and not reply.lazy and not list(reply.text):
            # With nothing to say first, the opening carries the first call.
            opening = {
                "role": "assistant",
                "content": None,
                "tool_calls": [self._start(0, rest[0])],
                "refusal": None,
            }
        yield from (self._chunk(index, opening) for index in turns)
        for thought in thoughts:
            yield from (self._chunk(index, thought) for index in turns)
        if not opening.get("tool_calls"):
            for piece in reply.text:
                probable = self._logprobs([piece]) if self.body.get("logprobs") else None
                yield from (self._chunk(index, {"content": piece}, probable) for index in turns)
        if reply.refusal:
            yield from (self._chunk(index, {"refusal": reply.refusal}) for index in turns)
        for place, one in enumerate(rest):
            if place or not opening.get("tool_calls"):
                yield from (self._chunk(index, {"tool_calls": [self._start(place, one)]}) for index in turns)
            said = ("custom", "input") if one.name in self.custom else ("function", "arguments")
            for piece in one.pieces():
                part = {"index": place, said[0]: {said[1]: piece}}
                yield from (self._chunk(index, {"tool_calls": [part]}) for index in turns)

    def ending(self) -> list[bytes]:
        """The events that end the stream: finish, usage if it was asked for, [DONE]."""
        last = [self._chunk(index, {}, finish=self.finish) for index in range(self.choices)]
        if self.with_usage:
            last.append(
                self._event(
                    {"choices": [], "usage": self.usage(), **({"obfuscation": ""} if self.padded else {})}
                )
            )
        return [*last, _DONE]

    def _chunk(
        self, index: int, delta: dict[str, Any], logprobs: Any = None, finish: str | None = None
    ) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        chunk: dict[str, Any] = {"choices": [choice]}
        if self.with_usage:
            chunk["usage"] = None
        if self.padded:
            self._padding = (self._padding + 7) % len(_PADDING)
            chunk["obfuscation"] = _PADDING[: self._padding]
        return self._event(chunk)

    def _event(self, chunk: dict[str, Any]) -> bytes:
        return b"data: %b\n\n" % encode({**self.envelope, "object": "chat.completion.chunk", **chunk})

    def _id(self, place: int, one: ToolCall) -> str:
        return one.id or f"call_{mark(self.call, 24, f'call{place}')}"

    def _tool_call(self, place: int, one: ToolCall) -> dict[str, Any]:
        if one.name in self.custom:
            return {
                "id": self._id(place, one),
                "type": "custom",
                "custom": {"name": one.name, "input": one.arguments},
            }
        function = {"name": one.name, "arguments": one.arguments}
        return {"id": self._id(place, one), "type": "function", "function": function}

    def _start(self, place: int, one: ToolCall) -> dict[str, Any]:
        return {"index": place, **self._tool_call(place, ToolCall(one.name, "", one.id))}

    def _logprobs(self, pieces: list[str]) -> dict[str, Any]:
        top = self.body.get("top_logprobs") or 0
        words = [{"token": piece, "logprob": _LOGPROB, "bytes": list(piece.encode())} for piece in pieces]
        content = [{**word, "top_logprobs": [word] * min(top, 1)} for word in words]
        return {"content": content, "refusal": None}
