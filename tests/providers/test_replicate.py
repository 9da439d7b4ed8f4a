"""Predictions: what each model is asked by its own schema, and every way in which they end."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from integration_api.core.credential import Credential
from integration_api.core.errors import CallerLeft, Failure, Kind, ProviderError, StreamCut
from integration_api.core.exchange import Frame, HttpRequest, HttpResponse
from integration_api.core.llm import (
    Bytes,
    Cache,
    CacheHint,
    CachePoint,
    Finish,
    FinishReason,
    LlmEvent,
    LlmRequest,
    LlmResponse,
    Media,
    Message,
    Output,
    PlainText,
    Reasoning,
    ReasoningRequest,
    Role,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Url,
)
from integration_api.core.llm_fold import LlmFold
from integration_api.providers import find
from integration_api.providers.replicate import client, llm
from integration_api.providers.replicate.reader import unix

BASE = "https://api.replicate.com/v1"
ACCOUNT = Credential("replicate", held=frozenset({"key"}))
HELLO = (Message(Role.USER, (Text("hello"),)),)
NONE: dict[str, Any] = {}
PLAIN = {"prompt": {"type": "string"}}


def model(inputs: dict[str, Any] = PLAIN, schemas: dict[str, Any] = NONE, **more) -> bytes:
    version = {
        "id": "v1",
        "openapi_schema": {"components": {"schemas": {"Input": {"properties": inputs}, **schemas}}},
    }
    return json.dumps({"owner": "meta", "name": "any", "latest_version": version, **more}).encode()


def prediction(status: str = "succeeded", output: Any = ("Hi", " there"), **more) -> bytes:
    made = {
        "id": "p1",
        "status": status,
        "output": output,
        "created_at": "2026-11-23T00:00:00Z",
        "urls": {"stream": "https://stream.replicate.com/v1/files/p1"},
    }
    return json.dumps({**made, **more}).encode()


def drive(exchange, *replies: bytes | Exception) -> tuple[list[HttpRequest], Any]:
    """Every request of an exchange, and its answer or None where it asks for more than there is."""
    asked = [next(exchange)]
    try:
        for reply in replies:
            if isinstance(reply, Exception):
                asked.append(exchange.throw(reply))
            else:
                asked.append(exchange.send(HttpResponse(200, {}, reply)))
    except StopIteration as done:
        return asked, done.value
    return asked, None


def request(**ask) -> LlmRequest:
    return LlmRequest(**{"model": "meta/any", "messages": HELLO, **ask})


def created(inputs: dict[str, Any] = PLAIN, schemas: dict[str, Any] = NONE, **ask) -> dict[str, Any]:
    """The input that a request becomes, by a model's schema."""
    asked, _ = drive(llm.complete(request(**ask), ACCOUNT), model(inputs, schemas))
    return json.loads(asked[1].body)["input"]


def completed(*replies: bytes | Exception, **ask) -> LlmResponse:
    _, answer = drive(llm.complete(request(**ask), ACCOUNT), model(), *replies)
    assert answer is not None, "it asked for more"
    return answer


def refused(*replies: bytes | Exception, **ask) -> Failure:
    with pytest.raises(Failure) as failed:
        drive(llm.complete(request(**ask), ACCOUNT), *replies)
    return failed.value


# --- where it is asked -----------------------------------------------------------------------

VERSION = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("name", "asked", "replies", "path", "version"),
    [
        ("meta/any", ["/models/meta/any"], [model()], "/models/meta/any/predictions", None),
        ("meta/any", ["/models/meta/any"], [model(is_official=False)], "/predictions", "v1"),
        (
            f"meta/any:{VERSION}",
            [f"/models/meta/any/versions/{VERSION}"],
            [b"{}"],
            "/predictions",
            VERSION,
        ),
        (VERSION, [], [], "/predictions", VERSION),
        (
            "deployments/me/mine",
            ["/deployments/me/mine", "/models/meta/any/versions/v7"],
            [b'{"current_release":{"model":"meta/any","version":"v7"}}', b"{}"],
            "/deployments/me/mine/predictions",
            None,
        ),
    ],
)
def test_a_model_is_run_where_its_name_says(name, asked, replies, path, version) -> None:
    requests, _ = drive(llm.complete(request(model=name), ACCOUNT), *replies)
    assert [one.url for one in requests] == [BASE + one for one in (*asked, path)]
    assert json.loads(requests[-1].body).get("version") == version
    assert requests[-1].method == "POST"
    assert not requests[-1].idempotent, "what is paid for is sent once"


