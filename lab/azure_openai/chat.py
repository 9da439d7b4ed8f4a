"""Azure's chat completions: OpenAI's, with what its filters find (learn.microsoft.com/azure/ai-foundry/openai)."""

import re
from collections.abc import Iterator
from typing import Any

from lab.azure_openai.client import answer, asked, deployed, dressed, headers, refuse, stream_headers
from lab.conversation import Prompt, compose
from lab.http import Call, Refused, Response, encode
from lab.openai import rules
from lab.openai.chat import Writer, read
from lab.openai.traits import Traits
from lab.openai.values import known

_OWN = frozenset({"user_security_context"})
_CONTEXT = frozenset({"application_name", "end_user_id", "end_user_tenant_id", "source_ip"})
_DATED_ONLY = frozenset({"data_sources"})
_SINCE = {
    "max_completion_tokens": "2024-09-01",
    "stream_options": "2024-09-01",
    "parallel_tool_calls": "2024-09-01",
}
"""The day of the version that first knew a field. Models that reason were never so strict."""
_DEVELOPERS_SINCE = "2024-12-01"
_CATEGORIES = ("hate", "self_harm", "sexual", "violence")
_SAFE = {name: {"filtered": False, "severity": "safe"} for name in _CATEGORIES}
_ATTACK = re.compile(r"\bjailbreak\b", re.IGNORECASE)
_BLOCKED = {"violence": {"filtered": True, "severity": "high"}}
_PROMPT_BLOCKED = (
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. "
    "Please modify your prompt and retry."
)
_ERROR = {
    "error": {"code": "InternalServerError", "message": "The service failed in the middle of an answer."}
}


def complete(call: Call) -> Response:
    """POST …/chat/completions. Raises `Refused`."""
    with dressed(call):
        body, day = asked(call)
        trait = _checked(call, body, day)
        prompt = read(call, body, trait)
    _filter(call, prompt)
    reply = compose(prompt, call.take(), provider="Azure")
    writer = Judged(call, body, reply)
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


def _checked(call: Call, body: dict[str, Any], day: str) -> Traits:
    trait = deployed(call)
    if not trait.chat:
        words = "The chatCompletion operation does not work with the specified model."
        refuse(call, 400, "OperationNotSupported", words)
    allowed = rules.FIELDS | _OWN | (_DATED_ONLY if day else frozenset())
    for name in body:
        young = day and trait.reasoning == "never" and day < _SINCE.get(name, "")
        if name not in allowed or young:
            words = f"Unrecognized request argument supplied: {name}"
            refuse(call, 400, None, words, type="invalid_request_error", param=None)
    given = {name: value for name, value in body.items() if value is not None}
    rules.examine(call, given, trait)
    for place, message in enumerate(body["messages"]):
        if message["role"] == "developer" and day and day < _DEVELOPERS_SINCE:
            words = "Invalid value: 'developer'. Supported values are: 'system', 'assistant', 'user', 'function', and 'tool'."
            where = f"messages[{place}].role"
            refuse(call, 400, "invalid_value", words, type="invalid_request_error", param=where)
        content = message.get("content")
        if isinstance(content, list) and any(part["type"] == "file" for part in content):
            words = "Invalid Value: 'file'. This model does not support file content types."
            refuse(call, 400, "invalid_value", words, type="invalid_request_error", param="messages")
    known(call, body.get("user_security_context") or {}, _CONTEXT, "user_security_context")
    return trait


def _filter(call: Call, prompt: Prompt) -> None:
    """Refuses a prompt that the filter before the model blocks."""
    if not _ATTACK.search(prompt.text):
        return
    found = {**_SAFE, "jailbreak": {"filtered": True, "detected": True}}
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": found}
    said = {"code": "content_filter", "message": _PROMPT_BLOCKED, "param": "prompt", "type": None}
    raise Refused(
        Response(400, headers(call), encode({"error": {**said, "status": 400, "innererror": inner}}))
    )


class Judged(Writer):
    """Writes a reply in OpenAI's shapes with Azure's additions."""

    @property
    def afterwards(self) -> bool:
        """Whether the deployment's filter runs beside the answer."""
        return "async-filter" in self.call.asked.base

    @property
    def results(self) -> dict[str, Any]:
        """What the filter finds in all of the answer."""
        return {**_SAFE, **_BLOCKED} if self.finish == "content_filter" else _SAFE

    def whole(self) -> dict[str, Any]:
        """The answer in one piece; nothing is left of a message whose first words were blocked."""
        answer = super().whole()
        for choice in answer["choices"]:
            choice["content_filter_results"] = self.results
            if choice["message"]["content"] == "" and self.finish == "content_filter":
                del choice["message"]["content"]
        return {**answer, "prompt_filter_results": _prompt_results()}

    def deltas(self) -> Iterator[bytes]:
        """The events of the stream up to its ending."""
        first = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}
        yield _event({**first, "prompt_filter_results": _prompt_results()})
        for place, event in enumerate(super().deltas()):
            yield event
            if place and self.afterwards:
                yield self._annotation(place)

    def ending(self) -> list[bytes]:
        """The events that end the stream; a filter that runs beside the answer has its last word after them."""
        events = super().ending()
        return [*events[:1], self._annotation(99), *events[1:]] if self.afterwards else events

    def _event(self, chunk: dict[str, Any]) -> bytes:
        choices = chunk["choices"]
        if not self.afterwards:
            choices = [{"content_filter_results": self._found(choice), **choice} for choice in choices]
        return super()._event({**chunk, "choices": choices})

    def _found(self, choice: dict[str, Any]) -> dict[str, Any]:
        if choice["finish_reason"]:
            return self.results if self.finish == "content_filter" else {}
        return _SAFE if choice["delta"].get("content") else {}

    def _annotation(self, place: int) -> bytes:
        """A chunk without id and delta."""
        offsets = {"check_offset": 44 + place, "start_offset": 44, "end_offset": 198 + place}
        choice = {"index": 0, "finish_reason": None, "content_filter_results": self.results}
        return _event(
            {
                "choices": [{**choice, "content_filter_offsets": offsets}],
                "created": 0,
                "id": "",
                "model": "",
                "object": "",
            }
        )


def _prompt_results() -> list[dict[str, Any]]:
    found = {**_SAFE, "jailbreak": {"filtered": False, "detected": False}}
    return [{"prompt_index": 0, "content_filter_results": found}]


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: %b\n\n" % encode(chunk)
