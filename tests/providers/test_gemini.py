"""What Gemini does in its own way, on both of its hosts: signatures, thoughts, blocks, grounding, refusals."""

import base64
import json
from typing import Any

import msgspec
import pytest

from integration_api.core.errors import Failure, Kind, Phase, ProviderError, StreamCut
from integration_api.core.exchange import Header
from integration_api.core.llm import (
    Bytes,
    Citation,
    FinishReason,
    JsonValue,
    Media,
    Message,
    Native,
    Opaque,
    Origin,
    Output,
    Reasoning,
    ReasoningRequest,
    Role,
    Sampling,
    ServerToolCall,
    ServerToolResult,
    Text,
    TokenLogprob,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Url,
    Usage,
    only_text,
)
from tests.providers.gemini import (
    BUDGETED,
    HOSTS,
    NEW,
    OLD,
    ask,
    body,
    chunk,
    folded,
    google_error,
    heard,
    notices,
    refused,
    request,
    signed,
    sse,
    whole,
)
from tests.providers.unified import CLOCK, PIXEL, SCHEMA, WEATHER, assistant, user

SENTINEL = "skip_thought_signature_validator"
STOP: dict[str, Any] = {"finishReason": "STOP"}
BOTH = pytest.mark.parametrize("host", HOSTS)


def call(number: int, signature: Opaque | None = None, name: str = "now") -> ToolCall:
    return ToolCall(f"call_{number}", name, "{}", signature=signature)


def results(*numbers: int) -> Message:
    return Message(Role.TOOL, tuple(ToolResult(f"call_{number}", (Text("noon"),)) for number in numbers))


def signatures(turn: dict[str, Any]) -> list[str | None]:
    return [part.get("thoughtSignature") for part in turn["parts"]]


# --- gotcha 7: what is counted -------------------------------------------------------------------

COUNTS = {
    "promptTokenCount": 100,
    "cachedContentTokenCount": 60,
    "toolUsePromptTokenCount": 40,
    "candidatesTokenCount": 20,
    "thoughtsTokenCount": 30,
    "totalTokenCount": 190,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 90}, {"modality": "IMAGE", "tokenCount": 10}],
}


def test_gotcha_7_the_prompt_includes_what_was_cached_and_the_answer_leaves_its_thoughts_out() -> None:
    usage = whole(chunk("Hi", usage=COUNTS, **STOP)).usage
    assert usage == Usage(
        input_total=140,
        input_uncached=80,
        cache_read=60,
        output_total=50,
        reasoning=30,
        input_image=10,
        tool_input=40,
    )
    assert usage.input_total + usage.output_total == COUNTS["totalTokenCount"]


def test_gotcha_7_of_the_counts_of_a_stream_the_last_are_right() -> None:
    first, last = {"promptTokenCount": 7, "candidatesTokenCount": 1, "totalTokenCount": 8}, COUNTS
    assert folded(chunk("Hi", usage=first), chunk("!", usage=last, **STOP)).usage.output_total == 50


# --- gotcha 8: signatures on calls ---------------------------------------------------------------


@BOTH
def test_gotcha_8_the_first_of_parallel_calls_is_signed_and_no_other(host) -> None:
    sent = body(
        ask(
            user("Go"),
            assistant(call(1, signed("Zmlyc3Q=", host)), call(2)),
            results(1, 2),
            assistant(call(3, signed("c2Vjb25k", host))),
            results(3),
            tools=(CLOCK,),
        ),
        host,
    )
    _, first, answers, second, _ = sent["contents"]
    assert signatures(first) == ["Zmlyc3Q=", None]
    assert signatures(second) == ["c2Vjb25k"]
    assert [turn["role"] for turn in sent["contents"]] == ["user", "model", "user", "model", "user"]
    assert [part["functionResponse"]["id"] for part in answers["parts"]] == ["call_1", "call_2"]


@pytest.mark.parametrize(
    "signature",
    [
        None,
        Opaque("c2ln", "anthropic-claude-v1", Origin("anthropic", "claude", "claude-opus-5-5")),
        signed("c2ln", model=BUDGETED),
        signed("c2ln", provider="vertexai"),
    ],
    ids=["nobody's", "another maker's", "an older generation's", "another host's"],
)
def test_gotcha_8_a_foreign_history_has_the_sentinel_where_a_signature_must_be(signature) -> None:
    asked = ask(user("Go"), assistant(call(1, signature), call(2)), results(1, 2), tools=(CLOCK,))
    assert signatures(body(asked)["contents"][1]) == [SENTINEL, None]
    old = msgspec.structs.replace(asked, model=OLD)
    assert signatures(body(old)["contents"][1])[1:] == [None]
    assert SENTINEL not in json.dumps(body(old)), "models that sign no calls want none"


def test_gotcha_8_what_a_model_signed_comes_back_byte_for_byte() -> None:
    odd = "+/+/ab==", "-_-_ab=="
    told = whole(
        chunk(
            {"text": "Let me see", "thought": True, "thoughtSignature": odd[0]},
            {"functionCall": {"name": "now"}, "thoughtSignature": odd[1]},
            {"functionCall": {"name": "now"}},
            **STOP,
        )
    )
    thought, first, second = told.candidates[0].parts
    assert isinstance(thought, Reasoning)
    back = body(
        ask(
            user("Go"),
            Message(Role.ASSISTANT, told.candidates[0].parts),
            Message(Role.TOOL, (ToolResult(first.id), ToolResult(second.id))),
        )
    )
    assert signatures(back["contents"][1]) == [*odd, None]
    assert back["contents"][1]["parts"][0]["thought"] is True