@pytest.mark.parametrize(
    "name",
    [
        "llama",
        "a/b/c",
        "../x/y",
        "../x",
        "x/..",
        "x/.",
        "a/b:latest",
        "a b/c",
        f"deployments/a/b:{VERSION}",
        "",
    ],
)
def test_what_is_no_models_name_is_refused_before_anybody_is_asked(name: str) -> None:
    with pytest.raises(Failure) as failed:
        next(llm.complete(request(model=name), ACCOUNT))
    assert (failed.value.kind, failed.value.param) == (Kind.INVALID_REQUEST, "model")


def test_a_schema_is_asked_for_once_and_again_when_the_model_refuses_an_input() -> None:
    account = Credential("replicate", id=7, version=1)
    ask = request(model="meta/remembered")
    first, _ = drive(llm.complete(ask, account), model(), prediction())
    assert len(first) == 2
    again, _ = drive(llm.complete(ask, account))
    assert again[0].url.endswith("/predictions")
    refusal = client.fault(HttpResponse(422, {}, b'{"detail":"- Additional property x is not allowed"}'))
    with pytest.raises(ProviderError):
        drive(llm.complete(ask, account), refusal)
    anew, _ = drive(llm.complete(ask, account))
    assert anew[0].url.endswith("/models/meta/remembered")


def test_a_private_models_schema_is_remembered_for_its_account_only() -> None:
    mine, other = Credential("replicate", id=8, version=1), Credential("replicate", id=9, version=1)
    private, public = request(model="me/private"), request(model="meta/public")
    drive(llm.complete(private, mine), model(visibility="private"), prediction())
    drive(llm.complete(public, mine), model(visibility="public"), prediction())
    assert next(llm.complete(private, other)).method == "GET"
    assert next(llm.complete(private, mine)).method == "POST"
    assert next(llm.complete(public, other)).method == "POST"
    llm.SCHEMAS.forget("me/private", mine)
    llm.SCHEMAS.forget("meta/public", mine)


def test_the_same_request_is_the_same_bytes() -> None:
    bodies = {
        drive(llm.complete(request(extras={"b": 1, "a": 2}), ACCOUNT), model())[0][1].body for _ in range(2)
    }
    assert len(bodies) == 1


# --- what it is asked ------------------------------------------------------------------------

TALK = (
    Message(Role.SYSTEM, (Text("Be terse."),)),
    *HELLO,
    Message(Role.ASSISTANT, (Reasoning("hm"), Text("Hi."))),
    Message(Role.USER, (Text("And you?"),)),
)


def test_a_model_that_takes_messages_gets_messages() -> None:
    told = [
        {"role": "system", "content": "Be terse."},
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "And you?"},
    ]
    both = {"messages": {"type": "array"}, "prompt": {"type": "string", "default": ""}, "system_prompt": {}}
    assert created(both, messages=TALK) == {"messages": told}
    text = created({"messages": {"type": "string"}}, messages=TALK)["messages"]
    assert json.loads(text) == told


def test_one_question_is_just_a_prompt() -> None:
    taken = {**PLAIN, "system_prompt": {"type": "string"}}
    assert created(taken, messages=TALK[:2]) == {"system_prompt": "Be terse.", "prompt": "hello"}
    assert created(messages=TALK[:2]) == {"prompt": "Be terse.\n\nhello"}


