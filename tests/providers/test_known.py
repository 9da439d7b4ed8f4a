"""What each provider's own list tells of its models, and what requests become of it."""

import json
from typing import Any

import pytest

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure
from integration_api.core.exchange import HttpRequest, HttpResponse
from integration_api.core.llm import (
    Bytes,
    LlmRequest,
    Media,
    Message,
    Output,
    ReasoningRequest,
    Role,
    Sampling,
    Text,
    Tool,
    ToolChoice,
)
from integration_api.core.models import UNKNOWN, Capabilities, ModelInfo
from integration_api.providers import PROVIDERS

FIELDS: dict[str, dict[str, str]] = {
    "bedrock": {"region": "us-east-1"},
    "azure-openai": {"base_url": "https://r.openai.azure.com"},
    "vertexai": {"project_id": "p", "region": "us-east5"},
    "openai-compatible": {"base_url": "https://llm.example.com/v1"},
}


def credential(provider: str) -> Credential:
    return Credential(provider, FIELDS.get(provider, {}), held=frozenset({"key", "api_key"}))


def listed(provider: str, *pages: Any) -> dict[str, ModelInfo]:
    exchange = PROVIDERS[provider].models(credential(provider))
    next(exchange)
    try:
        for page in pages:
            exchange.send(HttpResponse(200, {}, json.dumps(page).encode()))
    except StopIteration as done:
        return {model.id: model for model in done.value}
    raise AssertionError("it asks for more")


def asked(
    provider: str, model: str, known: Capabilities = UNKNOWN, *parts: Any, **fields: Any
) -> HttpRequest:
    said = (Message(Role.USER, parts or (Text("hi"),)),)
    request = LlmRequest(model=model, messages=said, known=known, **fields)
    sent = next(PROVIDERS[provider].llm.complete(request, credential(provider)))
    assert isinstance(sent, HttpRequest)
    return sent


def body(provider: str, model: str, known: Capabilities = UNKNOWN, *parts: Any, **fields: Any) -> Any:
    return json.loads(asked(provider, model, known, *parts, **fields).body)


IMAGE = Media(kind="image", source=Bytes("iVBORw0KGgo="), mime="image/png")
TOOL = Tool(name="f", schema={"type": "object", "properties": {}})
SCHEMA = Output(kind="json_schema", name="n", schema={"type": "object", "properties": {}})


# --- what the lists tell -------------------------------------------------------------------------


def test_anthropic_tells_how_a_model_thinks() -> None:
    yes, no = {"supported": True}, {"supported": False}
    told = {
        "thinking": {"supported": True, "types": {"adaptive": yes, "enabled": no, "disabled": no, "between_tools": yes}},
        "effort": {"supported": True, "low": yes, "medium": yes, "high": no},
        "structured_outputs": yes, "image_input": yes, "pdf_input": no,
    }  # fmt: skip
    page = {"data": [{"id": "a", "max_input_tokens": 9, "max_tokens": 5, "capabilities": told}, {"id": "b"}]}
    found = listed("anthropic", page)
    assert found["a"].known == Capabilities(
        context_window=9, max_output_tokens=5, inputs=("text", "image"), structured_output=True, reasoning=True,
        efforts=("low", "medium"), reasoning_adaptive=True, reasoning_budget=False, reasoning_off=("between_tools",),
    )  # fmt: skip
    assert found["b"].known == UNKNOWN


@pytest.mark.parametrize("told", [
    {"thinking": "yes", "effort": {"supported": 1, "low": []}, "image_input": None, "structured_outputs": {"supported": "x"}},
    {"thinking": {"types": []}, "effort": True},
])  # fmt: skip
def test_what_anthropic_tells_in_another_shape_is_unknown(told: Any) -> None:
    assert listed("anthropic", {"data": [{"id": "a", "capabilities": told}]})["a"].known == UNKNOWN


