"""What the providers of OpenAI's language do each in their own way; their sizes too, for that is the promise."""

import json
from pathlib import Path

import pytest

from integration_api import providers
from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import Frame, HttpResponse
from integration_api.core.llm import (
    LlmRequest,
    LlmResponse,
    Message,
    Opaque,
    Origin,
    Output,
    Reasoning,
    ReasoningDelta,
    ReasoningRequest,
    Role,
    Sampling,
    Text,
    TextDelta,
    ToolCall,
    ToolResult,
)
from integration_api.core.provider import Provider

FAMILY = ("groq", "xai", "deepseek", "openrouter", "together", "openai-compatible", "minimax")
SERVER = Credential("openai-compatible", {"base_url": "https://llm.example.com/v1"}, held=frozenset({"key"}))
HELLO = (Message(Role.USER, (Text("hello"),)),)


def found(name: str) -> Provider:
    provider = providers.find(name)
    assert provider is not None
    return provider


def account(name: str) -> Credential:
    return SERVER if name == "openai-compatible" else Credential(name)


def asked(name: str, **ask) -> dict:
    """The body that a request becomes."""
    request = LlmRequest(**{"model": "some-model", "messages": HELLO, **ask})
    return json.loads(next(found(name).llm.complete(request, account(name))).body)


def answered(name: str, body: dict | bytes, **ask) -> LlmResponse:
    exchange = found(name).llm.complete(
        LlmRequest(**{"model": "some-model", "messages": HELLO, **ask}), account(name)
    )
    next(exchange)
    with pytest.raises(StopIteration) as done:
        exchange.send(HttpResponse(200, {}, body if isinstance(body, bytes) else json.dumps(body).encode()))
    return done.value.value


def completion(message: dict, finish: str = "stop", usage: dict | None = None) -> dict:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {"id": "a1", "model": "some-model", "created": 7, "choices": [choice], "usage": usage}


@pytest.mark.parametrize("name", FAMILY)
def test_each_is_one_folder_of_sixty_lines_at_most(name: str) -> None:
    folder = Path(providers.__file__).parent / name.replace("-", "_")
    lines = sum(len(path.read_text().splitlines()) for path in folder.glob("*.py"))
    assert 0 < lines <= 60
    assert [path.name for path in folder.glob("*.py")] == ["__init__.py"]


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("groq", "https://api.groq.com/openai/v1/chat/completions"),
        ("xai", "https://api.x.ai/v1/chat/completions"),
        ("deepseek", "https://api.deepseek.com/v1/chat/completions"),
        ("openrouter", "https://openrouter.ai/api/v1/chat/completions"),
        ("together", "https://api.together.xyz/v1/chat/completions"),
        ("openai-compatible", "https://llm.example.com/v1/chat/completions"),
        ("minimax", "https://api.minimax.io/v1/chat/completions"),
    ],
)
def test_each_lives_where_its_vendor_says(name: str, url: str) -> None:
    request = next(found(name).llm.complete(LlmRequest(model="m", messages=HELLO), account(name)))
    assert request.url == url
    moved = Credential(name, {"base_url": "https://proxy.example.com/there"}, held=frozenset({"key"}))
    assert next(found(name).verify(moved)).url.startswith("https://proxy.example.com/there/v1/")
    assert next(found(name).models(moved)).url == "https://proxy.example.com/there/v1/models"


def test_openrouter_is_asked_about_the_key_for_its_list_is_public() -> None:
    assert (
        next(found("openrouter").verify(Credential("openrouter"))).url == "https://openrouter.ai/api/v1/key"
    )


# --- a server that only the credential knows -------------------------------------------------


@pytest.mark.parametrize("fields", [{}, {"base_url": ""}])
def test_a_server_without_an_address_is_refused_and_nobody_is_asked(fields: dict[str, str]) -> None:
    nowhere = Credential("openai-compatible", fields, held=frozenset({"key"}))
    provider = found("openai-compatible")
    for exchange in (
        provider.verify(nowhere),
        provider.models(nowhere),
        provider.llm.complete(LlmRequest(model="m", messages=HELLO), nowhere),
    ):
        with pytest.raises(Failure) as refused:
            next(exchange)
        assert refused.value.kind is Kind.INVALID_REQUEST
        assert refused.value.code == "base_url_required"
        assert "base_url" in refused.value.message


