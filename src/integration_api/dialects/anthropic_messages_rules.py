"""What each family of Claude models takes and refuses, as data.

https://platform.claude.com/docs/en/about-claude/models/overview and
https://platform.claude.com/docs/en/build-with-claude/thinking
"""

import re
from functools import lru_cache
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from integration_api.core.models import UNKNOWN, Capabilities

Effort = Literal["low", "medium", "high", "xhigh", "max"]

EFFORT_ORDER: tuple[Effort, ...] = ("low", "medium", "high", "xhigh", "max")


class Rules(Struct, frozen=True, kw_only=True):
    """The newest family's rules are the defaults: an unknown id is most likely a newer model."""

    max_output: int = 128_000
    """Most tokens one answer may have, thinking included. Asking for more is refused."""
    sampling: bool = False
    """Whether temperature, top_p and top_k are honoured, which API version 2023-06-01 alone takes."""
    one_sampler: bool = False
    """Whether temperature and top_p together are refused."""
    adaptive: bool = True
    """Thinking `adaptive`: the model decides how much."""
    budget: bool = False
    """Thinking `enabled` with `budget_tokens`."""
    thinks_unasked: bool = True
    """Whether thinking is on when a request does not mention it."""
    efforts: tuple[Effort, ...] = EFFORT_ORDER
    off: Literal["disabled", "between_tools"] | None = None
    """How thinking is turned off; None where it cannot be."""
    off_max_effort: Effort | None = None
    """The highest effort that may go with thinking turned off."""
    forced_tools: bool = False
    """Whether tool_choice `any` and `tool` are accepted."""
    prefill: bool = False
    """Whether the last turn may be the beginning of the answer."""
    system_turns: bool = True
    """Whether a turn in mid-conversation may have role `system`."""
    structured: bool = True
    """Whether `output_config.format` and strict tools are accepted."""
    account_bound: bool = False
    """Whether signatures are good for the account alone that got them."""

    @property
    def thinks(self) -> bool:
        return self.adaptive or self.budget


NEWEST = Rules()

_UP_TO_MAX: tuple[Effort, ...] = ("low", "medium", "high", "max")

_FAMILIES: tuple[tuple[str, Rules], ...] = (
    (r"(fable|mythos)-", Rules()),
    (r"opus-5-5", Rules()),
    (r"sonnet-5-5", Rules(off="between_tools", account_bound=True)),
    (r"haiku-5-5", Rules(off="disabled", off_max_effort="high", forced_tools=True, account_bound=True)),
    (r"opus-5(?!-\d\b)", Rules(off="disabled", off_max_effort="high", forced_tools=True)),
    (r"(sonnet|haiku)-5(?!-\d\b)", Rules(off="disabled", forced_tools=True)),
    (r"opus-4-8", Rules(off="disabled", forced_tools=True, thinks_unasked=False)),
    (r"opus-4-7", Rules(off="disabled", forced_tools=True, thinks_unasked=False, system_turns=False)),
    (
        r"(opus|sonnet)-4-6",
        Rules(
            sampling=True,
            one_sampler=True,
            budget=True,
            thinks_unasked=False,
            efforts=_UP_TO_MAX,
            off="disabled",
            forced_tools=True,
            system_turns=False,
        ),
    ),
    (
        r"opus-4-5",
        Rules(
            max_output=64_000,
            sampling=True,
            one_sampler=True,
            adaptive=False,
            budget=True,
            thinks_unasked=False,
            efforts=("low", "medium", "high"),
            off="disabled",
            forced_tools=True,
            prefill=True,
            system_turns=False,
        ),
    ),
    (
        r"(sonnet|haiku)-4-5",
        Rules(
            max_output=64_000,
            sampling=True,
            one_sampler=True,
            adaptive=False,
            budget=True,
            thinks_unasked=False,
            efforts=(),
            off="disabled",
            forced_tools=True,
            prefill=True,
            system_turns=False,
        ),
    ),
    (
        r"opus-4-1",
        Rules(
            max_output=32_000,
            sampling=True,
            one_sampler=True,
            adaptive=False,
            budget=True,
            thinks_unasked=False,
            efforts=(),
            off="disabled",
            forced_tools=True,
            prefill=True,
            system_turns=False,
        ),
    ),
    (
        r"opus-4(-0|-2\d{7}|@|$)",
        Rules(
            max_output=32_000,
            sampling=True,
            adaptive=False,
            budget=True,
            thinks_unasked=False,
            efforts=(),
            off="disabled",
            forced_tools=True,
            prefill=True,
            system_turns=False,
            structured=False,
        ),
    ),
    (
        r"(sonnet-4(-0|-2\d{7}|@|$)|3-7-sonnet)",
        Rules(
            max_output=64_000,
            sampling=True,
            adaptive=False,
            budget=True,
            thinks_unasked=False,
            efforts=(),
            off="disabled",
            forced_tools=True,
            prefill=True,
            system_turns=False,
            structured=False,
        ),
    ),
    (
        r"3-5-(sonnet|haiku)",
        Rules(
            max_output=8_192,
            sampling=True,
            adaptive=False,
            thinks_unasked=False,
            efforts=(),
            forced_tools=True,
            prefill=True,
            system_turns=False,
            structured=False,
        ),
    ),
    (
        r"(3-(opus|sonnet|haiku)|v?2|instant)",
        Rules(
            max_output=4_096,
            sampling=True,
            adaptive=False,
            thinks_unasked=False,
            efforts=(),
            forced_tools=True,
            prefill=True,
            system_turns=False,
            structured=False,
        ),
    ),
)

