"""What OpenAI's models refuse, by family.

A family is found by its whole name, never by a prefix of somebody else's: fine-tuned
(`ft:`) and unknown models get no rule, and so are asked for what was asked.

https://platform.openai.com/docs/guides/reasoning
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from integration_api.dialects.openai_chat import ANYTHING, Rules

ALONE = "reasoning models choose how they sample"
ONE_TEMPERATURE = "search models take no temperature"
NO_STOP = "this model takes no stop sequences"
NO_VERBOSITY = "only models from gpt-5 on take a verbosity"
NO_PREDICTION = "reasoning models take no predicted output"

SAMPLING: Mapping[str, str] = dict.fromkeys(
    (
        "temperature",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
        "logprobs",
        "top_logprobs",
        "logit_bias",
    ),
    ALONE,
)
REASONING: Mapping[str, str] = {"stop": NO_STOP, "prediction": NO_PREDICTION}
O_SERIES: Mapping[str, str] = {**SAMPLING, **REASONING, "verbosity": NO_VERBOSITY}


def thinker(*efforts: str, default: str = "medium", breakpoints: bool = False) -> Rules:
    """Describe a model that reasons; one that can be told not to takes sampling while it does not."""
    return Rules(
        system="developer",
        refused=REASONING if "none" in efforts else {**SAMPLING, **REASONING},
        refused_reasoning=SAMPLING,
        efforts=efforts,
        default_effort=default,
        breakpoints=breakpoints,
    )


NEWEST = thinker("none", "low", "medium", "high", "xhigh", "max", breakpoints=True)

FAMILIES: tuple[tuple[re.Pattern[str], Rules], ...] = tuple(
    (re.compile(pattern), rules)
    for pattern, rules in (
        # The first of the o-series knew neither system messages nor efforts.
        (r"o1-(mini|preview)(-.*)?", Rules(system="user", refused=O_SERIES, efforts=())),
        (
            r"o\d+(-.*)?",
            Rules(system="developer", refused=O_SERIES, efforts=("low", "medium", "high")),
        ),
        # Searching models answer "incompatible request argument" to a temperature.
        (
            r".+-search-(preview|api)(-.*)?",
            Rules(refused={"temperature": ONE_TEMPERATURE, "verbosity": NO_VERBOSITY}, efforts=()),
        ),
        (r"(gpt-(3\.5|35|4).*|chatgpt-4o.*)", Rules(refused={"verbosity": NO_VERBOSITY}, efforts=())),
        (r"gpt-5-chat(-.*)?", Rules(efforts=())),
        (r"gpt-5-pro(-.*)?", thinker("high", default="high")),
        (r"gpt-5-codex(-.*)?", thinker("low", "medium", "high")),
        (r"gpt-5(-.*)?", thinker("minimal", "low", "medium", "high")),
        # Chat variants from 5.1 on reason, and only as hard as they please.
        (r"gpt-5\.\d+-chat(-.*)?", thinker("medium")),
        (r"gpt-5\.1-codex-max(-.*)?", thinker("low", "medium", "high", "xhigh")),
        (r"gpt-5\.1-codex(-.*)?", thinker("low", "medium", "high")),
        (r"gpt-5\.\d+-codex(-.*)?", thinker("low", "medium", "high", "xhigh")),
        (r"gpt-5\.\d+-pro(-.*)?", thinker("medium", "high", "xhigh")),
        # From 5.1 to 5.4 nothing is reasoned unless an effort is asked for.
        (r"gpt-5\.1(-.*)?", thinker("none", "low", "medium", "high", default="none")),
        (r"gpt-5\.[234](-.*)?", thinker("none", "low", "medium", "high", "xhigh", default="none")),
        (r"gpt-5\.5(-.*)?", thinker("none", "low", "medium", "high", "xhigh")),
        # A model newer than this table is like the newest in it.
        (r"gpt-(5\.\d+|[6-9]|\d\d+)(\.\d+)?(-.*)?", NEWEST),
    )
)


@lru_cache(maxsize=512)
def rules(model: str) -> Rules:
    """Return what `model` refuses."""
    return next((rules for pattern, rules in FAMILIES if pattern.fullmatch(model)), ANYTHING)


def by_system(rules: Rules) -> Rules:
    """Return the same rules for a place that knows no developers: there they are the system."""
    return replace(rules, system="system")