def test_a_server_may_stand_open() -> None:
    opened = Credential("openai-compatible", SERVER.fields)
    provider = found("openai-compatible")
    ask = LlmRequest(model="m", messages=HELLO)
    assert next(provider.llm.complete(ask, opened)).auth is None
    assert next(provider.verify(opened)).auth is None
    assert next(provider.llm.complete(ask, SERVER)).auth is not None


# --- what they are asked ---------------------------------------------------------------------


def test_groq_is_not_sent_what_it_answers_with_400() -> None:
    body = asked(
        "groq",
        sampling=Sampling(logprobs=True, top_logprobs=2, logit_bias={"5": 1}),
        messages=(Message(Role.USER, (Text("hello"),), name="ann"),),
    )
    assert not {"logprobs", "top_logprobs", "logit_bias"} & body.keys()
    assert "name" not in body["messages"][0]


def test_groq_has_words_of_its_own_for_how_hard_qwen_thinks() -> None:
    hard = ReasoningRequest(effort="high")
    assert asked("groq", model="qwen/qwen3-32b", reasoning=hard)["reasoning_effort"] == "default"
    off = ReasoningRequest(mode="off")
    assert asked("groq", model="qwen/qwen3-32b", reasoning=off)["reasoning_effort"] == "none"
    assert asked("groq", model="openai/gpt-oss-120b", reasoning=hard)["reasoning_effort"] == "high"


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("grok-4", set()),
        ("grok-3-mini", {"reasoning_effort"}),
        ("grok-4-fast-non-reasoning", {"stop", "presence_penalty"}),
        ("grok-9", {"reasoning_effort", "stop", "presence_penalty"}),
    ],
)
def test_grok_models_are_spared_what_they_refuse(model: str, sent: set[str]) -> None:
    body = asked(
        "xai",
        model=model,
        sampling=Sampling(stop=("END",), presence_penalty=0.5),
        reasoning=ReasoningRequest(effort="low"),
    )
    assert {"reasoning_effort", "stop", "presence_penalty"} & body.keys() == sent


def thinking_history(provider: str) -> tuple[Message, ...]:
    signed = Opaque("c2ln", "anthropic-claude-v1", Origin(provider))
    return (
        *HELLO,
        Message(Role.ASSISTANT, (Reasoning("I should look."), ToolCall("call_1", "look", "{}"))),
        Message(Role.TOOL, (ToolResult("call_1", (Text("blue"),)),)),
        Message(Role.ASSISTANT, (Reasoning("So it is.", signature=signed), Text("It is blue."))),
        *HELLO,
    )


def test_deepseek_gets_its_thoughts_back_with_the_calls_they_led_to_and_only_there() -> None:
    turns = asked("deepseek", messages=thinking_history("deepseek"))["messages"]
    assert turns[1]["reasoning_content"] == "I should look."
    assert "reasoning_content" not in turns[3]
    foreign = (Message(Role.ASSISTANT, (ToolCall("call_1", "look", "{}"),)),)
    assert asked("deepseek", messages=(*HELLO, *foreign))["messages"][1]["reasoning_content"] == ""


def test_deepseek_is_told_whether_and_how_hard_to_think() -> None:
    off = asked("deepseek", reasoning=ReasoningRequest(mode="off"))
    assert off["thinking"] == {"type": "disabled"}
    assert "reasoning_effort" not in off
    assert asked("deepseek", reasoning=ReasoningRequest(effort="max"))["reasoning_effort"] == "max"
    assert not {"thinking", "reasoning_effort"} & asked("deepseek").keys()


def test_deepseek_is_told_a_schema_in_words_and_the_caller_of_it() -> None:
    output = Output(kind="json_schema", name="city", schema={"type": "object", "title": "City"})
    body = asked("deepseek", output=output)
    assert body["response_format"] == {"type": "json_object"}
    assert '"title":"City"' in body["messages"][0]["content"]
    whole = answered("deepseek", completion({"content": "{}"}), output=output)
    assert [notice.code for notice in whole.warnings] == ["degraded"]
    with pytest.raises(Failure, match="schema"):
        asked("deepseek", output=output, strict=True)


def test_openrouter_takes_effort_budget_and_silence_in_one_object() -> None:
    def said(**reasoning) -> object:
        return asked("openrouter", reasoning=ReasoningRequest(**reasoning)).get("reasoning")

    assert said(effort="high") == {"effort": "high"}
    assert said(budget_tokens=2000) == {"max_tokens": 2000}
    assert said(mode="off") == {"enabled": False}
    assert said(effort="low", include="none") == {"effort": "low", "exclude": True}
    assert said() is None