_COMPILED = tuple((re.compile(r"claude-" + pattern), rules) for pattern, rules in _FAMILIES)


@lru_cache(maxsize=1024)
def rules_for(model: str, known: Capabilities = UNKNOWN) -> Rules:
    """Return the rules of the family `model` belongs to, however its host decorates the id.

    What is `known` of the model itself is laid over them.
    """
    family = next((rules for pattern, rules in _COMPILED if pattern.search(model)), NEWEST)
    return family if known is UNKNOWN else refined(family, known)


def refined(rules: Rules, known: Capabilities) -> Rules:
    """Lay what is known of one model over the rules of its family."""
    said = {
        "max_output": known.max_output_tokens,
        "sampling": known.sampling,
        "adaptive": known.reasoning_adaptive,
        "budget": known.reasoning_budget,
        "forced_tools": known.forced_tools,
        "structured": known.structured_output,
    }
    changes: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    if known.efforts is not None:
        changes["efforts"] = tuple(effort for effort in EFFORT_ORDER if effort in known.efforts)
    if known.reasoning_off is not None and rules.off not in known.reasoning_off:
        changes["off"] = next(iter(known.reasoning_off), None)
    if known.reasoning is False:
        changes |= {"adaptive": False, "budget": False, "thinks_unasked": False}
    return replace(rules, **changes)


def nearest_effort(effort: str, rules: Rules) -> Effort | None:
    """Return the strongest effort the family has that is no stronger than `effort`."""
    if not rules.efforts:
        return None
    if effort not in EFFORT_ORDER:
        return rules.efforts[0]
    wanted = EFFORT_ORDER.index(effort)
    weaker = [known for known in rules.efforts if EFFORT_ORDER.index(known) <= wanted]
    return weaker[-1] if weaker else rules.efforts[0]


EFFORT_BUDGETS = {
    "minimal": 1_024,
    "low": 2_048,
    "medium": 8_192,
    "high": 16_384,
    "xhigh": 24_576,
    "max": 32_768,
}
"""Thinking tokens for families that take a budget and know no effort."""

MIN_BUDGET = 1_024


def effort_of_budget(budget: int) -> Effort:
    """Return the effort a budget of thinking tokens comes nearest to."""
    if budget <= 4_096:
        return "low"
    if budget <= 12_288:
        return "medium"
    return "high"
