"""Reads a prediction: its stream event by event, or itself when it is whole.

https://replicate.com/docs/topics/predictions/streaming
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from integration_api.core.errors import Kind, Phase, ProviderError, Refusal, StreamCut
from integration_api.core.exchange import Frame
from integration_api.core.json import decode_any, encode_text
from integration_api.core.llm import (
    Ended,
    Finish,
    Finished,
    FinishReason,
    LlmEvent,
    LlmResponse,
    Notice,
    Noticed,
    PartEnded,
    PartStarted,
    Reasoning,
    ReasoningDelta,
    Started,
    Text,
    TextDelta,
    Usage,
    UsageUpdate,
)
from integration_api.core.llm_fold import LlmFold
from integration_api.dialects.openai_errors import MOST_CHARACTERS
from integration_api.dialects.think_tags import Said, ThinkTags
from integration_api.providers.replicate import client
from integration_api.providers.replicate.wire import Metrics, Prediction

TERMINAL = frozenset({"succeeded", "failed", "canceled", "aborted"})

SENSITIVE = re.compile(r"\bE005\b|flagged as sensitive|nsfw|content policy|safety", re.IGNORECASE)
PASSING = re.compile(r"please retry|interrupted|\bPA\b|rate limit|overloaded|timed? ?out", re.IGNORECASE)
"""What another try may be spared."""


def text_of(output: Any) -> str:
    """Return what a model put out as text: pieces joined, anything that is no text as JSON."""
    match output:
        case None:
            return ""
        case str():
            return output
        case list() if all(isinstance(piece, str) for piece in output):
            return "".join(output)
        case _:
            return encode_text(output)


def failure(words: Any, id: str, status: str = "failed") -> ProviderError:
    """Build the error for a prediction that was accepted and then failed: its status was good all the same."""
    if isinstance(words, dict):
        words = words.get("detail") or words.get("message")
    said = words.strip()[:MOST_CHARACTERS] if isinstance(words, str) else ""
    sensitive = bool(SENSITIVE.search(said))
    return ProviderError(
        Kind.CONTENT_FILTER if sensitive else Kind.UPSTREAM,
        said or "the prediction failed without an explanation",
        provider=client.NAME,
        refusal=Refusal(status=200, type=status, request_id=id or None),
        phase=Phase.STREAM,
        code="content_filter" if sensitive else "prediction_failed",
        retryable=not sensitive and bool(PASSING.search(said)),
    )


class Reader:
    """Follows one prediction. It is told what was created (`begin`), then its stream's frames or none, and
    at the end how it went (`finish`).

    Raises `ProviderError` from `feed` when the prediction fails, `StreamCut` from `close` when its
    stream did not say `done`.
    """

    __slots__ = (
        "_flow", "_id", "_limit", "_model", "_notices", "_part", "_said", "_started", "_tags", "done", "failed",
    )  # fmt: skip

    def __init__(self, model: str, limit: int | None) -> None:
        self._model = model
        self._limit = limit
        self._notices: tuple[Notice, ...] = ()
        self._id = ""
        self._started: Started | None = None
        self._tags = ThinkTags()
        self._said: list[str] = []
        self._flow: type[Text | Reasoning] | None = None
        self._part = -1
        self.done = False
        """Whether its stream has said that the output is whole."""
        self.failed = False
        """Whether the prediction itself has said that it failed."""

    def begin(self, prediction: Prediction, notices: tuple[Notice, ...]) -> None:
        self._id = prediction.id
        self._notices = notices
        self._started = Started(prediction.id, self._model, unix(prediction.created_at))

    # --- its stream --------------------------------------------------------------------------

    def feed(self, frame: Frame) -> Sequence[LlmEvent]:
        if self.done:
            return ()
        match frame.name:
            case "output":
                return self._output(frame.data.decode(errors="replace"))
            case "error":
                self.failed = True
                raise failure(_words(frame.data), self._id)
            case "done":
                self.done = True
        return ()

    def close(self) -> Sequence[LlmEvent]:
        """Say nothing more: what is left to say is known only when it was asked how it went."""
        if not self.done:
            raise StreamCut(client.NAME)
        return ()

    # --- how it went -------------------------------------------------------------------------

    def finish(self, prediction: Prediction | None) -> Sequence[LlmEvent]:
        """Say the rest: what the stream did not, counts and the reason. None: nobody knows how it went.

        Raises `ProviderError` for a prediction that failed.
        """
        out: list[LlmEvent] = []
        status = prediction.status if prediction is not None else "succeeded"
        if prediction is not None:
            if status == "failed" or prediction.error:
                self.failed = True
                raise failure(prediction.error, prediction.id, status)
            if status == "aborted":
                raise failure("the prediction was aborted before it began", prediction.id, status)
            out += self._rest(text_of(prediction.output))
        if not self._said:
            out += self._output("")
        self._tell(out, self._tags.settle())
        self._end_part(out)
        usage = self._usage(prediction)
        out.append(UsageUpdate(usage))
        out.append(Finished(0, self._finish(status, usage)))
        out.append(Ended())
        return out

    def _rest(self, whole: str) -> Sequence[LlmEvent]:
        said = "".join(self._said)
        if not whole.startswith(said):
            if self.done:
                return ()  # The stream was whole; that the output was kept otherwise takes nothing away.
            raise StreamCut(client.NAME)
        rest = whole[len(said) :]
        return self._output(rest) if rest else ()

    def _usage(self, prediction: Prediction | None) -> Usage:
        native = prediction.metrics if prediction is not None else None
        try:
            counts = msgspec.convert(native or {}, Metrics)
        except msgspec.ValidationError:
            counts = Metrics()
        given, made = counts.input_token_count, counts.output_token_count
        if given is not None or made is not None:
            return Usage(input_total=given, output_total=made, native=native)
        # Each piece is a token or a few: better than nothing, and marked as what it is.
        pieces = len(self._said)
        if prediction is not None and isinstance(prediction.output, list):
            pieces = sum(map(bool, prediction.output))
        return Usage(output_total=pieces, estimated=True, native=native)

    def _finish(self, status: str, usage: Usage) -> Finish:
        if status == "canceled":
            return Finish(FinishReason.CANCELLED, status)
        if status not in TERMINAL:
            status = "succeeded"  # All of its output is there; only the last of the bookkeeping is not.
        full = self._limit is not None and not usage.estimated and (usage.output_total or 0) >= self._limit
        return Finish(FinishReason.LENGTH if full else FinishReason.STOP, status)

    # --- parts -------------------------------------------------------------------------------

    def _output(self, text: str) -> Sequence[LlmEvent]:
        out: list[LlmEvent] = []
        if self._started is not None:
            out.append(self._started)
            out += map(Noticed, self._notices)
            self._started = None
        if text:
            self._said.append(text)
            if self._tags.settled and self._flow is Text:
                out.append(TextDelta(0, self._part, text))
            else:
                self._tell(out, self._tags.feed(text))
        return out

    def _tell(self, out: list[LlmEvent], said: Said) -> None:
        for kind, text in said:
            if kind == "text":
                self._turn_to(out, Text)
                out.append(TextDelta(0, self._part, text))
            else:
                self._turn_to(out, Reasoning)
                out.append(ReasoningDelta(0, self._part, text))

    def _turn_to(self, out: list[LlmEvent], kind: type[Text] | type[Reasoning]) -> None:
        if self._flow is not kind:
            self._end_part(out)
            self._part += 1
            self._flow = kind
            out.append(PartStarted(0, self._part, kind("")))

    def _end_part(self, out: list[LlmEvent]) -> None:
        if self._flow is not None:
            out.append(PartEnded(0, self._part))
            self._flow = None


def whole(prediction: Prediction, model: str, limit: int | None, notices: tuple[Notice, ...]) -> LlmResponse:
    """Read a prediction that is over. Raises `ProviderError` for one that failed."""
    reader = Reader(model, limit)
    reader.begin(prediction, notices)
    fold = LlmFold()
    for event in reader.finish(prediction):
        fold.feed(event)
    return fold.close()


def unix(moment: str | None) -> int:
    """Read a moment as Unix seconds; 0 where it is none."""
    try:
        return int(datetime.fromisoformat(moment or "").timestamp())
    except ValueError:
        return 0


def _words(data: bytes) -> Any:
    """Read an error, which is text or JSON with a `detail`."""
    try:
        found = decode_any(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return data.decode(errors="replace")
    return found if isinstance(found, dict | str) else data.decode(errors="replace")
