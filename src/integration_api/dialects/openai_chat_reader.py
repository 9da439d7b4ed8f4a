"""Reads a chat completion: chunk by chunk as events, or whole as the fold of its one large chunk.

https://platform.openai.com/docs/api-reference/chat-streaming
"""

from collections.abc import Mapping, Sequence

import msgspec

from integration_api.core.errors import Kind, Phase, ProviderError, StreamCut
from integration_api.core.exchange import Frame, HttpResponse, unreadable
from integration_api.core.json import decode_any
from integration_api.core.llm import (
    Annotated,
    Candidate,
    Ended,
    Finish,
    FinishReason,
    LlmEvent,
    LlmResponse,
    Notice,
    Noticed,
    Origin,
    Part,
    Started,
    Text,
    TextDelta,
    ToolCall,
    Usage,
    UsageUpdate,
)
from integration_api.core.llm_fold import LlmFold
from integration_api.dialects.openai_chat_parts import CandidateParts, counted
from integration_api.dialects.openai_chat_wire import (
    Choice,
    Completion,
    decode_completion,
    read_usage,
)
from integration_api.dialects.openai_errors import stream_fault
from integration_api.dialects.think_tags import ThinkTags, thinks_aloud

FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
    "error": FinishReason.ERROR,
}

OPEN_FINISH_REASONS: Mapping[str, FinishReason] = {
    **FINISH_REASONS,
    "eos": FinishReason.STOP,
    "eos_token": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
}
"""With the words of servers of open models."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Reader:
    """Follows a streamed completion from its first chunk to `[DONE]`.

    `names` turns the tool names that were sent back into the caller's own.
    Raises `ProviderError` from `feed` when the provider reports a failure, and
    `StreamCut` from `close` when neither `[DONE]` nor every finish was seen.
    """

    __slots__ = (
        "_audio_mime", "_candidates", "_ended", "_finish_reasons", "_names", "_origin", "_prompt_feedback",
        "_provider", "_started", "_think_tags", "_warnings", "_writing",
    )  # fmt: skip

    def __init__(
        self,
        provider: str,
        *,
        warnings: Sequence[Notice] = (),
        names: Mapping[str, str] | None = None,
        finish_reasons: Mapping[str, FinishReason] = FINISH_REASONS,
        audio_mime: str | None = None,
        think_tags: bool = False,
    ) -> None:
        self._provider = provider
        self._origin = Origin(provider)
        self._warnings = warnings
        self._names = names or {}
        self._finish_reasons = finish_reasons
        self._audio_mime = audio_mime
        self._think_tags = think_tags
        self._candidates: dict[int, CandidateParts] = {}
        self._writing: CandidateParts | None = None
        """The candidate whose text flows: nearly every chunk adds to it and does nothing else."""
        self._prompt_feedback: list[dict[str, object]] | None = None
        self._started: Started | None = None
        self._ended = False

    def feed(self, frame: Frame) -> Sequence[LlmEvent]:
        try:
            chunk = decode_completion(frame.data)
        except UNREADABLE as error:
            return self._odd(frame.data, error)
        writing = self._writing
        choices = chunk.choices
        if writing is not None and choices and len(choices) == 1 and chunk.usage is None:
            choice = choices[0]
            delta = choice.delta
            if (
                delta is not None
                and choice.finish_reason is None
                and type(content := delta.content) is str
                and choice.index == writing.index
                and choice.logprobs is None
                and choice.content_filter_results is None
                and delta.tool_calls is None
                and delta.reasoning_content is None
                and delta.reasoning is None
                and delta.refusal is None
                and delta.reasoning_details is None
                and delta.annotations is None
                and delta.context is None
                and delta.audio is None
                and delta.images is None
                and chunk.error is None
                and chunk.moderation is None
            ):
                return (TextDelta(writing.index, writing.part, content),) if content else ()
        return self._read(chunk, frame.data)

    def close(self) -> Sequence[LlmEvent]:
        if self._ended:
            return ()
        if not self._candidates or not all(candidate.finished for candidate in self._candidates.values()):
            raise StreamCut(self._provider)
        return self._end()

    def whole(self, reply: HttpResponse) -> LlmResponse:
        """Read a completion that came in one piece.

        Raises `ProviderError` when it is no completion, or a failure that came with status 200.
        """
        try:
            completion = decode_completion(reply.body)
        except UNREADABLE as error:
            raise unreadable(reply, error) from None
        return self._plain(completion) or self._fold(completion, reply.body)

    def _plain(self, completion: Completion) -> LlmResponse | None:
        """Read text and tool calls without a detour, for that is what most answers are."""
        candidates = []
        for choice in completion.choices or ():
            candidate = plain_candidate(choice, self._finish_reasons, self._names)
            if candidate is None or (self._think_tags and thinks_aloud(_text(candidate))):
                return None
            candidates.append(candidate)
        if not candidates or completion.error or completion.moderation or completion.prompt_filter_results:
            return None
        usage = self._usage(completion)
        return LlmResponse(
            id=completion.id or "",
            model=completion.model or "",
            created=int(completion.created or 0),
            candidates=tuple(candidates),
            usage=usage.usage,
            service_tier=usage.service_tier,
            fingerprint=completion.system_fingerprint,
            warnings=tuple(self._warnings),
        )

    def _fold(self, completion: Completion, body: bytes) -> LlmResponse:
        fold = LlmFold()
        for event in self._read(completion, body):
            fold.feed(event)
        if self._started is None:
            raise ProviderError(
                Kind.BAD_RESPONSE,
                "the provider's answer has no choices",
                provider=self._provider,
                code="bad_upstream_response",
            )
        for event in self._end():
            fold.feed(event)
        return fold.close()

    def _read(self, chunk: Completion, data: bytes) -> list[LlmEvent]:
        out: list[LlmEvent] = []
        if self._ended:
            return out
        if chunk.error:
            raise stream_fault(data, provider=self._provider)
        choices = chunk.choices or ()
        if chunk.prompt_filter_results:
            self._prompt_feedback = chunk.prompt_filter_results
        if not choices and chunk.usage is None and chunk.moderation is None:
            # Azure opens with the verdict on the prompt, before the answer has an id.
            if chunk.choices is None:
                self._look_for_failure(data)
            return out
        if self._started is None and (chunk.id or not choices or not all(map(only_judged, choices))):
            self._start(out, chunk)
        for choice in choices:
            self._choice(out, choice)
        if chunk.usage:
            out.append(self._usage(chunk))
        if chunk.moderation is not None:
            out.append(Annotated(moderation=chunk.moderation))
        return out

    def _start(self, out: list[LlmEvent], chunk: Completion) -> None:
        self._started = Started(
            chunk.id or "",
            chunk.model or "",
            int(chunk.created or 0),
            chunk.service_tier,
            chunk.system_fingerprint,
        )
        for candidate in self._candidates.values():
            candidate.answer_id = self._answer_id()
        out.append(self._started)
        out.extend(Noticed(warning) for warning in self._warnings)

    def _choice(self, out: list[LlmEvent], choice: Choice) -> None:
        candidate = self._candidates.get(choice.index)
        if candidate is None:
            candidate = CandidateParts(choice.index, self._origin, self._names, self._answer_id())
            candidate.tags = ThinkTags() if self._think_tags else None
            candidate.audio_mime = self._audio_mime
            self._candidates[choice.index] = candidate
        if choice.delta is not None:
            candidate.delta(out, choice.delta)
        elif choice.message is not None:
            candidate.delta(out, choice.message, whole=True)
        if choice.logprobs is not None:
            candidate.logprobs(out, choice.logprobs)
        if choice.content_filter_results:
            keep_worst(candidate.filter_results, choice.content_filter_results)
        if choice.finish_reason:
            reason = self._finish_reasons.get(choice.finish_reason, FinishReason.OTHER)
            candidate.finish(out, reason, choice.finish_reason)
        if candidate.flow == "text":
            self._writing = candidate
        elif self._writing is candidate:
            self._writing = None

    def _answer_id(self) -> str:
        """Something that tells this answer from others; some servers give it no id."""
        return (self._started.id or str(self._started.created)) if self._started else ""

    def _usage(self, chunk: Completion) -> UsageUpdate:
        usage = chunk.usage or {}
        tier = usage.get("service_tier")
        return UsageUpdate(
            read_counts(usage, self._provider),
            chunk.service_tier or (tier if isinstance(tier, str) else None),
        )

    def _end(self) -> list[LlmEvent]:
        """Say the last of it: `[DONE]` is the provider's word that there is no more."""
        out: list[LlmEvent] = []
        for candidate in self._candidates.values():
            candidate.finish(out, FinishReason.STOP, "")
            if candidate.filter_results:
                out.append(Annotated(candidate.index, safety_ratings=(candidate.filter_results,)))
        if self._prompt_feedback is not None:
            out.append(Annotated(prompt_feedback={"prompt_filter_results": self._prompt_feedback}))
        self._ended = True
        self._writing = None
        out.append(Ended())
        return out

    def _odd(self, data: bytes, error: Exception) -> Sequence[LlmEvent]:
        """An event that is not a chunk: the end, a keep-alive, or nothing anybody promised."""
        word = data.strip()
        if self._ended or not word:
            return ()
        if word == b"[DONE]":
            if self._started is None:
                raise StreamCut(self._provider)
            return self._end()
        self._look_for_failure(data)
        raise unreadable_event(self._provider, error)

    def _look_for_failure(self, data: bytes) -> None:
        """Raise what an event without choices reports, in any of the shapes that are known."""
        try:
            said = decode_any(data)
        except UNREADABLE:
            return
        match said:
            case {"error": reported} if reported:
                raise stream_fault(data, provider=self._provider)
            case {"object": "error"} | {"message": str() | dict()} | {"detail": str() | list()}:
                raise stream_fault(data, provider=self._provider)


