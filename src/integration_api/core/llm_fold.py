"""A whole answer is the fold of its stream: the one place that says how."""

from dataclasses import dataclass, field

import msgspec

from integration_api.core.errors import StreamCut
from integration_api.core.llm import (
    Annotated,
    ArgumentsDelta,
    Bytes,
    Candidate,
    Citation,
    CitationDelta,
    Ended,
    Finish,
    Finished,
    LlmEvent,
    LlmResponse,
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
    TokenLogprob,
    ToolCall,
    Usage,
    UsageUpdate,
)


@dataclass(slots=True)
class _Open:
    """A part while its deltas arrive."""

    shell: Part
    text: list[str] = field(default_factory=list)
    transcript: list[str] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    signature: Opaque | None = None
    id: str | None = None

    def close(self) -> Part:
        text = "".join(self.text)
        match self.shell:
            case Text() as shell:
                return msgspec.structs.replace(
                    shell,
                    text=shell.text + text,
                    citations=(*shell.citations, *self.citations),
                    signature=self.signature or shell.signature,
                )
            case Reasoning() as shell:
                return msgspec.structs.replace(
                    shell, text=shell.text + text, signature=self.signature or shell.signature
                )
            case RefusalText() as shell:
                return msgspec.structs.replace(shell, text=shell.text + text)
            case ToolCall() as shell:
                return msgspec.structs.replace(
                    shell,
                    arguments=shell.arguments + text or "{}",
                    signature=self.signature or shell.signature,
                )
            case ServerToolCall() as shell:
                return msgspec.structs.replace(shell, input=shell.input + text)
            case Media(source=Bytes(base64=start)) as shell:
                return msgspec.structs.replace(
                    shell,
                    source=Bytes(start + text),
                    transcript="".join(self.transcript) or shell.transcript,
                    id=self.id or shell.id,
                )
            case shell:
                return shell


@dataclass(slots=True)
class _OpenCandidate:
    parts: dict[int, _Open | Part] = field(default_factory=dict)
    finish: Finish | None = None
    logprobs: list[TokenLogprob] | None = None
    refusal_logprobs: list[TokenLogprob] | None = None
    safety_ratings: tuple[object, ...] = ()


class LlmFold:
    """Feed it every event of one stream; `close` gives the answer or raises `StreamCut`."""

    def __init__(self) -> None:
        self._started: Started | None = None
        self._candidates: dict[int, _OpenCandidate] = {}
        self._usage = Usage()
        self._service_tier: str | None = None
        self._warnings: list[Notice] = []
        self._annotated = Annotated()
        self._ended = False

    def feed(self, event: LlmEvent) -> None:
        match event:
            case TextDelta(c, p, text) | ReasoningDelta(c, p, text) | RefusalDelta(c, p, text):
                self._open(c, p).text.append(text)
            case ArgumentsDelta(c, p, fragment):
                self._open(c, p).text.append(fragment)
            case PartStarted(c, p, shell):
                self._candidate(c).parts[p] = _Open(shell)
            case PartEnded(c, p, value):
                parts = self._candidate(c).parts
                parts[p] = value if value is not None else self._open(c, p).close()
            case SignatureDelta(c, p, signature):
                self._open(c, p).signature = signature
            case CitationDelta(c, p, citation):
                self._open(c, p).citations.append(citation)
            case MediaDelta(c, p, base64, transcript, id):
                part = self._open(c, p)
                part.text.append(base64)
                part.transcript.append(transcript)
                part.id = id or part.id
            case LogprobDelta(c, logprobs, refusal):
                self._logprobs(self._candidate(c), logprobs, refusal=refusal)
            case UsageUpdate(usage, tier):
                self._usage = usage
                self._service_tier = tier or self._service_tier
            case Started():
                self._started = event
                self._service_tier = event.service_tier
            case Finished(c, finish):
                self._candidate(c).finish = finish
            case Annotated(c, moderation, feedback, ratings):
                if c is not None:
                    self._candidate(c).safety_ratings = ratings
                self._annotated = Annotated(
                    None,
                    moderation or self._annotated.moderation,
                    feedback or self._annotated.prompt_feedback,
                )
            case Noticed(warning):
                self._warnings.append(warning)
            case Ended():
                self._ended = True
            case Ping():
                pass

    def close(self) -> LlmResponse:
        """Return the whole answer, or raise `StreamCut` when the stream never ended."""
        if not self._ended or self._started is None:
            raise StreamCut
        return LlmResponse(
            id=self._started.id,
            model=self._started.model,
            created=self._started.created,
            candidates=tuple(
                self._close(index, candidate) for index, candidate in sorted(self._candidates.items())
            ),
            usage=self._usage,
            service_tier=self._service_tier,
            fingerprint=self._started.fingerprint,
            moderation=self._annotated.moderation,
            prompt_feedback=self._annotated.prompt_feedback,
            warnings=tuple(self._warnings),
        )

    def _candidate(self, index: int) -> _OpenCandidate:
        candidate = self._candidates.get(index)
        if candidate is None:
            candidate = self._candidates[index] = _OpenCandidate()
        return candidate

    def _open(self, candidate: int, part: int) -> _Open:
        found = self._candidate(candidate).parts[part]
        if not isinstance(found, _Open):
            message = f"a delta for part {part} came after that part had ended"
            raise TypeError(message)
        return found

    @staticmethod
    def _logprobs(candidate: _OpenCandidate, logprobs: tuple[TokenLogprob, ...], *, refusal: bool) -> None:
        if refusal:
            candidate.refusal_logprobs = [*(candidate.refusal_logprobs or ()), *logprobs]
        else:
            candidate.logprobs = [*(candidate.logprobs or ()), *logprobs]

    @staticmethod
    def _close(index: int, candidate: _OpenCandidate) -> Candidate:
        if candidate.finish is None:
            raise StreamCut
        return Candidate(
            index=index,
            parts=tuple(
                part.close() if isinstance(part, _Open) else part
                for _, part in sorted(candidate.parts.items(), key=lambda item: item[0])
            ),
            finish=candidate.finish,
            logprobs=None if candidate.logprobs is None else tuple(candidate.logprobs),
            refusal_logprobs=None
            if candidate.refusal_logprobs is None
            else tuple(candidate.refusal_logprobs),
            safety_ratings=candidate.safety_ratings,  # type: ignore[arg-type]
        )