def test_gotcha_8_a_refusal_for_want_of_a_signature_has_a_code() -> None:
    words = "Function call is missing a thought_signature in functionCall parts."
    error = refused(400, google_error(400, "INVALID_ARGUMENT", words))
    assert (error.kind, error.code, error.retryable) == (
        Kind.INVALID_REQUEST, "thought_signature_invalid", False,
    )  # fmt: skip


# --- gotcha 9: signatures on parts that say nothing ----------------------------------------------


def test_gotcha_9_a_signature_on_an_empty_last_part_is_kept_and_goes_back() -> None:
    told = folded(chunk("Hel"), chunk("lo"), chunk({"text": "", "thoughtSignature": "ZW5k"}, **STOP))
    assert [(part.text, part.signature and part.signature.data) for part in told.candidates[0].parts] == [
        ("Hello", None),
        ("", "ZW5k"),
    ]
    history = ask(user("Hi"), Message(Role.ASSISTANT, told.candidates[0].parts), user("And?"))
    assert body(history)["contents"][1]["parts"] == [
        {"text": "Hello"},
        {"text": "", "thoughtSignature": "ZW5k"},
    ]


def test_gotcha_9_nothing_is_joined_to_a_signed_text() -> None:
    told = folded(
        chunk("a"),
        chunk({"text": "b", "thoughtSignature": "Yg=="}),
        chunk({"text": "c", "thoughtSignature": "Yw=="}),
        chunk("d"),
        chunk("e", **STOP),
    )
    assert [part.text for part in told.candidates[0].parts] == ["a", "b", "c", "de"]


# --- gotcha 10: how streams are cut --------------------------------------------------------------

CHUNKS = (chunk("Привіт, "), chunk('сві"]},\\te'), chunk("!", **STOP))


@BOTH
@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize("form", ["CRLF", "LF", "array", "lines", "pretty"])
def test_gotcha_10_streams_end_lines_in_crlf_and_without_alt_sse_are_one_array(form, size, host) -> None:
    events = sse(*CHUNKS)
    stream = {
        "CRLF": events,
        "LF": events.replace(b"\r\n", b"\n"),
        "array": json.dumps(CHUNKS, ensure_ascii=False).encode(),
        "lines": b"[" + b"\n,\r\n".join(json.dumps(one).encode() for one in CHUNKS) + b"\n]\n",
        "pretty": b"\xef\xbb\xbf" * (form == "pretty") + json.dumps(CHUNKS, indent=2).encode(),
    }[form]
    told = heard(stream, size=size, host=host)
    assert "".join(event.text for event in told if hasattr(event, "text")) == 'Привіт, сві"]},\\te!'
    assert request(ask(), host).url.endswith(":streamGenerateContent?alt=sse")


@pytest.mark.parametrize("stream", [sse(*CHUNKS[:2]), json.dumps(CHUNKS)[:-80].encode(), b"", b"[]"])
def test_gotcha_10_a_stream_without_its_last_chunk_was_cut(stream) -> None:
    with pytest.raises(StreamCut):
        heard(stream)


# --- gotcha 11: prompts that are blocked ---------------------------------------------------------


@BOTH
@pytest.mark.parametrize("reason", ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "JAILBREAK", 4])
def test_gotcha_11_a_blocked_prompt_is_200_with_no_candidates(reason, host) -> None:
    told = {
        "promptFeedback": {"blockReason": reason},
        "usageMetadata": {"promptTokenCount": 7, "totalTokenCount": 7},
    }
    for answer in (whole(told, host=host), folded(told, host=host)):
        [only] = answer.candidates
        assert only.parts == ()
        assert only.finish.reason is FinishReason.CONTENT_FILTER
        assert only.finish.native == ("PROHIBITED_CONTENT" if reason == 4 else reason)
        assert answer.prompt_feedback == told["promptFeedback"]
        assert answer.usage.input_total == 7


def test_gotcha_11_an_answer_of_nothing_at_all_is_none() -> None:
    with pytest.raises(ProviderError) as raised:
        whole({"usageMetadata": {"promptTokenCount": 7, "totalTokenCount": 7}})
    assert (raised.value.kind, raised.value.retryable) == (Kind.BAD_RESPONSE, True)


# --- gotcha 12: refusals -------------------------------------------------------------------------

INVALID_KEY = google_error(
    400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.",
    ErrorInfo={"reason": "API_KEY_INVALID", "domain": "googleapis.com"},
)  # fmt: skip


@BOTH
def test_gotcha_12_a_wrong_key_is_a_400_like_any_mistyped_field(host) -> None:
    error = refused(400, INVALID_KEY, host)
    assert (error.kind, error.retryable) == (Kind.CREDENTIAL_REJECTED, False)
    assert (error.refusal.status, error.refusal.type, error.refusal.code) == (
        400, "INVALID_ARGUMENT", "API_KEY_INVALID",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("delay", "after"),
    [("34.4s", 34.4), ("7s", 7.0), ("0.250000001s", 0.250000001), ("soon", None), ("", None)],
)
def test_gotcha_12_when_to_come_back_is_in_the_details(delay, after) -> None:
    error = refused(429, google_error(429, "RESOURCE_EXHAUSTED", RetryInfo={"retryDelay": delay}))
    assert (error.kind, error.retryable, error.retry_after) == (Kind.RATE_LIMITED, True, after)