def test_a_conversation_is_written_down_for_a_model_that_takes_a_prompt() -> None:
    assert created({**PLAIN, "system_prompt": {}}, messages=TALK) == {
        "system_prompt": "Be terse.",
        "prompt": "User: hello\nAssistant: Hi.\nUser: And you?\nAssistant:",
    }


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        (
            "meta/meta-llama-3-8b-instruct",
            (
                "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe terse.<|eot_id|>"
                "<|start_header_id|>user<|end_header_id|>\n\nhello<|eot_id|>"
                "<|start_header_id|>assistant<|end_header_id|>\n\nHi.<|eot_id|>"
                "<|start_header_id|>user<|end_header_id|>\n\nAnd you?<|eot_id|>"
                "<|start_header_id|>assistant<|end_header_id|>\n\n"
            ),
        ),
        (
            "lucataco/qwen1.5-72b",
            (
                "<|im_start|>system\nBe terse.<|im_end|>\n<|im_start|>user\nhello<|im_end|>\n"
                "<|im_start|>assistant\nHi.<|im_end|>\n<|im_start|>user\nAnd you?<|im_end|>\n<|im_start|>assistant\n"
            ),
        ),
        (
            "mistralai/mixtral-8x7b",
            "<s>[INST] Be terse. [/INST][INST] hello [/INST]Hi.</s>[INST] And you? [/INST]",
        ),
    ],
)
def test_a_family_that_is_known_gets_its_own_marks_where_the_template_can_be_replaced(name, prompt) -> None:
    taken = {**PLAIN, "system_prompt": {}, "prompt_template": {}}
    assert created(taken, model=name, messages=TALK) == {"prompt": prompt, "prompt_template": "{prompt}"}
    assert created(taken, model=name, messages=TALK[:2]) == {"prompt": "hello", "system_prompt": "Be terse."}


@pytest.mark.parametrize(
    "place", ["max_completion_tokens", "max_tokens", "max_output_tokens", "max_new_tokens", "max_length"]
)
def test_the_longest_answer_is_told_in_the_models_own_word(place: str) -> None:
    assert created({**PLAIN, place: {"type": "integer"}}, max_output_tokens=5) == {
        "prompt": "hello",
        place: 5,
    }


def test_numbers_are_brought_within_what_the_schema_allows_and_the_caller_is_told() -> None:
    taken = {
        **PLAIN,
        "temperature": {"type": "number", "minimum": 0.01, "maximum": 5},
        "top_k": {"type": "integer", "maximum": 50},
        "max_tokens": {"type": "integer", "minimum": 1024},
    }
    ask = {"sampling": Sampling(temperature=0.0, top_k=100), "max_output_tokens": 10}
    sent = created(taken, **ask)
    assert (sent["temperature"], sent["top_k"], sent["max_tokens"]) == (0.01, 50, 1024)
    _, answer = drive(llm.complete(request(**ask), ACCOUNT), model(taken), prediction())
    assert {(one.code, one.param) for one in answer.warnings} == {
        ("clamped", "temperature"),
        ("clamped", "top_k"),
        ("clamped", "max_completion_tokens"),
    }
    assert refused(model(taken), **ask, strict=True).param == "max_completion_tokens"


def test_what_changes_nothing_is_left_out_without_a_word() -> None:
    neutral = Sampling(temperature=1, top_p=1, presence_penalty=0, frequency_penalty=0, n=1, logprobs=False)
    _, answer = drive(
        llm.complete(request(sampling=neutral, strict=True, store=False), ACCOUNT), model(), prediction()
    )
    assert answer.warnings == ()


def test_caches_and_citations_cannot_be_had_and_the_caller_is_told() -> None:
    paper = Media(kind="document", source=PlainText("Owls."), citations_enabled=True)
    marked = (
        Message(Role.USER, (Text("A long text", cache=CacheHint("1h")), paper, CachePoint(), Text("?"))),
    )
    cache = Cache(key="k", retention="24h", mode="explicit", hint=CacheHint())
    ask = request(messages=marked, cache=cache)
    _, answer = drive(llm.complete(ask, ACCOUNT), model(), prediction())
    assert {one.param for one in answer.warnings} == {
        "cache_control", "citations", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
    }  # fmt: skip


def test_stop_sequences_are_one_text_and_a_comma_within_cannot_be_said() -> None:
    stops = Sampling(stop=("END", "a,b", "STOP"))
    assert (
        created({**PLAIN, "stop_sequences": {"type": "string"}}, sampling=stops)["stop_sequences"]
        == "END,STOP"
    )
    assert created({**PLAIN, "stop": {"type": "array"}}, sampling=stops)["stop"] == ["END", "a,b", "STOP"]
    assert "stop" not in created(sampling=stops)