def test_mistral_tells_tools_sight_and_thought() -> None:
    found = listed("mistral", {"data": [
        {"id": "a", "max_context_length": 9,
         "capabilities": {"completion_chat": True, "function_calling": False, "vision": True, "reasoning": False}},
        {"id": "b", "capabilities": {"completion_chat": True}},
    ]})  # fmt: skip
    assert found["a"].known == Capabilities(
        context_window=9, inputs=("text", "image"), tools=False, reasoning=False
    )
    assert found["b"].known == UNKNOWN
    assert found["b"].kinds == ("chat",)


def test_cohere_tells_features_of_some() -> None:
    found = listed("cohere", {"models": [
        {"name": "a", "context_length": 9.0, "endpoints": ["chat"], "features": ["tools", "json_schema"]},
        {"name": "b", "endpoints": ["chat"]},
    ]})  # fmt: skip
    assert found["a"].known == Capabilities(
        context_window=9, tools=True, structured_output=True, reasoning=False
    )
    assert found["b"].known == UNKNOWN


def test_openrouter_tells_parameters_and_bedrock_what_goes_in_and_out() -> None:
    taken = ["max_completion_tokens", "temperature", "tools", "reasoning", "response_format"]
    entry = {
        "id": "a/b", "context_length": 9, "supported_parameters": taken, "top_provider": {"max_completion_tokens": 4},
        "architecture": {"input_modalities": ["image", "text", "file", "smell"], "output_modalities": ["text"]},
    }  # fmt: skip
    known = listed("openrouter", {"data": [entry]})["a/b"].known
    assert (known.context_window, known.max_output_tokens, known.inputs) == (
        9,
        4,
        ("text", "image", "document"),
    )
    assert (known.tools, known.reasoning, known.structured_output) == (True, True, False)
    assert {"max_tokens", "temperature", "response_format"} == {*known.takes}
    assert {"seed", "stop", "tool_choice", "top_p"} < {*known.refuses}
    summary = {
        "modelId": "v.m", "inputModalities": ["TEXT", "IMAGE"], "outputModalities": ["TEXT"],
        "responseStreamingSupported": False,
    }  # fmt: skip
    arn = "arn:aws:bedrock:us-east-1::foundation-model/v.m"
    profile = {"inferenceProfileId": "us.v.m", "models": [{"modelArn": arn}]}
    found = listed("bedrock", {"modelSummaries": [summary]}, {"inferenceProfileSummaries": [profile]})
    assert found["v.m"].known == Capabilities(inputs=("text", "image"), outputs=("text",), streaming=False)
    assert found["us.v.m"].known == found["v.m"].known, "a profile can what its model can"


# --- what requests become of it ------------------------------------------------------------------


def test_claudes_own_limit_is_what_is_asked_for_unasked() -> None:
    known = Capabilities(max_output_tokens=64)
    assert body("anthropic", "claude-new-7")["max_tokens"] == 128_000
    assert body("anthropic", "claude-new-7", known)["max_tokens"] == 64
    assert body("anthropic", "claude-new-7", known, max_output_tokens=65)["max_tokens"] == 64


def test_claudes_list_corrects_the_family_on_thinking() -> None:
    hard = ReasoningRequest(effort="xhigh")
    assert body("anthropic", "claude-new-7", reasoning=hard)["output_config"] == {"effort": "xhigh"}
    weaker = Capabilities(efforts=("low", "medium"))
    assert body("anthropic", "claude-new-7", weaker, reasoning=hard)["output_config"] == {"effort": "medium"}
    budgeted = Capabilities(efforts=(), reasoning_adaptive=False, reasoning_budget=True)
    sent = body("anthropic", "claude-new-7", budgeted, reasoning=hard)
    assert sent["thinking"]["type"] == "enabled"
    assert "output_config" not in sent
    off = ReasoningRequest(mode="off")
    assert "thinking" not in body("anthropic", "claude-new-7", reasoning=off)
    told = Capabilities(reasoning_off=("disabled",))
    assert body("anthropic", "claude-new-7", told, reasoning=off)["thinking"] == {"type": "disabled"}
    both = Capabilities(reasoning_off=("disabled", "between_tools"))
    assert body("anthropic", "claude-sonnet-5-5", both, reasoning=off)["thinking"] == {
        "type": "between_tools"
    }
    never = Capabilities(reasoning_off=())
    assert "thinking" not in body("anthropic", "claude-sonnet-5-5", never, reasoning=off)