def test_gotcha_12_a_days_allowance_does_not_come_back_while_somebody_waits() -> None:
    quota = {"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}
    error = refused(429, google_error(429, "RESOURCE_EXHAUSTED", QuotaFailure=quota))
    assert (error.kind, error.retryable) == (Kind.QUOTA, False)


REFUSALS: list[tuple[int, Any, Kind]] = [
    (400, google_error(400, "INVALID_ARGUMENT", "Invalid value at 'x'"), Kind.INVALID_REQUEST),
    (400, google_error(400, "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum"), Kind.CONTEXT_LENGTH),
    (400, google_error(400, "INVALID_ARGUMENT", "Request payload size exceeds the limit: 20971520 bytes."), Kind.TOO_LARGE),
    (400, google_error(400, "FAILED_PRECONDITION", "User location is not supported for the API use."), Kind.PERMISSION),
    (401, google_error(401, "UNAUTHENTICATED"), Kind.CREDENTIAL_REJECTED),
    (403, google_error(403, "PERMISSION_DENIED", ErrorInfo={"reason": "SERVICE_DISABLED"}), Kind.PERMISSION),
    (403, google_error(403, "PERMISSION_DENIED", ErrorInfo={"reason": "BILLING_DISABLED"}), Kind.QUOTA),
    (404, google_error(404, "NOT_FOUND", "models/x is not found"), Kind.NOT_FOUND),
    (413, b"<html>413</html>", Kind.TOO_LARGE),
    (499, google_error(499, "CANCELLED"), Kind.CANCELLED),
    (500, google_error(500, "INTERNAL"), Kind.UPSTREAM),
    (503, [google_error(503, "UNAVAILABLE")], Kind.OVERLOADED),
    (504, google_error(504, "DEADLINE_EXCEEDED"), Kind.TIMEOUT),
    (502, b"", Kind.UPSTREAM),
]  # fmt: skip


@BOTH
@pytest.mark.parametrize(("status", "error", "kind"), REFUSALS)
def test_a_refusal_is_what_it_says(status, error, kind, host) -> None:
    found = refused(status, error, host)
    assert (found.kind, found.refusal.status, found.provider) == (kind, status, host)
    assert found.message
    assert found.phase is Phase.HEADERS


@pytest.mark.parametrize(
    ("word", "kind"),
    [("RESOURCE_EXHAUSTED", Kind.RATE_LIMITED), ("UNAVAILABLE", Kind.OVERLOADED), ("INTERNAL", Kind.UPSTREAM),
     ("DEADLINE_EXCEEDED", Kind.TIMEOUT), ("INVALID_ARGUMENT", Kind.INVALID_REQUEST)],
)  # fmt: skip
def test_a_failure_in_mid_stream_is_an_event_of_its_own(word, kind) -> None:
    with pytest.raises(ProviderError) as raised:
        heard(sse(chunk("Hel"), google_error(500, word)))
    assert (raised.value.kind, raised.value.phase) == (kind, Phase.STREAM)


def test_no_key_and_no_projects_number_is_told_to_anybody() -> None:
    words = (
        "Project 123456789012 may not use AIzaSyA-0123456789abcdefghijklmnopqrstuv or Bearer ya29.abc.def;"
        " see https://console.developers.google.com/?project=123456789012"
    )
    message = refused(403, google_error(403, "PERMISSION_DENIED", words)).message
    assert "123456789012" not in message
    assert "AIza" not in message
    assert "ya29" not in message
    assert "may not use" in message


# --- gotcha 13: results of functions, and places in texts ----------------------------------------


@pytest.mark.parametrize(
    ("content", "error", "response"),
    [
        ((Text("12 degrees"),), False, {"output": "12 degrees"}),
        ((Text("no such city"),), True, {"error": "no such city"}),
        ((Text('{"degrees": 12}'),), False, {"degrees": 12}),
        ((Text("[1, 2]"),), False, {"output": "[1, 2]"}),
        ((JsonValue("[1, 2]"),), False, {"output": [1, 2]}),
        ((JsonValue('{"degrees": 12}'),), False, {"degrees": 12}),
        ((JsonValue('{"why": "none"}'),), True, {"error": {"why": "none"}}),
        ((JsonValue("true"),), False, {"output": True}),
        ((Text("one"), JsonValue("2")), False, {"output": ["one", 2]}),
        ((), False, {"output": ""}),
    ],
)
def test_gotcha_13_a_result_has_the_functions_name_and_is_an_object(content, error, response) -> None:
    sent = body(
        ask(
            user("Go"),
            assistant(call(1)),
            Message(Role.TOOL, (ToolResult("call_1", content, is_error=error),)),
        )
    )
    assert sent["contents"][2] == {
        "role": "user",
        "parts": [{"functionResponse": {"id": "call_1", "name": "now", "response": response}}],
    }


def test_gotcha_13_a_result_of_a_call_nobody_made_needs_a_name() -> None:
    with pytest.raises(Failure) as raised:
        body(ask(user("Go"), Message(Role.TOOL, (ToolResult("call_9", (Text("x"),)),))))
    assert (raised.value.kind, raised.value.code) == (Kind.INVALID_REQUEST, "unknown_tool_call")
    named = ToolResult("call_9", (Text("x"),), name="now")
    [part] = body(ask(user("Go"), Message(Role.TOOL, (named,))))["contents"][-1]["parts"]
    assert part["functionResponse"]["name"] == "now"


def test_gotcha_13_every_call_is_answered_once_in_the_order_of_the_calls() -> None:
    asked = ask(user("Go"), assistant(call(1), call(2), call(3)), results(3, 1), user("And?"))
    answers = body(asked)["contents"][2]["parts"]
    assert [part["functionResponse"]["id"] for part in answers] == ["call_1", "call_2", "call_3"]
    assert "error" in answers[1]["functionResponse"]["response"]
    assert [notice.code for notice in notices(asked)] == ["mapped"]


TEXT = "Привіт світ, 👋 hello."
PAGE = {"web": {"uri": "https://example.com", "title": "Example"}}


def segment(words: str, **more: Any) -> dict[str, Any]:
    start = TEXT.encode().index(words.encode())
    place = {"startIndex": start, "endIndex": start + len(words.encode()), "text": words, **more}
    return {name: value for name, value in place.items() if value or name != "startIndex"}


@pytest.mark.parametrize("words", ["Привіт", "світ", "👋", "hello"])
def test_gotcha_13_places_are_bytes_and_become_letters(words) -> None:
    support = {"segment": segment(words), "groundingChunkIndices": [0]}
    told = whole(
        chunk(TEXT, groundingMetadata={"groundingChunks": [PAGE], "groundingSupports": [support]}, **STOP)
    )
    start = TEXT.index(words)
    [cited] = told.candidates[0].parts[0].citations
    assert cited == Citation(
        kind="url",
        start=start,
        end=start + len(words),
        url="https://example.com",
        title="Example",
        source_index=0,
    )


def test_gotcha_13_a_place_counts_within_its_part_or_from_the_start_and_words_decide() -> None:
    parts = ("One. ", {"text": "Two.", "thoughtSignature": "dA=="}, "Один. Two.")
    places = [
        {"partIndex": 1, "startIndex": 0, "endIndex": 4, "text": "Two."},
        {"startIndex": 5, "endIndex": 9, "text": "Two."},
        {"partIndex": 2, "startIndex": 0, "endIndex": 9, "text": "Один."},
        {"startIndex": 900, "endIndex": 904, "text": "One."},
    ]
    supports = [{"segment": place, "groundingChunkIndices": [0]} for place in places]
    told = whole(
        chunk(*parts, groundingMetadata={"groundingChunks": [PAGE], "groundingSupports": supports}, **STOP)
    )
    found = [
        part.text[one.start : one.end] for part in told.candidates[0].parts if isinstance(part, Text)
        for one in part.citations
    ]  # fmt: skip
    assert sorted(found) == ["One.", "Two.", "Two.", "Один."]
    assert [len(part.citations) for part in told.candidates[0].parts if isinstance(part, Text)] == [1, 2, 1]


@pytest.mark.parametrize(
    "about",
    [
        {"groundingMetadata": {"groundingChunks": ["web"], "groundingSupports": [5]}},
        {
            "groundingMetadata": {
                "groundingChunks": [{"web": {"uri": 5}}],
                "groundingSupports": [{"segment": "x"}],
            }
        },
        {
            "groundingMetadata": {
                "groundingChunks": [PAGE],
                "groundingSupports": [{"groundingChunkIndices": [9, -1]}],
            }
        },
        {"citationMetadata": {"citationSources": [5, {"startIndex": "x"}]}},
    ],
    ids=json.dumps,
)
def test_sources_told_in_a_form_nobody_promised_do_not_spoil_the_answer(about) -> None:
    for told in (whole(chunk(TEXT, **about, **STOP)), folded(chunk(TEXT), chunk(**about, **STOP))):
        text, native = told.candidates[0].parts
        assert (text.text, text.citations) == (TEXT, ())
        assert native.data == next(iter(about.values()))


def test_recited_texts_are_cited_too() -> None:
    source = {"startIndex": 0, "endIndex": 12, "uri": "https://example.com/poem", "license": ""}
    told = whole(chunk(TEXT, citationMetadata={"citationSources": [source]}, **STOP))
    [cited] = told.candidates[0].parts[0].citations
    assert (TEXT[cited.start : cited.end], cited.url) == ("Привіт", "https://example.com/poem")


def test_sources_come_last_and_still_reach_the_text_they_are_for() -> None:
    searching = ask(tools=(Tool(name="google_search", kind="provider"),))
    support = {"segment": segment("світ"), "groundingChunkIndices": [0, 1]}
    held = {"retrievedContext": {"title": "Notes", "text": "all of it", "documentName": "d1"}}
    told = folded(
        chunk(TEXT[:4]),
        chunk(TEXT[4:]),
        chunk({"text": "", "thoughtSignature": "ZW5k"}),
        chunk(groundingMetadata={"groundingChunks": [PAGE, held], "groundingSupports": [support]}, **STOP),
        asked=searching,
    )
    text, _, about = told.candidates[0].parts
    assert [TEXT[one.start : one.end] for one in text.citations] == ["світ", "світ"]
    assert text.citations[1].cited_text == "all of it"
    assert isinstance(about, Native)
    again = body(ask(user("Hi"), Message(Role.ASSISTANT, told.candidates[0].parts), user("And?")))
    assert [list(part) for part in again["contents"][1]["parts"]] == [["text"], ["text", "thoughtSignature"]]


# --- thinking ------------------------------------------------------------------------------------

THINKING: list[tuple[str, dict[str, Any], dict[str, Any] | None]] = [
    # Budgets, before Gemini 3.
    (BUDGETED, {"effort": "none"}, {"thinkingBudget": 0}),
    (BUDGETED, {"effort": "low"}, {"thinkingBudget": 1024, "includeThoughts": True}),
    (BUDGETED, {"effort": "max"}, {"thinkingBudget": 24_576, "includeThoughts": True}),
    (BUDGETED, {"mode": "on"}, {"thinkingBudget": -1, "includeThoughts": True}),
    (BUDGETED, {"mode": "off"}, {"thinkingBudget": 0}),
    (BUDGETED, {"budget_tokens": 100_000}, {"thinkingBudget": 24_576, "includeThoughts": True}),
    ("gemini-2.5-pro", {"effort": "none"}, {"thinkingBudget": 128}),
    ("gemini-2.5-flash-lite", {"budget_tokens": 100}, {"thinkingBudget": 512, "includeThoughts": True}),
    # Levels, from then on; never both, and never none.
    (NEW, {"effort": "none"}, {"thinkingLevel": "LOW"}),
    (NEW, {"effort": "minimal"}, {"thinkingLevel": "LOW", "includeThoughts": True}),
    (NEW, {"effort": "xhigh"}, {"thinkingLevel": "HIGH", "includeThoughts": True}),
    (NEW, {"budget_tokens": 2048}, {"thinkingLevel": "MEDIUM", "includeThoughts": True}),
    (NEW, {"effort": "high", "include": "none"}, {"thinkingLevel": "HIGH", "includeThoughts": False}),
    ("gemini-4-hydrogen", {"effort": "xhigh"}, {"thinkingLevel": "XHIGH", "includeThoughts": True}),
    ("gemini-5-whatever", {"effort": "max"}, {"thinkingLevel": "XHIGH", "includeThoughts": True}),
    ("gemini-flash-latest", {"effort": "xhigh"}, {"thinkingLevel": "HIGH", "includeThoughts": True}),
    ("gemini-pro-latest", {"effort": "low"}, {"thinkingLevel": "LOW", "includeThoughts": True}),
    ("gemini-3-flash-preview", {"effort": "minimal"}, {"thinkingLevel": "MINIMAL", "includeThoughts": True}),
    ("gemini-3-pro-preview", {"effort": "medium"}, {"thinkingLevel": "LOW", "includeThoughts": True}),
    ("models/gemini-3.1-pro", {"effort": "medium"}, {"thinkingLevel": "MEDIUM", "includeThoughts": True}),
    # Not at all.
    (OLD, {"effort": "high"}, None),
    (OLD, {"effort": "none"}, None),
    ("gemma-3-27b-it", {"mode": "on"}, None),
]


@BOTH
@pytest.mark.parametrize(("model", "asked", "config"), THINKING)
def test_thinking_is_asked_for_as_the_family_knows_it(model, asked, config, host) -> None:
    sent = body(ask(model=model, reasoning=ReasoningRequest(**asked)), host)
    assert sent.get("generationConfig", {}).get("thinkingConfig") == config


@pytest.mark.parametrize(
    ("model", "asked", "code"),
    [
        ("gemini-2.5-pro", {"effort": "none"}, "clamped"),
        (NEW, {"effort": "none"}, "clamped"),
        (NEW, {"effort": "xhigh"}, "clamped"),
        (NEW, {"budget_tokens": 2048}, "mapped"),
        (BUDGETED, {"budget_tokens": 100_000}, "clamped"),
        (OLD, {"effort": "high"}, "dropped"),
    ],
)
def test_what_thinking_cannot_be_is_said(model, asked, code) -> None:
    assert [notice.code for notice in notices(ask(model=model, reasoning=ReasoningRequest(**asked)))] == [
        code
    ]


def test_thoughts_are_reasoning_and_so_is_a_draft_among_them() -> None:
    drawn = {"inlineData": {"mimeType": "image/png", "data": PIXEL}}
    told = whole(
        chunk(
            {"text": "A plan", "thought": True},
            {**drawn, "thought": True, "thoughtSignature": "ZHJhZnQ="},
            {**drawn, "thoughtSignature": "ZmluYWw="},
            **STOP,
        )
    )
    thought, draft, picture = told.candidates[0].parts
    assert thought == Reasoning("A plan")
    assert isinstance(draft, Native), "a draft is not shown"
    assert isinstance(picture, Media)
    back = body(ask(user("Draw"), Message(Role.ASSISTANT, told.candidates[0].parts), user("Bluer")))
    assert back["contents"][1]["parts"] == [
        {**drawn, "thought": True, "thoughtSignature": "ZHJhZnQ="},
        {**drawn, "thoughtSignature": "ZmluYWw="},
    ]


# --- what families take --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "sampling", "sent", "lost"),
    [
        (OLD, {"temperature": 0.5, "top_p": 0.9, "top_k": 3}, {"temperature": 0.5, "topP": 0.9, "topK": 3}, []),
        (NEW, {"temperature": 0.5, "top_k": 3}, {}, ["temperature", "top_k"]),
        (OLD, {"presence_penalty": 0.5, "n": 2}, {"presencePenalty": 0.5, "candidateCount": 2}, []),
        ("gemini-3-flash-preview", {"presence_penalty": 0.5, "n": 2, "temperature": 1.0}, {"temperature": 1.0},
         ["presence_penalty", "n"]),
        (OLD, {"temperature": 3.0}, {"temperature": 2.0}, ["temperature"]),
        (OLD, {"stop": tuple("abcdefg")}, {"stopSequences": list("abcde")}, ["stop"]),
        (OLD, {"seed": 2**32 + 7}, {"seed": 7}, ["seed"]),
        (OLD, {"seed": 2**31}, {"seed": -(2**31)}, ["seed"]),
        (OLD, {"logprobs": True}, {}, ["logprobs"]),
        (OLD, {"min_p": 0.1, "logit_bias": {"1": 1.0}}, {}, ["min_p", "logit_bias"]),
    ],
)  # fmt: skip
def test_sampling_is_what_the_family_takes(model, sampling, sent, lost) -> None:
    asked = ask(model=model, sampling=Sampling(**sampling))
    assert body(asked).get("generationConfig", {}) == sent
    assert [notice.param for notice in notices(asked)] == lost
    if lost and lost != ["seed"]:
        with pytest.raises(Failure, match=r".") as raised:
            body(msgspec.structs.replace(asked, strict=True))
        assert raised.value.kind is Kind.UNSUPPORTED


