"""What Mistral does in its own way: short ids, calls that come whole, content in lists, and refusals in four shapes."""

import json
import re
from typing import Any

import pytest

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, Phase, ProviderError
from integration_api.core.exchange import HttpResponse
from integration_api.core.llm import (
    FinishReason,
    LlmRequest,
    LlmResponse,
    Message,
    Opaque,
    Origin,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from integration_api.dialects.openai_surface_errors import STATUS
from integration_api.providers.mistral import MISTRAL
from integration_api.transport.drive import Trace
from lab import Lab
from tests.providers.heard import chunks, events, folded, sse, tool_deltas, well_told
from tests.providers.talk import Talk, reply
from tests.providers.unified import CLOCK, assistant, requests, user
from tests.transport.upstream import Held, transport

SMALL, MAGISTRAL = "mistral-small-latest", "magistral-medium-latest"
ACCOUNT = Credential("mistral", held=frozenset({"key"}))


def asking(*messages: Message, model: str = SMALL, **more: Any) -> LlmRequest:
    return LlmRequest(model=model, messages=messages or (user("hello"),), **more)


def sent(ask: LlmRequest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(next(MISTRAL.llm.complete(ask, ACCOUNT)).body)
    return found


def answered(message: dict[str, Any], **more: Any) -> LlmResponse:
    told = {
        "id": "1", "object": "chat.completion", "created": 1, "model": SMALL,
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}, **more,
    }  # fmt: skip
    answer = Talk(MISTRAL, MISTRAL.llm.complete(asking(), ACCOUNT), reply(told)).answer
    assert isinstance(answer, LlmResponse)
    return answer


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {
        "id": "1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": SMALL,
        "choices": [choice],
        **more,
    }


USAGE = {"usage": {"prompt_tokens": 124, "total_tokens": 146, "completion_tokens": 22}}
DONE = "[DONE]"

# --- gotcha 17 ---------------------------------------------------------------------------------

IDS = ["call_1", "toolu_01GE2RKp1V", "gSIMJiOkT", "tooluse-with.odd:signs", "x" * 80, "короткий"]


def test_gotcha_17_every_id_is_nine_letters_and_digits_and_finds_its_call() -> None:
    calls = [ToolCall(id, "now", "{}") for id in IDS]
    results = Message(Role.TOOL, tuple(ToolResult(id, (Text(f"of {id}"),)) for id in IDS))
    body = sent(asking(user("go"), assistant(*calls), results, tools=(CLOCK,)))
    _, called, *answers = body["messages"]
    ids = [call["id"] for call in called["tool_calls"]]
    assert all(re.fullmatch(r"[a-zA-Z0-9]{9}", id) for id in ids)
    assert len(set(ids)) == len(IDS)
    assert ids[2] == IDS[2], "one that fits is left as it is"
    assert [(turn["tool_call_id"], turn["content"]) for turn in answers] == [
        (sent, f"of {ours}") for sent, ours in zip(ids, IDS, strict=True)
    ]
    assert sent(asking(user("go"), assistant(*calls), results, tools=(CLOCK,))) == body, "and always the same"


WHOLE = [
    chunk({"role": "assistant", "content": ""}),
    chunk(
        {
            "content": None,
            "tool_calls": [
                {"id": "gSIMJiOkT", "function": {"name": "now", "arguments": "{}"}},
                {"id": "hTJNKjPlU", "function": {"name": "get_weather", "arguments": '{"city":"Kyiv"}'}},
            ],
        },
        "tool_calls",
        **USAGE,
    ),
]
"""Two calls at once, without places, together with the finish and the usage."""
PIECEMEAL = [
    chunk({"role": "assistant", "tool_calls": [
        {"id": "x1", "type": "function", "index": 0, "function": {"name": "now", "arguments": ""}}]}),
    chunk({"tool_calls": [{"type": "function", "index": 0, "function": {"name": "", "arguments": "{"}}]}),
    chunk({"tool_calls": [{"index": 0, "id": "null", "function": {"name": "", "arguments": "}"}}]}),
    chunk({}, "tool_calls", **USAGE),
]  # fmt: skip
"""As models of other makers stream where Mistral hosts them: what was named comes again without a name."""


def test_gotcha_17_calls_that_come_whole_are_told_in_their_places() -> None:
    found = events(MISTRAL, asking(), sse(*WHOLE, DONE))
    answer = folded(found)
    assert answer.candidates[0].parts == (
        ToolCall("gSIMJiOkT", "now", "{}"),
        ToolCall("hTJNKjPlU", "get_weather", '{"city":"Kyiv"}'),
    )
    assert answer.candidates[0].finish.reason is FinishReason.TOOL_CALLS
    assert (answer.usage.input_total, answer.usage.output_total) == (124, 22)
    told = chunks("mistral", found)
    deltas = tool_deltas(told)
    assert well_told(deltas)
    assert [delta.index for delta in deltas if delta.name] == [0, 1]
    assert told[-1]["usage"]["prompt_tokens"] == 124


def test_gotcha_17_a_later_piece_takes_no_name_away() -> None:
    found = events(MISTRAL, asking(), sse(*PIECEMEAL, DONE))
    assert folded(found).candidates[0].parts == (ToolCall("x1", "now", "{}"),)
    assert well_told(tool_deltas(chunks("mistral", found)))


# --- gotcha 18 ---------------------------------------------------------------------------------

LIST = [
    {"type": "thinking", "thinking": [{"type": "text", "text": "a"}], "signature": "c2ln", "closed": True},
    {"type": "text", "text": "b"},
]


def test_gotcha_18_content_may_be_a_list() -> None:
    whole = answered({"content": LIST})
    thought, text = whole.candidates[0].parts
    assert isinstance(thought, Reasoning)
    assert (thought.text, text) == ("a", Text("b"))
    assert answered({"content": "c"}).candidates[0].parts == (Text("c"),)


def test_gotcha_18_a_stream_may_change_from_lists_to_text() -> None:
    pieces: list[Any] = [[LIST[0]], [LIST[1]], "c"]
    body = sse(
        *(chunk({"content": piece}) for piece in pieces), chunk({"content": ""}, "stop", **USAGE), DONE
    )
    found = events(MISTRAL, asking(model=MAGISTRAL), body)
    parts = folded(found).candidates[0].parts
    assert "".join(part.text for part in parts if isinstance(part, Reasoning)) == "a"
    assert "".join(part.text for part in parts if isinstance(part, Text)) == "bc"
    deltas = [choice["delta"] for told in chunks("mistral", found) for choice in told["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "bc"
    assert "".join(delta.get("reasoning_content") or "" for delta in deltas) == "a"
    assert all(isinstance(delta.get("content", ""), str) for delta in deltas), "a client gets text alone"


def test_gotcha_18_thoughts_go_back_in_the_list_they_came_in() -> None:
    signed = Reasoning("a", signature=Opaque("c2ln", "mistral-v1", Origin("mistral")))
    body = sent(asking(user("x"), assistant(signed, "b"), user("y"), model=MAGISTRAL))
    content = body["messages"][1]["content"]
    assert [piece["type"] for piece in content] == ["thinking", "text"]
    assert content[0]["thinking"] == [{"type": "text", "text": "a"}]


REFUSALS: list[tuple[int, dict[str, Any], Kind, str, str | None]] = [
    (400, {"object": "error", "message": "Expected last role User or Tool", "type": "invalid_request_message_order",
           "param": None, "code": "3230"}, Kind.INVALID_REQUEST, "Expected last role", "invalid_request_message_order"),
    (422, {"object": "error", "type": "invalid_request_error", "param": None, "code": None, "message": {"detail": [
        {"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}},
     Kind.INVALID_REQUEST, "stream_options: Extra inputs", None),
    (422, {"detail": [{"loc": ["body", "messages", 0], "msg": "Field required", "type": "missing"}]},
     Kind.INVALID_REQUEST, "Field required", None),
    (401, {"message": "Unauthorized", "request_id": "r1"}, Kind.CREDENTIAL_REJECTED, "refused the credential", None),
    (401, {"detail": "Unauthorized"}, Kind.CREDENTIAL_REJECTED, "refused the credential", None),
    (429, {"message": "Requests rate limit exceeded"}, Kind.RATE_LIMITED, "rate limit", None),
    (429, {"object": "error", "message": "Service tier capacity exceeded for this model.",
           "type": "service_tier_capacity_exceeded", "param": None, "code": "3505"}, Kind.RATE_LIMITED, "capacity", None),
    (404, {"object": "error", "message": "Invalid model: x", "type": "invalid_model", "code": "1500"},
     Kind.NOT_FOUND, "Invalid model", None),
    (402, {"detail": "Payment required"}, Kind.QUOTA, "Payment", None),
    (500, {"object": "error", "message": "Service unavailable.", "type": "internal_server_error", "code": "3000"},
     Kind.UPSTREAM, "unavailable", None),
]  # fmt: skip


@pytest.mark.parametrize(("status", "said", "kind", "words", "code"), REFUSALS)
def test_gotcha_18_a_refusal_is_understood_in_each_of_its_shapes(status, said, kind, words, code) -> None:
    headers = {"mistral-correlation-id": "corr-1", "content-type": "application/json"}
    error = MISTRAL.fault(HttpResponse(status, headers, json.dumps(said).encode()))
    assert error.kind is kind
    assert words in error.message
    assert code is None or error.code == code
    assert (error.refusal.status, error.refusal.request_id) == (status, "corr-1")
    assert error.retryable == (kind in {Kind.RATE_LIMITED, Kind.UPSTREAM})
    assert STATUS[error.kind][0] != 401


def test_gotcha_18_a_failure_in_mid_stream_is_an_error() -> None:
    said = {"object": "error", "message": "oh no", "type": "internal_server_error", "code": "3000"}
    with pytest.raises(ProviderError, match="oh no") as raised:
        events(MISTRAL, asking(), sse(chunk({"role": "assistant", "content": "Hi"}), said))
    assert (raised.value.phase, raised.value.provider) == (Phase.STREAM, "mistral")


# --- gotchas 5 and 7 ---------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", ["", "{}", {}, None])
def test_gotcha_5_a_call_without_arguments_has_an_empty_object(arguments) -> None:
    call = {"id": "gSIMJiOkT", "function": {"name": "now", "arguments": arguments}}
    assert answered({"content": "", "tool_calls": [call]}).candidates[0].parts == (
        ToolCall("gSIMJiOkT", "now", "{}"),
    )


@pytest.mark.parametrize(
    "cached",
    [
        {"num_cached_tokens": 64},
        {"prompt_tokens_details": {"cached_tokens": 64}},
        {"prompt_token_details": {"cached_tokens": 64}},
    ],
)
def test_gotcha_7_input_tokens_include_what_was_cached(cached) -> None:
    counts = {"prompt_tokens": 100, "completion_tokens": 2, "total_tokens": 102, **cached}
    usage = answered({"content": "Hi"}, usage=counts).usage
    assert (usage.input_total, usage.cache_read, usage.input_uncached) == (100, 64, 36)


# --- on the emulator ---------------------------------------------------------------------------


@pytest.mark.parametrize("model", [SMALL, MAGISTRAL, "codestral-latest"])
async def test_the_emulator_takes_every_request(model) -> None:
    """It answers 422 to a field it does not know, as the vendor does."""
    async with Lab() as lab, transport() as over:
        account = Credential("mistral", {"base_url": lab.url("mistral")}, held=frozenset({"key"}))
        secrets = Held(key="sk-lab-0123456789")
        for what, ask in requests(model):
            try:
                whole = MISTRAL.llm.complete(ask, account)
                assert (await over.run(whole, MISTRAL.fault, secrets, Trace(0.0), "a")).candidates, what
                stream = MISTRAL.llm.stream(ask, account)
                async for _ in over.stream(stream, MISTRAL.fault, secrets, Trace(0.0), "a"):
                    pass
            except Failure as refused:
                assert not isinstance(refused, ProviderError), f"{what}: {refused.message}"
                assert refused.kind in {Kind.UNSUPPORTED, Kind.INVALID_REQUEST}
