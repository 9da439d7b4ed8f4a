"""How Gemini's families think, sample and are instructed, on both of its hosts."""

from typing import Any

import msgspec
import pytest

from integration_api.core.errors import Failure, Kind
from integration_api.core.llm import (
    Media,
    Message,
    Native,
    Reasoning,
    ReasoningRequest,
    Role,
    Sampling,
    Text,
)
from tests.providers.gemini import (
    BOTH,
    BUDGETED,
    NEW,
    OLD,
    STOP,
    ask,
    body,
    chunk,
    notices,
    whole,
)
from tests.providers.unified import PIXEL, assistant, user

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