def test_pictures_go_where_the_model_takes_them() -> None:
    shown = (
        Message(
            Role.USER,
            (
                Text("What?"),
                Media(kind="image", source=Url("https://example.com/a.png")),
                Media(kind="image", source=Bytes("aGk="), mime="image/jpeg"),
            ),
        ),
    )
    urls = ["https://example.com/a.png", "data:image/jpeg;base64,aGk="]
    assert created({**PLAIN, "image_input": {"type": "array"}}, messages=shown)["image_input"] == urls
    one = (Message(Role.USER, shown[0].parts[:2]),)
    assert created({**PLAIN, "image": {"type": "string"}}, messages=one)["image"] == urls[0]
    assert refused(model({**PLAIN, "image": {"type": "string"}}), messages=shown).kind is Kind.UNSUPPORTED
    assert refused(model(), messages=one).code == "unsupported_parameter"


def test_how_hard_to_think_is_told_in_whatever_the_model_has_for_it() -> None:
    efforts = {"effort": {"type": "string", "enum": ["low", "high"]}}
    referred = {
        **PLAIN,
        "reasoning_effort": {"allOf": [{"$ref": "#/components/schemas/effort"}], "default": "low"},
    }
    hard = ReasoningRequest(effort="high")
    assert created(referred, efforts, reasoning=hard)["reasoning_effort"] == "high"
    assert created(referred, efforts, reasoning=ReasoningRequest(effort="max"))["reasoning_effort"] == "high"
    assert created({**PLAIN, "effort": {"type": "string"}}, reasoning=hard)["effort"] == "high"
    switch = {
        **PLAIN,
        "extended_thinking": {"type": "boolean"},
        "thinking_budget_tokens": {"type": "integer", "minimum": 1024},
    }
    thinking = created(switch, reasoning=ReasoningRequest(budget_tokens=100))
    assert (thinking["extended_thinking"], thinking["thinking_budget_tokens"]) == (True, 1024)
    assert created(switch, reasoning=ReasoningRequest(mode="off"))["extended_thinking"] is False


def test_what_cannot_be_left_out_quietly_is_refused() -> None:
    for ask in (
        {"tools": (Tool(name="look"),)},
        {"sampling": Sampling(n=2)},
        {"output": Output(kind="json_object")},
        {"output": Output(modalities=("text", "audio"))},
    ):
        failure = refused(model(), **ask)
        assert (failure.kind, failure.code) == (Kind.UNSUPPORTED, "unsupported_parameter")


def test_a_schema_is_told_to_a_model_that_takes_one() -> None:
    output = Output(kind="json_schema", name="city", schema={"type": "object"})
    assert created({**PLAIN, "json_schema": {"type": "object"}}, output=output)["json_schema"] == {
        "type": "object"
    }
    as_text = created({**PLAIN, "json_schema": {"type": "string"}}, output=output)["json_schema"]
    assert json.loads(as_text) == {"type": "object"}
    wrapped = created({**PLAIN, "response_format": {"type": "object"}}, output=output)["response_format"]
    assert wrapped["json_schema"]["name"] == "city"


def test_a_history_with_tools_is_told_in_words() -> None:
    history = (
        *HELLO,
        Message(Role.ASSISTANT, (ToolCall("c1", "look", '{"x":1}'),)),
        Message(Role.TOOL, (ToolResult("c1", (Text("blue"),), "look"),)),
    )
    prompt = created(messages=history)["prompt"]
    assert '[look was called with {"x":1}]' in prompt
    assert "[look answered: blue]" in prompt


def test_options_of_the_provider_and_inputs_of_the_model_go_through() -> None:
    ask = {
        "extras": {"seed": 7, "webhook": "https://example.com/hook"},
        "unknown": {"prompt_strength": 1, "top_a": 2},
    }
    taken = {**PLAIN, "prompt_strength": {"type": "number"}}
    asked, _ = drive(llm.complete(request(**ask), ACCOUNT), model(taken))
    body = json.loads(asked[1].body)
    assert body == {
        "input": {"prompt": "hello", "prompt_strength": 1, "seed": 7},
        "webhook": "https://example.com/hook",
    }


