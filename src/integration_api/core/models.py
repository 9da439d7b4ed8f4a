"""The models an account can use."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct


class ModelInfo(Struct, frozen=True, kw_only=True):
    """One model, as its provider lists it."""

    id: str
    created: int = 0
    """Unix seconds; 0 where the provider does not say."""
    title: str | None = None
    kinds: tuple[str, ...] = ()
    """chat, embedding, rerank, … where the provider says."""
    context_window: int | None = None
    max_output_tokens: int | None = None
    lifecycle: str | None = None
    capabilities: Mapping[str, Any] = {}
