"""The laws that every provider keeps on every answer; each is a function that asserts."""

import base64
import dataclasses
import json
import math
import struct
from typing import Any

import msgspec

from integration_api.core.errors import Kind, Phase, ProviderError, StreamCut
from integration_api.core.llm import (
    Annotated,
    ArgumentsDelta,
    Bytes,
    CitationDelta,
    Ended,
    Finished,
    LlmEvent,
    LlmResponse,
    LogprobDelta,
    Media,
    MediaDelta,
    Noticed,
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
    UsageUpdate,
)
from integration_api.providers import PROVIDERS
from tests.laws import replay, speech, telephony
from tests.laws.cases import Case, exceptions
from tests.laws.speaker import CHAT

SIZES = (1, 7, 4096)

SHELLS: dict[type, tuple[type, ...]] = {
    TextDelta: (Text,),
    ReasoningDelta: (Reasoning,),
    RefusalDelta: (RefusalText,),
    ArgumentsDelta: (ToolCall, ServerToolCall),
    MediaDelta: (Media,),
    CitationDelta: (Text,),
}


def check(case: Case) -> None:
    """Try every law that is about answers like `case`."""
    if case.kind == "errors":
        refusal(case)
    elif case.kind in speech.LAWS:
        speech.LAWS[case.kind](case)
    elif case.kind in telephony.LAWS:
        telephony.LAWS[case.kind](case)
    elif case.kind == "embeddings":
        embeddings(case)
    elif case.kind == "rerank":
        rerank(case)
    elif case.kind == "models":
        models(case)
    elif case.streamed:
        stream(case)
    elif case.kind in CHAT:
        whole(case)


# --- chat ------------------------------------------------------------------------------------


def stream(case: Case) -> None:
    found = replay.events(case)
    for size in SIZES:
        assert replay.events(case, size) == found, f"other events for {size} bytes at a time"
    cut_is_told(case, case.body)
    discipline(found)
    survives(found)
    if case.speaker.whole_of is not None:
        parsed = replay.whole(with_body(case, case.speaker.whole_of(case.body)))
        assert comparable(replay.folded(found)) == comparable(parsed)
    relay(case, found)


def whole(case: Case) -> None:
    parsed = replay.whole(case)
    assert parsed.candidates
    if case.speaker.stream_of is not None and case.id not in exceptions()["apart"]:
        found = replay.events(case, 7, case.speaker.stream_of(case.body))
        discipline(found)
        survives(found)
        assert comparable(replay.folded(found)) == comparable(parsed)
    relayed = PROVIDERS[case.provider].llm.relay
    if relayed is not None:
        tally = relayed.read(replay.reply(case))
        assert (tally.id, tally.model, tally.usage) == (parsed.id, parsed.model, parsed.usage)
        assert tally.finish_reason is not None


