"""Length, stops and chance: `inferenceConfig`, and the one setting of chance that is not in it.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InferenceConfiguration.html
"""

from typing import Any

from integration_api.core.llm import LlmRequest
from integration_api.dialects.anthropic_messages_rules import Rules
from integration_api.dialects.anthropic_messages_thinking import Thinking
from integration_api.dialects.notes import Notes
from integration_api.providers.bedrock.families import Family
from integration_api.providers.bedrock.options import Body

_MIN_TOP_P_WITH_THINKING = 0.95


def max_tokens(ask: LlmRequest, rules: Rules | None, notes: Notes) -> int | None:
    asked = ask.max_output_tokens
    if asked is not None and rules is not None and asked > rules.max_output:
        notes.note("clamped", "max_tokens", f"this model answers with {rules.max_output} tokens at most")
        return rules.max_output
    return asked


def inference(
    ask: LlmRequest,
    kind: Family,
    rules: Rules | None,
    reasoning: Thinking,
    max_tokens: int | None,
    notes: Notes,
) -> Body:
    sampling = ask.sampling
    found: Body = {}
    if max_tokens is not None:
        found["maxTokens"] = max(max_tokens, 1)
    elif reasoning.is_budgeted and rules is not None:
        found["maxTokens"] = rules.max_output  # The budget was measured by it.
    found |= _randomness(ask, kind, rules, reasoning, notes)
    stops = [stop for stop in sampling.stop if stop.strip()]
    if len(stops) != len(sampling.stop):
        notes.cannot("stop", "Bedrock takes no stop sequence of white space alone")
    if stops:
        found["stopSequences"] = stops
    return found


def top_k(ask: LlmRequest, kind: Family, rules: Rules | None, reasoning: Thinking, notes: Notes) -> Body:
    """Return the additional field that says `top_k`, where the model has one."""
    value: Any = ask.sampling.top_k
    if value is None:
        return {}
    thinks = rules is not None and reasoning.config is not None and not reasoning.is_off
    if not kind.top_k or thinks or (rules is not None and not rules.sampling):
        notes.cannot("top_k", "this model takes no top_k here")
        return {}
    for name in reversed(kind.top_k):
        value = {name: value}
    return dict(value)


def _randomness(
    ask: LlmRequest, kind: Family, rules: Rules | None, reasoning: Thinking, notes: Notes
) -> Body:
    temperature, top_p = ask.sampling.temperature, ask.sampling.top_p
    if rules is not None and not rules.sampling:
        for name, value in (("temperature", temperature), ("top_p", top_p)):
            if value is not None:
                notes.cannot(name, "this model sets its own sampling")
        return {}
    if kind.thinking == "nova" and reasoning.effort == "high":
        for name, value in (("temperature", temperature), ("top_p", top_p)):
            if value is not None:
                notes.cannot(name, "this model sets its own sampling when it reasons hard")
        return {}
    thinks = rules is not None and reasoning.config is not None and not reasoning.is_off
    found: Body = {}
    if temperature is not None:
        clamped = min(max(temperature, 0.0), 1.0)
        if thinks and temperature != 1:
            notes.cannot("temperature", "a model that thinks keeps its temperature")
        else:
            found["temperature"] = clamped
            if clamped != temperature:
                notes.note("clamped", "temperature", f"Bedrock's temperature is 0 to 1: {clamped:g}")
    if top_p is not None:
        if rules is not None and rules.one_sampler and "temperature" in found:
            notes.cannot("top_p", "this model takes temperature or top_p, not both")
        elif thinks and top_p < _MIN_TOP_P_WITH_THINKING:
            notes.cannot("top_p", f"a model that thinks takes top_p from {_MIN_TOP_P_WITH_THINKING} up")
        else:
            found["topP"] = min(max(top_p, 0.0), 1.0)
    return found