def unreadable_event(provider: str, cause: Exception) -> ProviderError:
    return ProviderError(
        Kind.BAD_RESPONSE,
        f"the provider sent an event that could not be read: {type(cause).__name__}",
        provider=provider,
        code="bad_upstream_response",
        phase=Phase.STREAM,
    )


def read_counts(usage: dict[str, object], provider: str) -> Usage:
    """Read a usage object. Raises `ProviderError` when its counts are not numbers."""
    try:
        return read_usage(usage)
    except msgspec.ValidationError:
        raise ProviderError(
            Kind.BAD_RESPONSE,
            "the provider's usage could not be read",
            provider=provider,
            code="bad_upstream_response",
            phase=Phase.STREAM,
        ) from None


def only_judged(choice: Choice) -> bool:
    """Whether a choice says only what a filter thinks of it: Azure may tell that in chunks without id or delta."""
    return choice.delta is None and choice.message is None and choice.finish_reason is None


def keep_worst(results: dict[str, object], told: Mapping[str, object]) -> None:
    """Add what filters think of more of an answer: what they once objected to stays."""
    for name, found in told.items():
        match results.get(name):
            case {"filtered": True} | {"detected": True}:
                pass
            case _:
                results[name] = found


def _text(candidate: Candidate) -> str:
    part = candidate.parts[0] if candidate.parts else None
    return part.text if isinstance(part, Text) else ""


def plain_candidate(
    choice: Choice, finish_reasons: Mapping[str, FinishReason], names: Mapping[str, str]
) -> Candidate | None:
    """Read a choice that is text and finished calls of functions; None where there is more to it."""
    message = choice.message
    reason = finish_reasons.get(choice.finish_reason or "")
    if (
        message is None
        or reason is None
        or isinstance(message.content, list)
        or message.refusal
        or message.reasoning_content
        or message.reasoning
        or message.reasoning_details
        or message.annotations
        or message.context
        or message.audio
        or message.images
        or choice.logprobs
        or choice.content_filter_results
    ):
        return None
    parts: list[Part] = [Text(message.content)] if message.content else []
    for call in message.tool_calls or ():
        function = call.function
        if not call.id or counted(call.id) or function is None or not function.name or call.extra_content:
            return None
        if type(function.arguments) is not str:
            return None
        name = names.get(function.name, function.name)
        parts.append(ToolCall(call.id, name, function.arguments or "{}"))
        if reason is FinishReason.STOP:
            # A call that the caller forced ends in "stop".
            reason = FinishReason.TOOL_CALLS
    return Candidate(
        index=choice.index, parts=tuple(parts), finish=Finish(reason, choice.finish_reason or "")
    )
