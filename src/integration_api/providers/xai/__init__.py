"""Grok, by xAI. https://docs.x.ai/docs/api-reference"""

import re
from dataclasses import replace

from integration_api.dialects import openai_chat, openai_family
from integration_api.dialects.openai_chat import FIELDS, Rules

PLACE = openai_family.Place("xai", "https://api.x.ai/v1")

ALWAYS = "this model always reasons, as hard as it pleases"
WHILE = "reasoning models of xai refuse it"
REFUSED = dict.fromkeys(("presence_penalty", "frequency_penalty", "stop"), WHILE)

FAMILIES = (
    (re.compile(r"grok-3-mini.*"), Rules(efforts=("low", "high"), refused=REFUSED)),
    (re.compile(r"grok-(4|code).*-non-reasoning.*|grok-[23](-.*)?"), Rules(efforts=())),
    (re.compile(r"grok-(4-0709|4|4-latest|4-fast.*|4-1-fast.*|code-.*)"),
     Rules(refused={**REFUSED, "reasoning_effort": ALWAYS})),
)  # fmt: skip
"""Later ones are asked for what was asked."""


def rules(model: str) -> Rules:
    return next((rules for pattern, rules in FAMILIES if pattern.fullmatch(model)), openai_chat.ANYTHING)


DIALECT = openai_chat.Dialect(
    provider=PLACE.name,
    url=PLACE.chat,
    rules=rules,
    fields=FIELDS
    - {"audio", "modalities", "moderation", "prediction", "prompt_cache_key", "prompt_cache_options", "metadata",
       "prompt_cache_retention", "safety_identifier", "service_tier", "store", "verbosity"}
    | {"deferred", "search_parameters", "web_search_options"},
    refusal_parts=False,
    custom_tools=False,
    allowed_tools=False,
    native_tools=frozenset({"live_search", "web_search", "x_search", "code_interpreter"}),
)  # fmt: skip

XAI = replace(
    openai_family.provider(
        PLACE,
        "xAI",
        DIALECT,
        aliases=("grok",),
        parameters=("reasoning_effort", "search_parameters", "deferred"),
    ),
    connections=("grpc",),
)
