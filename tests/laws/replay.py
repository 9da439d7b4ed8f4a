"""Plays an answer to a provider: no network, no mocks, no clock."""

from collections.abc import Generator, Sequence
from typing import Any, TypeVar

import msgspec

from integration_api.core.audio import AudioFormat
from integration_api.core.credential import Credential
from integration_api.core.embedding import EmbeddingRequest, EmbeddingResponse
from integration_api.core.exchange import Exchange, HttpRequest, HttpResponse, Stream
from integration_api.core.llm import LlmEvent, LlmRequest, LlmResponse, Message, Role, Text
from integration_api.core.llm_fold import LlmFold
from integration_api.core.models import ModelInfo
from integration_api.core.relay import RawBody, Tally
from integration_api.core.reranking import RerankingRequest, RerankingResponse
from integration_api.core.stt import TranscribeRequest, Transcript
from integration_api.providers import PROVIDERS
from tests.laws.cases import Case

Answer = TypeVar("Answer")


def credential(case: Case) -> Credential:
    return case.speaker.credential or Credential(case.provider)


def question(case: Case) -> LlmRequest:
    return LlmRequest(
        model=case.model, messages=(Message(Role.USER, (Text("hello"),)),), extras=case.speaker.extras
    )


def answered(exchange: Generator[HttpRequest, HttpResponse, Answer], *replies: HttpResponse) -> Answer:
    """Give `replies` to the requests of `exchange`, one after the other, and return its answer."""
    next(exchange)
    try:
        for one in replies:
            exchange.send(one)
    except StopIteration as done:
        return done.value
    raise AssertionError("the exchange asked again")


def reply(case: Case) -> HttpResponse:
    return HttpResponse(case.status, case.headers, case.body)


def whole(case: Case) -> LlmResponse:
    exchange = PROVIDERS[case.provider].llm.complete(question(case), credential(case))
    speaker = case.speaker
    return answered(
        exchange, *said(speaker.opening(case.body, False)), reply(case), *said(speaker.closing(case.body))
    )


def said(bodies: Sequence[bytes]) -> list[HttpResponse]:
    return [HttpResponse(200, {}, body) for body in bodies]


def events(case: Case, size: int | None = None, body: bytes | None = None) -> list[LlmEvent]:
    """Every event of a stream whose bytes came `size` at a time."""
    body = case.body if body is None else body
    stream = PROVIDERS[case.provider].llm.stream(question(case), credential(case))
    if stream.course is not None:
        return followed(case, stream, stream.course, size, body)
    return heard(case, stream, size, body)


def followed(
    case: Case, stream: Stream[LlmEvent], course: Exchange[Sequence[LlmEvent]], size: int | None, body: bytes
) -> list[LlmEvent]:
    """Every event of a stream that is asked about before and after."""
    found: list[LlmEvent] = []
    replies = iter(said(case.speaker.opening(case.body, True)))
    request = next(course)
    try:
        while True:
            if request.streamed:
                found += heard(case, stream, size, body)
                replies = iter(said(case.speaker.closing(case.body)))
                request = course.send(HttpResponse(200, {}, b""))
            else:
                request = course.send(next(replies))
    except StopIteration as done:
        return found + list(done.value)


def heard(case: Case, stream: Stream[LlmEvent], size: int | None, body: bytes) -> list[LlmEvent]:
    if stream.opened is not None:
        stream.opened(case.headers)
    found: list[LlmEvent] = []
    for chunk in (*chunks(body, size), b""):
        for frame in stream.framing.feed(chunk):
            found.extend(stream.reader.feed(frame))
    found.extend(stream.reader.close())
    return found


def relayed(
    case: Case, raw: RawBody, size: int | None = None, body: bytes | None = None
) -> tuple[bytes, Tally]:
    """A stream passed through `size` bytes at a time, and what was seen of it."""
    passing = PROVIDERS[case.provider].llm.relay.stream(raw)
    passed = [passing.feed(chunk) for chunk in chunks(case.body if body is None else body, size)]
    rest, tally = passing.close()
    return b"".join((*passed, rest)), tally


def chunks(body: bytes, size: int | None) -> list[bytes]:
    size = size or max(1, len(body))
    return [body[start : start + size] for start in range(0, len(body), size)]


def folded(found: list[LlmEvent]) -> LlmResponse:
    fold = LlmFold()
    for event in found:
        fold.feed(event)
    return fold.close()


def embeddings(case: Case, inputs: int, dtype: str = "float") -> EmbeddingResponse:
    ask = EmbeddingRequest(
        model=case.model,
        inputs=tuple(f"text {n}" for n in range(inputs)),
        dtype=dtype,
        extras=case.speaker.extras,
    )
    return answered(PROVIDERS[case.provider].embedding(ask, credential(case)), reply(case))


def ranking(case: Case, documents: int) -> RerankingResponse:
    ask = RerankingRequest(
        model=case.model, query="any", documents=tuple(f"document {n}" for n in range(documents))
    )
    return answered(PROVIDERS[case.provider].reranking(ask, credential(case)), reply(case))


def models(case: Case) -> tuple[ModelInfo, ...]:
    last = [HttpResponse(200, {}, case.speaker.last_page)] if case.speaker.last_page else []
    return answered(PROVIDERS[case.provider].models(credential(case)), reply(case), *last)


def json(case: Case) -> Any:
    """What an answer says; some refusals are plain text."""
    if case.headers.get("content-type", "").startswith("text/plain"):
        return case.body.decode()
    return msgspec.json.decode(case.body)


def transcript(case: Case) -> Transcript:
    ask = TranscribeRequest(
        model=case.speaker.any_model,
        audio=bytes(2),
        format=AudioFormat(),
        word_timestamps=True,
        segment_timestamps=True,
    )
    exchange = PROVIDERS[case.provider].stt.transcribe(ask, credential(case))
    return answered(exchange, *said(case.speaker.before), reply(case))
