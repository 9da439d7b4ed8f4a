"""A streamed answer in OpenAI's language, chunk by chunk.

https://platform.openai.com/docs/api-reference/chat-streaming
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from integration_api.core.llm import (
    Annotated,
    ArgumentsDelta,
    Bytes,
    Citation,
    CitationDelta,
    Ended,
    Finished,
    LlmEvent,
    LogprobDelta,
    Media,
    MediaDelta,
    Notice,
    Noticed,
    Opaque,
    Part,
    PartEnded,
    PartStarted,
    Ping,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
    RefusalText,
    ServerToolCall,
    SignatureDelta,
    Started,
    Text,
    TextDelta,
    ToolCall,
    Usage,
    UsageUpdate,
)
from integration_api.dialects.openai_surface_answer import (
    SERVICE_TIERS,
    call_id,
    finish_fields,
    usage_fields,
)
from integration_api.dialects.openai_surface_parts import (
    annotation,
    audio_id,
    extra_content,
    extra_part,
    logprob,
    media_url,
    reasoning_details,
    reasoning_text,
)

DONE = b"data: [DONE]\n\n"
PING = b": ping\n\n"

_encode = msgspec.json.Encoder().encode
_replace = msgspec.structs.replace


@dataclass(slots=True)
class _Open:
    """A part whose end has not come."""

    shell: Part
    at: int
    base: int = 0
    """Where a text begins in its message's text."""
    detailed: bool = False
    """Whether a thought's text goes into its details as well, being not the first of its message."""
    pieces: list[str] = field(default_factory=list)
    """What waits until its turn, or until it is whole."""
    sent: int = 0
    """How many characters of it have been sent."""
    transcript: int = 0
    signature: Opaque | None = None
    index: int = -1
    """A call's place among the calls, once it has begun."""
    ended: bool = False


@dataclass(slots=True)
class _Choice:
    """One candidate: the bytes around its deltas, and how far it has come."""

    head: bytes
    """Up to the delta."""
    content: bytes
    """Up to a delta's text."""
    length: int = 0
    parts: dict[int, _Open] = field(default_factory=dict)
    thoughts: int = 0
    calls: int = 0
    annotations: int = 0
    images: int = 0
    extras: int = 0
    speaking: _Open | None = None
    """The call whose arguments are being sent; others wait for its end."""
    waiting: deque[_Open] = field(default_factory=deque)


