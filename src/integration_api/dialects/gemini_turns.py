"""The conversation as Gemini takes it: an instruction aside, turns of `user` and `model`, signatures in place.

https://ai.google.dev/gemini-api/docs/thought-signatures and https://ai.google.dev/api/caching#Content
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from integration_api.core.errors import Failure, Kind
from integration_api.core.json import encode_text
from integration_api.core.llm import (
    CachePoint,
    JsonValue,
    LlmRequest,
    Media,
    Message,
    Native,
    Opaque,
    Origin,
    Part,
    Reasoning,
    RefusalText,
    Role,
    SearchResult,
    ServerToolCall,
    ServerToolResult,
    Text,
    ToolCall,
    ToolResult,
)
from integration_api.dialects.gemini_answer import FAMILY, SIGNATURE
from integration_api.dialects.gemini_media import inline, media
from integration_api.dialects.gemini_rules import Rules, rules_for
from integration_api.dialects.notes import Notes

Turn = dict[str, Any]

UNSIGNED = "skip_thought_signature_validator"
"""What Google wants in place of a signature on calls that none of its models has signed."""

SYNTHETIC = re.compile(r"call_[0-9a-f]{32}")
"""Ids that our reader made for calls without one: unknown to Gemini, so they are not sent to it."""

CARRY_ON = "Carry on with your answer exactly where it stopped, without repeating any of it."
"""Stands in for a beginning of the answer, which Gemini does not take."""

NOBODY = "the call was not answered"
"""Stands in for a result that the history does not hold: there must be one for every call."""

_INSTRUCTING = frozenset({Role.SYSTEM, Role.DEVELOPER})
_TOLD = frozenset({"groundingMetadata", "urlContextMetadata", "citationMetadata", "continuationToken"})
"""What was told about an answer, not in it."""

_RICH = ("image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain")
"""What a tool's result may hold beside its object."""


def turns(
    ask: LlmRequest, names: Mapping[str, str], rules: Rules, notes: Notes, *, provider: str, own_tools: bool
) -> tuple[list[Turn], list[Turn]]:
    """Return the instruction's parts and the contents, of which there is at least one.

    `own_tools` is whether the host takes back what its own tools did.
    """
    conversation = _Conversation(names, rules, notes, ask.model, provider, own_tools=own_tools)
    conversation.follow(ask.messages)
    return conversation.finish()


