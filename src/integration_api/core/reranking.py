"""A question and documents in; the documents' relevance out."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from integration_api.core.llm import Notice, Usage


class RerankingRequest(Struct, frozen=True, kw_only=True):
    model: str
    query: str
    documents: tuple[str, ...]
    top_n: int | None = None
    max_tokens_per_document: int | None = None
    instruction: str | None = None
    extras: Mapping[str, Any] = {}
    unknown: Mapping[str, Any] = {}
    """Fields of the caller's body we do not know: copied to providers of the same language only."""
    strict: bool = False
    """Refuse what the target cannot do, where the default is to drop it with a warning."""


class Ranked(Struct, frozen=True):
    index: int
    """Place of the document in the request."""
    score: float
    """As the provider gave it; comparable within one answer only."""
    native: Mapping[str, Any] | None = None
    """What else the provider told of it, by its own names."""


class RerankingResponse(Struct, frozen=True, kw_only=True):
    """Best first; at most `top_n`."""

    id: str = ""
    model: str
    results: tuple[Ranked, ...]
    usage: Usage = Usage()
    warnings: tuple[Notice, ...] = ()
