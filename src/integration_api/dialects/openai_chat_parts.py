"""One candidate of a streamed completion, as parts that open, grow and end in good order."""

import binascii
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

from integration_api.core.errors import Kind, Phase, ProviderError
from integration_api.core.json import encode_text
from integration_api.core.llm import (
    ArgumentsDelta,
    Bytes,
    Citation,
    CitationDelta,
    Finish,
    Finished,
    FinishReason,
    LlmEvent,
    LogprobDelta,
    Media,
    MediaDelta,
    Native,
    Opaque,
    Origin,
    Part,
    PartEnded,
    PartStarted,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
    RefusalText,
    SignatureDelta,
    Text,
    TextDelta,
    ToolCall,
    Url,
)
from integration_api.dialects.openai_chat_wire import (
    Audio,
    Delta,
    Logprobs,
    ReasoningDetail,
    WireToolCall,
    read_logprobs,
)
from integration_api.dialects.think_tags import Said, ThinkTags

GOOGLE_FORMAT = "google-gemini-v1"

Flow: TypeAlias = Literal["", "text", "reasoning", "refusal"]


class Call:
    """A tool call while it arrives. It has no part before its name is known."""

    __slots__ = ("arguments", "custom", "id", "name", "part", "said_anything", "signature")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.custom = False
        self.arguments = ""
        """What came before the name did."""
        self.signature: Opaque | None = None
        self.part = -1
        self.said_anything = False


