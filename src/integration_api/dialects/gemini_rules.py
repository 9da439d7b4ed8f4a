"""What each family of Google's models takes and refuses, as data.

https://ai.google.dev/gemini-api/docs/models and https://ai.google.dev/gemini-api/docs/thinking
"""

import re
from functools import lru_cache
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from integration_api.core.models import UNKNOWN, Capabilities

Level = Literal["minimal", "low", "medium", "high", "xhigh"]

LEVELS: tuple[Level, ...] = ("minimal", "low", "medium", "high", "xhigh")


class Rules(Struct, frozen=True, kw_only=True):
    """The newest family's rules are the defaults: an unknown id is most likely a newer model."""

    generation: int = 4
    """Thought signatures are understood within one generation."""
    system: bool = True
    """Whether it takes a system instruction; else that goes on top of the first turn."""
    sampling: bool = False
    """Whether temperature, topP and topK are taken."""
    penalties: bool = False
    """Whether presence and frequency penalties are taken."""
    several: bool = False
    """Whether one request may ask for several answers."""
    levels: tuple[Level, ...] = ("low", "medium", "high", "xhigh")
    """Levels of thinking it knows; empty where thinking has none."""
    budget: tuple[int, int] | None = None
    """The least and most tokens it can be told to think, for families that count them."""
    off: bool = False
    """Whether thinking can be turned off."""
    call_ids: bool = True
    """Whether calls and their results may have ids; older ones answer 400."""
    signed_calls: bool = True
    """Whether the first call of each step must be signed."""
    rich_results: bool = True
    """Whether a tool's result may hold pictures and documents."""
    resolution: bool = True
    """Whether each medium may say how closely to look at it."""
    functions: bool = True
    json: bool = True
    """Whether it can be held to JSON."""
    json_schema: bool = True
    """Whether it takes JSON Schema as it is; else the subset that OpenAPI 3.0 has."""
    schema_with_functions: bool = True
    """Whether answers can be held to a schema in a request that has functions."""
    functions_with_own: bool = True
    """Whether Google's own tools and functions may stand in one request."""
    validated: bool = True
    """Whether calls can be held to their schemas."""

    @property
    def thinks(self) -> bool:
        return bool(self.levels) or self.budget is not None


NEWEST = Rules()


def _earlier(
    *,
    generation: int = 2,
    budget: tuple[int, int] | None = None,
    off: bool = False,
    json_schema: bool = True,
    validated: bool = True,
) -> Rules:
    """Before Gemini 3."""
    return Rules(
        generation=generation,
        sampling=True,
        penalties=True,
        several=True,
        levels=(),
        budget=budget,
        off=off,
        call_ids=False,
        signed_calls=False,
        rich_results=False,
        resolution=False,
        json_schema=json_schema,
        schema_with_functions=False,
        functions_with_own=False,
        validated=validated,
    )


def _third(*levels: Level, sampling: bool = True) -> Rules:
    """Gemini 3: its levels differ from model to model."""
    return Rules(generation=3, sampling=sampling, levels=levels)


TUNED = _earlier(budget=(0, 24_576), off=True)
"""A tuned model does not tell in its id what it was made of; so far only these can be tuned."""

_FAMILIES: tuple[tuple[str, Rules], ...] = (
    (r"(tunedModels|endpoints)/.*|\d+", TUNED),
    # What these stand for moves on: what the last two generations both take is safe.
    (r"gemini-(pro|flash|flash-lite)-latest", _third("low", "medium", "high", sampling=False)),
    (r"gemma-[123]n?-.*", Rules(
        generation=0, system=False, sampling=True, levels=(), call_ids=False, signed_calls=False,
        rich_results=False, resolution=False, functions=False, json=False, json_schema=False,
        schema_with_functions=False, functions_with_own=False, validated=False,
    )),
    (r"gemma-.*", Rules(
        generation=0, sampling=True, levels=("minimal", "high"), signed_calls=False, rich_results=False,
        resolution=False,
    )),
    (r"gemini-(1|pro).*", _earlier(generation=1, json_schema=False, validated=False)),
    (r"gemini-2\.0-.*", _earlier(validated=False)),
    # Those that draw or speak do not think.
    (r"gemini-2\.5-.*(image|tts).*", _earlier()),
    (r"gemini-2\.5-pro.*", _earlier(budget=(128, 32_768))),
    (r"gemini-2\.5-flash-lite.*", _earlier(budget=(512, 24_576), off=True)),
    (r"gemini-2\..*", _earlier(budget=(0, 24_576), off=True)),
    (r"gemini-3-pro-image.*|gemini-3.*-tts.*", _third()),
    (r"gemini-3.*-image.*", _third("minimal", "high")),
    (r"gemini-3-pro.*", _third("low", "high")),
    (r"gemini-3\.\d+-pro.*", _third("low", "medium", "high")),
    (r"gemini-3\.(5-flash-lite|6-flash).*", _third("minimal", "low", "medium", "high", sampling=False)),
    (r"gemini-3(\.[1-5])?-flash.*", _third("minimal", "low", "medium", "high")),
    (r"gemini-3.*", _third("low", "medium", "high", sampling=False)),
)  # fmt: skip

_COMPILED = tuple((re.compile(pattern), rules) for pattern, rules in _FAMILIES)


@lru_cache(maxsize=1024)
def rules_for(model: str, known: Capabilities = UNKNOWN) -> Rules:
    """Return the rules of the family `model` belongs to, and over them what is `known` of the model itself."""
    name = model.rsplit("models/", 1)[-1]
    family = next((rules for pattern, rules in _COMPILED if pattern.fullmatch(name)), NEWEST)
    return family if known is UNKNOWN else refined(family, known)


def refined(rules: Rules, known: Capabilities) -> Rules:
    """Lay what is known of one model over the rules of its family."""
    changes: dict[str, Any] = {}
    if known.sampling is not None:
        changes["sampling"] = known.sampling
    if known.structured_output is not None:
        changes["json"] = known.structured_output
    if rules.levels and known.efforts:
        changes["levels"] = tuple(level for level in LEVELS if level in known.efforts) or rules.levels
    if "n" in known.takes:
        changes["several"] = True
    if {"presence_penalty", "frequency_penalty"} & {*known.takes}:
        changes["penalties"] = True
    return replace(rules, **changes) if changes else rules


EFFORT_BUDGETS = {
    "minimal": 1_024,
    "low": 1_024,
    "medium": 8_192,
    "high": 24_576,
    "xhigh": 32_768,
    "max": 32_768,
}
"""Thinking tokens for families that count them; the first four as Google itself reads OpenAI's efforts."""

_BUDGET_LEVELS: tuple[tuple[int, Level], ...] = ((1_024, "low"), (8_192, "medium"), (24_576, "high"))


def level_of_budget(budget: int) -> Level:
    """Return the level that a budget of thinking tokens comes nearest to."""
    if budget == 0:
        return "minimal"
    if budget < 0:
        return "high"  # As much as it takes.
    return next((level for most, level in _BUDGET_LEVELS if budget <= most), "xhigh")


def nearest_level(effort: str, rules: Rules) -> Level:
    """Return the level the family has that is nearest to `effort`, the weaker of two."""
    ladder = ("none", *LEVELS, "max")
    place = ladder.index(effort)
    return min(rules.levels, key=lambda level: abs(ladder.index(level) - place - 0.1 * (place < 3)))
