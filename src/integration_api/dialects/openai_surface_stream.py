"""A streamed answer in OpenAI's language, chunk by chunk.

https://platform.openai.com/docs/api-reference/chat-streaming
"""

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
from integration_api.dialects.openai_surface_answer import SERVICE_TIERS, finish_fields, usage_fields
from integration_api.dialects.openai_surface_calls import Calls, OpenCall
from integration_api.dialects.openai_surface_parts import (
    annotation,
    audio_id,
    extra_content,
    extra_part,
    image,
    logprob,
    media_url,
    reasoning_details,
    reasoning_text,
    text_place,
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
    number: int = 0
    """Of a text, among the texts."""
    detailed: bool = False
    """Whether a thought's text stands in its details too, because its message does not begin with it."""
    pieces: list[str] = field(default_factory=list)
    """What waits until it is whole."""
    sent: int = 0
    """How many characters of it have been sent."""
    transcript: int = 0
    cited: int = 0
    signature: Opaque | None = None
    call: OpenCall | None = None


class _Choice:
    """One candidate: the bytes around its deltas, and how far it has come."""

    __slots__ = (
        "annotations", "calls", "content", "extras", "first_text", "head", "images", "length", "moved", "parts",
        "texts", "thoughts",
    )  # fmt: skip

    def __init__(self, head: bytes, answer_id: str) -> None:
        self.head = head
        """A chunk up to its delta."""
        self.content = head + b'{"content":'
        """A chunk up to its text."""
        self.parts: dict[int, _Open] = {}
        self.calls = Calls(answer_id)
        self.length = self.thoughts = self.annotations = self.images = self.extras = self.texts = 0
        self.first_text: dict[str, Any] | None = None
        """The place of its first text, which nobody needs to know unless there is another."""
        self.moved = False
        """Whether something came that a client would put behind the text."""


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
        self._frame: dict[str, Any] = {
            "id": id or "chatcmpl",
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
        }
        if provider:
            self._frame["provider"] = provider
        self._head = b""
        self._tail = b',"usage":null}\n\n' if include_usage else b"}\n\n"
        self._end = b',"finish_reason":null}]' + self._tail
        self._content_end = b"}" + self._end
        self._choices: dict[int, _Choice] = {}
        self._out: list[bytes] = []
        self._usage = Usage()
        self._moderation: Any = None
        self._feedback: Any = None
        self._ratings: dict[int, Any] = {}
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
            if self._ratings:
                last["safety_ratings"] = [
                    {"index": index, "ratings": ratings} for index, ratings in sorted(self._ratings.items())
                ]
            chunks.append(self._head + b"]," + _encode(last)[1:] + b"\n\n")
        if self._moderation is not None:
            moderation = b'],"moderation":' + _encode(self._moderation)
            chunks.append(self._head + moderation + self._tail)
        return b"".join(chunks)

    # --- the frame -------------------------------------------------------------------------------

    def _started(self, event: Started) -> None:
        frame = self._frame
        frame["id"] = event.id or frame["id"]
        frame["model"] = event.model or frame["model"]
        frame["created"] = event.created or frame["created"]
        if event.service_tier in SERVICE_TIERS:
            frame["service_tier"] = event.service_tier
        if event.fingerprint is not None:
            frame["system_fingerprint"] = event.fingerprint
        self._choice(0)

    def _open_head(self) -> None:
        if not self._head:
            self._head = b"data: " + _encode(self._frame)[:-1] + b',"choices":['

    def _choice(self, candidate: int) -> _Choice:
        choice = self._choices.get(candidate)
        if choice is None:
            self._open_head()
            head = b'%b{"index":%d,"delta":' % (self._head, candidate)
            choice = self._choices[candidate] = _Choice(head, self._frame["id"])
            self._delta(choice, {"role": "assistant", "content": ""})
        return choice

    def _delta(self, choice: _Choice, delta: dict[str, Any]) -> None:
        self._out += (choice.head, _encode(delta), self._end)

    def _deltas(self, choice: _Choice, deltas: Iterable[bytes]) -> None:
        for delta in deltas:
            self._out += (choice.head, delta, self._end)

    # --- parts -----------------------------------------------------------------------------------

    def _part_started(self, event: PartStarted) -> None:
        choice = self._choice(event.candidate)
        part = choice.parts[event.part] = _Open(event.shell, event.part)
        match event.shell:
            case Text(text=text, citations=citations):
                part.base, part.number = choice.length, choice.texts
                choice.texts += 1
                if text:
                    self._text(choice, text)
                for citation in citations:
                    self._cite(choice, part, citation)
            case Reasoning(text=text):
                part.detailed = choice.thoughts > 0 or event.part > 0
                choice.thoughts += 1
                if text:
                    self._thought(choice, part, text)
            case RefusalText(text=text):
                choice.moved = True
                if text:
                    self._refusal(choice, part, text)
            case ToolCall() as call:
                choice.moved = True
                part.call = OpenCall(call)
                self._deltas(choice, choice.calls.start(part.call))
            case Media(kind="audio") as media:
                data = media.source.base64 if isinstance(media.source, Bytes) else ""
                self._audio(choice, part, audio_id(media), data, media.transcript or "")
            case Media(kind="image"):
                choice.moved = True

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
        self._refusal(choice, choice.parts[event.part], event.text)

    def _refusal(self, choice: _Choice, part: _Open, text: str) -> None:
        part.sent += len(text)
        self._delta(choice, {"refusal": text})

    def _arguments_delta(self, event: ArgumentsDelta) -> None:
        choice = self._choices[event.candidate]
        part = choice.parts[event.part]
        if part.call is not None:
            self._deltas(choice, choice.calls.arguments(part.call, event.fragment))
        else:
            part.pieces.append(event.fragment)

    def _media_delta(self, event: MediaDelta) -> None:
        choice = self._choices[event.candidate]
        part = choice.parts[event.part]
        if isinstance(part.shell, Media) and part.shell.kind == "audio":
            new = event.id if event.id != part.shell.id else None
            if new is not None:
                part.shell = _replace(part.shell, id=new)
            self._audio(choice, part, new, event.base64, event.transcript)
        else:
            part.pieces.append(event.base64)

    def _audio(self, choice: _Choice, part: _Open, id: str | None, data: str, transcript: str) -> None:
        part.sent += len(data)
        part.transcript += len(transcript)
        said = {"id": id, "data": data, "transcript": transcript}
        if any(said.values()):
            self._delta(choice, {"audio": {name: value for name, value in said.items() if value}})

    def _signature_delta(self, event: SignatureDelta) -> None:
        part = self._choices[event.candidate].parts[event.part]
        part.signature = event.signature
        if part.call is not None:
            part.call.signature = event.signature

    def _citation_delta(self, event: CitationDelta) -> None:
        choice = self._choices[event.candidate]
        self._cite(choice, choice.parts[event.part], event.citation)

    def _cite(self, choice: _Choice, part: _Open, citation: Citation) -> None:
        self._delta(choice, {"annotations": [annotation(citation, part.base, choice.annotations)]})
        choice.annotations += 1
        part.cited += 1

    def _logprob_delta(self, event: LogprobDelta) -> None:
        choice = self._choice(event.candidate)
        said = [logprob(token) for token in event.logprobs]
        logprobs = {"content": None, "refusal": said} if event.refusal else {"content": said, "refusal": None}
        self._out += (choice.head, b'{},"logprobs":', _encode(logprobs), self._end)

    # --- ends of parts ---------------------------------------------------------------------------

    def _part_ended(self, event: PartEnded) -> None:
        choice = self._choices[event.candidate]
        self._end_part(choice, choice.parts.pop(event.part), event.value)

    def _end_part(self, choice: _Choice, part: _Open, value: Part | None) -> None:
        """Tell what a part's deltas have not told; `value` is the whole of it, where it was given."""
        whole = _joined(part) if value is None else value
        match whole:
            case Text():
                self._end_text(choice, part, whole, given=value is not None)
            case Reasoning():
                if rest := whole.text[part.sent :]:
                    self._thought(choice, part, rest)
                signed = _replace(whole, signature=part.signature or whole.signature)
                if details := reasoning_details(signed, part.at, ""):
                    self._delta(choice, {"reasoning_details": [_telling(detail) for detail in details]})
            case RefusalText(text=text):
                if rest := text[part.sent :]:
                    self._refusal(choice, part, rest)
            case ToolCall() if part.call is not None:
                given = None if value is None else whole
                self._deltas(choice, choice.calls.end(part.call, given))
            case Media(kind="audio"):
                data = whole.source.base64 if isinstance(whole.source, Bytes) else ""
                spoken = whole.transcript or ""
                self._audio(choice, part, None, data[part.sent :], spoken[part.transcript :])
                if expires := (whole.options or {}).get("expires_at"):
                    self._delta(choice, {"audio": {"expires_at": expires}})
            case Media(kind="image") if url := media_url(whole):
                shown = _replace(whole, signature=part.signature or whole.signature)
                self._delta(choice, {"images": [image(shown, url, choice.images, part.at)]})
                choice.images += 1
            case _:
                held = {"index": choice.extras, **extra_part(whole, part.at)}
                choice.extras += 1
                self._delta(choice, {"provider_extra": {"parts": [held]}})

    def _end_text(self, choice: _Choice, part: _Open, whole: Text, *, given: bool) -> None:
        if given:
            if rest := whole.text[choice.length - part.base :]:
                self._text(choice, rest)
            for citation in whole.citations[part.cited :]:
                self._cite(choice, part, citation)
        signature = part.signature or whole.signature
        place = text_place(part.number, part.at, choice.length - part.base, signature)
        if part.number == 0 and signature is not None:
            self._delta(choice, {"extra_content": extra_content(signature)})
        if choice.texts == 1 and not choice.moved:
            choice.first_text = place
            return
        for told in (choice.first_text, place):
            if told is not None:
                self._delta(choice, {"provider_extra": {"texts": [told]}})
        choice.first_text = None

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
        if event.safety_ratings:
            self._ratings[event.candidate or 0] = event.safety_ratings

    def _noticed(self, event: Noticed) -> None:
        self._warnings.append(event.warning)

    def _ping(self, event: Ping) -> None:
        self._out.append(PING)

    def _ended(self, event: Ended) -> None:
        self._out.append(self.close())


def _telling(detail: dict[str, Any]) -> dict[str, Any]:
    """Leave out what says nothing: clients join what they get."""
    return {name: value for name, value in detail.items() if value != ""}


def _joined(part: _Open) -> Part:
    """Return a part with what its deltas brought and has not been sent."""
    said = "".join(part.pieces)
    match part.shell:
        case Media(kind="image" | "video" | "document" | "file", source=Bytes(base64)) as media:
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