class ChatStream:
    """Renders one stream's events; holds back only what official clients would misread.

    `id`, `model` and `created` stand in for what the provider does not tell.
    """

    def __init__(
        self,
        *,
        include_usage: bool = False,
        provider: str = "",
        id: str = "",
        model: str = "",
        created: int = 0,
    ) -> None:
        self._include_usage = include_usage
        self._provider = provider
        self._id = id or "chatcmpl"
        self._model = model
        self._created = created
        self._tier: str | None = None
        self._fingerprint: str | None = None
        self._head = b""
        self._tail = b',"usage":null}\n\n' if include_usage else b"}\n\n"
        self._end = b',"finish_reason":null}]' + self._tail
        self._content_end = b"}" + self._end
        self._choices: dict[int, _Choice] = {}
        self._out: list[bytes] = []
        self._usage = Usage()
        self._moderation: Any = None
        self._feedback: Any = None
        self._warnings: list[Notice] = []
        self._closed = False

    def render(self, events: Iterable[LlmEvent]) -> bytes:
        """Return the chunks that `events` make; empty when there is nothing to show yet."""
        out = self._out
        choices = self._choices
        content_end = self._content_end
        for event in events:
            if type(event) is TextDelta:
                text = event.text
                choice = choices.get(event.candidate) or self._choice(event.candidate)
                choice.length += len(text)
                out += (choice.content, _encode(text), content_end)
            else:
                _RENDER[type(event)](self, event)
        rendered = b"".join(out)
        out.clear()
        return rendered

    def close(self) -> bytes:
        """Return what follows the last choice: usage where it was asked for, and moderation. Not `DONE`."""
        if self._closed:
            return b""
        self._closed = True
        self._open_head()
        chunks = []
        if self._include_usage:
            last: dict[str, Any] = {"usage": usage_fields(self._usage)}
            if self._feedback is not None:
                last["prompt_feedback"] = self._feedback
            chunks.append(self._head + b"]," + _encode(last)[1:] + b"\n\n")
        if self._moderation is not None:
            moderation = b'],"moderation":' + _encode(self._moderation)
            chunks.append(self._head + moderation + self._tail)
        return b"".join(chunks)

    # --- the frame -------------------------------------------------------------------------------

    def _started(self, event: Started) -> None:
        self._id = event.id or self._id
        self._model = event.model or self._model
        self._created = event.created or self._created
        self._tier = event.service_tier
        self._fingerprint = event.fingerprint
        self._choice(0)

    def _open_head(self) -> None:
        if self._head:
            return
        frame: dict[str, Any] = {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._model,
        }
        if self._provider:
            frame["provider"] = self._provider
        if self._tier in SERVICE_TIERS:
            frame["service_tier"] = self._tier
        if self._fingerprint is not None:
            frame["system_fingerprint"] = self._fingerprint
        self._head = b"data: " + _encode(frame)[:-1] + b',"choices":['

    def _choice(self, candidate: int) -> _Choice:
        choice = self._choices.get(candidate)
        if choice is None:
            self._open_head()
            head = b'%b{"index":%d,"delta":' % (self._head, candidate)
            choice = self._choices[candidate] = _Choice(head, head + b'{"content":')
            self._delta(choice, {"role": "assistant", "content": ""})
        return choice

    def _delta(self, choice: _Choice, delta: dict[str, Any]) -> None:
        self._out += (choice.head, _encode(delta), self._end)

    # --- parts -----------------------------------------------------------------------------------

    def _part_started(self, event: PartStarted) -> None:
        choice = self._choice(event.candidate)
        part = choice.parts[event.part] = _Open(event.shell, event.part)
        match event.shell:
            case Text(text=text, citations=citations):
                part.base = choice.length
                if text:
                    self._text(choice, text)
                for citation in citations:
                    self._cite(choice, part, citation)
            case Reasoning(text=text):
                part.detailed = choice.thoughts > 0
                choice.thoughts += 1
                if text:
                    self._thought(choice, part, text)
            case RefusalText(text=text):
                if text:
                    part.sent += len(text)
                    self._delta(choice, {"refusal": text})
            case ToolCall() as call:
                part.pieces.append(call.arguments)
                if choice.speaking is None:
                    self._call(choice, part)
                else:
                    choice.waiting.append(part)
            case Media(kind="audio") as media:
                said = {"id": identity} if (identity := audio_id(media)) else {}
                if isinstance(media.source, Bytes) and media.source.base64:
                    said["data"] = media.source.base64
                if media.transcript:
                    said["transcript"] = media.transcript
                part.sent, part.transcript = len(said.get("data", "")), len(media.transcript or "")
                if said:
                    self._delta(choice, {"audio": said})

    def _text(self, choice: _Choice, text: str) -> None:
        choice.length += len(text)
        self._out += (choice.content, _encode(text), self._content_end)

    def _reasoning_delta(self, event: ReasoningDelta) -> None:
        choice = self._choices[event.candidate]
        self._thought(choice, choice.parts[event.part], event.text)

    def _thought(self, choice: _Choice, part: _Open, text: str) -> None:
        part.sent += len(text)
        if part.detailed and isinstance(part.shell, Reasoning):
            detail = reasoning_text(part.shell, part.at, text)
            self._delta(choice, {"reasoning_content": text, "reasoning_details": [detail]})
        else:
            self._out += (choice.head, b'{"reasoning_content":', _encode(text), self._content_end)

    def _refusal_delta(self, event: RefusalDelta) -> None:
        choice = self._choices[event.candidate]
        choice.parts[event.part].sent += len(event.text)
        self._delta(choice, {"refusal": event.text})

    def _arguments_delta(self, event: ArgumentsDelta) -> None:
        choice = self._choices[event.candidate]
        part = choice.parts[event.part]
        if part is choice.speaking:
            self._arguments(choice, part, event.fragment)
        else:
            part.pieces.append(event.fragment)

    def _media_delta(self, event: MediaDelta) -> None:
        choice = self._choices[event.candidate]
        part = choice.parts[event.part]
        if not isinstance(part.shell, Media) or part.shell.kind != "audio":
            part.pieces.append(event.base64)
            return
        said: dict[str, Any] = {}
        if event.id is not None and event.id != part.shell.id:
            said["id"] = event.id
            part.shell = _replace(part.shell, id=event.id)
        if event.base64:
            said["data"] = event.base64
        if event.transcript:
            said["transcript"] = event.transcript
        part.sent += len(event.base64)
        part.transcript += len(event.transcript)
        if said:
            self._delta(choice, {"audio": said})

    def _signature_delta(self, event: SignatureDelta) -> None:
        self._choices[event.candidate].parts[event.part].signature = event.signature

    def _citation_delta(self, event: CitationDelta) -> None:
        choice = self._choices[event.candidate]
        self._cite(choice, choice.parts[event.part], event.citation)

    def _cite(self, choice: _Choice, part: _Open, citation: Citation) -> None:
        self._delta(choice, {"annotations": [annotation(citation, part.base, choice.annotations)]})
        choice.annotations += 1

    def _logprob_delta(self, event: LogprobDelta) -> None:
        choice = self._choice(event.candidate)
        said = [logprob(token) for token in event.logprobs]
        logprobs = {"content": None, "refusal": said} if event.refusal else {"content": said, "refusal": None}
        self._out += (choice.head, b'{},"logprobs":', _encode(logprobs), self._end)

    def _part_ended(self, event: PartEnded) -> None:
        choice = self._choices[event.candidate]
        self._end_part(choice, choice.parts.pop(event.part), event.value)

    def _end_part(self, choice: _Choice, part: _Open, value: Part | None) -> None:
        whole = part.shell if value is None else value
        match whole:
            case Text():
                if value is not None:
                    self._rest_of_text(choice, part, whole)
                if signature := part.signature or whole.signature:
                    self._delta(choice, {"extra_content": extra_content(signature)})
            case Reasoning():
                rest = whole.text[part.sent :]
                if rest:
                    self._thought(choice, part, rest)
                signed = _replace(whole, signature=part.signature or whole.signature)
                if details := reasoning_details(signed, part.at, ""):
                    self._delta(choice, {"reasoning_details": [_told(detail) for detail in details]})
            case RefusalText(text=text):
                if rest := text[part.sent :]:
                    self._delta(choice, {"refusal": rest})
            case ToolCall():
                part.ended = True
                part.shell = _replace(whole, signature=part.signature or whole.signature)
                if value is not None:
                    told = part.sent + sum(map(len, part.pieces))
                    part.pieces.append(whole.arguments[told:])
                self._end_calls(choice)
            case Media(kind="audio"):
                if value is not None:
                    self._rest_of_audio(choice, part, whole)
            case _:
                self._extra(choice, part, whole if value is not None else _joined(part))

    def _rest_of_text(self, choice: _Choice, part: _Open, whole: Text) -> None:
        if rest := whole.text[choice.length - part.base :]:
            self._text(choice, rest)
        for citation in whole.citations[choice.annotations :]:
            self._cite(choice, part, citation)

    def _rest_of_audio(self, choice: _Choice, part: _Open, whole: Media) -> None:
        said: dict[str, Any] = {}
        if isinstance(whole.source, Bytes) and (rest := whole.source.base64[part.sent :]):
            said["data"] = rest
        if rest := (whole.transcript or "")[part.transcript :]:
            said["transcript"] = rest
        if expires := (whole.options or {}).get("expires_at"):
            said["expires_at"] = expires
        if said:
            self._delta(choice, {"audio": said})

    def _extra(self, choice: _Choice, part: _Open, whole: Part) -> None:
        if isinstance(whole, Media) and whole.kind == "image" and (url := media_url(whole)):
            image = {"type": "image_url", "image_url": {"url": url}, "index": choice.images}
            choice.images += 1
            self._delta(choice, {"images": [image]})
            return
        held = {"index": choice.extras, **extra_part(whole, part.at)}
        choice.extras += 1
        self._delta(choice, {"provider_extra": {"parts": [held]}})

    # --- tool calls, one after another -----------------------------------------------------------

    def _call(self, choice: _Choice, part: _Open) -> None:
        """Begin a call: its id and name, said once, then whatever it has said by now."""
        call = part.shell
        assert isinstance(call, ToolCall)  # noqa: S101 - only calls are queued
        part.index = choice.calls
        choice.calls += 1
        choice.speaking = part
        begin: dict[str, Any] = {
            "index": part.index,
            "id": call_id(call, part.index, self._id),
            "type": call.kind,
        }
        if call.kind == "custom":
            begin["custom"] = {"name": call.name, "input": ""}
        else:
            begin["function"] = {"name": call.name, "arguments": ""}
        if call.signature is not None:
            begin["extra_content"] = extra_content(call.signature)
            part.signature = None
            part.shell = _replace(call, signature=None)
        self._delta(choice, {"tool_calls": [begin]})
        said = "".join(part.pieces)
        part.pieces.clear()
        if said:
            self._arguments(choice, part, said)

    def _arguments(self, choice: _Choice, part: _Open, fragment: str) -> None:
        part.sent += len(fragment)
        call = part.shell
        if isinstance(call, ToolCall) and call.kind == "custom":
            said = b'],"custom":{"input":%b}}'
            said = b'{"tool_calls":[{"index":%d,"custom":{"input":%b}}]}' % (part.index, _encode(fragment))
        else:
            said = b'{"tool_calls":[{"index":%d,"function":{"arguments":%b}}]}' % (
                part.index,
                _encode(fragment),
            )
        self._out += (choice.head, said, self._end)

    def _end_calls(self, choice: _Choice) -> None:
        """Finish the speaking call if it has ended, and let those speak that waited for it."""
        while choice.speaking is not None and choice.speaking.ended:
            part = choice.speaking
            rest = "".join(part.pieces)
            part.pieces.clear()
            if (
                not rest
                and not part.sent
                and isinstance(part.shell, ToolCall)
                and part.shell.kind != "custom"
            ):
                rest = "{}"
            if rest:
                self._arguments(choice, part, rest)
            if isinstance(part.shell, ToolCall) and part.shell.signature is not None:
                signed: dict[str, Any] = {"index": part.index}
                signed["custom" if part.shell.kind == "custom" else "function"] = {}
                signed["extra_content"] = extra_content(part.shell.signature)
                self._delta(choice, {"tool_calls": [signed]})
            choice.speaking = None
            if choice.waiting:
                self._call(choice, choice.waiting.popleft())

    # --- the end -----------------------------------------------------------------------------------

    def _finished(self, event: Finished) -> None:
        choice = self._choice(event.candidate)
        for at in sorted(choice.parts):
            self._end_part(choice, choice.parts.pop(at), None)
        finish = _encode(finish_fields(event.finish))[1:-1]
        warnings = b""
        if self._warnings:
            warnings = b',"warnings":' + _encode(self._warnings)
            self._warnings = []
        self._out += (choice.head, b"{},", finish, b"}]", warnings, self._tail)

    def _usage_update(self, event: UsageUpdate) -> None:
        self._usage = event.usage

    def _annotated(self, event: Annotated) -> None:
        self._moderation = event.moderation or self._moderation
        self._feedback = event.prompt_feedback or self._feedback

    def _noticed(self, event: Noticed) -> None:
        self._warnings.append(event.warning)

    def _ping(self, event: Ping) -> None:
        self._out.append(PING)

    def _ended(self, event: Ended) -> None:
        self._out.append(self.close())


