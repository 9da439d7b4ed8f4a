"""Groq: open models at speed. https://console.groq.com/docs/openai"""

import re

from integration_api.dialects import openai_chat, openai_family
from integration_api.dialects.openai_chat import FIELDS, Rules

PLACE = openai_family.Place("groq", "https://api.groq.com/openai/v1")

FAMILIES = (
    (re.compile(r"openai/gpt-oss-.*"), Rules(efforts=("low", "medium", "high"))),
    # Either it thinks, in its default way, or it does not.
    (re.compile(r"qwen/.*"), Rules(efforts=("none", "medium"), effort_words={"medium": "default"})),
)


def rules(model: str) -> Rules:
    return next((rules for pattern, rules in FAMILIES if pattern.fullmatch(model)), openai_chat.ANYTHING)


DIALECT = openai_chat.Dialect(
    provider=PLACE.name,
    url=PLACE.chat,
    rules=rules,
    # Fields of OpenAI's that it answers with 400, and its own.
    fields=FIELDS
    - {"audio", "logit_bias", "logprobs", "modalities", "moderation", "prediction", "prompt_cache_key", "store",
       "prompt_cache_options", "prompt_cache_retention", "safety_identifier", "top_logprobs", "verbosity"}
    | {"compound_custom", "documents", "include_reasoning", "reasoning_format", "search_settings"},
    service_tiers={tier: tier for tier in ("auto", "on_demand", "flex", "performance")} | {"default": "on_demand"},
    max_stop=4,
    message_names=False,
    refusal_parts=False,
    custom_tools=False,
    allowed_tools=False,
    native_tools=frozenset({"browser_search", "code_interpreter", "mcp"}),
    think_tags=True,
)  # fmt: skip

GROQ = openai_family.provider(
    PLACE,
    "Groq",
    DIALECT,
    parameters=(
        "reasoning_effort",
        "reasoning_format",
        "include_reasoning",
        "service_tier",
        "search_settings",
    ),
)