# --- whole answers ---------------------------------------------------------------------------


def test_an_answer_within_the_hold_takes_two_requests() -> None:
    asked, answer = drive(
        llm.complete(request(), ACCOUNT),
        model(),
        prediction(metrics={"input_token_count": 9, "output_token_count": 2, "predict_time": 0.3}),
    )
    assert ("prefer", "wait=5") in asked[1].headers
    assert answer.candidates[0].parts == (Text("Hi there"),)
    assert answer.candidates[0].finish == Finish(FinishReason.STOP, "succeeded")
    assert (answer.id, answer.model, answer.created) == ("p1", "meta/any", 1795392000)
    assert (answer.usage.input_total, answer.usage.output_total, answer.usage.estimated) == (9, 2, False)
    assert answer.usage.native["predict_time"] == 0.3


def test_gotcha_23_a_created_prediction_may_have_failed_already() -> None:
    failure = refused(model(), prediction("failed", None, error="CUDA out of memory"))
    assert isinstance(failure, ProviderError)
    assert (failure.kind, failure.code, failure.retryable) == (Kind.UPSTREAM, "prediction_failed", False)
    assert failure.refusal.request_id == "p1"


@pytest.mark.parametrize(
    ("words", "kind", "retryable"),
    [
        ("E005: the input was flagged as sensitive", Kind.CONTENT_FILTER, False),
        ("Prediction interrupted; please retry (code: PA)", Kind.UPSTREAM, True),
        ({"detail": "It broke"}, Kind.UPSTREAM, False),
        (None, Kind.UPSTREAM, False),
    ],
)
def test_a_failure_says_whose_fault_it_is(words: Any, kind: Kind, retryable: bool) -> None:
    failure = refused(model(), prediction("failed", None, error=words))
    assert (failure.kind, failure.retryable) == (kind, retryable)
    assert failure.message


def test_output_that_comes_before_the_prediction_is_closed_is_the_answer() -> None:
    early = prediction("processing")
    closed = prediction(metrics={"input_token_count": 9, "output_token_count": 2})
    assert completed(early, closed).usage.output_total == 2
    for unknown in (early, ProviderError(Kind.UPSTREAM, "broke")):
        answer = completed(early, unknown)
        assert answer.candidates[0].parts == (Text("Hi there"),)
        assert (answer.usage.output_total, answer.usage.estimated) == (2, True)
        assert answer.candidates[0].finish.reason is FinishReason.STOP


def test_a_longer_one_is_asked_about_with_growing_pauses() -> None:
    waiting = prediction("starting", None)
    asked, answer = drive(llm.complete(request(), ACCOUNT), model(), *[waiting] * 7, prediction())
    polls = asked[2:]
    assert {(one.method, one.url) for one in polls} == {("GET", f"{BASE}/predictions/p1")}
    assert [one.delay for one in polls] == [0.5, 0.5, 1.0, 1.0, 2.0, 2.0, 2.0]
    assert answer.candidates[0].parts == (Text("Hi there"),)


def test_one_that_never_ends_is_cancelled_and_told_as_a_timeout() -> None:
    exchange = llm.complete(request(), ACCOUNT)
    waiting = prediction("starting", None)
    asked, _ = drive(exchange, model(), waiting, *[waiting] * llm.MOST_POLLS)
    assert (asked[-1].method, asked[-1].url) == ("POST", f"{BASE}/predictions/p1/cancel")
    with pytest.raises(ProviderError) as late:
        exchange.send(HttpResponse(200, {}, b"{}"))
    assert (late.value.kind, late.value.code) == (Kind.TIMEOUT, "upstream_timeout")


def test_the_answer_is_cut_where_its_budget_ends() -> None:
    counted = prediction(metrics={"output_token_count": 2})
    assert completed(counted, max_output_tokens=2).candidates[0].finish.reason is FinishReason.LENGTH
    assert completed(counted, max_output_tokens=3).candidates[0].finish.reason is FinishReason.STOP