def cut_is_told(case: Case, body: bytes) -> None:
    if case.id in exceptions()["cut"]:
        return
    try:
        replay.events(case, 4096, body[: len(body) // 3])
    except StreamCut as cut:
        assert cut.kind is Kind.TRUNCATED
        assert cut.phase is Phase.STREAM
        return
    raise AssertionError("a third of the stream was taken for all of it")


def relay(case: Case, found: list[LlmEvent]) -> None:
    """Passed through, the same answer arrives, and the audit knows what it must."""
    relaying = PROVIDERS[case.provider].llm.relay
    if relaying is None:
        return
    seen = replay.folded(found)
    messages = case.speaker.messages
    plain: dict[str, msgspec.Raw] = {"stream": msgspec.Raw(b"true")}
    asking = plain | {"stream_options": msgspec.Raw(b'{"include_usage":true,"include_obfuscation":true}')}
    for raw in (plain, asking):
        passed, tally = replay.relayed(case, raw)
        for size in SIZES:
            assert replay.relayed(case, raw, size) == (passed, tally)
        assert (tally.id, tally.model) == (seen.id, seen.model)
        assert tally.usage == seen.usage
        assert tally.finish_reason is not None
        again = replay.folded(replay.events(case, body=passed))
        assert again.candidates == seen.candidates
        if raw is asking or relaying.language != "openai_chat":
            assert messages(passed) == messages(case.body)
            assert again.usage == seen.usage
        else:
            assert not any("usage" in chunk for chunk in messages(passed))
            assert not any("obfuscation" in chunk for chunk in messages(passed))
        if case.id in exceptions()["cut"]:
            continue
        try:
            replay.relayed(case, raw, 4096, case.body[: len(case.body) // 3])
        except StreamCut:
            continue
        raise AssertionError("a third of the stream was passed as all of it")


def discipline(found: list[LlmEvent]) -> None:
    """One `Started` first, one `Ended` last, every part opened before it grows and ended at most once."""
    assert isinstance(found[0], Started)
    assert isinstance(found[-1], Ended)
    assert [type(event) for event in found].count(Started) == 1
    assert [type(event) for event in found].count(Ended) == 1
    opened: dict[tuple[int, int], PartStarted] = {}
    open_now: set[tuple[int, int]] = set()
    finished: set[int] = set()
    for event in found[1:-1]:
        match event:
            case PartStarted(candidate, part):
                assert part == sum(1 for other, _ in opened if other == candidate)
                assert candidate not in finished
                opened[candidate, part] = event
                open_now.add((candidate, part))
            case PartEnded(candidate, part):
                open_now.remove((candidate, part))
            case Finished(candidate):
                assert candidate not in finished
                assert not any(other == candidate for other, _ in open_now)
                finished.add(candidate)
            case LogprobDelta(candidate):
                assert candidate not in finished
            case UsageUpdate() | Annotated() | Noticed() | Ping():
                pass
            case _:
                assert (event.candidate, event.part) in open_now
                shell = opened[event.candidate, event.part].shell
                assert isinstance(event, SignatureDelta) or isinstance(shell, SHELLS[type(event)])
    assert {candidate for candidate, _ in opened} <= finished
    assert finished


def survives(found: list[LlmEvent]) -> None:
    for event in found:
        assert msgspec.json.decode(msgspec.json.encode(event), type=LlmEvent) == event
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=LlmEvent) == event


def comparable(answer: LlmResponse) -> LlmResponse:
    """The same answer, its arguments and base64 in one spelling."""
    candidates = tuple(
        msgspec.structs.replace(candidate, parts=tuple(map(spelled, candidate.parts)))
        for candidate in answer.candidates
    )
    return msgspec.structs.replace(answer, candidates=candidates)


def spelled(part: Any) -> Any:
    match part:
        case ToolCall(arguments=text) if valid(text):
            return msgspec.structs.replace(part, arguments=json.dumps(json.loads(text), sort_keys=True))
        case ServerToolCall(input=text) if valid(text):
            return msgspec.structs.replace(part, input=json.dumps(json.loads(text), sort_keys=True))
        case Media(source=Bytes(text)) if "elided" not in text:  # Recordings are spared the longest of it.
            return msgspec.structs.replace(
                part, source=Bytes(base64.b64encode(base64.b64decode(text)).decode())
            )
        case _:
            return part


def valid(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


# --- everything else -------------------------------------------------------------------------

STATUS_KINDS = {
    400: {
        Kind.INVALID_REQUEST,
        Kind.UNSUPPORTED,
        Kind.CONTEXT_LENGTH,
        Kind.CONTENT_FILTER,
        Kind.NOT_FOUND,
        Kind.QUOTA,
    },
    401: {Kind.CREDENTIAL_REJECTED},
    402: {Kind.QUOTA},
    403: {Kind.PERMISSION, Kind.CREDENTIAL_REJECTED},
    404: {Kind.NOT_FOUND},
    413: {Kind.TOO_LARGE, Kind.CONTEXT_LENGTH},
    422: {Kind.INVALID_REQUEST, Kind.UNSUPPORTED},
    429: {Kind.RATE_LIMITED, Kind.QUOTA, Kind.TOO_LARGE},
    500: {Kind.UPSTREAM},
    502: {Kind.UPSTREAM},
    503: {Kind.OVERLOADED},
    529: {Kind.OVERLOADED},
}


def refusal(case: Case) -> None:
    """A refusal says whose fault it is, whether to try again, and how its provider calls it."""
    provider = PROVIDERS[case.provider]
    error = provider.fault(replay.reply(case))
    assert isinstance(error, ProviderError)
    said = replay.json(case)
    told = case.speaker.refused(said)
    assert error.kind in (STATUS_KINDS[case.status] if told is None else {told})
    assert error.refusal.status == case.status
    assert error.phase is Phase.HEADERS
    assert error.provider == case.provider
    assert error.message
    assert error.retryable == (
        error.kind in (Kind.RATE_LIMITED, Kind.UPSTREAM, Kind.OVERLOADED)
        and case.headers.get("x-should-retry") != "false"
    )
    named = [case.headers[name] for name in provider.request_id_headers if name in case.headers]
    if named:
        assert error.refusal.request_id == named[0]
    if error.kind is Kind.CREDENTIAL_REJECTED:
        assert "Incorrect API key" not in error.message, "its own words may repeat the key"
    else:
        assert case.speaker.explanation(said)[:200] in error.message


def embeddings(case: Case) -> None:
    told = case.speaker.embedded(replay.json(case))
    answer = replay.embeddings(case, len(told.vectors), told.dtype)
    if told.model is not None:
        assert answer.model == told.model
    tokens = told.tokens
    if tokens is None and case.speaker.header_tokens in case.headers:
        tokens = int(case.headers[case.speaker.header_tokens])
    assert answer.usage.input_total == tokens
    assert len(answer.vectors) == len(told.vectors)
    for vector, given in zip(answer.vectors, told.vectors, strict=True):
        found = unpacked(vector, told.dtype)
        assert len(found) == len(given)
        assert all(
            math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
            for one, other in zip(found, given, strict=True)
        )


def unpacked(vector: bytes, dtype: str) -> tuple[float, ...]:
    form = {"float": "f", "int8": "b", "binary": "b", "uint8": "B", "ubinary": "B"}[dtype]
    return struct.unpack(f"<{len(vector) // struct.calcsize(form)}{form}", vector)


def rerank(case: Case) -> None:
    told = case.speaker.ranked(replay.json(case))
    answer = replay.ranking(case, max(index for index, _ in told) + 1)
    found = [(ranked.index, ranked.score) for ranked in answer.results]
    assert found == sorted(told, key=lambda ranked: -ranked[1])


def models(case: Case) -> None:
    listed = case.speaker.listed(replay.json(case))
    assert [model.id for model in replay.models(case)] == list(dict.fromkeys(listed))


def with_body(case: Case, body: bytes) -> Case:
    return dataclasses.replace(case, body=body)