def test_instructions_lead_the_first_turn_where_there_is_no_place_for_them() -> None:
    asked = ask(Message(Role.DEVELOPER, (Text("Be brief."),)), user("Hi"), model="gemma-3-27b-it")
    assert body(asked) == {"contents": [{"role": "user", "parts": [{"text": "Be brief."}, {"text": "Hi"}]}]}


def test_a_beginning_of_the_answer_is_carried_on() -> None:
    last = body(ask(user("Count"), assistant("One, ")))["contents"][-1]
    assert last["role"] == "user"
    assert [notice.code for notice in notices(ask(user("Count"), assistant("One, ")))] == ["degraded"]


# --- schemas and tools ---------------------------------------------------------------------------

DEEP = {
    "$defs": {"city": {"type": "object", "properties": {"name": {"type": "string", "minLength": 1}}}},
    "type": "object",
    "properties": {
        "city": {"$ref": "#/$defs/city"},
        "days": {"type": ["integer", "null"], "exclusiveMinimum": 0},
        "kind": {"const": "trip"},
        "size": {"enum": [1, 2, None]},
        "when": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
        "either": {"oneOf": [{"type": "string"}, {"type": "number"}]},
        "both": {"allOf": [{"type": "object", "properties": {"a": {"type": "boolean"}}}]},
        "any": True,
    },
    "additionalProperties": False,
}
SAID = {
    "type": "OBJECT",
    "properties": {
        "city": {"type": "OBJECT", "properties": {"name": {"type": "STRING", "minLength": 1}}},
        "days": {"type": "INTEGER", "nullable": True, "minimum": 0},
        "kind": {"type": "STRING", "enum": ["trip"]},
        "size": {"type": "STRING", "nullable": True, "enum": ["1", "2"]},
        "when": {"type": "STRING", "nullable": True},
        "either": {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]},
        "both": {"type": "OBJECT", "properties": {"a": {"type": "BOOLEAN"}}},
        "any": {"type": "STRING"},
    },
}


