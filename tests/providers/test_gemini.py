"""What Gemini does in its own way, on both of its hosts: its gotchas, each by its number, and its refusals."""

import json
from typing import Any

import msgspec
import pytest

from integration_api.core.errors import Failure, Kind, Phase, ProviderError, StreamCut
from integration_api.core.llm import (
    Citation,
    FinishReason,
    JsonValue,
    Message,
    Native,
    Opaque,
    Origin,
    Reasoning,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
)
from tests.providers.gemini import (
    BOTH,
    BUDGETED,
    OLD,
    STOP,
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
from tests.providers.unified import CLOCK, assistant, user

SENTINEL = "skip_thought_signature_validator"


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


def test_counts_we_have_no_name_for_are_kept_by_geminis() -> None:
    told = {
        **COUNTS,
        "promptTokensDetails": [
            {"modality": "VIDEO", "tokenCount": 70},
            {"modality": "TEXT", "tokenCount": 30},
        ],
        "cacheTokensDetails": [{"modality": "VIDEO", "tokenCount": 60}],
    }
    assert whole(chunk("Hi", usage=told, **STOP)).usage.native == {
        "promptTokensDetails": {"VIDEO": 70},
        "cacheTokensDetails": {"VIDEO": 60},
    }


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
    told = chunk("Hel"), google_error(500, word)
    for stream in (sse(*told), json.dumps(told).encode()):
        with pytest.raises(ProviderError) as raised:
            heard(stream)
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