def test_an_operator_can_give_claude_back_what_its_family_lost() -> None:
    known = Capabilities(sampling=True, forced_tools=True)
    fields: Any = {
        "sampling": Sampling(temperature=0.5),
        "tools": (TOOL,),
        "tool_choice": ToolChoice("required"),
    }
    for provider, model in (("anthropic", "claude-opus-5-5"), ("vertexai", "claude-opus-5-5")):
        plain, given = body(provider, model, **fields), body(provider, model, known, **fields)
        assert "temperature" not in plain
        assert plain["tool_choice"] == {"type": "auto"}
        assert given["temperature"] == 0.5
        assert given["tool_choice"] == {"type": "any"}


def test_gemini_is_asked_within_its_own_limits() -> None:
    known = Capabilities(max_output_tokens=100, max_temperature=1.0)
    fields: Any = {"max_output_tokens": 500, "sampling": Sampling(temperature=1.7)}
    assert body("gemini", "gemini-2.5-flash", known, **fields)["generationConfig"] == {
        "temperature": 1.0, "maxOutputTokens": 100,
    }  # fmt: skip
    thinks = body("gemini", "gemini-3-new", reasoning=ReasoningRequest(effort="high"))
    assert thinks["generationConfig"]["thinkingConfig"]["thinkingLevel"] == "HIGH"
    plain = body(
        "gemini", "gemini-3-new", Capabilities(reasoning=False), reasoning=ReasoningRequest(effort="high")
    )
    assert "generationConfig" not in plain
    levels = Capabilities(efforts=("minimal", "low"))
    weak = body("gemini", "gemini-3-new", levels, reasoning=ReasoningRequest(effort="high"))
    assert weak["generationConfig"]["thinkingConfig"]["thinkingLevel"] == "LOW"


def test_an_operator_can_give_gemini_back_what_its_family_lost() -> None:
    chance = Sampling(temperature=0.5, presence_penalty=0.5, n=2)
    assert "generationConfig" not in body("gemini", "gemini-4-new", sampling=chance)
    known = Capabilities(sampling=True, takes=("presence_penalty", "n"))
    assert body("gemini", "gemini-4-new", known, sampling=chance)["generationConfig"] == {
        "temperature": 0.5, "presencePenalty": 0.5, "candidateCount": 2,
    }  # fmt: skip
    # Efforts that are none of its levels leave it those of its family.
    odd = body(
        "gemini", "gemini-4-new", Capabilities(efforts=("max",)), reasoning=ReasoningRequest(effort="high")
    )
    assert odd["generationConfig"]["thinkingConfig"]["thinkingLevel"] == "HIGH"


def test_an_operator_can_give_a_thinking_model_of_openais_its_sampling() -> None:
    warm: Any = {"sampling": Sampling(temperature=0.5), "reasoning": ReasoningRequest(effort="low")}
    assert "temperature" not in body("openai", "gpt-5.1", **warm)
    for known in (Capabilities(sampling=True), Capabilities(takes=("temperature",))):
        assert body("openai", "gpt-5.1", known, **warm)["temperature"] == 0.5