def test_a_schema_is_said_in_the_subset_that_older_models_take_and_what_is_lost_is_told() -> None:
    output = Output(kind="json_schema", schema=DEEP)
    config = body(ask(model=OLD, output=output))["generationConfig"]
    assert config == {"responseMimeType": "application/json", "responseJsonSchema": DEEP}
    older = body(ask(model="gemini-1.5-pro", output=output))["generationConfig"]["responseSchema"]
    assert older.pop("propertyOrdering") == list(DEEP["properties"])
    assert older == SAID
    [notice] = notices(ask(model="gemini-1.5-pro", output=output))
    assert notice.code == "mapped"
    assert all(word in notice.message for word in ("exclusiveMinimum", "format", "any value"))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": 5}, {"type": [None]}, {"properties": [1]}, {"anyOf": {"a": 1}}, {"allOf": [1, {"$ref": 3}]},
        {"enum": 1}, {"enum": []}, {"items": [1]}, {"$ref": 5}, {"$ref": "#/nowhere"}, {"required": "city"},
        {"exclusiveMinimum": True}, {"properties": {"a": {"$ref": "#"}}},
    ],
    ids=json.dumps,
)  # fmt: skip
def test_what_is_no_schema_is_passed_on_for_google_to_judge(schema) -> None:
    tool = Tool(name="f", schema={**schema, "title": "t", "minProperties": 1})
    assert body(ask(model="gemini-1.5-pro", tools=(tool,)))["tools"]


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "gemma-3-27b-it"])
def test_an_answer_that_cannot_be_held_to_json_is_told_to_be(model) -> None:
    asked = ask(model=model, output=Output(kind="json_schema", schema=SCHEMA), tools=(CLOCK,))
    sent = body(asked)
    assert "generationConfig" not in sent
    assert "JSON Schema" in json.dumps(sent)
    assert "degraded" in [notice.code for notice in notices(asked)]
    assert "responseJsonSchema" in body(msgspec.structs.replace(asked, model=NEW))["generationConfig"]


