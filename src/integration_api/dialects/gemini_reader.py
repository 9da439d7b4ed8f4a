"""Reads Gemini's answers: chunk by chunk as events, or whole as the fold of one large chunk.

https://ai.google.dev/api/generate-content#generatecontentresponse and
https://ai.google.dev/gemini-api/docs/thought-signatures
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec

from integration_api.core.errors import Kind, Phase, ProviderError, Refusal, StreamCut
from integration_api.core.exchange import Frame, HttpResponse, unreadable
from integration_api.core.json import encode_text
from integration_api.core.llm import (
    Annotated,
    ArgumentsDelta,
    Bytes,
    CitationDelta,
    Ended,
    Finish,
    Finished,
    FinishReason,
    LlmEvent,
    LlmResponse,
    LogprobDelta,
    Media,
    MediaDelta,
    Native,
    Noticed,
    Part,
    PartEnded,
    PartStarted,
    Reasoning,
    ReasoningDelta,
    ServerToolCall,
    ServerToolResult,
    Started,
    Text,
    TextDelta,
    ToolCall,
    UsageUpdate,
)
from integration_api.core.llm_fold import LlmFold
from integration_api.dialects import gemini_answer as answer
from integration_api.dialects import gemini_wire as wire
from integration_api.dialects.gemini_arguments import Arguments
from integration_api.dialects.gemini_errors import stream_fault, unreadable_chunk
from integration_api.dialects.gemini_grounding import Spoken, citations

_NOTHING: Final[tuple[LlmEvent, ...]] = ()
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, TypeError, KeyError)
_SIGNED = "thoughtSignature"


class _Candidate:
    """One candidate as its parts arrive. Neighbouring texts are one part, unless one of them is signed."""

    __slots__ = (
        "_argued", "_audio", "_begins", "_calls", "_custom", "_open", "_ran", "_reader", "_tail", "_texts", "_waiting",
        "about", "finish", "index", "message", "parts", "ratings", "said",
    )  # fmt: skip

    def __init__(self, reader: "Reader", index: int) -> None:
        self._reader = reader
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
                self._whole(out, Native(name, value, self._reader.origin))
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
        origin = self._reader.origin
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
            sealed = answer.sealed(signature, self._reader.origin)
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
            reading = self._reader.reading
            name = reading.names.get(call.name, call.name)
            custom = name in reading.custom
            arguments = bytes(call.args).decode() if call.args and not call.will_continue else "{}"
            if arguments == "null":
                arguments = "{}"
            part = self._begin(
                out,
                ToolCall(
                    call.id or self._reader.call_id(self.index, self._calls, call.name, arguments),
                    name,
                    "",
                    kind="custom" if custom else "function",
                    signature=None if signature is None else answer.sealed(signature, self._reader.origin),
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
            signature=None if signature is None else answer.sealed(signature, self._reader.origin),
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
        if kind is Text and (self._reader.reading.searches or self.about):
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


class Reader:
    """Follows one answer. There is no last word: it has ended when every candidate said why and the body is over.

    Raises `ProviderError` from `feed` when the provider reports a failure, and
    `StreamCut` from `close` when a candidate never said that it had finished.
    """

    __slots__ = ("_candidates", "_feedback", "_only", "_started", "origin", "reading")

    def __init__(self, reading: answer.Reading) -> None:
        self.reading = reading
        self.origin = reading.origin
        self._candidates: dict[int, _Candidate] = {}
        self._only: _Candidate | None = None
        """The candidate, where there is but one: nearly every chunk adds to its text and does nothing else."""
        self._feedback: dict[str, Any] | None = None
        self._started: Started | None = None

    def feed(self, frame: Frame) -> Sequence[LlmEvent]:
        try:
            told = wire.ANSWER.decode(frame.data)
            if (
                (only := self._only) is not None
                and (counts := told.usage_metadata) is not None
                and (candidates := told.candidates) is not None
                and len(candidates) == 1
                and (candidates[0].index or 0) == only.index
                and (text := _text_alone(candidates[0])) is not None
                and told.error is None
                and told.prompt_feedback is None
                and (delta := only.text(text)) is not None
            ):
                if not answer.counted(counts):
                    return (delta,)
                return (delta, UsageUpdate(answer.usage(counts), answer.tier(counts)))
            return self._read(told, frame.data)
        except _UNREADABLE:
            if frame.data.strip() == b"[DONE]":  # Proxies of another language add it.
                return _NOTHING
            raise unreadable_chunk(self.origin.provider) from None

    def close(self) -> Iterable[LlmEvent]:
        """Say how it ended, or raise `StreamCut` when a candidate did not."""
        blocked = self._feedback is not None and "blockReason" in self._feedback
        ended = all(candidate.finish is not None for candidate in self._candidates.values())
        if self._started is None or not ended or not (self._candidates or blocked):
            raise StreamCut(self.origin.provider)
        return self._end(Phase.STREAM)

    def whole(self, reply: HttpResponse) -> LlmResponse:
        """Read an answer that came in one piece.

        Raises `ProviderError` when it is no answer, or one that came to nothing.
        """
        fold = LlmFold()
        try:
            for event in self._read(wire.ANSWER.decode(reply.body), reply.body):
                fold.feed(event)
        except _UNREADABLE as error:
            raise unreadable(reply, error) from None
        if not self._candidates and not (self._feedback or {}).get("blockReason"):
            raise ProviderError(
                Kind.BAD_RESPONSE,
                "the provider's answer has no candidates and does not say why; try again",
                provider=self.origin.provider,
                code="bad_upstream_response",
                retryable=True,
            )
        for event in self._end(Phase.HEADERS):
            fold.feed(event)
        return fold.close()

    def call_id(self, candidate: int, number: int, name: str, arguments: str) -> str:
        """Make an id for a call that came without one: the same whenever the same answer is read.

        It is never sent back to Gemini: `SYNTHETIC` in `gemini_turns` knows it by its form.
        """
        started = self._started
        answer_id = "" if started is None else started.id or f"{started.model}{started.created}"
        seed = f"{answer_id}\0{candidate}\0{number}\0{name}"
        if started is None or not started.id:  # Then only what is said tells this answer from others.
            said = msgspec.json.encode(wire.ANYTHING.decode(arguments), order="sorted").decode()
            seed += f"\0{said}"
        return f"call_{sha256(seed.encode()).hexdigest()[:32]}"

    def _read(self, told: wire.Answer, data: bytes) -> list[LlmEvent]:
        if told.error is not None:
            raise stream_fault(data, self.origin.provider)
        out: list[LlmEvent] = []
        if self._started is None:
            if not (told.candidates or told.prompt_feedback or told.usage_metadata or told.response_id):
                return out
            counts = told.usage_metadata
            self._started = Started(
                told.response_id or "",
                told.model_version or "",
                answer.created(told.create_time),
                None if counts is None else answer.tier(counts),
            )
            out.append(self._started)
            out.extend(Noticed(notice) for notice in self.reading.notices)
        if told.prompt_feedback is not None:
            self._feedback = {**(self._feedback or {}), **told.prompt_feedback}
        for place, one in enumerate(told.candidates or ()):
            index = place if one.index is None else one.index
            candidate = self._candidates.get(index)
            if candidate is None:
                candidate = self._candidates[index] = _Candidate(self, index)
                self._only = candidate if len(self._candidates) == 1 else None
            candidate.read(out, one, data, place)
        if told.usage_metadata is not None and answer.counted(told.usage_metadata):
            counts = told.usage_metadata
            out.append(UsageUpdate(answer.usage(counts), answer.tier(counts)))
        return out

    def _end(self, phase: Phase) -> list[LlmEvent]:
        candidates = self._candidates.values()
        self._fail_if_empty(phase)
        out: list[LlmEvent] = []
        for candidate in candidates:
            candidate.close(out)
        if self._feedback is not None:
            if not self._candidates:
                native = answer.block_word(self._feedback.get("blockReason", 0))
                why = self._feedback.get("blockReasonMessage")
                out.append(Finished(0, Finish(FinishReason.CONTENT_FILTER, native, explanation=why)))
            out.append(Annotated(prompt_feedback=self._feedback))
        self._only = None
        out.append(Ended())
        return out

    def _fail_if_empty(self, phase: Phase) -> None:
        """Raise where the model's attempt came to nothing and nobody blocked it: there is no answer."""
        for candidate in self._candidates.values():
            native = candidate.finish or ""
            reason = answer.FINISH_REASONS.get(native, FinishReason.OTHER)
            if candidate.said or reason not in {FinishReason.ERROR, FinishReason.OTHER} or not native:
                return
        first = next(iter(self._candidates.values()), None)
        if first is None:
            return
        native = first.finish or ""
        why = f": {first.message}" if first.message else ""
        raise ProviderError(
            Kind.UPSTREAM,
            f"the model's answer came to nothing ({native}){why}",
            provider=self.origin.provider,
            refusal=Refusal(status=200, code=native),
            phase=phase,
            code=native.lower(),
            retryable=native in answer.AGAIN,
        )


def _text_alone(told: wire.Candidate) -> str | None:
    """Return what a chunk says that is one unsigned text and nothing else."""
    content = told.content
    if (
        content is None
        or content.parts is None
        or len(content.parts) != 1
        or told.finish_reason is not None
        or told.grounding_metadata is not None
        or told.url_context_metadata is not None
        or told.citation_metadata is not None
        or told.logprobs_result is not None
        or told.safety_ratings is not None
        or told.continuation_token is not None
    ):
        return None
    part = content.parts[0]
    if part.thought or part.thought_signature is not None or part.function_call is not None:
        return None
    return part.text or None


def _id(native: dict[str, Any]) -> str:
    return str(native.get("id") or "")


def _tool_name(native: dict[str, Any]) -> str:
    return str(native.get("toolType") or "").lower()


def _custom_input(arguments: str) -> str:
    """Return the text a custom tool was called with; `arguments` is the object it is wrapped in."""
    found = wire.ANYTHING.decode(arguments)
    said = found.get("input", arguments) if isinstance(found, dict) else arguments
    return said if isinstance(said, str) else encode_text(said)
