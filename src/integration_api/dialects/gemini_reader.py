"""Reads Gemini's answers: chunk by chunk as events, or whole as the fold of one large chunk.

https://ai.google.dev/api/generate-content#generatecontentresponse
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec

from integration_api.core.errors import Kind, Phase, ProviderError, Refusal, StreamCut
from integration_api.core.exchange import Frame, HttpResponse, unreadable
from integration_api.core.json import require_text
from integration_api.core.llm import (
    Annotated,
    Ended,
    Finish,
    Finished,
    FinishReason,
    LlmEvent,
    LlmResponse,
    Noticed,
    Started,
    UsageUpdate,
)
from integration_api.core.llm_fold import LlmFold
from integration_api.dialects import gemini_answer as answer
from integration_api.dialects import gemini_wire as wire
from integration_api.dialects.gemini_candidate import Candidate
from integration_api.dialects.gemini_errors import stream_fault, unreadable_chunk

_NOTHING: Final[tuple[LlmEvent, ...]] = ()
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, TypeError, KeyError)


class Reader:
    """Follows one answer. There is no last word: it has ended when every candidate said why and the body is over.

    Raises `ProviderError` from `feed` when the provider reports a failure, and
    `StreamCut` from `close` when a candidate never said that it had finished.
    """

    __slots__ = ("_candidates", "_feedback", "_only", "_started", "origin", "reading")

    def __init__(self, reading: answer.Reading) -> None:
        self.reading = reading
        self.origin = reading.origin
        self._candidates: dict[int, Candidate] = {}
        self._only: Candidate | None = None
        """The candidate, where there is but one: nearly every chunk adds to its text and does nothing else."""
        self._feedback: dict[str, Any] | None = None
        self._started: Started | None = None

    def feed(self, frame: Frame) -> Sequence[LlmEvent]:
        try:
            require_text(frame.data)
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
                candidate = self._candidates[index] = Candidate(self.reading, index, self.call_id)
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