def test_openrouter_routing_goes_through_as_it_is() -> None:
    routing = {"order": ["anthropic", "google"], "allow_fallbacks": False}
    body = asked("openrouter", unknown={"provider": routing}, extras={"models": ["a/b"]})
    assert body["provider"] == routing
    assert body["models"] == ["a/b"]


def test_openrouter_says_whose_app_it_is() -> None:
    named = Credential("openrouter", {"site_url": "https://app.example.com", "app_title": "App"})
    request = next(found("openrouter").llm.complete(LlmRequest(model="m", messages=HELLO), named))
    assert ("http-referer", "https://app.example.com") in request.headers
    assert ("x-title", "App") in request.headers


def test_openrouter_gets_its_reasoning_details_back_as_they_came() -> None:
    details = [
        {
            "type": "reasoning.text",
            "text": "Look.",
            "signature": "c2ln",
            "format": "anthropic-claude-v1",
            "index": 0,
        },
        {
            "type": "reasoning.encrypted",
            "data": "ZW5j",
            "id": "rs_1",
            "format": "openai-responses-v1",
            "index": 1,
        },
        {"type": "reasoning.summary", "summary": "It looked.", "index": 2},
    ]
    whole = answered("openrouter", completion({"content": "Blue.", "reasoning_details": details}))
    turns = asked("openrouter", messages=(*HELLO, Message(Role.ASSISTANT, whole.candidates[0].parts), *HELLO))
    assert turns["messages"][1]["reasoning_details"] == details
    assert turns["messages"][1]["content"] == "Blue."


def test_reasoning_that_another_provider_signed_is_not_given_to_openrouter() -> None:
    turns = asked("openrouter", messages=thinking_history("anthropic"))["messages"]
    assert [detail["text"] for detail in turns[1]["reasoning_details"]] == ["I should look."]
    assert "reasoning_details" not in turns[3]


def test_minimax_bills_the_group_of_the_account_and_samples_no_hotter_than_one() -> None:
    grouped = Credential("minimax", {"group_id": "17 9"}, held=frozenset({"key"}))
    request = LlmRequest(
        model="MiniMax-M2.7", messages=HELLO, sampling=Sampling(temperature=1.5, frequency_penalty=0.5)
    )
    sent = next(found("minimax").llm.complete(request, grouped))
    assert sent.url == "https://api.minimax.io/v1/chat/completions?GroupId=17%209"
    body = json.loads(sent.body)
    assert (body["temperature"], body["reasoning_split"]) == (1.0, True)
    assert "frequency_penalty" not in body
    assert asked("minimax", reasoning=ReasoningRequest(mode="off"))["thinking"] == {"type": "disabled"}


def test_together_and_unknown_servers_are_sent_the_older_word_for_the_longest_answer() -> None:
    for name in ("together", "openai-compatible", "deepseek"):
        body = asked(name, max_output_tokens=5)
        assert body["max_tokens"] == 5
        assert "max_completion_tokens" not in body
    for name in ("groq", "xai", "openrouter", "minimax"):
        assert asked(name, max_output_tokens=5)["max_completion_tokens"] == 5


# --- what they answer ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("groq", "reasoning"),
        ("xai", "reasoning_content"),
        ("deepseek", "reasoning_content"),
        ("together", "reasoning"),
    ],
)
def test_thoughts_are_found_where_each_puts_them(name: str, field: str) -> None:
    whole = answered(name, completion({"content": "Blue.", field: "Look."}))
    assert whole.candidates[0].parts == (Reasoning("Look."), Text("Blue."))


def test_what_grok_thought_is_part_of_what_it_put_out() -> None:
    counts = {
        "prompt_tokens": 32,
        "completion_tokens": 9,
        "total_tokens": 135,
        "completion_tokens_details": {"reasoning_tokens": 94},
    }
    usage = answered("xai", completion({"content": "Hi."}, usage=counts)).usage
    assert (usage.input_total, usage.output_total, usage.reasoning) == (32, 103, 94)
    inside = counts | {"total_tokens": 132, "completion_tokens": 100}
    assert answered("xai", completion({"content": "Hi."}, usage=inside)).usage.output_total == 100


def test_what_deepseek_had_cached_is_counted() -> None:
    counts = {
        "prompt_tokens": 30,
        "completion_tokens": 2,
        "prompt_cache_hit_tokens": 20,
        "prompt_cache_miss_tokens": 10,
    }
    usage = answered("deepseek", completion({"content": "Hi."}, usage=counts)).usage
    assert (usage.input_total, usage.cache_read, usage.input_uncached) == (30, 20, 10)


