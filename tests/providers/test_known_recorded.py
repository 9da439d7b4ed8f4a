"""The lists of models that were recorded: what they tell agrees with our rules of families and with what is shipped."""

import base64
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from integration_api.core.credential import Credential
from integration_api.core.exchange import HttpRequest, HttpResponse
from integration_api.core.llm import LlmRequest, Message, ReasoningRequest, Role, Sampling, Text
from integration_api.core.models import UNKNOWN, Capabilities, ModelInfo
from integration_api.dialects import anthropic_messages_rules, gemini_rules
from integration_api.providers import PROVIDERS
from integration_api.providers.cohere import models as cohere
from integration_api.services.catalogue import Catalogue, shipped

TRAFFIC = Path(os.environ["REFERENCE_DIR"]) / "traffic"
LAST = {"gemini": b'{"models": []}'}
RULES: dict[str, Any] = {"anthropic": anthropic_messages_rules, "gemini": gemini_rules}
THINK_ALL_THE_SAME = {"gemini-3-pro-image-preview", "gemini-3-pro-image", "gemini-3.1-flash-tts-preview"}
"""Models that draw or speak, and are said to think: by no level that anybody tells."""


@cache
def listed(provider: str, number: str) -> tuple[ModelInfo, ...]:
    told = json.loads((TRAFFIC / provider / "models" / f"{number}.json").read_text())["response"]
    body = told.get("body")
    page = base64.b64decode(told["body_base64"]) if body is None else body
    if not isinstance(page, (str, bytes)):
        page = json.dumps(page)
    page = page.encode() if isinstance(page, str) else page
    exchange = PROVIDERS[provider].models(Credential(provider))
    next(exchange)
    try:
        for answer in (page, LAST.get(provider, b"{}")):
            exchange.send(HttpResponse(200, {}, answer))
    except StopIteration as done:
        return tuple(done.value)
    raise AssertionError("it asks for more")


def models(provider: str, number: str = "001") -> "list[Any]":
    return [pytest.param(provider, info, id=info.id) for info in listed(provider, number)]


def body(provider: str, request: LlmRequest) -> Any:
    sent = next(PROVIDERS[provider].llm.complete(request, Credential(provider, held=frozenset({"key"}))))
    assert isinstance(sent, HttpRequest)
    return json.loads(sent.body)


def asking(info: ModelInfo, known: Capabilities, **fields: Any) -> LlmRequest:
    return LlmRequest(model=info.id, messages=(Message(Role.USER, (Text("hi"),)),), known=known, **fields)


@pytest.mark.parametrize(("provider", "info"), models("anthropic"))
def test_anthropics_list_and_our_rules_of_the_family_say_the_same(provider: str, info: ModelInfo) -> None:
    rules = RULES[provider].rules_for
    told = {name for name in info.known.__struct_fields__ if getattr(info.known, name) is not None}
    assert {
        "max_output_tokens",
        "efforts",
        "reasoning_adaptive",
        "reasoning_budget",
        "structured_output",
    } <= told
    assert rules(info.id, info.known) == rules(info.id)


@pytest.mark.parametrize(
    ("provider", "info"), [one for one in models("gemini") if "chat" in one.values[1].kinds]
)
def test_geminis_list_and_our_rules_of_the_family_agree_on_who_thinks(provider: str, info: ModelInfo) -> None:
    if info.known.reasoning is not None and info.id not in THINK_ALL_THE_SAME:
        assert RULES[provider].rules_for(info.id).thinks is info.known.reasoning
    assert info.known.context_window
    assert info.known.max_output_tokens


@pytest.mark.parametrize(
    ("provider", "info"), [*models("anthropic"), *models("gemini"), *models("openai", "002")]
)
def test_what_is_shipped_contradicts_no_list(provider: str, info: ModelInfo) -> None:
    known = Catalogue(shipped(), {}, live_seconds=1.0).known(
        PROVIDERS[provider], info.id, Credential(provider), None
    )
    both = [
        (name, getattr(known, name), said)
        for name in known.__struct_fields__
        if (said := getattr(info.known, name)) not in (None, ()) and getattr(known, name) not in (None, ())
    ]
    assert all(ours == theirs for _, ours, theirs in both), both


@pytest.mark.parametrize(
    ("provider", "info"),
    [one for one in (*models("anthropic"), *models("gemini")) if "chat" in one.values[1].kinds],
)
def test_a_model_is_asked_within_the_limits_that_its_list_tells(provider: str, info: ModelInfo) -> None:
    known = info.known
    assert known.max_output_tokens is not None
    request = asking(
        info, known,
        max_output_tokens=10**9, sampling=Sampling(temperature=1.9), reasoning=ReasoningRequest(effort="max"),
    )  # fmt: skip
    sent = body(provider, request)
    if provider == "anthropic":
        assert sent["max_tokens"] == known.max_output_tokens
        effort = sent.get("output_config", {}).get("effort")
        assert effort == (known.efforts[-1] if known.efforts else None)
        assert body(provider, asking(info, known))["max_tokens"] == known.max_output_tokens
    else:
        settings = sent["generationConfig"]
        assert settings["maxOutputTokens"] == known.max_output_tokens
        if known.max_temperature is not None:
            assert settings.get("temperature", 0.0) <= known.max_temperature


def test_cohere_tells_a_model_that_reasons_from_one_without_features() -> None:
    told = {}
    for number in ("001", "002"):
        recorded = json.loads((TRAFFIC / "cohere" / "models" / f"{number}.json").read_text())["response"][
            "body"
        ]
        text = recorded if isinstance(recorded, str) else json.dumps(recorded)
        model = cohere.DECODER.decode(f'{{"models": [{text}]}}').models[0]
        told[model.name] = cohere.info(model).known
    assert told == {
        "command-r": Capabilities(context_window=128_000),
        "command-a-reasoning-08-2025": Capabilities(
            context_window=288_768, tools=True, structured_output=True, reasoning=True
        ),
    }


def test_openais_list_tells_nothing_and_so_what_is_shipped_must() -> None:
    found = {info.id: info.known for info in listed("openai", "002")}
    assert set(found.values()) == {UNKNOWN}
    book = Catalogue(shipped(), {}, live_seconds=60.0)
    learned = book.learn(PROVIDERS["openai"], Credential("openai"), None, listed("openai", "002"))
    assert learned.known["gpt-3.5-turbo"].max_output_tokens == 4_096
    assert learned.known["davinci"] is UNKNOWN
