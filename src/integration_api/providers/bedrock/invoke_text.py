"""The older languages of InvokeModel: a text in, a text out.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html (Llama, Titan, Mistral, Cohere, AI21)
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.errors import StreamCut
from integration_api.core.exchange import Exchange, Frame, HttpResponse, Stream, decode
from integration_api.core.llm import (
    Candidate,
    Ended,
    Finish,
    Finished,
    FinishReason,
    LlmEvent,
    LlmRequest,
    LlmResponse,
    Notice,
    Noticed,
    PartEnded,
    PartStarted,
    Started,
    Text,
    TextDelta,
    Usage,
    UsageUpdate,
)
from integration_api.dialects.fitting import fitted
from integration_api.dialects.notes import Notes
from integration_api.providers.bedrock import client, invoke
from integration_api.providers.bedrock.invoke_prompts import LANGUAGES
from integration_api.providers.bedrock.options import Body, merged, native
from integration_api.providers.bedrock.refusals import unreadable_event

Count = int | float
"""Titan counts tokens in whole numbers, and writes some of them `28.0`."""

FINISH_REASONS = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "finish": FinishReason.STOP,
    "complete": FinishReason.STOP,
    "stop_criteria_met": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "endoftext": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "error_limit": FinishReason.LENGTH,
    "content_filtered": FinishReason.CONTENT_FILTER,
    "content_filter": FinishReason.CONTENT_FILTER,
    "error_toxic": FinishReason.CONTENT_FILTER,
    "error": FinishReason.ERROR,
}
"""Every vendor's word for how it ended, in lower case."""

_NOTHING: Final[tuple[LlmEvent, ...]] = ()


class Output(Struct):
    """One of several answers, by whichever vendor's names."""

    text: str = ""
    stop_reason: str | None = None
    finish_reason: str | None = None


class TitanResult(Struct, rename="camel"):
    output_text: str = ""
    token_count: Count | None = None
    completion_reason: str | None = None


class Message(Struct):
    content: str | None = None


class Choice(Struct):
    message: Message | None = None
    delta: Message | None = None
    finish_reason: str | None = None


class Tokens(Struct):
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None


class Metrics(Struct, rename="camel"):
    input_token_count: Count | None = None
    output_token_count: Count | None = None


class Said(Struct):
    """An answer, or one event of it: the fields of all vendors, told apart by their names."""

    id: str | None = None
    response_id: str | None = None
    generation: str | None = None
    stop_reason: str | None = None
    prompt_token_count: Count | None = None
    generation_token_count: Count | None = None
    results: list[TitanResult] = []
    titan_text: str | None = msgspec.field(default=None, name="outputText")
    titan_reason: str | None = msgspec.field(default=None, name="completionReason")
    titan_input: Count | None = msgspec.field(default=None, name="inputTextTokenCount")
    titan_output: Count | None = msgspec.field(default=None, name="totalOutputTextTokenCount")
    outputs: list[Output] = []
    generations: list[Output] = []
    text: str | None = None
    finish_reason: str | None = None
    choices: list[Choice] = []
    usage: Tokens | None = None
    metrics: Metrics | None = msgspec.field(default=None, name="amazon-bedrock-invocationMetrics")


SAID = msgspec.json.Decoder(Said)


class Piece(Struct, frozen=True):
    """What is said of one answer, and how it ended once it has."""

    text: str
    reason: str | None


class Counts(Struct):
    input: int | None = None
    output: int | None = None

    def usage(self) -> Usage:
        return Usage(input_total=self.input, output_total=self.output)


def complete(ask: LlmRequest, credential: Credential, language: str) -> Exchange[LlmResponse]:
    body, beside, notices = prepare(ask, language)
    reply = yield invoke.request(ask.model, body, beside, credential, stream=False)
    said = decode(reply, SAID)
    return LlmResponse(
        id=said.id or said.response_id or reply.headers.get("x-amzn-requestid", ""),
        model=ask.model,
        candidates=tuple(
            Candidate(index=index, parts=(Text(piece.text),), finish=_finish(piece.reason))
            for index, piece in enumerate(pieces(said))
        ),
        usage=_counted(said, reply).usage(),
        warnings=notices,
    )