def test_one_that_somebody_cancelled_keeps_what_it_said() -> None:
    answer = completed(prediction("canceled"))
    assert answer.candidates[0].parts == (Text("Hi there"),)
    assert answer.candidates[0].finish.reason is FinishReason.CANCELLED


@pytest.mark.parametrize(
    ("output", "text"), [("Hi", "Hi"), (["a", "b"], "ab"), (None, ""), ([[0.5]], "[[0.5]]"), ([], "")]
)
def test_output_is_text_however_the_model_puts_it_out(output: Any, text: str) -> None:
    parts = completed(prediction(output=output)).candidates[0].parts
    assert "".join(part.text for part in parts) == text


def test_thoughts_in_tags_are_reasoning() -> None:
    parts = completed(prediction(output=["<thi", "nk>hm", "</think>\n\n", "Blue."])).candidates[0].parts
    assert parts == (Reasoning("hm"), Text("Blue."))


# --- streams ---------------------------------------------------------------------------------


class Followed:
    """A stream driven by hand, as the transport drives it."""

    def __init__(self, **ask) -> None:
        self.stream = llm.stream(request(**ask), ACCOUNT)
        self.course = self.stream.course
        assert self.course is not None
        self.request = next(self.course)
        self.events: list[LlmEvent] = []
        self.ended = False

    def reply(self, body: bytes | Exception) -> "Followed":
        try:
            if isinstance(body, Exception):
                self.request = self.course.throw(body)
            else:
                self.request = self.course.send(HttpResponse(200, {}, body))
        except StopIteration as done:
            self.events += done.value
            self.ended = True
        return self

    def hear(self, *frames: tuple[str, str]) -> "Followed":
        for name, data in frames:
            self.events += self.stream.reader.feed(Frame(name, data.encode()))
        return self

    def answer(self) -> LlmResponse:
        assert self.ended
        fold = LlmFold()
        for event in self.events:
            fold.feed(event)
        return fold.close()


def begun(**ask) -> Followed:
    return Followed(**ask).reply(model()).reply(prediction("starting", None))


def test_a_stream_is_asked_for_listened_to_and_counted() -> None:
    followed = Followed().reply(model())
    assert json.loads(followed.request.body) == {"stream": True, "input": {"prompt": "hello"}}
    followed.reply(prediction("starting", None))
    listening = followed.request
    assert (listening.url, listening.streamed) == ("https://stream.replicate.com/v1/files/p1", True)
    assert ("accept", "text/event-stream") in listening.headers
    assert listening.auth is not None
    followed.hear(
        ("logs", "loading"), ("output", "Hi"), ("output", " there"), ("output", "\n!"), ("done", "{}")
    )
    followed.reply(b"")
    assert (followed.request.url, followed.request.delay) == (f"{BASE}/predictions/p1", 0.0)
    followed.reply(
        prediction(output=["Hi", " there", "\n!"], metrics={"input_token_count": 9, "output_token_count": 3})
    )
    answer = followed.answer()
    assert answer.candidates[0].parts == (Text("Hi there\n!"),)
    assert (answer.usage.input_total, answer.usage.output_total) == (9, 3)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 4096])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_gotcha_23_exactly_one_space_is_stripped_and_every_line_kept(size: int, end: str) -> None:
    pieces = ["Hello", " world", "  twice", "", "\n", "\n!", " a\n b ", ":", "{}"]
    told = ["retry: 1000", ": hi", ""]
    for number, piece in enumerate(pieces):
        lines = [
            f"data: {line}" if number % 2 else f"data:{' ' if line[:1] == ' ' else ''}{line}"
            for line in piece.split("\n")
        ]
        told += ["event: output", f"id: {number}:0", *lines, ""]
    told += ["event: done", "id: 99:0", "data: {}", "", ""]
    body = end.join(told).encode()
    followed = begun()
    for start in range(0, len(body), size):
        for frame in followed.stream.framing.feed(body[start : start + size]):
            followed.events += followed.stream.reader.feed(frame)
    followed.events += followed.stream.reader.close()
    followed.reply(b"").reply(prediction(output=pieces))
    assert followed.answer().candidates[0].parts == (Text("".join(pieces)),)