def test_openais_language_knows_efforts_sampling_and_schemas() -> None:
    hard = ReasoningRequest(effort="max")
    assert body("openai", "gpt-new", reasoning=hard)["reasoning_effort"] == "max"
    some = Capabilities(efforts=("low", "high"))
    assert body("openai", "gpt-new", some, reasoning=hard)["reasoning_effort"] == "high"
    warm = Sampling(temperature=0.5, stop=("x",))
    assert {"temperature", "stop"} & body("openai", "o3", sampling=warm).keys() == set()
    given = body("openai", "o3", Capabilities(sampling=True, takes=("stop",)), sampling=warm)
    assert (given["temperature"], given["stop"]) == (0.5, ["x"])
    assert "temperature" not in body("openai", "gpt-new", Capabilities(sampling=False), sampling=warm)
    assert body("openrouter", "a/b", output=SCHEMA)["response_format"]["type"] == "json_schema"
    told = body("openrouter", "a/b", Capabilities(structured_output=False), output=SCHEMA)
    assert told["response_format"] == {"type": "json_object"}
    assert "schema" in told["messages"][0]["content"]


def test_a_model_behind_openrouter_gets_what_it_takes_and_the_caller_hears_of_the_rest() -> None:
    entry = {"id": "a/b", "supported_parameters": ["max_tokens", "temperature", "tools"]}
    known = listed("openrouter", {"data": [entry]})["a/b"].known
    sent = body("openrouter", "a/b", known, sampling=Sampling(temperature=0.5, seed=3, top_k=4),
                max_output_tokens=5, reasoning=ReasoningRequest(effort="low"))  # fmt: skip
    assert sent["temperature"] == 0.5
    assert {"seed", "top_k", "reasoning"} & sent.keys() == set()
    with pytest.raises(Failure) as stopped:
        asked("openrouter", "a/b", known, sampling=Sampling(seed=3), strict=True)
    assert stopped.value.param == "seed"


def test_bedrock_heeds_what_is_known_in_every_language_it_speaks() -> None:
    known = Capabilities(max_output_tokens=50)
    for extras in ({}, {"api": "invoke"}):
        for model in (
            "anthropic.claude-haiku-4-5-20251001-v1:0",
            "amazon.nova-pro-v1:0",
            "meta.llama3-8b-instruct-v1:0",
        ):
            sent = json.dumps(body("bedrock", model, known, max_output_tokens=500, extras=extras))
            assert "500" not in sent, (model, extras)
            assert "50" in sent, (model, extras)
    tooled = body("bedrock", "meta.llama3-8b-instruct-v1:0", Capabilities(tools=True), tools=(TOOL,))
    assert tooled["toolConfig"]["tools"]
    plain = body("bedrock", "amazon.nova-pro-v1:0", output=SCHEMA)
    assert "outputConfig" not in plain
    assert "outputConfig" in body(
        "bedrock", "amazon.nova-pro-v1:0", Capabilities(structured_output=True), output=SCHEMA
    )


@pytest.mark.parametrize(("provider", "model"), [
    ("openai", "m"), ("anthropic", "claude-opus-5"), ("gemini", "gemini-3-new"), ("mistral", "m"), ("cohere", "m"),
    ("bedrock", "amazon.nova-pro-v1:0"), ("openrouter", "a/b"), ("azure-openai", "m"), ("huggingface", "a/b"),
])  # fmt: skip
def test_a_picture_for_a_model_without_eyes_is_refused_here_in_every_language(
    provider: str, model: str
) -> None:
    with pytest.raises(Failure) as stopped:
        asked(provider, model, Capabilities(inputs=("text",)), Text("what is it?"), IMAGE)
    assert (stopped.value.code, stopped.value.param) == ("unsupported_parameter", "messages")
    assert asked(provider, model, Capabilities(inputs=("text", "image")), Text("what is it?"), IMAGE).body


@pytest.mark.parametrize(
    "provider", ["openai", "anthropic", "gemini", "mistral", "cohere", "bedrock", "together"]
)
def test_what_is_not_known_changes_no_byte(provider: str) -> None:
    fields: Any = {"sampling": Sampling(temperature=0.5), "max_output_tokens": 7, "tools": (TOOL,)}
    window = Capabilities(context_window=5, outputs=("text",), streaming=True)
    model = "amazon.nova-pro-v1:0" if provider == "bedrock" else "m"
    assert asked(provider, model, **fields).body == asked(provider, model, window, **fields).body
