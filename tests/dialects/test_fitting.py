"""A request is fitted to what is known of its model: nothing changes its meaning without a word."""

from typing import Any

import pytest
from msgspec.structs import replace

from integration_api.core.errors import Failure, Kind
from integration_api.core.llm import (
    Bytes,
    EndUser,
    LlmRequest,
    Media,
    Message,
    Output,
    PlainText,
    ReasoningRequest,
    Role,
    Sampling,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
)
from integration_api.core.models import UNKNOWN, Capabilities
from integration_api.dialects.fitting import fitted
from integration_api.dialects.notes import Notes

TOOL = Tool(name="f")


def ask(*parts: Any, known: Capabilities = UNKNOWN, **fields: Any) -> LlmRequest:
    return LlmRequest(
        model="m", messages=(Message(Role.USER, parts or (Text("hi"),)),), known=known, **fields
    )


def fit(request: LlmRequest, **known: Any) -> tuple[LlmRequest, list[tuple[str, str]]]:
    notes = Notes(strict=request.strict)
    found = fitted(replace(request, known=Capabilities(**known)), notes)
    return replace(found, known=UNKNOWN), [(note.code, note.param) for note in notes.all]


def refused(request: LlmRequest, **known: Any) -> Failure:
    with pytest.raises(Failure) as stopped:
        fit(request, **known)
    assert stopped.value.kind is Kind.UNSUPPORTED
    return stopped.value


def test_of_an_unknown_model_the_request_stays_the_very_same() -> None:
    request = ask(tools=(TOOL,), max_output_tokens=10**9)
    assert fitted(request, Notes(strict=True)) is request


def test_an_answers_length_is_clamped_even_for_the_strict() -> None:
    for strict in (False, True):
        found, told = fit(ask(max_output_tokens=500, strict=strict), max_output_tokens=100)
        assert (found.max_output_tokens, told) == (100, [("clamped", "max_tokens")])
    for asked in (None, 1, 100):
        request = ask(max_output_tokens=asked)
        assert fit(request, max_output_tokens=100) == (request, [])


def test_a_temperature_is_clamped_with_a_word_and_refused_to_the_strict() -> None:
    request = ask(sampling=Sampling(temperature=1.5))
    found, told = fit(request, max_temperature=1.0)
    assert (found.sampling.temperature, told) == (1.0, [("clamped", "temperature")])
    assert refused(replace(request, strict=True), max_temperature=1.0).param == "temperature"
    assert fit(request, max_temperature=1.5) == (request, [])


@pytest.mark.parametrize(("name", "asked", "without"), [
    ("temperature", ask(sampling=Sampling(temperature=0.5, seed=1)), ask(sampling=Sampling(seed=1))),
    ("stop", ask(sampling=Sampling(stop=("a",))), ask()),
    ("seed", ask(sampling=Sampling(seed=0)), ask()),
    ("logit_bias", ask(sampling=Sampling(logit_bias={"1": 2})), ask()),
    ("logprobs", ask(sampling=Sampling(logprobs=True)), ask()),
    ("max_tokens", ask(max_output_tokens=5), ask()),
    ("parallel_tool_calls", ask(parallel_tools=False), ask()),
    ("prediction", ask(prediction={"content": "x"}), ask()),
    ("service_tier", ask(service_tier="flex"), ask()),
    ("user", ask(end_user=EndUser(id="u")), ask()),
    ("verbosity", ask(output=Output(verbosity="low")), ask()),
])  # fmt: skip
def test_a_refused_parameter_is_dropped_with_a_word(
    name: Any, asked: LlmRequest, without: LlmRequest
) -> None:
    assert fit(asked, refuses=(name,)) == (without, [("dropped", name)])
    assert refused(replace(asked, strict=True), refuses=(name,)).param == name
    assert fit(ask(), refuses=(name,)) == (ask(), [])


@pytest.mark.parametrize(("name", "asked"), [
    ("temperature", ask(sampling=Sampling(temperature=1))), ("n", ask(sampling=Sampling(n=1))),
    ("top_p", ask(sampling=Sampling(top_p=1))), ("frequency_penalty", ask(sampling=Sampling(frequency_penalty=0))),
    ("parallel_tool_calls", ask(parallel_tools=True)), ("service_tier", ask(service_tier="auto")),
])  # fmt: skip
def test_what_changes_nothing_goes_without_a_word(name: Any, asked: LlmRequest) -> None:
    assert fit(replace(asked, strict=True), refuses=(name,)) == (ask(strict=True), [])


@pytest.mark.parametrize(("known", "asked", "param"), [
    ({"tools": False}, ask(tools=(TOOL,)), "tools"),
    ({"refuses": ("tool_choice",)}, ask(tools=(TOOL,), tool_choice=ToolChoice("required")), "tool_choice"),
    ({"refuses": ("response_format",)}, ask(output=Output(kind="json_object")), "response_format"),
    ({"refuses": ("n",)}, ask(sampling=Sampling(n=2)), "n"),
    ({"inputs": ("text",)}, ask(Text("what is this?"), Media(kind="image", source=Bytes("AA=="))), "messages"),
    ({"inputs": ("text",)}, ask(ToolResult("1", (Media(kind="image", source=Bytes("AA==")),))), "messages"),
    ({"inputs": ("text",)}, ask(Media(kind="audio", source=Bytes("AA=="))), "messages"),
])  # fmt: skip
def test_what_may_not_be_left_out_is_a_clear_error(known: Any, asked: LlmRequest, param: str) -> None:
    error = refused(asked, **known)
    assert error.param == param
    assert "m" in error.message


@pytest.mark.parametrize(("known", "asked"), [
    ({"tools": False}, ask()), ({"tools": True}, ask(tools=(TOOL,))),
    ({"refuses": ("tool_choice",)}, ask(tools=(TOOL,), tool_choice=ToolChoice("auto"))),
    ({"inputs": ("text",)}, ask(Media(kind="document", source=PlainText("text")))),
    ({"inputs": ("text", "image")}, ask(Media(kind="image", source=Bytes("AA==")))),
    ({"outputs": ("text",), "context_window": 1}, ask(Text("much more than one token"))),
])  # fmt: skip
def test_what_a_model_can_is_left_alone(known: Any, asked: LlmRequest) -> None:
    assert fit(replace(asked, strict=True), **known) == (replace(asked, strict=True), [])


def test_a_model_that_does_not_think_is_not_told_how() -> None:
    hard = ask(reasoning=ReasoningRequest(effort="high"))
    assert fit(hard, reasoning=False) == (ask(), [("dropped", "reasoning")])
    assert refused(replace(hard, strict=True), reasoning=False).param == "reasoning"
    for asked in (
        ReasoningRequest(mode="off"),
        ReasoningRequest(effort="none"),
        ReasoningRequest(include="none"),
    ):
        assert fit(ask(reasoning=asked, strict=True), reasoning=False) == (ask(strict=True), [])
    assert fit(hard, reasoning=True) == (hard, [])