@pytest.mark.parametrize("data", ["E005: flagged as sensitive", '{"detail":"E005: flagged as sensitive"}'])
def test_an_error_in_the_stream_is_the_predictions_failure(data: str) -> None:
    followed = begun().hear(("output", "Hi"))
    with pytest.raises(ProviderError) as failed:
        followed.hear(("error", data))
    assert failed.value.kind is Kind.CONTENT_FILTER
    assert failed.value.message == "E005: flagged as sensitive"
    with pytest.raises(ProviderError) as told:
        followed.course.throw(failed.value)
    assert told.value is failed.value, "nobody asks about it again"


def test_done_may_mean_that_it_failed() -> None:
    followed = begun().hear(("output", "Hi"), ("done", '{"reason":"error"}')).reply(b"")
    with pytest.raises(ProviderError, match="It broke"):
        followed.reply(prediction("failed", ["Hi"], error="It broke"))


@pytest.mark.parametrize(
    "lost",
    [StreamCut("replicate"), ProviderError(Kind.NOT_FOUND, "expired"), ProviderError(Kind.TIMEOUT, "silent")],
)
def test_what_a_lost_stream_did_not_say_is_asked_for(lost: ProviderError) -> None:
    followed = begun().hear(("output", "Hi")).reply(lost)
    assert (followed.request.url, followed.request.delay) == (f"{BASE}/predictions/p1", 0.5)
    followed.reply(prediction("processing", ["Hi", " th"]))
    followed.reply(prediction(output=["Hi", " there"]))
    assert followed.answer().candidates[0].parts == (Text("Hi there"),)


def test_a_lost_stream_whose_output_is_another_stays_cut() -> None:
    followed = begun().hear(("output", "Ho")).reply(StreamCut("replicate"))
    with pytest.raises(StreamCut):
        followed.reply(prediction())


def test_a_prediction_without_a_stream_is_asked_about() -> None:
    followed = Followed().reply(model()).reply(prediction("starting", None, urls={}))
    assert (followed.request.method, followed.request.streamed) == ("GET", False)
    followed.reply(prediction())
    assert followed.answer().candidates[0].parts == (Text("Hi there"),)


def test_an_answer_that_cannot_be_counted_is_still_one() -> None:
    followed = begun().hear(("output", "Hi"), ("done", "{}")).reply(b"")
    for _ in range(llm.COUNT_POLLS):
        followed.reply(prediction("processing"))
    answer = followed.answer()
    assert (answer.usage.output_total, answer.usage.estimated) == (1, True)
    assert answer.candidates[0].finish.reason is FinishReason.STOP


@pytest.mark.parametrize(
    ("url", "base", "listens"),
    [
        ("https://stream.replicate.com/v1/files/p1", None, True),
        ("https://streaming-api.svc.us.c.replicate.net/v1/streams/p1", None, True),
        ("https://stream.replicate.com.example.com/v1/p1", None, False),
        ("https://evilreplicate.com/v1/p1", None, False),
        ("http://stream.replicate.com/v1/p1", None, False),
        ("https://stream.replicate.com:8443/v1/p1", None, False),
        ("https://me@stream.replicate.com/v1/p1", None, False),
        ("https://proxy.example.com/v1/streams/p1", "https://proxy.example.com", True),
        ("https://stream.replicate.com/v1/files/p1", "https://proxy.example.com", False),
        ("", None, False),
    ],
)
def test_the_key_goes_to_no_host_that_an_answer_merely_names(
    url: str, base: str | None, listens: bool
) -> None:
    account = Credential("replicate", {"base_url": base} if base else {})
    assert (client.listen(url, account) is not None) is listens


# --- a caller who leaves ---------------------------------------------------------------------

CANCEL = ("POST", f"{BASE}/predictions/p1/cancel")


def left(exchange) -> Sequence[tuple[str, str]]:
    """What is asked for a caller who has left."""
    try:
        request = exchange.throw(CallerLeft())
    except CallerLeft:
        return []
    with pytest.raises(CallerLeft):
        exchange.send(HttpResponse(200, {}, b"{}"))
    return [(request.method, request.url)]


