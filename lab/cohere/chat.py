"""Cohere's chat, whole and streamed (docs.cohere.com/reference/chat)."""

from collections.abc import Iterator
from typing import Any

from lab.cohere import rules
from lab.cohere.client import admit, answer, document, identity, refuse, stream_headers
from lab.cohere.traits import Traits
from lab.conversation import Prompt, Reply, Tool, compose, mark
from lab.http import Call, Response, encode

_PREAMBLE = 495
"""Tokens that Cohere puts before every prompt: counted, cached, and not billed."""
_FINISH = {
    "stop": "COMPLETE",
    "length": "MAX_TOKENS",
    "tool_calls": "TOOL_CALL",
    "content_filter": "ERROR_TOXIC",
}
_DONE = b"data: [DONE]\n\n"
_FAILED = {"finish_reason": "ERROR", "error": "internal server error", "usage": {}}


def complete(call: Call) -> Response:
    """POST /v2/chat. Raises `Refused`."""
    admit(call)
    body = document(call)
    trait = rules.check(call, body)
    prompt = read(call, body, trait)
    if prompt.tokens > trait.window:
        refuse(
            call,
            f"too many tokens: the total number of tokens in the prompt ({prompt.tokens}) cannot exceed {trait.window}",
        )
    writer = Writer(call, body, compose(prompt, call.take(), provider="Cohere"))
    reply = writer.reply
    if not body.get("stream"):
        response = answer(call, writer.whole())
    else:
        events = writer.deltas()
        response = Response(
            200,
            stream_headers(call),
            events=events if reply.lazy else list(events),
            error_event=_event("message-end", delta=_FAILED),
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
        prompt.tools.append(Tool(tool["function"]["name"], tool["function"]["parameters"]))
        prompt.read(encode(tool).decode())
    for given in body.get("documents") or ():
        prompt.read(encode(given).decode())
    prompt.choice = (body.get("tool_choice") or "auto").lower()
    prompt.announces_tools = not trait.reasons
    form = body.get("response_format") or {}
    prompt.wants_json = form.get("type") == "json_object"
    prompt.schema = form.get("json_schema")
    prompt.max_tokens = body.get("max_tokens")
    prompt.stop = body.get("stop_sequences") or ()
    if trait.reasons:
        asked = body.get("thinking") or {}
        prompt.effort = "none" if asked.get("type") == "disabled" else "low"
    return prompt


def _texts(content: Any, prompt: Prompt) -> str:
    if isinstance(content, str):
        prompt.read(content)
        return content
    texts = []
    for piece in content or ():
        match piece["type"]:
            case "text":
                texts.append(piece["text"])
                prompt.read(piece["text"])
            case "document":
                texts.append(encode(piece["document"]["data"]).decode())
                prompt.read(texts[-1])
            case "image_url":
                prompt.images += 1
            case _:
                prompt.read(piece["thinking"])
    return " ".join(texts)


class Writer:
    """Writes one reply in Cohere's shapes: what is said before a call is its plan."""

    def __init__(self, call: Call, body: dict[str, Any], reply: Reply) -> None:
        self.call = call
        self.body = body
        self.reply = reply
        self.id = identity(call)
        finish = "STOP_SEQUENCE" if reply.stopped_by else _FINISH[reply.finish]
        self.finish = reply.native_finish or finish
        if reply.refusal is not None:
            reply.text = [reply.refusal]
        self._said = ""

    def whole(self) -> dict[str, Any]:
        """The answer in one piece; content is left out beside a plan."""
        reply = self.reply
        text = "".join(reply.text)
        message: dict[str, Any] = {"role": "assistant"}
        content = []
        if reply.reasoning:
            content.append({"type": "thinking", "thinking": "".join(reply.reasoning)})
        if reply.calls:
            if text:
                message["tool_plan"] = text
            message["tool_calls"] = [self._call(place) for place in range(len(reply.calls))]
        else:
            content.append({"type": "text", "text": text})
        if content:
            message["content"] = content
        if citations := self._citations(text, len(content) - 1):
            message["citations"] = citations
        answered = {"id": self.id, "message": message, "finish_reason": self.finish, "usage": self._usage()}
        return {**answered, "logprobs": [_logprob(text)]} if self.body.get("logprobs") else answered

    def deltas(self) -> Iterator[bytes]:
        """The events of the stream up to its ending."""
        reply = self.reply
        empty = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
        yield _event("message-start", {"message": empty}, id=self.id)
        index = 0
        if reply.reasoning:
            yield from _content(0, "thinking", reply.reasoning, probable=False)
            index = 1
        if reply.calls:
            for piece in reply.text:
                yield _event("tool-plan-delta", {"message": {"tool_plan": piece}})
            for place, one in enumerate(reply.calls):
                yield from self._call_events(place, one.pieces() if one.arguments != "{}" else [])
            return
        text = []
        for event, piece in _pieces(index, reply.text, probable=bool(self.body.get("logprobs"))):
            text.append(piece)
            yield event
        for place, cited in enumerate(self._citations("".join(text), index)):
            yield _event("citation-start", {"message": {"citations": cited}}, index=place)
            yield _event("citation-end", index=place)

    def ending(self) -> list[bytes]:
        """The events that end the stream."""
        told = {"finish_reason": self.finish, "usage": self._usage()}
        return [_event("message-end", told), _DONE]

    def _call_events(self, place: int, pieces: list[str]) -> Iterator[bytes]:
        call = self._call(place)
        call["function"]["arguments"] = ""
        yield _event("tool-call-start", {"message": {"tool_calls": call}}, index=place)
        for piece in pieces:
            told = {"tool_calls": {"function": {"arguments": piece}}}
            yield _event("tool-call-delta", {"message": told}, index=place)
        yield _event("tool-call-end", index=place)

    def _call(self, place: int) -> dict[str, Any]:
        one = self.reply.calls[place]
        return {
            "id": one.id or f"{one.name}_{mark(self.call, 12, f'call{place}').lower()}",
            "type": "function",
            "function": {"name": one.name, "arguments": one.arguments},
        }

    def _citations(self, text: str, index: int) -> list[dict[str, Any]]:
        """The first words of an answer come from the first document, if there are documents."""
        documents = self.body.get("documents") or ()
        if not documents or not text or self.reply.calls:
            return []
        first = documents[0] if isinstance(documents[0], dict) else {"data": {"text": documents[0]}}
        id = first.get("id") or "doc:0"
        end = min(len(text), 8)
        source = {"type": "document", "id": id, "document": {"id": id, **first["data"]}}
        cited = {"start": 0, "end": end, "text": text[:end], "sources": [source], "type": "TEXT_CONTENT"}
        return [{**cited, "content_index": index}]

    def _usage(self) -> dict[str, Any]:
        reply = self.reply
        tokens = {"input_tokens": reply.input_tokens + _PREAMBLE, "output_tokens": reply.output_tokens + 3}
        if reply.reasoning_tokens:
            tokens["reasoning_tokens"] = reply.reasoning_tokens
        return {
            "billed_units": {"input_tokens": reply.input_tokens, "output_tokens": reply.output_tokens},
            "tokens": tokens,
            "cached_tokens": reply.cached_tokens or 448,
        } | reply.usage


def _content(index: int, kind: str, said: Any, *, probable: bool) -> Iterator[bytes]:
    for event, _ in _pieces(index, said, kind=kind, probable=probable):
        yield event


def _pieces(index: int, said: Any, *, probable: bool, kind: str = "text") -> Iterator[tuple[bytes, str]]:
    yield _event("content-start", {"message": {"content": {"type": kind, kind: ""}}}, index=index), ""
    for piece in said:
        more = {"logprobs": _logprob(piece)} if probable else {}
        yield _event("content-delta", {"message": {"content": {kind: piece}}}, index=index, **more), piece
    yield _event("content-end", index=index), ""


def _logprob(text: str) -> dict[str, Any]:
    return {"text": text, "token_ids": [1], "logprobs": [-0.5]}


def _event(kind: str, delta: Any = None, **more: Any) -> bytes:
    told = {"type": kind, **more}
    if delta is not None:
        told["delta"] = delta
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), encode(told))
