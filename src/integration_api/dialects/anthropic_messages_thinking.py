"""How hard to think, in the words each family of models knows.

https://platform.claude.com/docs/en/build-with-claude/thinking
"""

from msgspec import Struct

from integration_api.core.llm import ReasoningRequest
from integration_api.dialects.anthropic_messages_blocks import Block
from integration_api.dialects.anthropic_messages_rules import (
    EFFORT_BUDGETS,
    EFFORT_ORDER,
    MIN_BUDGET,
    Effort,
    Rules,
    effort_of_budget,
    nearest_effort,
)
from integration_api.dialects.notes import Notes

_DISPLAYS = {"none": "omitted", "summary": "summarized", "full": "summarized"}


class Thinking(Struct, frozen=True):
    config: Block | None = None
    effort: Effort | None = None

    @property
    def is_off(self) -> bool:
        """Whether thinking is turned off, and earlier thoughts must not be sent."""
        return self.config is not None and self.config["type"] == "disabled"

    @property
    def is_budgeted(self) -> bool:
        return self.config is not None and self.config["type"] == "enabled"


def thinking(wish: ReasoningRequest, rules: Rules, max_tokens: int, notes: Notes) -> Thinking:
    """Return what to ask for; `max_tokens` bounds thoughts and answer together."""
    if wish.mode == "off" or wish.effort == "none":
        return _off(wish, rules, notes)
    asked = wish.mode != "default" or wish.effort is not None or wish.budget_tokens is not None
    if not rules.thinks:
        if asked:
            notes.cannot("reasoning", "this model does not think before it answers")
        return Thinking()
    if not asked:
        if wish.include is None or not rules.thinks_unasked:
            return Thinking()
        return Thinking(_displayed({"type": "adaptive"}, wish))
    effort = _effort(wish, rules, notes)
    if rules.adaptive and (wish.budget_tokens is None or not rules.budget):
        if wish.budget_tokens is not None:
            notes.note(
                "mapped", "reasoning.budget_tokens", "this model sets its own budget: an effort was asked for"
            )
            effort = effort or nearest_effort(effort_of_budget(wish.budget_tokens), rules)
        return Thinking(_displayed({"type": "adaptive"}, wish), effort)
    budget = _budget(wish, max_tokens, notes)
    if budget is None:
        return Thinking(None, effort)
    return Thinking(_displayed({"type": "enabled", "budget_tokens": budget}, wish), effort)


def _off(wish: ReasoningRequest, rules: Rules, notes: Notes) -> Thinking:
    if not rules.thinks:
        return Thinking()
    if rules.off is None:
        notes.cannot("reasoning", "this model always thinks: it was asked for little effort", "degraded")
        return Thinking(None, nearest_effort("low", rules))
    if rules.off == "between_tools":
        notes.note("mapped", "reasoning", "this model may still think between its tool calls")
    effort = None if wish.effort in {None, "none"} else _effort(wish, rules, notes)
    most = rules.off_max_effort
    if effort and most and EFFORT_ORDER.index(effort) > EFFORT_ORDER.index(most):
        notes.note("clamped", "reasoning.effort", f"without thinking this model takes an effort up to {most}")
        effort = most
    return Thinking({"type": rules.off}, effort)


def _effort(wish: ReasoningRequest, rules: Rules, notes: Notes) -> Effort | None:
    if wish.effort is None:
        return None
    found = nearest_effort(wish.effort, rules)
    if found is None:
        if wish.budget_tokens is None:
            notes.note(
                "mapped", "reasoning.effort", "this model knows no effort: it was given a budget of tokens"
            )
    elif found != wish.effort:
        notes.note("mapped", "reasoning.effort", f"this model's nearest effort is {found}")
    return found


def _budget(wish: ReasoningRequest, max_tokens: int, notes: Notes) -> int | None:
    if max_tokens <= MIN_BUDGET:
        notes.cannot(
            "reasoning", f"thinking needs more than {MIN_BUDGET} max tokens: it was left out", "degraded"
        )
        return None
    if wish.budget_tokens is None:
        # Half of what there is, so that an answer follows the thoughts.
        return max(MIN_BUDGET, min(EFFORT_BUDGETS[wish.effort or "medium"], max_tokens // 2))
    budget = min(max(wish.budget_tokens, MIN_BUDGET), max_tokens - 1)
    if budget != wish.budget_tokens:
        notes.note(
            "clamped",
            "reasoning.budget_tokens",
            f"a budget is {MIN_BUDGET} or more and less than max tokens: {budget}",
        )
    return budget


def _displayed(config: Block, wish: ReasoningRequest) -> Block:
    if wish.include is not None:
        config["display"] = _DISPLAYS[wish.include]
    return config