def test_gotcha_23_a_prediction_that_nobody_waits_for_is_cancelled_once() -> None:
    exchange = llm.complete(request(), ACCOUNT)
    drive(exchange, model(), prediction("starting", None))
    assert left(exchange) == [CANCEL]
    assert left(begun().hear(("output", "Hi")).course) == [CANCEL]


def test_nothing_is_cancelled_that_has_not_begun_or_is_over() -> None:
    exchange = llm.complete(request(), ACCOUNT)
    next(exchange)
    assert left(exchange) == []
    over = begun().hear(("output", "Hi"), ("done", "{}")).reply(b"")
    assert left(over.course) == []


# --- refusals and everything else ------------------------------------------------------------


def test_a_refusal_names_the_input_at_fault() -> None:
    def fault(description: str, field: str = "input") -> ProviderError:
        body = {
            "detail": f"- {description}\n",
            "invalid_fields": [{"type": "x", "field": field, "description": description}],
        }
        return client.fault(HttpResponse(422, {}, json.dumps(body).encode()))

    assert fault("prompt is required").param == "prompt"
    unknown = fault("Additional property tools is not allowed", "")
    assert (unknown.kind, unknown.param) == (Kind.UNSUPPORTED, "tools")
    assert fault("Must be less than or equal to 5", "input.temperature").param == "temperature"


@pytest.mark.parametrize(
    ("headers", "seconds"), [({}, 30), ({"ratelimit-reset": "12"}, 30), ({"retry-after": "3"}, 3)]
)
def test_how_long_to_wait_is_read_out_of_the_words(headers: dict[str, str], seconds: float) -> None:
    body = b'{"detail":"Request was throttled. Your rate limit resets in ~30s.","status":429}'
    error = client.fault(HttpResponse(429, headers, body))
    assert (error.kind, error.retry_after) == (Kind.RATE_LIMITED, seconds)


def test_verification_and_models_are_free_questions() -> None:
    provider = find("replicate")
    assert next(provider.verify(ACCOUNT)).url == f"{BASE}/account"
    listed = {"models": [{"owner": "meta", "name": "any", "description": "It talks."}]}
    asked, found = drive(provider.models(ACCOUNT), json.dumps(listed).encode())
    assert asked[0].url == f"{BASE}/collections/language-models"
    assert [(one.id, one.title, one.kinds) for one in found] == [("meta/any", "It talks.", ("chat",))]


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        ("2024-02-12T16:45:41.730471035Z", 1707756341),
        ("2026-11-23T00:00:00Z", 1795392000),
        ("soon", 0),
        (None, 0),
    ],
)
def test_moments_are_read(moment: str | None, seconds: int) -> None:
    assert unix(moment) == seconds


if "REFERENCE_DIR" in os.environ:
    RECORDED = sorted((Path(os.environ["REFERENCE_DIR"]) / "traffic" / "replicate").glob("pred*/*.json"))

    @pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}/{path.stem}")
    def test_every_recorded_prediction_is_read_and_followed(path: Path) -> None:
        told = json.loads(path.read_bytes())["response"]["body"]
        exchange = llm.complete(request(), ACCOUNT)
        asked, answer = drive(exchange, model(), json.dumps(told).encode())
        if told["status"] in ("succeeded", "canceled"):
            assert answer is not None
            assert answer.id == told["id"]
        else:
            assert asked[-1].url == f"{BASE}/predictions/{told['id']}"
            held = told["status"] == "processing" and told.get("output") is not None
            assert asked[-1].delay == (0.0 if held else 0.5)

    def test_a_recorded_schema_is_what_a_request_is_written_by() -> None:
        path = RECORDED[0].parents[1] / "models" / "001.json"
        body = json.dumps(json.loads(path.read_bytes())["response"]["body"]).encode()
        ask = request(
            model="meta/llama-2-70b-chat",
            messages=TALK[:2],
            max_output_tokens=64,
            sampling=Sampling(temperature=0.0, stop=("END",), top_k=3),
        )
        asked, _ = drive(llm.complete(ask, ACCOUNT), body)
        assert json.loads(asked[1].body)["input"] == {
            "system_prompt": "Be terse.",
            "prompt": "hello",
            "max_new_tokens": 64,
            "temperature": 0.01,
            "top_k": 3,
            "stop_sequences": "END",
        }