def test_a_tool_without_arguments_has_no_parameters_and_one_that_takes_any_keeps_them() -> None:
    free = {"type": "object", "additionalProperties": {"type": "string"}}
    tools = (
        CLOCK,
        Tool(name="a", schema={"type": "object", "properties": {}, "additionalProperties": False}),
        Tool(name="b", schema=free),
    )
    [declared] = body(ask(tools=tools))["tools"]
    assert declared["functionDeclarations"] == [
        {"name": "now"},
        {"name": "a"},
        {"name": "b", "parametersJsonSchema": free},
    ]


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        (ToolChoice("auto"), {"mode": "VALIDATED"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("named", ("now",)), {"mode": "ANY", "allowedFunctionNames": ["now"]}),
        (ToolChoice("allowed", ("now",)), {"mode": "VALIDATED", "allowedFunctionNames": ["now"]}),
        (
            ToolChoice("allowed", ("now",), allowed_mode="required"),
            {"mode": "ANY", "allowedFunctionNames": ["now"]},
        ),
        (None, {"mode": "VALIDATED"}),
    ],
)
def test_a_choice_among_tools(choice, config) -> None:
    sent = body(ask(tools=(WEATHER, CLOCK), tool_choice=choice))
    assert sent["toolConfig"]["functionCallingConfig"] == config


def test_a_tools_name_goes_out_as_it_may_and_comes_back_as_it_was() -> None:
    tool = Tool(name="über.tool/" + "x" * 80, schema=SCHEMA)
    asked = ask(tools=(tool,))
    [declared] = body(asked)["tools"][0]["functionDeclarations"]
    assert len(declared["name"]) <= 64
    told = whole(
        chunk({"functionCall": {"name": declared["name"], "args": {"city": "Kyiv"}}}, **STOP), asked=asked
    )
    [made] = told.candidates[0].parts
    assert (made.name, json.loads(made.arguments)) == (tool.name, {"city": "Kyiv"})


