"""Chat completions of OpenAI's language in somebody's accent: other fields, and thoughts that are shown."""

from typing import Any

from lab.conversation import Reply, compose
from lab.http import Call, Response, encode
from lab.openai import chat, rules
from lab.openai.client import answer, document, refuse, stream_headers
from lab.openai.traits import Traits
from lab.openai.values import known
from lab.openai_family.accent import Accent

_OURS = rules.FIELDS - {"reasoning_effort", "service_tier"}
"""What is checked as OpenAI checks it; efforts and tiers go by other words elsewhere."""
_PLAIN = Traits()
_FAILED = {"message": "Provider disconnected", "type": "server_error", "param": None, "code": None}


def complete(accent: Accent, call: Call) -> Response:
    """POST /v1/chat/completions. Raises `Refused`."""
    accent.admit(call)
    body = document(call)
    if not accent.lenient:
        known(call, body, accent.fields)
    accent.check(call, body)
    plain = {name: value for name, value in body.items() if name in _OURS}
    plain["messages"] = [_without(turn, accent.history) for turn in body.get("messages") or ()]
    accent.find(call)
    rules.examine(call, {name: value for name, value in plain.items() if value is not None}, _PLAIN)
    prompt = chat.read(call, plain, _PLAIN)
    prompt.effort = effort(accent, call.asked.base, body)
    reply = compose(prompt, call.take(), provider=accent.title)
    writer = Writer(accent, call, plain, reply)
    if not body.get("stream"):
        response = answer(call, writer.whole())
    else:
        events = writer.deltas()
        failed = accent.complains(call, 500, _FAILED)
        response = Response(
            200,
            stream_headers(call),
            events=events if reply.lazy else list(events),
            ending=writer.ending(),
            error_event=b"data: %b\n\n" % encode(failed),
            lazy=reply.lazy,
        )
    response.delay_ms, response.gap_ms = reply.delay_ms, reply.gap_ms
    return response


def effort(accent: Accent, model: str, body: dict[str, Any]) -> str:
    """How hard a model thinks, by whichever of the usual fields says so; "" is not at all."""
    asked = body.get("reasoning") or {}
    thinking = body.get("thinking") or {}
    wanted = body.get("reasoning_effort") or asked.get("effort")
    if thinking.get("type") == "disabled" or asked.get("enabled") is False or not accent.thinks(model):
        return ""
    return {"none": "", "default": "medium", None: "medium"}.get(wanted, wanted or "")


def _without(turn: Any, field: str) -> Any:
    if not isinstance(turn, dict):
        return turn
    return {name: value for name, value in turn.items() if name != field}


class Writer(chat.Writer):
    """Writes one reply in OpenAI's shapes, with what was thought where the accent has it."""

    def __init__(self, accent: Accent, call: Call, body: dict[str, Any], reply: Reply) -> None:
        super().__init__(call, body, reply)
        self.accent = accent
        self.padded = False
        self.envelope |= {"id": f"{accent.name}-{self.envelope['id']}", "model": call.model}
        del self.envelope["service_tier"]

    def thoughts(self) -> list[dict[str, Any]]:
        """The deltas that show what was thought."""
        shown = [self._shown(piece) for piece in self.reply.reasoning]
        if shown and self.accent.thoughts == "tags":
            return [{"content": "<think>"}, *shown, {"content": "</think>\n\n"}]
        return shown

    def whole(self) -> dict[str, Any]:
        """The answer in one piece."""
        told = super().whole()
        if self.reply.reasoning:
            text = "".join(self.reply.reasoning)
            for choice in told["choices"]:
                message = choice["message"]
                if self.accent.thoughts == "tags":
                    message["content"] = f"<think>{text}</think>\n\n{message['content'] or ''}"
                else:
                    message |= self._shown(text)
        return told

    def usage(self) -> dict[str, Any]:
        """What the answer cost."""
        told = super().usage()
        if self.accent.apart:
            told["completion_tokens"] -= told["completion_tokens_details"]["reasoning_tokens"]
        return told

    def _shown(self, text: str) -> dict[str, Any]:
        match self.accent.thoughts:
            case "tags":
                return {"content": text}
            case "reasoning_details":
                detail = {"type": "reasoning.text", "text": text, "format": "unknown", "index": 0}
                return {"reasoning": text, "reasoning_details": [detail]}
            case name:
                return {name: text}


def no_names(call: Call, body: dict[str, Any]) -> None:
    """Participants have no names. Raises `Refused`."""
    for place, turn in enumerate(body.get("messages") or ()):
        if isinstance(turn, dict) and "name" in turn:
            refuse(
                call, f"'messages.{place}' : property 'name' is unsupported", param=f"messages[{place}].name"
            )