class _Conversation:
    def __init__(
        self,
        names: Mapping[str, str],
        rules: Rules,
        notes: Notes,
        model: str,
        provider: str,
        *,
        own_tools: bool,
    ) -> None:
        self._names = names
        self._rules = rules
        self._notes = notes
        self._generation = rules_for(model).generation
        self._provider = provider
        self._own_tools = own_tools
        self._system: list[Turn] = []
        self._contents: list[Turn] = []
        self._calls: dict[str, ToolCall] = {}
        """Calls by id; a later call of the same id is the one that is answered."""
        self._open: list[ToolCall] = []
        """The calls of the last turn, which the next one must answer one by one."""

    def follow(self, messages: Iterable[Message]) -> None:
        for place, message in enumerate(messages):
            where = f"messages[{place}]"
            if message.role in _INSTRUCTING:
                if self._contents:
                    self._notes.note("mapped", "messages", "system messages were moved to the front")
                self._system += self._instruction(message.parts, where)
            elif message.role is Role.ASSISTANT:
                self._answered((), where)
                self._add("model", self._spoken(message.parts, where))
            else:
                results = [part for part in message.parts if isinstance(part, ToolResult)]
                if results or self._open:
                    self._answered(results, where)
                others = [part for part in message.parts if not isinstance(part, ToolResult)]
                self._add("user", self._asked(others, where), apart=True)

    def finish(self) -> tuple[list[Turn], list[Turn]]:
        self._answered((), "messages")
        if self._system and not self._rules.system:
            self._notes.note(
                "mapped", "messages", "this model takes no instructions apart: they lead the first turn"
            )
            if not self._contents or self._contents[0]["role"] != "user":
                self._contents.insert(0, {"role": "user", "parts": []})
            self._contents[0]["parts"] = [*self._system, *self._contents[0]["parts"]]
            self._system = []
        if not self._contents or self._contents[0]["role"] != "user":
            # A conversation begins with its user; a single space is the least that one can say.
            self._contents.insert(0, {"role": "user", "parts": [{"text": " "}]})
        if self._contents[-1]["role"] == "model":
            self._notes.cannot(
                "messages", "Gemini takes no beginning of its answer: it was asked to carry on", "degraded"
            )
            self._contents.append({"role": "user", "parts": [{"text": CARRY_ON}]})
        return self._system, self._contents

    def _add(self, role: str, parts: list[Turn], *, apart: bool = False) -> None:
        if not parts:
            return
        last = self._contents[-1] if self._contents else None
        # Calls must follow a user's turn at once, so neighbouring turns of the model are one.
        if (
            last is not None
            and last["role"] == role
            and not (apart and "functionResponse" in last["parts"][0])
        ):
            last["parts"] += parts
        else:
            self._contents.append({"role": role, "parts": parts})

    # --- instructions and users ------------------------------------------------------------------

    def _instruction(self, parts: Iterable[Part], where: str) -> list[Turn]:
        found = []
        for part in parts:
            match part:
                case Text(text=text, cache=cache):
                    self._uncached(cache)
                    if text:
                        found.append({"text": text})
                case CachePoint():
                    self._uncached(part)
                case _:
                    self._notes.cannot(
                        where, f"{type(part).__name__} in a system turn: Gemini takes text there"
                    )
        return found

    def _asked(self, parts: Iterable[Part], where: str) -> list[Turn]:
        found: list[Turn] = []
        for part in parts:
            match part:
                case Text(text=text, cache=cache):
                    self._uncached(cache)
                    if text:
                        found.append({"text": text})
                case RefusalText(text=text):
                    found.append({"text": text})
                case Media():
                    found += media(part, self._rules, self._notes, where, provider=self._provider)
                case SearchResult():
                    if part.citations_enabled:
                        self._notes.cannot(
                            "citations", "Gemini cites what it searched itself, not what it was given"
                        )
                    found.append({"text": _passage(part)})
                case Native(data=data, origin=origin) if self._is_ours(origin):
                    found.append(dict(data))
                case CachePoint():
                    self._uncached(part)
                case _:
                    self._notes.note("dropped", where, f"{type(part).__name__} in a turn of the user")
        return found

    # --- the model's own turns -------------------------------------------------------------------

    def _spoken(self, parts: Iterable[Part], where: str) -> list[Turn]:
        found: list[Turn] = []
        calls = 0
        for part in parts:
            match part:
                case Text(text=text, signature=signature):
                    if seal := self._seal(signature):
                        found.append({"text": text, "thoughtSignature": seal})
                    elif text:
                        found.append({"text": text})
                case Reasoning(text=text, signature=signature):
                    if seal := self._seal(signature):
                        found.append({"text": text, "thought": True, "thoughtSignature": seal})
                    else:
                        self._notes.note(
                            "dropped",
                            "messages.reasoning",
                            "earlier reasoning was left out: Gemini did not sign it",
                        )
                case ToolCall():
                    found.append(self._call(part, f"{where}.tool_calls[{calls}].arguments", first=not calls))
                    calls += 1
                    self._calls[part.id] = part
                    self._open.append(part)
                case Media(signature=signature):
                    written = media(part, self._rules, self._notes, where, provider=self._provider)
                    if seal := self._seal(signature):
                        written[-1]["thoughtSignature"] = seal
                    found += written
                case RefusalText(text=text):
                    found.append({"text": text})
                case (
                    ServerToolCall(native=native, origin=origin)
                    | ServerToolResult(native=native, origin=origin)
                ):
                    if native is not None and self._is_ours(origin) and self._takes_back(native):
                        found.append(dict(native))
                    else:
                        self._notes.note("dropped", where, "what another provider's tool did was left out")
                case Native(name=name, data=data, origin=origin):
                    if name in _TOLD:
                        continue
                    if self._is_ours(origin):
                        found.append(dict(data))
                    else:
                        self._notes.note(
                            "dropped", where, "what only another provider understands was left out"
                        )
                case CachePoint():
                    self._uncached(part)
                case _:
                    self._notes.note("dropped", where, f"{type(part).__name__} in a turn of the model's own")
        return found

    def _call(self, call: ToolCall, where: str, *, first: bool) -> Turn:
        made: Turn = {}
        if self._rules.call_ids and not SYNTHETIC.fullmatch(call.id):
            made["id"] = call.id
        made["name"] = self._names.get(call.name, call.name)
        made["args"] = {"input": call.arguments} if call.kind == "custom" else _object(call.arguments, where)
        written: Turn = {"functionCall": made}
        if seal := self._seal(call.signature):
            written["thoughtSignature"] = seal
        elif first and self._rules.signed_calls:
            written["thoughtSignature"] = UNSIGNED
        return written

    # --- results ---------------------------------------------------------------------------------

    def _answered(self, results: Iterable[ToolResult], where: str) -> None:
        """Answer every open call, in the order of the calls, all in one turn."""
        given = list(results)
        if not self._open and not given:
            return
        written: list[Turn] = []
        shown: list[Turn] = []
        for call in self._open:
            result = next((one for one in given if one.call_id == call.id), None)
            if result is None:
                self._notes.note(
                    "mapped", "messages", "a call without a result was answered in the tool's place"
                )
                written.append(self._response(call.id, call.name, {"error": NOBODY}))
            else:
                given.remove(result)
                written.append(self._result(result, call.name, shown, where))
        self._open = []
        for result in given:  # Whatever was called earlier, or elsewhere.
            known = self._calls.get(result.call_id)
            name = result.name or (known.name if known is not None else "")
            if not name:
                raise Failure(
                    Kind.INVALID_REQUEST,
                    f"the tool result {result.call_id[:64]!r} answers no call of this conversation:"
                    " send the assistant's turn that made the call, or the tool's name with its result",
                    param=where,
                    code="unknown_tool_call",
                )
            written.append(self._result(result, name, shown, where))
        self._contents.append({"role": "user", "parts": written})
        if shown:
            self._contents.append({"role": "user", "parts": shown})

    def _response(self, id: str, name: str, response: Any) -> Turn:
        made: Turn = {}
        if self._rules.call_ids and not SYNTHETIC.fullmatch(id):
            made["id"] = id
        return {"functionResponse": {**made, "name": self._names.get(name, name), "response": response}}

    def _result(self, result: ToolResult, name: str, shown: list[Turn], where: str) -> Turn:
        if result.cache is not None:
            self._uncached(result.cache)
        told: list[Any] = []
        rich: list[Turn] = []
        for part in result.content:
            match part:
                case Text(text=text):
                    told.append(text)
                case JsonValue(text=text):
                    told.append(_json(text))
                case SearchResult(source=source, title=title, content=content):
                    told.append({"source": source, "title": title, "content": list(content)})
                case Media():
                    self._shown(part, name, rich, shown, where)
        written = self._response(result.call_id, name, _said(told, is_error=result.is_error))
        if rich:
            written["functionResponse"]["parts"] = rich
        return written

    def _shown(self, part: Media, name: str, rich: list[Turn], shown: list[Turn], where: str) -> None:
        """Put a tool's picture into its result, or behind the results where it cannot stand in them."""
        one = inline(part, where, self._provider) if part.kind != "document" or part.mime else None
        mime = one["inlineData"]["mimeType"] if one is not None and "inlineData" in one else None
        if self._rules.rich_results and mime in _RICH:
            rich.append(one or {})
            return
        self._notes.note("mapped", "messages", "what a tool showed was put behind its result")
        shown.append({"text": f"Shown by the tool {name}:"})
        shown += media(part, self._rules, self._notes, where, provider=self._provider)

    # --- whose is what ---------------------------------------------------------------------------

    def _seal(self, signature: Opaque | None) -> str | None:
        """Return a signature byte for byte where it can be understood, and None where it cannot."""
        if signature is None:
            return None
        origin = signature.origin
        same = not origin.model or rules_for(origin.model).generation == self._generation
        if signature.format == SIGNATURE and self._is_ours(origin) and same:
            return signature.data
        self._notes.note("dropped", "messages", "a signature of another provider or generation was left out")
        return None

    def _is_ours(self, origin: Origin | None) -> bool:
        return (
            origin is not None
            and origin.family in {"", FAMILY}
            and (origin.provider == self._provider or (not origin.provider and origin.family == FAMILY))
        )

    def _takes_back(self, native: Mapping[str, Any]) -> bool:
        return self._own_tools or not ({"toolCall", "toolResponse"} & native.keys())

    def _uncached(self, hint: object) -> None:
        if hint is not None:
            self._notes.note("dropped", "cache_control", "Gemini caches prompts by itself")


