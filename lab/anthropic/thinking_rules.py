"""What Anthropic refuses about thinking: its kinds by model, its budget, and blocks that were not replayed as
they came (platform.claude.com/docs/en/build-with-claude/extended-thinking).
"""

from typing import Any

from lab.anthropic.client import refuse
from lab.anthropic.message_rules import blocks
from lab.anthropic.signature import valid
from lab.anthropic.traits import Traits
from lab.anthropic.values import known, mapping, one_of, required, whole
from lab.http import Call

_LEAST_BUDGET = 1024
_FIELDS = {
    "enabled": frozenset({"type", "budget_tokens", "display", "block_binding"}),
    "adaptive": frozenset({"type", "display", "block_binding"}),
    "disabled": frozenset({"type"}),
    "between_tools": frozenset({"type"}),
}


def check(call: Call, body: dict[str, Any], trait: Traits) -> None:
    """Raises `Refused` when thinking is asked for, or replayed, in a way the model does not take."""
    thinking = body.get("thinking")
    kind = ""
    if thinking is not None:
        kind = mapping(call, thinking, "thinking").get("type") or ""
        one_of(call, kind, tuple(_FIELDS), "thinking.type")
        known(call, thinking, _FIELDS[kind], f"thinking.{kind}")
        if thinking.get("display") is not None:
            one_of(call, thinking["display"], ("summarized", "omitted"), f"thinking.{kind}.display")
    match kind:
        case "enabled":
            _enabled(call, body, trait)
        case "adaptive" if not trait.adaptive:
            refuse(call, "adaptive thinking is not supported on this model")
        case "disabled":
            _disabled(call, body, trait)
        case "between_tools" if (trait.line, trait.version) != ("sonnet", (5, 5)):
            refuse(call, "thinking.type: 'between_tools' is not supported for this model.")
        case _:
            pass
    _replayed(call, body["messages"], trait, must_think=kind == "enabled")


def _enabled(call: Call, body: dict[str, Any], trait: Traits) -> None:
    if not trait.budgeted:
        refuse(
            call,
            '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and '
            '"output_config.effort" to control thinking behavior.',
        )
    where = "thinking.enabled"
    budget = whole(call, required(call, body["thinking"], "budget_tokens", where), f"{where}.budget_tokens")
    if budget < _LEAST_BUDGET:
        refuse(call, f"{where}.budget_tokens: Input should be greater than or equal to {_LEAST_BUDGET}")
    if budget >= body["max_tokens"]:
        refuse(call, "`max_tokens` must be greater than `thinking.budget_tokens`.")
    if body.get("temperature", 1) != 1:
        refuse(call, "`temperature` may only be set to 1 when thinking is enabled.")
    if body.get("top_k") is not None:
        refuse(call, "`top_k` must be unset when thinking is enabled.")


def _disabled(call: Call, body: dict[str, Any], trait: Traits) -> None:
    if trait.rare or (trait.line, trait.version) in (("opus", (5, 5)), ("sonnet", (5, 5))):
        refuse(call, "thinking.type: 'disabled' is not supported for this model.")
    effort = (body.get("output_config") or {}).get("effort")
    if trait.version >= (5, 0) and effort in ("xhigh", "max"):
        refuse(call, f"thinking.type: 'disabled' is not supported with effort '{effort}'.")


def _replayed(call: Call, messages: list[dict[str, Any]], trait: Traits, *, must_think: bool) -> None:
    for place, message in enumerate(messages):
        for number, block in enumerate(blocks(message)):
            if block["type"] == "thinking" and not valid(block["signature"], block["thinking"], trait):
                refuse(call, f"messages.{place}.content.{number}: Invalid `signature` in `thinking` block")
    if not must_think:
        return
    turns = [place for place, message in enumerate(messages) if message["role"] == "assistant"]
    if not turns or turns[-1] != len(messages) - 2:
        return
    content = blocks(messages[turns[-1]])
    kinds = [block["type"] for block in content]
    if "tool_use" in kinds and kinds[0] not in ("thinking", "redacted_thinking"):
        refuse(
            call,
            f"messages.{turns[-1]}.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
            f"`{kinds[0]}`. When `thinking` is enabled, a final `assistant` message must start with a thinking "
            "block (preceeding the lastmost set of `tool_use` and `tool_result` blocks).",
        )
