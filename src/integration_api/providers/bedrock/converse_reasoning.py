"""How a model is asked to reason, each vendor's in its own words.

https://docs.aws.amazon.com/bedrock/latest/userguide/inference-reasoning.html
"""

from integration_api.core.llm import LlmRequest
from integration_api.dialects.alternating_turns import Turn
from integration_api.dialects.anthropic_messages_rules import Rules
from integration_api.dialects.anthropic_messages_thinking import Thinking, thinking
from integration_api.dialects.notes import Notes
from integration_api.providers.bedrock.families import Family
from integration_api.providers.bedrock.options import Body

_EFFORTS = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
"""The three efforts that vendors other than Anthropic know here."""


def reasoning_for(
    ask: LlmRequest, kind: Family, rules: Rules | None, max_tokens: int | None, notes: Notes
) -> Thinking:
    """Return what to ask for; families without Claude's words have an effort alone."""
    wish = ask.reasoning
    if rules is not None:
        return thinking(wish, rules, max_tokens or rules.max_output, notes)
    asked = wish.mode != "default" or wish.effort is not None or wish.budget_tokens is not None
    off = wish.mode == "off" or wish.effort == "none"
    if not asked:
        return Thinking()
    if kind.thinking is None:
        if not off:
            notes.cannot("reasoning", "this model cannot be told how to reason")
        return Thinking()
    if off:
        if kind.thinking == "nova":
            return Thinking({"type": "disabled"})
        notes.cannot("reasoning", "this model always reasons: it was asked for little effort", "degraded")
        return Thinking(None, "low")
    if wish.budget_tokens is not None and wish.effort is None:
        notes.note("mapped", "reasoning.budget_tokens", "this model knows no budget: an effort was asked for")
    effort = _EFFORTS[wish.effort or _effort_of(wish.budget_tokens)]
    if kind.thinking == "qwen" and effort == "medium":
        effort = "high"
    if wish.effort is not None and effort != wish.effort:
        notes.note("mapped", "reasoning.effort", f"this model's nearest effort is {effort}")
    if kind.thinking == "nova" and effort == "high" and max_tokens is not None:
        notes.note(
            "clamped", "reasoning.effort", "with a limit of tokens this model's effort is medium at most"
        )
        effort = "medium"
    return Thinking(None, effort)  # type: ignore[arg-type]


def unbroken(thought: Thinking, conversation: list[Turn], notes: Notes) -> Thinking:
    """Give up a budgeted thinking that would begin amid a tool loop: that is refused."""
    if not thought.is_budgeted or len(conversation) < 2 or conversation[-1]["role"] != "user":
        return thought
    before, last = conversation[-2:]
    if "toolResult" not in last["content"][0] or "reasoningContent" in before["content"][0]:
        return thought
    notes.note(
        "degraded", "reasoning", "these tool calls were made without thinking: it starts with the next turn"
    )
    return Thinking(None, thought.effort)


def in_words(thought: Thinking, kind: Family) -> Body:
    """Return the additional fields that ask a model of this kind to reason so."""
    if kind.thinking == "claude":
        return _claude(thought)
    if kind.thinking == "nova" and thought.is_off:
        return {"reasoningConfig": {"type": "disabled"}}
    if thought.effort is None:
        return {}
    match kind.thinking:
        case "nova":
            return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": thought.effort}}
        case "qwen":
            return {"reasoning_config": thought.effort}
        case _:
            return {"reasoning_effort": thought.effort}


def _claude(thought: Thinking) -> Body:
    found: Body = {}
    if thought.config is not None:
        found["thinking"] = thought.config
    if thought.effort is not None:
        found["output_config"] = {"effort": thought.effort}
    return found


def _effort_of(budget: int | None) -> str:
    if budget is None:
        return "medium"
    return "low" if budget <= 4_096 else "medium" if budget <= 12_288 else "high"