class CandidateParts:
    """Turns the deltas of one choice into events.

    Text, reasoning and a refusal never flow at the same time: when one begins,
    the one before it ends. Tool calls and audio stay open until the finish, for
    their deltas may interleave.
    """

    __slots__ = (
        "_audio", "_audio_rest", "_by_index", "_calls", "_detail", "_names", "_next", "_origin",
        "answer_id", "audio_mime", "filter_results", "finished", "flow", "index", "part", "tags",
    )  # fmt: skip

    def __init__(self, index: int, origin: Origin, names: Mapping[str, str], answer_id: str) -> None:
        self.index = index
        self.answer_id = answer_id
        self.audio_mime: str | None = None
        self.finished = False
        self.flow: Flow = ""
        self.part = -1
        """The part that flows."""
        self.filter_results: dict[str, Any] = {}
        self._origin = origin
        self._names = names
        self._next = 0
        self._detail: tuple[str, int | None] | None = None
        self._calls: list[Call] = []
        self._by_index: dict[int, Call] = {}
        self._audio = -1
        self._audio_rest = b""
        self.tags: ThinkTags | None = None
        """For models that may think aloud."""

    def delta(self, out: list[LlmEvent], delta: Delta, *, whole: bool = False) -> None:
        """Say what `delta` adds. A whole message lists each of its tool calls once."""
        if self.finished:
            if delta.content or delta.tool_calls or delta.refusal:
                raise ProviderError(
                    Kind.BAD_RESPONSE,
                    "the provider went on with an answer that it had finished",
                    code="bad_upstream_response",
                    phase=Phase.STREAM,
                )
            return
        if delta.reasoning_details:
            self._reasoning_details(out, delta.reasoning_details)
        elif reasoning := delta.reasoning_content or delta.reasoning:
            self._flow(out, "reasoning", Reasoning())
            out.append(ReasoningDelta(self.index, self.part, reasoning))
        if delta.context:
            self._found(out, delta.context)
        if content := delta.content:
            if isinstance(content, str):
                self._say(out, content)
            else:
                self._pieces(out, content)
        if delta.refusal:
            self._flow(out, "refusal", RefusalText(""))
            out.append(RefusalDelta(self.index, self.part, delta.refusal))
        if delta.annotations:
            self._annotations(out, delta.annotations)
        if delta.audio is not None:
            self._hear(out, delta.audio)
        for image in delta.images or ():
            self._image(out, image)
        if delta.tool_calls:
            self._tool_calls(out, delta.tool_calls, whole=whole)

    def logprobs(self, out: list[LlmEvent], logprobs: Logprobs) -> None:
        if logprobs.content:
            out.append(LogprobDelta(self.index, read_logprobs(logprobs.content)))
        if logprobs.refusal:
            out.append(LogprobDelta(self.index, read_logprobs(logprobs.refusal), refusal=True))

    def finish(self, out: list[LlmEvent], reason: FinishReason, native: str) -> None:
        """End every open part, then the candidate; a second finish says nothing new."""
        if self.finished:
            return
        self._settle(out)
        self.end_flow(out)
        self._end_audio(out)
        for call in self._calls:
            self._end_call(out, call)
        if reason is FinishReason.STOP and self._calls:
            # A call that the caller forced ends in "stop".
            reason = FinishReason.TOOL_CALLS
        self.finished = True
        out.append(Finished(self.index, Finish(reason, native)))

    def end_flow(self, out: list[LlmEvent]) -> None:
        if self.flow:
            out.append(PartEnded(self.index, self.part))
            self.flow = ""
            self._detail = None

    # --- parts -------------------------------------------------------------------------------

    def _start(self, out: list[LlmEvent], shell: Part) -> int:
        part = self._next
        self._next = part + 1
        out.append(PartStarted(self.index, part, shell))
        return part

    def _flow(self, out: list[LlmEvent], flow: Flow, shell: Part) -> None:
        if self.flow != flow:
            self.end_flow(out)
            self.part = self._start(out, shell)
            self.flow = flow

    def _once(self, out: list[LlmEvent], value: Part) -> None:
        """A part that came in one piece."""
        self.end_flow(out)
        out.append(PartEnded(self.index, self._start(out, value), value))

    def _text(self, out: list[LlmEvent], text: str) -> None:
        self._flow(out, "text", Text(""))
        out.append(TextDelta(self.index, self.part, text))

    def _say(self, out: list[LlmEvent], text: str) -> None:
        if self.tags is None or self.tags.settled:
            self._text(out, text)
        else:
            self._told(out, self.tags.feed(text))

    def _settle(self, out: list[LlmEvent]) -> None:
        if self.tags is not None and not self.tags.settled:
            self._told(out, self.tags.settle())

    def _told(self, out: list[LlmEvent], said: Said) -> None:
        for kind, text in said:
            if kind == "text":
                self._text(out, text)
            else:
                self._flow(out, "reasoning", Reasoning())
                out.append(ReasoningDelta(self.index, self.part, text))

    def _pieces(self, out: list[LlmEvent], pieces: Iterable[dict[str, Any]]) -> None:
        """Content as a list: Mistral's thinking, text and references, or OpenAI's own typed parts."""
        for piece in pieces:
            match piece:
                case {"type": "text", "text": str(text)}:
                    if text:
                        self._text(out, text)
                case {"type": "thinking"}:
                    self._thinking(out, piece)
                case {"type": "refusal", "refusal": str(text)}:
                    self._flow(out, "refusal", RefusalText(""))
                    out.append(RefusalDelta(self.index, self.part, text))
                case {"type": "reference", "reference_ids": list(ids)}:
                    self._flow(out, "text", Text(""))
                    for id in ids:
                        citation = Citation(kind="document", source_id=str(id), native=piece)
                        out.append(CitationDelta(self.index, self.part, citation))
                case {"type": "image_url"}:
                    self._image(out, piece)
                case {"type": str(name)}:
                    self._once(out, Native(name, piece, self._origin))

    def _thinking(self, out: list[LlmEvent], piece: dict[str, Any]) -> None:
        said = piece.get("thinking")
        if isinstance(said, list):
            said = "".join(
                step["text"] for step in said if isinstance(step, dict) and isinstance(step.get("text"), str)
            )
        signature = piece.get("signature")
        if said:
            self._flow(out, "reasoning", Reasoning())
            out.append(ReasoningDelta(self.index, self.part, str(said)))
        if isinstance(signature, str) and signature:
            self._flow(out, "reasoning", Reasoning())
            opaque = Opaque(signature, f"{self._origin.provider}-v1", self._origin)
            out.append(SignatureDelta(self.index, self.part, opaque))

    def _reasoning_details(self, out: list[LlmEvent], details: list[ReasoningDetail]) -> None:
        """The list by which servers of many models tell one stretch of reasoning from another."""
        for position, detail in enumerate(details):
            index = position if detail.index is None else detail.index
            label = detail.format or "unknown"
            if detail.data:
                opaque = Opaque(detail.data, label, self._origin)
                self._once(out, Reasoning(encrypted=opaque, id=detail.id, redacted=True))
                continue
            text = detail.text or detail.summary or ""
            if not text and not detail.signature:
                continue
            key = (detail.type, index)
            if self._detail != key:
                self.end_flow(out)
                kind: Literal["full", "summary"] = "summary" if detail.type == "reasoning.summary" else "full"
                self._flow(out, "reasoning", Reasoning(kind=kind, id=detail.id))
                self._detail = key
            if text:
                out.append(ReasoningDelta(self.index, self.part, text))
            if detail.signature:
                opaque = Opaque(detail.signature, label, self._origin)
                out.append(SignatureDelta(self.index, self.part, opaque))

    def _annotations(self, out: list[LlmEvent], annotations: list[dict[str, Any]]) -> None:
        self._flow(out, "text", Text(""))
        out.extend(CitationDelta(self.index, self.part, citation(native)) for native in annotations)

    def _found(self, out: list[LlmEvent], context: dict[str, Any]) -> None:
        """What an answer was drawn from, told before it: `[doc1]` in its text is the first of these."""
        told = context.get("citations")
        passages = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
        rest = {name: value for name, value in context.items() if name != "citations" and value}
        if rest:
            self._once(out, Native("context", rest, self._origin))
        if passages:
            self._flow(out, "text", Text(""))
        for place, native in enumerate(passages):
            found = Citation(
                kind="document",
                url=_string(native.get("url")),
                title=_string(native.get("title")),
                cited_text=_string(native.get("content")),
                source_id=_string(native.get("filepath")) or _string(native.get("chunk_id")),
                source_index=place,
                native=native,
            )
            out.append(CitationDelta(self.index, self.part, found))

    # --- media -------------------------------------------------------------------------------

    def _hear(self, out: list[LlmEvent], audio: Audio) -> None:
        if self._audio < 0:
            self.end_flow(out)
            shell = Media(kind="audio", source=Bytes(""), mime=self.audio_mime, id=audio.id)
            self._audio = self._start(out, shell)
        base64 = self._aligned(audio.data) if audio.data else ""
        if base64 or audio.transcript:
            out.append(MediaDelta(self.index, self._audio, base64, audio.transcript or ""))

    def _aligned(self, base64: str) -> str:
        """Each delta is base64 of its own; only without padding in between can they be joined."""
        if not self._audio_rest and len(base64) % 4 == 0 and base64[-1] != "=":
            return base64
        try:
            raw = self._audio_rest + binascii.a2b_base64(base64)
        except binascii.Error:
            raise ProviderError(
                Kind.BAD_RESPONSE,
                "the provider sent audio that is not base64",
                code="bad_upstream_response",
                phase=Phase.STREAM,
            ) from None
        whole = len(raw) - len(raw) % 3
        self._audio_rest = raw[whole:]
        return binascii.b2a_base64(raw[:whole], newline=False).decode()

    def _end_audio(self, out: list[LlmEvent]) -> None:
        if self._audio >= 0:
            if self._audio_rest:
                base64 = binascii.b2a_base64(self._audio_rest, newline=False).decode()
                out.append(MediaDelta(self.index, self._audio, base64))
            out.append(PartEnded(self.index, self._audio))
            self._audio = -1

    def _image(self, out: list[LlmEvent], image: dict[str, Any]) -> None:
        match image.get("image_url"):
            case str(url) | {"url": str(url)}:
                self._once(out, picture(url))

    # --- tool calls --------------------------------------------------------------------------

    def _tool_calls(self, out: list[LlmEvent], wires: list[WireToolCall], *, whole: bool) -> None:
        self._settle(out)
        self.end_flow(out)
        for wire in wires:
            call = self._new_call(wire) if whole else self._call_of(wire)
            name, arguments = _said_of_call(wire)
            call.custom = call.custom or wire.custom is not None
            call.id = call.id or ("" if counted(wire.id) else wire.id or "")
            call.name = call.name or name
            if wire.extra_content:
                self._sign(out, call, wire.extra_content)
            if call.part < 0:
                call.arguments += arguments
                if call.name:
                    self._start_call(out, call)
            elif arguments:
                call.said_anything = True
                out.append(ArgumentsDelta(self.index, call.part, arguments))

    def _new_call(self, wire: WireToolCall) -> Call:
        call = Call()
        self._calls.append(call)
        if wire.index is not None:
            self._by_index[wire.index] = call
        return call

    def _call_of(self, wire: WireToolCall) -> Call:
        """Find the call a delta belongs to, though some servers leave out or repeat the index."""
        if wire.index is None:
            if not wire.id:
                return self._calls[-1] if self._calls else self._new_call(wire)
            return next((call for call in self._calls if call.id == wire.id), None) or self._new_call(wire)
        call = self._by_index.get(wire.index)
        if call is None:
            return self._new_call(wire)
        named = (wire.function and wire.function.name) or (wire.custom and wire.custom.name)
        if named and wire.id and call.id and wire.id != call.id:
            return self._new_call(wire)
        return call

    def _start_call(self, out: list[LlmEvent], call: Call) -> None:
        if not call.id:
            # Answers must be able to name the call; the provider's own id of the answer keeps turns apart.
            call.id = f"call_{self.answer_id[-16:]}_{self.index}_{self._calls.index(call)}"
        name = self._names.get(call.name, call.name)
        kind: Literal["function", "custom"] = "custom" if call.custom else "function"
        call.part = self._start(out, ToolCall(call.id, name, "", kind, call.signature))
        if call.arguments:
            call.said_anything = True
            out.append(ArgumentsDelta(self.index, call.part, call.arguments))

    def _end_call(self, out: list[LlmEvent], call: Call) -> None:
        if call.part < 0:
            self._start_call(out, call)
        value = None
        if not call.said_anything:
            if call.custom:
                value = ToolCall(call.id, self._names.get(call.name, call.name), "", "custom", call.signature)
            else:
                out.append(ArgumentsDelta(self.index, call.part, "{}"))
        out.append(PartEnded(self.index, call.part, value))

    def _sign(self, out: list[LlmEvent], call: Call, extra: dict[str, Any]) -> None:
        match extra:
            case {"google": {"thought_signature": str(data)}}:
                call.signature = Opaque(data, GOOGLE_FORMAT, self._origin)
                if call.part >= 0:
                    out.append(SignatureDelta(self.index, call.part, call.signature))


