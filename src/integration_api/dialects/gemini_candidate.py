"""One candidate of Gemini's answers, part by part as they arrive.

https://ai.google.dev/api/caching#Part and https://ai.google.dev/gemini-api/docs/thought-signatures
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any, TypeAlias

from integration_api.core.json import encode_text
from integration_api.core.llm import (
    Annotated,
    ArgumentsDelta,
    Bytes,
    CitationDelta,
    Finish,
    Finished,
    FinishReason,
    LlmEvent,
    LogprobDelta,
    Media,
    MediaDelta,
    Native,
    Part,
    PartEnded,
    PartStarted,
    Reasoning,
    ReasoningDelta,
    ServerToolCall,
    ServerToolResult,
    Text,
    TextDelta,
    ToolCall,
)
from integration_api.dialects import gemini_answer as answer
from integration_api.dialects import gemini_wire as wire
from integration_api.dialects.gemini_arguments import Arguments
from integration_api.dialects.gemini_grounding import Spoken, citations

_SIGNED = "thoughtSignature"

CallId: TypeAlias = Callable[[int, int, str, str], str]
"""Makes an id for a call without one, of its candidate, its number in it, its name and its arguments."""


class Candidate:
    """One candidate as its parts arrive. Neighbouring texts are one part, unless one of them is signed."""

    __slots__ = (
        "_argued", "_audio", "_begins", "_call_id", "_calls", "_custom", "_open", "_ran", "_reading", "_tail",
        "_texts", "_waiting", "about", "finish", "index", "message", "parts", "ratings", "said",
    )  # fmt: skip

    def __init__(self, reading: answer.Reading, index: int, call_id: CallId) -> None:
        self._reading = reading
        self._call_id = call_id
        self.index = index
        self.parts = 0
        self.said = False
        """Whether there is anything for the caller to see or do, thoughts aside."""
        self._open: tuple[int, type] | None = None
        """The part that more of the same may be added to, and of which kind it is."""
        self._texts: dict[int, list[str]] = {}
        self._begins: dict[int, int] = {}
        """Where Gemini's own part of that number begins, in bytes of the visible text."""
        self._waiting: set[int] = set()
        """Texts that stay open until their sources are told."""
        self._calls = 0
        self._argued: Arguments | None = None
        """What is known of the arguments that are streamed."""
        self._custom = False
        self._ran = ""
        """The id of the code that ran last: its result may not have one."""
        self._audio = ""
        """The media type of the sound that is open."""
        self._tail = b""
        """Bytes of it that make no whole group of base64 yet."""
        self.about: dict[str, Any] = {}
        """What is told about the answer as a whole, by Gemini's names for it."""
        self.ratings: list[dict[str, Any]] = []
        self.finish: str | None = None
        self.message: str | None = None

    def text(self, text: str) -> TextDelta | None:
        """Return the delta of a text that goes on, or None when a part must begin first."""
        if self._open is None or self._open[1] is not Text:
            return None
        part = self._open[0]
        self._texts[part].append(text)
        return TextDelta(self.index, part, text)

    def read(self, out: list[LlmEvent], told: wire.Candidate, data: bytes, place: int) -> None:
        for name, value in (
            ("groundingMetadata", told.grounding_metadata),
            ("urlContextMetadata", told.url_context_metadata),
            ("citationMetadata", told.citation_metadata),
        ):
            if value is not None:
                # From the first chunk on an empty object says that sources will follow.
                self.about[name] = {**self.about.get(name, {}), **value}
        if told.content is not None:
            for number, part in enumerate(told.content.parts or ()):
                if number and part.text is not None:
                    self._begins[number] = sum(
                        len(piece.encode()) for text in self._texts.values() for piece in text
                    )
                self._part(out, part, data, place, number)
        if told.logprobs_result is not None:
            found = answer.logprobs(told.logprobs_result)
            if found:
                out.append(LogprobDelta(self.index, found))
        if told.safety_ratings:
            self.ratings = told.safety_ratings
        if told.finish_reason is not None:
            self.finish = answer.finish_word(told.finish_reason)
            self.message = told.finish_message or self.message
        if told.continuation_token is not None:
            self.about["continuationToken"] = {"continuationToken": told.continuation_token}

    def close(self, out: list[LlmEvent]) -> None:
        """End what is open, say where it comes from, and how it ended."""
        self._settle(out)
        self._cite(out)
        for part in sorted(self._waiting):
            out.append(PartEnded(self.index, part))
        self._waiting.clear()
        for name, value in self.about.items():
            if value:
                self._whole(out, Native(name, value, self._reading.origin))
        if self.ratings:
            out.append(Annotated(self.index, safety_ratings=tuple(self.ratings)))
        native = self.finish or ""
        reason = answer.FINISH_REASONS.get(native, FinishReason.OTHER)
        if reason is FinishReason.STOP and self._calls:
            reason = FinishReason.TOOL_CALLS
        out.append(Finished(self.index, Finish(reason, native, explanation=self.message)))

    # --- parts -----------------------------------------------------------------------------------

    def _part(self, out: list[LlmEvent], part: wire.Part, data: bytes, place: int, number: int) -> None:
        signature = part.thought_signature
        if part.function_call is not None:
            self._call(out, part.function_call, signature)
        elif part.text is not None:
            self._text(out, part.text, signature, Reasoning if part.thought else Text)
        elif part.inline_data is not None and not part.thought:
            self._media(out, part.inline_data, signature)
        else:
            self._kept(out, part, wire.ANYTHING.decode(data)["candidates"][place]["content"]["parts"][number])

    def _kept(self, out: list[LlmEvent], part: wire.Part, told: dict[str, Any]) -> None:
        """Keep a part that only Gemini understands as the JSON it came in; one that holds nothing is none."""
        origin = self._reading.origin
        if part.executable_code is not None:
            code = part.executable_code
            self._ran = str(code.get("id") or f"code_{self.parts}")
            self._whole(out, ServerToolCall(self._ran, "code_execution", encode_text(code), told, origin))
        elif part.code_execution_result is not None:
            call = str(part.code_execution_result.get("id") or self._ran)
            self._whole(out, ServerToolResult(call, "code_execution", told, origin))
        elif part.tool_call is not None:
            asked = part.tool_call
            arguments = encode_text(asked.get("args") or {})
            self._whole(out, ServerToolCall(_id(asked), _tool_name(asked), arguments, told, origin))
        elif part.tool_response is not None:
            answered = part.tool_response
            self._whole(out, ServerToolResult(_id(answered), _tool_name(answered), told, origin))
        else:
            # A picture among the thoughts is a draft: it is not shown, but it is signed.
            kinds = [name for name in told if name not in {_SIGNED, "thought"}]
            if kinds or _SIGNED in told:
                self._whole(out, Native(kinds[0] if kinds else _SIGNED, told, origin))

    def _text(self, out: list[LlmEvent], text: str, signature: str | None, kind: type) -> None:
        if signature is None:
            if not text:
                return
            if self._open is None or self._open[1] is not kind:
                self._settle(out)
                self._open = (self._begin(out, Reasoning() if kind is Reasoning else Text("")), kind)
            part = self._open[0]
        else:
            # A signature is for its part alone: nothing may be joined to it, however empty it is.
            self._settle(out)
            sealed = answer.sealed(signature, self._reading.origin)
            shell: Part = Reasoning(signature=sealed) if kind is Reasoning else Text("", signature=sealed)
            part = self._begin(out, shell)
            self._open = (part, kind)
        if kind is Reasoning:
            if text:
                out.append(ReasoningDelta(self.index, part, text))
        else:
            self.said = self.said or bool(text)
            self._texts.setdefault(part, []).append(text)
            if text:
                out.append(TextDelta(self.index, part, text))
        if signature is not None:
            self._settle(out)

    def _call(self, out: list[LlmEvent], call: wire.FunctionCall, signature: str | None) -> None:
        if call.name:
            self._settle(out)
            reading = self._reading
            name = reading.names.get(call.name, call.name)
            custom = name in reading.custom
            arguments = bytes(call.args).decode() if call.args and not call.will_continue else "{}"
            if arguments == "null":
                arguments = "{}"
            part = self._begin(
                out,
                ToolCall(
                    call.id or self._call_id(self.index, self._calls, call.name, arguments),
                    name,
                    "",
                    kind="custom" if custom else "function",
                    signature=None if signature is None else answer.sealed(signature, self._reading.origin),
                ),
            )
            self._calls += 1
            self.said = True
            if not call.will_continue:
                said = _custom_input(arguments) if custom else arguments
                out += (ArgumentsDelta(self.index, part, said), PartEnded(self.index, part))
                return
            self._open = (part, ToolCall)
            self._argued = Arguments()
            self._custom = custom
        if self._argued is None:
            return
        for piece in call.partial_args or ():
            self._argued.add(piece)
        if not call.will_continue:
            self._settle(out)

    def _media(self, out: list[LlmEvent], blob: wire.Blob, signature: str | None) -> None:
        self.said = True
        kind = answer.modality_of(blob.mime_type)
        going_on = self._open is not None and self._open[1] is Media and self._audio == blob.mime_type
        if kind == "audio" and signature is None:
            if not going_on:
                self._settle(out)
                shell = Media(kind="audio", source=Bytes(""), mime=blob.mime_type or None)
                self._open = (self._begin(out, shell), Media)
                self._audio = blob.mime_type
            self._sound(out, blob.data)
            return
        media = Media(
            kind=kind,
            source=Bytes(blob.data),
            mime=blob.mime_type or None,
            signature=None if signature is None else answer.sealed(signature, self._reading.origin),
        )
        self._whole(out, media)

    def _sound(self, out: list[LlmEvent], data: str) -> None:
        """Each chunk of sound is padded by itself; what leaves here is one base64 text."""
        part = self._open[0] if self._open else 0
        if not self._tail and not data.endswith("="):
            whole = data
        else:
            try:
                raw = self._tail + b64decode(data, validate=True)
            except binascii.Error as error:
                raise ValueError("sound that is no base64") from error
            rest = len(raw) % 3
            whole, self._tail = b64encode(raw[: len(raw) - rest]).decode(), raw[len(raw) - rest :]
        if whole:
            out.append(MediaDelta(self.index, part, whole))

    def _begin(self, out: list[LlmEvent], shell: Part) -> int:
        part = self.parts
        self.parts += 1
        out.append(PartStarted(self.index, part, shell))
        return part

    def _whole(self, out: list[LlmEvent], part: Part) -> None:
        """Say a part that comes in one piece."""
        self._settle(out)
        self.said = True
        number = self._begin(out, part)
        out.append(PartEnded(self.index, number))

    def _settle(self, out: list[LlmEvent]) -> None:
        """End the open part, because another begins or nothing more comes."""
        if self._open is None:
            return
        part, kind = self._open
        self._open = None
        if kind is ToolCall and self._argued is not None:
            arguments = self._argued.text()
            said = _custom_input(arguments) if self._custom else arguments
            out.append(ArgumentsDelta(self.index, part, said))
            self._argued = None
        elif kind is Media and self._tail:
            out.append(MediaDelta(self.index, part, b64encode(self._tail).decode()))
            self._tail = b""
        if kind is Text and (self._reading.searches or self.about):
            self._waiting.add(part)
        else:
            out.append(PartEnded(self.index, part))

    def _cite(self, out: list[LlmEvent]) -> None:
        grounding, attribution = self.about.get("groundingMetadata"), self.about.get("citationMetadata")
        if not grounding and not attribution:
            return
        spoken = Spoken([(part, "".join(pieces)) for part, pieces in self._texts.items()])
        last = max(self._waiting, default=None)
        for part, citation in citations(spoken, grounding, attribution, self._begins):
            at = last if part is None else part
            if at in self._waiting:
                out.append(CitationDelta(self.index, at, citation))


def _id(native: dict[str, Any]) -> str:
    return str(native.get("id") or "")


def _tool_name(native: dict[str, Any]) -> str:
    return str(native.get("toolType") or "").lower()


def _custom_input(arguments: str) -> str:
    """Return the text a custom tool was called with; `arguments` is the object it is wrapped in."""
    found = wire.ANYTHING.decode(arguments)
    said = found.get("input", arguments) if isinstance(found, dict) else arguments
    return said if isinstance(said, str) else encode_text(said)