def stream(ask: LlmRequest, credential: Credential, language: str) -> Stream[LlmEvent]:
    body, beside, notices = prepare(ask, language)
    framing = invoke.ChunkFraming()
    reader = Reader(ask.model, notices, framing)
    request = invoke.request(ask.model, body, beside, credential, stream=True)
    return Stream(request, framing, reader, reader.opened)


def prepare(ask: LlmRequest, language: str) -> tuple[Body, Body, tuple[Notice, ...]]:
    """Render `ask` in one of the languages: a body, and what goes beside it into headers.

    Raises `Failure` for what no text can say.
    """
    notes = Notes(strict=ask.strict)
    ask = fitted(ask, notes)
    render: Callable[[LlmRequest, Notes], Body] = LANGUAGES[language]
    body = merged(render(ask, notes), native(ask.extras))
    return body, invoke.around(ask, notes), notes.all


def pieces(said: Said) -> list[Piece]:
    """Return what was said, one piece for each answer that was asked for."""
    if said.results:
        return [Piece(result.output_text, result.completion_reason) for result in said.results]
    if said.outputs or said.generations:
        found = said.outputs or said.generations
        return [Piece(one.text, one.stop_reason or one.finish_reason) for one in found]
    if said.choices:
        return [
            Piece((choice.message or choice.delta or Message()).content or "", choice.finish_reason)
            for choice in said.choices
        ]
    if said.titan_text is not None or said.titan_reason is not None:
        return [Piece(said.titan_text or "", said.titan_reason)]
    return [Piece(said.generation or said.text or "", said.stop_reason or said.finish_reason)]


class Reader:
    """Reads one answer: its pieces, until one says why it ended."""

    __slots__ = ("_counts", "_framing", "_id", "_model", "_notices", "_reason", "_started")

    def __init__(self, model: str, notices: tuple[Notice, ...], framing: invoke.ChunkFraming) -> None:
        self._model = model
        self._notices = notices
        self._framing = framing
        self._id = ""
        self._started = False
        self._reason: str | None = None
        self._counts = Counts()

    def opened(self, headers: Mapping[str, str]) -> None:
        self._id = headers.get("x-amzn-requestid", "")

    def feed(self, frame: Frame) -> Iterable[LlmEvent]:
        try:
            said = SAID.decode(frame.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise unreadable_event() from None
        _count(self._counts, said)
        piece = pieces(said)[0]
        self._reason = piece.reason or self._reason
        first: tuple[LlmEvent, ...] = ()
        if not self._started:
            self._started = True
            first = (
                Started(said.id or said.response_id or self._id, self._model),
                *(Noticed(notice) for notice in self._notices),
                PartStarted(0, 0, Text("")),
            )
        return (*first, TextDelta(0, 0, piece.text)) if piece.text else first

    def close(self) -> Iterable[LlmEvent]:
        """Return the ending, or raise `StreamCut` when nothing told how it ended."""
        if not self._started or self._reason is None or self._framing.events.rest:
            raise StreamCut(client.NAME)
        return (
            PartEnded(0, 0),
            Finished(0, _finish(self._reason)),
            UsageUpdate(self._counts.usage()),
            Ended(),
        )


def _finish(reason: str | None) -> Finish:
    return Finish(FINISH_REASONS.get((reason or "").lower(), FinishReason.OTHER), reason or "")


def _counted(said: Said, reply: HttpResponse) -> Counts:
    """Return the counts of a whole answer: its own, or those of AWS's headers."""
    counts = Counts()
    _count(counts, said)
    if counts.input is None:
        counts.input = _number(reply.headers.get("x-amzn-bedrock-input-token-count"))
    if counts.output is None:
        counts.output = _number(reply.headers.get("x-amzn-bedrock-output-token-count"))
    return counts


def _count(counts: Counts, said: Said) -> None:
    tokens, metrics = said.usage or Tokens(), said.metrics or Metrics()
    results = [result.token_count for result in said.results if result.token_count is not None]
    for found in (
        said.prompt_token_count,
        said.titan_input,
        tokens.prompt_tokens,
        metrics.input_token_count,
    ):
        counts.input = counts.input if found is None else int(found)
    for found in (
        said.generation_token_count,
        sum(results) if results else None,
        said.titan_output,
        tokens.completion_tokens,
        metrics.output_token_count,
    ):
        counts.output = counts.output if found is None else int(found)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