def counted(id: str | None) -> bool:
    """Whether an id only counts the calls of one answer, as old servers do: it names nothing in the next."""
    return id is not None and len(id) <= 2 and id.isdigit()


def _said_of_call(wire: WireToolCall) -> tuple[str, str]:
    """Return the name and the arguments that a delta of a tool call brings."""
    if wire.custom is not None:
        return wire.custom.name or "", wire.custom.input or ""
    if wire.function is None:
        return "", ""
    arguments = wire.function.arguments
    if isinstance(arguments, dict):
        arguments = encode_text(arguments)
    return wire.function.name or "", arguments or ""


def citation(native: dict[str, Any]) -> Citation:
    """Read an annotation of a text."""
    match native:
        case {"type": "url_citation", "url_citation": dict(detail)}:
            return Citation(
                kind="url",
                start=_number(detail.get("start_index")),
                end=_number(detail.get("end_index")),
                url=_string(detail.get("url")),
                title=_string(detail.get("title")),
                cited_text=_string(detail.get("content")),
                native=native,
            )
        case _:
            return Citation(kind="document", native=native)


def picture(url: str) -> Media:
    """Make a picture of its address, which may be a data URL."""
    head, comma, base64 = url.partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        return Media(kind="image", source=Bytes(base64), mime=head[5:-7] or None)
    return Media(kind="image", source=Url(url))


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None