@pytest.mark.parametrize(
    ("host", "kind", "field", "codes"),
    [
        ("gemini", "google_search", "googleSearch", []),
        ("vertexai", "googleSearch", "googleSearch", []),
        ("gemini", "web_search_20250305", "googleSearch", ["mapped"]),
        ("vertexai", "code_interpreter", "codeExecution", ["mapped"]),
        ("gemini", "enterprise_web_search", None, ["dropped"]),
        ("vertexai", "enterprise_web_search", "enterpriseWebSearch", []),
        ("vertexai", "file_search", None, ["dropped"]),
        ("gemini", "bash_20250124", None, ["dropped"]),
    ],
)
def test_a_tool_of_googles_own_is_where_it_is_and_what_is_not_is_said(host, kind, field, codes) -> None:
    asked = ask(tools=(Tool(name=kind, kind="provider", native={"type": kind}),))
    assert body(asked, host).get("tools") == ([{field: {}}] if field else None)
    assert [notice.code for notice in notices(asked, host)] == codes


def test_google_tools_beside_functions_where_they_may_be() -> None:
    tools = (WEATHER, Tool(name="google_search", kind="provider"))
    assert body(ask(tools=tools))["toolConfig"]["includeServerSideToolInvocations"] is True
    assert "includeServerSideToolInvocations" not in body(ask(tools=tools), "vertexai")["toolConfig"]
    older = ask(model=BUDGETED, tools=tools)
    assert [list(tool) for tool in body(older)["tools"]] == [["functionDeclarations"]]
    assert [notice.param for notice in notices(older)] == ["tools"]
    silent = ask(tools=tools, tool_choice=ToolChoice("none"))
    assert [list(tool) for tool in body(silent)["tools"]] == [["functionDeclarations"]]


def test_what_googles_own_tools_did_goes_back_where_it_came_from_and_nowhere_else() -> None:
    asked = {
        "toolCall": {"id": "t1", "toolType": "GOOGLE_SEARCH_WEB", "args": {"q": "x"}},
        "thoughtSignature": "dA==",
    }
    answered = {"toolResponse": {"id": "t1", "toolType": "GOOGLE_SEARCH_WEB", "response": {"r": 1}}}
    ran = {"executableCode": {"language": "PYTHON", "code": "1"}, "thought": True}
    printed = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}}
    strange = {"somethingNew": {"x": [1]}, "thoughtSignature": "bmV3"}
    told = whole(chunk(asked, answered, ran, printed, strange, "So.", **STOP))
    parts = told.candidates[0].parts
    assert [type(part) for part in parts] == [
        ServerToolCall, ServerToolResult, ServerToolCall, ServerToolResult, Native, Text,
    ]  # fmt: skip
    assert parts[3].call_id == parts[2].id
    history = ask(user("Go"), Message(Role.ASSISTANT, parts), user("And?"))
    assert body(history)["contents"][1]["parts"] == [asked, answered, ran, printed, strange, {"text": "So."}]
    elsewhere = body(history, "vertexai")["contents"][1]["parts"]
    assert elsewhere == [{"text": "So."}]


# --- answers -------------------------------------------------------------------------------------


def test_gotcha_5_a_call_without_arguments_has_an_empty_object() -> None:
    for made in ({"name": "now"}, {"name": "now", "args": {}}, {"name": "now", "args": None}):
        told = whole(chunk({"functionCall": made}, **STOP))
        [found] = told.candidates[0].parts
        assert found.arguments == "{}"
        assert told.candidates[0].finish.reason is FinishReason.TOOL_CALLS


def test_calls_without_ids_get_some_that_never_go_back() -> None:
    made = [{"functionCall": {"name": "now"}}, {"functionCall": {"name": "now", "args": {"a": 1}}}]
    one, other = (whole(chunk(*made, **STOP)) for _ in range(2))
    ids = [part.id for part in one.candidates[0].parts]
    assert len({*ids}) == 2
    assert ids == [part.id for part in other.candidates[0].parts], "the same whenever the same answer is read"
    streamed = folded(chunk(made[0]), chunk(made[1], **STOP))
    assert ids == [part.id for part in streamed.candidates[0].parts]
    answers = tuple(ToolResult(id, (Text("noon"),)) for id in ids)
    back = body(
        ask(user("Go"), Message(Role.ASSISTANT, one.candidates[0].parts), Message(Role.TOOL, answers))
    )
    assert '"id"' not in json.dumps(back)


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("STOP", FinishReason.STOP), ("MAX_TOKENS", FinishReason.LENGTH), ("CONTINUATION", FinishReason.LENGTH),
        *((word, FinishReason.CONTENT_FILTER) for word in (
            "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "MODEL_ARMOR", "ESCALATION", "PUP_LIMITED_DISABLED")),
        ("MALFORMED_FUNCTION_CALL", FinishReason.ERROR), ("SOMETHING_NEW", FinishReason.OTHER),
        (1, FinishReason.STOP), (2, FinishReason.LENGTH), (77, FinishReason.OTHER),
    ],
)  # fmt: skip
def test_how_an_answer_ended(native, reason) -> None:
    finish = whole(chunk("Hi", finishReason=native, finishMessage="so")).candidates[0].finish
    assert (finish.reason, finish.explanation) == (reason, "so")
    assert finish.native == {1: "STOP", 2: "MAX_TOKENS"}.get(native, str(native))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("native", "again"),
    [
        ("MALFORMED_FUNCTION_CALL", True),
        ("MALFORMED_RESPONSE", True),
        ("UNEXPECTED_TOOL_CALL", False),
        ("NO_IMAGE", False),
    ],
)
def test_an_attempt_that_came_to_nothing_is_no_answer(native, again, stream) -> None:
    with pytest.raises(ProviderError) as raised:
        (folded if stream else whole)(
            chunk(finishReason=native, finishMessage="Malformed function call: now(")
        )
    assert (raised.value.kind, raised.value.code, raised.value.retryable) == (
        Kind.UPSTREAM,
        native.lower(),
        again,
    )
    assert "now(" in raised.value.message