def _object(arguments: str, where: str) -> Any:
    """Return the arguments as the bytes the model wrote: its signature is for these."""
    if not arguments.strip():
        return {}
    found = _json(arguments)
    if not isinstance(found, msgspec.Raw) or not arguments.lstrip().startswith("{"):
        raise Failure(
            Kind.INVALID_REQUEST,
            "a tool call's arguments must be the text of one JSON object",
            param=where,
            code="invalid_arguments",
        )
    return found


def _json(text: str) -> Any:
    """Return JSON as the bytes it came in, and what is none as a text."""
    raw = text.encode()
    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return text
    return msgspec.Raw(raw)


def _said(told: list[Any], *, is_error: bool) -> Any:
    """Return a result as the object it must be."""
    if len(told) > 1:
        return {"error" if is_error else "output": told}
    one = told[0] if told else ""
    if is_error:
        return {"error": one}
    raw = _json(one) if isinstance(one, str) else one
    if isinstance(raw, msgspec.Raw) and bytes(raw).lstrip().startswith(b"{"):
        return raw
    return raw if isinstance(raw, dict) else {"output": one}


def _passage(part: SearchResult) -> str:
    return "\n".join((f"{part.title} ({part.source})", *part.content))


def document(given: Mapping[str, Any]) -> Turn:
    """Return one of a request's `documents` as a part, whatever its fields are called."""
    data = given.get("data", given)
    if isinstance(data, str):
        data = {"text": data}
    text = next(
        (data[name] for name in ("text", "snippet", "content") if isinstance(data.get(name), str)), None
    )
    title = data.get("title") or given.get("id") or data.get("url") or "document"
    return {"text": f"{title}\n{encode_text(data) if text is None else text}"}