def test_the_list_of_models_may_be_bare() -> None:
    listed = [
        {"id": "a/chat", "type": "chat", "display_name": "A", "context_length": 8192},
        {"id": "a/embed", "type": "embedding"},
    ]
    exchange = found("together").models(Credential("together"))
    next(exchange)
    with pytest.raises(StopIteration) as done:
        exchange.send(HttpResponse(200, {}, json.dumps(listed).encode()))
    one, other = done.value.value
    assert (one.id, one.title, one.kinds, one.known.context_window) == ("a/chat", "A", ("chat",), 8192)
    assert other.kinds == ("embedding",)


def test_a_key_that_xai_calls_an_invalid_argument_is_a_refused_credential() -> None:
    said = {
        "code": "Client specified an invalid argument",
        "error": "Incorrect API key provided: xa***xY. You can obtain an API key from https://console.x.ai.",
    }
    error = found("xai").fault(HttpResponse(400, {}, json.dumps(said).encode()))
    assert error.kind is Kind.CREDENTIAL_REJECTED
    assert "xa***" not in error.message
    assert not error.retryable


def test_a_failure_in_the_middle_of_openrouters_stream_is_one_error() -> None:
    stream = found("openrouter").llm.stream(LlmRequest(model="m", messages=HELLO), Credential("openrouter"))
    said = {
        "id": "g1",
        "error": {"code": 502, "message": "Provider disconnected"},
        "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
    }
    with pytest.raises(ProviderError, match="Provider disconnected") as failed:
        stream.reader.feed(Frame("", json.dumps(said).encode()))
    assert failed.value.kind is Kind.UPSTREAM


# --- models that think aloud -----------------------------------------------------------------


def streamed(name: str, pieces: list[str]) -> tuple[str, str]:
    """Reasoning and text of an answer streamed in these pieces."""
    stream = found(name).llm.stream(LlmRequest(model="m", messages=HELLO), account(name))
    events = []
    for piece in pieces:
        chunk = {"id": "a1", "model": "m", "choices": [{"index": 0, "delta": {"content": piece}}]}
        events += stream.reader.feed(Frame("", json.dumps(chunk).encode()))
    end = {"id": "a1", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    events += stream.reader.feed(Frame("", json.dumps(end).encode()))
    events += stream.reader.close()
    return (
        "".join(event.text for event in events if isinstance(event, ReasoningDelta)),
        "".join(event.text for event in events if isinstance(event, TextDelta)),
    )


@pytest.mark.parametrize(
    ("text", "reasoning", "said"),
    [
        ("<think>a</think>b", "a", "b"),
        ("\n<think>\na < b\n</think>\n\nb", "\na < b\n", "b"),
        ("<think></think>b", "", "b"),
        ("<think>never ends </thin", "never ends </thin", ""),
        ("no <think>tag</think>", "", "no <think>tag</think>"),
        ("<thin air", "", "<thin air"),
        ("<th", "", "<th"),
    ],
)
def test_thoughts_in_tags_are_reasoning_wherever_the_pieces_break(
    text: str, reasoning: str, said: str
) -> None:
    for size in (1, 2, 3, 5, len(text)):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        assert streamed("openai-compatible", pieces) == (reasoning, said)
    whole = answered("openai-compatible", completion({"content": text})).candidates[0].parts
    assert "".join(part.text for part in whole if isinstance(part, Reasoning)) == reasoning
    assert "".join(part.text for part in whole if isinstance(part, Text)) == said


def test_providers_that_take_thoughts_out_themselves_are_taken_at_their_word() -> None:
    assert streamed("openrouter", ["<think>a</think>b"]) == ("", "<think>a</think>b")


def test_calls_that_are_only_counted_get_names_that_last() -> None:
    calls = [
        {"id": "0", "type": "function", "function": {"name": "look", "arguments": {"x": 1}}},
        {"id": "", "type": "function", "function": {"name": "hear", "arguments": "{}"}},
    ]
    body = completion({"content": None, "tool_calls": calls}, "tool_calls") | {"id": ""}
    one, other = answered("openai-compatible", body).candidates[0].parts
    assert (one.name, one.arguments) == ("look", '{"x":1}')
    assert len({one.id, other.id, "0", ""}) == 4