def test_several_candidates_are_told_apart() -> None:
    def of(*pieces: tuple[int, str], **more: Any) -> dict[str, Any]:
        told = [{"content": {"parts": [{"text": text}]}, "index": index, **more} for index, text in pieces]
        return {"candidates": told, "usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 3}}

    told = folded(of((0, "a"), (1, "x")), of((1, "y")), of((0, "b")), of((0, "c"), (1, "z"), **STOP))
    assert ["".join(part.text for part in one.parts) for one in told.candidates] == ["abc", "xyz"]


def test_sound_that_comes_in_pieces_is_one_sound() -> None:
    def piece(raw: bytes) -> dict[str, Any]:
        return {"inlineData": {"mimeType": "audio/L16;rate=24000", "data": base64.b64encode(raw).decode()}}

    told = folded(chunk(piece(b"ab")), chunk(piece(b"cdef")), chunk(piece(b"g"), **STOP))
    [sound] = told.candidates[0].parts
    assert (sound.kind, base64.b64decode(sound.source.base64)) == ("audio", b"abcdefg")


def test_what_more_there_is_to_say_can_be_asked_for() -> None:
    told = whole(chunk("One", finishReason="CONTINUATION", continuationToken="dG9rZW4="))
    text, more = told.candidates[0].parts
    assert only_text(Message(Role.ASSISTANT, (text,))) == "One"
    assert more.data == {"continuationToken": "dG9rZW4="}
    sent = body(ask(user("Count"), extras={"continuation_token": "dG9rZW4="}))
    assert sent["continuationToken"] == "dG9rZW4="


# --- what goes in --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("media", "part"),
    [
        (Media(kind="image", source=Bytes(PIXEL)), {"inlineData": {"mimeType": "image/png", "data": PIXEL}}),
        (Media(kind="image", source=Url(f"data:image/webp;base64,{PIXEL}")),
         {"inlineData": {"mimeType": "image/webp", "data": PIXEL}}),
        (Media(kind="audio", source=Bytes("AAAA"), mime="audio/mp3"),
         {"inlineData": {"mimeType": "audio/mpeg", "data": "AAAA"}}),
        (Media(kind="document", source=Bytes("AAAA"), filename="a.csv"),
         {"inlineData": {"mimeType": "text/csv", "data": "AAAA"}}),
        (Media(kind="video", source=Url("https://example.com/a.mov?x=1"), options={"videoMetadata": {"fps": 1}}),
         {"fileData": {"mimeType": "video/quicktime", "fileUri": "https://example.com/a.mov?x=1"},
          "videoMetadata": {"fps": 1}}),
        (Media(kind="image", source=Bytes(PIXEL), detail="low"),
         {"inlineData": {"mimeType": "image/png", "data": PIXEL},
          "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"}}),
    ],
)  # fmt: skip
def test_pictures_sounds_films_and_documents_go_in(media, part) -> None:
    assert body(ask(user(media)))["contents"] == [{"role": "user", "parts": [part]}]


def test_a_tools_picture_stands_in_its_result_or_behind_it() -> None:
    picture = Media(kind="image", source=Bytes(PIXEL), mime="image/png")
    asked = ask(
        user("Go"), assistant(call(1)), Message(Role.TOOL, (ToolResult("call_1", (Text("See"), picture)),))
    )
    held = {"inlineData": {"mimeType": "image/png", "data": PIXEL}}
    [result] = body(asked)["contents"][2]["parts"]
    assert result["functionResponse"]["parts"] == [held]
    older = msgspec.structs.replace(asked, model=OLD)
    assert body(older)["contents"][3]["parts"] == [{"text": "Shown by the tool now:"}, held]


@BOTH
def test_a_cached_content_has_instructions_and_tools_of_its_own(host) -> None:
    system = Message(Role.SYSTEM, (Text("Be brief."),))
    asked = ask(system, user("Hi"), tools=(WEATHER,), extras={"cached_content": "cachedContents/c1"})
    sent = body(asked, host)
    assert sent.keys() & {"systemInstruction", "tools", "toolConfig"} == set()
    assert sent["cachedContent"].endswith("cachedContents/c1")
    assert {notice.param for notice in notices(asked, host)} == {"systemInstruction", "tools", "toolConfig"}


def test_options_in_either_spelling_are_laid_over_ours() -> None:
    asked = ask(
        model=OLD,
        max_output_tokens=100,
        extras={
            "generation_config": {"response_modalities": ["TEXT"], "maxOutputTokens": 50},
            "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
        },
    )
    sent = body(asked)
    assert sent["generationConfig"] == {"maxOutputTokens": 50, "responseModalities": ["TEXT"]}
    assert sent["safetySettings"][0]["threshold"] == "OFF"


def test_a_key_is_in_a_header_and_never_in_an_address() -> None:
    made = request(ask())
    assert made.auth == Header("x-goog-api-key")
    assert made.url == (
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-3.8-flash:streamGenerateContent?alt=sse"
    )
    assert request(ask(model="models/x y")).url.endswith("/models/x%20y:streamGenerateContent?alt=sse")


def test_probabilities_are_told_where_they_are() -> None:
    found = whole(
        chunk(
            "Hi",
            logprobsResult={
                "chosenCandidates": [{"token": "Hi", "logProbability": -0.1}],
                "topCandidates": [{"candidates": [{"token": "Ho", "logProbability": -2.0}]}],
            },
            **STOP,
        ),
        host="vertexai",
    )
    assert found.candidates[0].logprobs == (
        TokenLogprob("Hi", -0.1, (72, 105), (TokenLogprob("Ho", -2.0, (72, 111)),)),
    )
