"""Content in; the categories of harm it falls under out."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from integration_api.core.llm import Media, Text, Usage


class ModerationRequest(Struct, frozen=True, kw_only=True):
    model: str
    inputs: tuple[str | tuple[Text | Media, ...], ...]
    """Each is judged on its own; a tuple of parts is one input."""
    extras: Mapping[str, Any] = {}


class Judgement(Struct, frozen=True):
    """Categories and scores keep the provider's own names."""

    flagged: bool
    categories: Mapping[str, bool]
    scores: Mapping[str, float]
    applied_input_types: Mapping[str, tuple[str, ...]] | None = None


class ModerationResponse(Struct, frozen=True, kw_only=True):
    id: str
    model: str
    results: tuple[Judgement, ...]
    usage: Usage = Usage()