def _told(detail: dict[str, Any]) -> dict[str, Any]:
    """Leave out the text of a detail that has none: clients join what they get."""
    return {name: value for name, value in detail.items() if value != ""}


def _joined(part: _Open) -> Part:
    """Return a part with what its deltas brought."""
    said = "".join(part.pieces)
    match part.shell:
        case Media(source=Bytes(base64)) as media:
            return _replace(media, source=Bytes(base64 + said))
        case ServerToolCall(input=start) as call:
            return _replace(call, input=start + said)
        case shell:
            return shell


_RENDER: dict[type, Callable[[ChatStream, Any], None]] = {
    Annotated: ChatStream._annotated,  # noqa: SLF001 - the table of this class's own methods
    ArgumentsDelta: ChatStream._arguments_delta,  # noqa: SLF001
    CitationDelta: ChatStream._citation_delta,  # noqa: SLF001
    Ended: ChatStream._ended,  # noqa: SLF001
    Finished: ChatStream._finished,  # noqa: SLF001
    LogprobDelta: ChatStream._logprob_delta,  # noqa: SLF001
    MediaDelta: ChatStream._media_delta,  # noqa: SLF001
    Noticed: ChatStream._noticed,  # noqa: SLF001
    PartEnded: ChatStream._part_ended,  # noqa: SLF001
    PartStarted: ChatStream._part_started,  # noqa: SLF001
    Ping: ChatStream._ping,  # noqa: SLF001
    ReasoningDelta: ChatStream._reasoning_delta,  # noqa: SLF001
    RefusalDelta: ChatStream._refusal_delta,  # noqa: SLF001
    SignatureDelta: ChatStream._signature_delta,  # noqa: SLF001
    Started: ChatStream._started,  # noqa: SLF001
    UsageUpdate: ChatStream._usage_update,  # noqa: SLF001
}
