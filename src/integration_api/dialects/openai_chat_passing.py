"""Whether a caller's body in OpenAI's own words may go to a model as it is.

It may not where the model would refuse a part of it: then it is translated like anybody else's, which drops or
maps that part and says so. What OpenAI would refuse to every model stays OpenAI's to explain.

https://platform.openai.com/docs/guides/reasoning
"""

import re
from collections.abc import Callable
from functools import lru_cache

from msgspec import Struct

from integration_api.core.models import Capabilities
from integration_api.core.relay import RawBody
from integration_api.dialects.openai_chat_dialect import Dialect, Rules, refined

OTHERS = frozenset({
    "cache_control", "min_p", "random_seed", "reasoning", "repetition_penalty", "safe_prompt", "safety_settings",
    "thinking", "top_k",
})  # fmt: skip
"""Fields that our callers may use and OpenAI answers with "unknown parameter"."""
LIMITS = ("max_completion_tokens", "max_tokens")
NULL = b"null"
PICTURE = re.compile(rb'"image_url"')
"""Mark of a picture; text that happens to hold it costs a translation, no more."""


class Taken(Struct, frozen=True, eq=False):
    """What a body for one model must not hold."""

    refused: frozenset[str]
    refused_reasoning: frozenset[str]
    efforts: frozenset[bytes] | None
    """As they stand in a body; None where nobody knows."""
    thinks_unasked: bool
    most: int | None
    sees: bool


@lru_cache(maxsize=1024)
def taken(rules_of: Callable[[str], Rules], model: str, known: Capabilities) -> Taken:
    rules = refined(rules_of(model), known)
    refused = OTHERS.union(rules.refused, known.refuses)
    if rules.system != "system":
        refused |= {"max_tokens"}  # A reasoning model knows the newer name alone.
    if "max_tokens" in known.refuses:
        refused |= {*LIMITS}
    for name, can in (("tools", known.tools), ("response_format", known.structured_output)):
        if can is False:
            refused |= {name}
    if known.max_temperature is not None:
        refused |= {"temperature"}
    efforts = rules.efforts
    return Taken(
        refused,
        frozenset(rules.refused_reasoning) - refused,
        None if efforts is None else frozenset(f'"{effort}"'.encode() for effort in efforts),
        bool(efforts) and rules.default_effort != "none",
        known.max_output_tokens,
        known.inputs is None or "image" in known.inputs,
    )


def passes(dialect: Dialect, raw: RawBody, model: str, known: Capabilities) -> bool:
    """Return whether `model` takes `raw` as it is, as far as that is known."""
    may = taken(dialect.rules, model, known)
    if not may.refused.isdisjoint(raw):
        return False
    thinks = may.thinks_unasked
    effort = raw.get("reasoning_effort")
    if effort is not None and (word := bytes(effort)) != NULL:
        if may.efforts is not None and word not in may.efforts:
            return False
        thinks = word != b'"none"'
    if thinks and not may.refused_reasoning.isdisjoint(raw):
        return False
    if not may.sees and PICTURE.search(raw.get("messages", NULL)):
        return False
    return may.most is None or all(_within(raw.get(name), may.most) for name in LIMITS)


def _within(asked: object, most: int) -> bool:
    if asked is None:
        return True
    digits = bytes(asked)  # type: ignore[call-overload]
    return not digits.isdigit() or len(digits) > 18 or int(digits) <= most
