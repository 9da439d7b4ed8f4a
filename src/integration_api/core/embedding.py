"""Texts, tokens or pictures in; vectors out."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from integration_api.core.llm import Media, Notice, Text, Usage

EmbeddingInput: TypeAlias = str | tuple[int, ...] | tuple[Text | Media, ...]
"""One text, one text as token ids, or one text with pictures."""


class EmbeddingRequest(Struct, frozen=True, kw_only=True):
    model: str
    inputs: tuple[EmbeddingInput, ...]
    groups: tuple[int, ...] = ()
    """How many neighbouring inputs make up one document each, where the chunks of a document are to be
    embedded in the light of one another; empty where every input stands alone."""
    input_type: str | None = None
    """query, document, classification, clustering, similarity, code_query, fact, qa, image."""
    dimensions: int | None = None
    dtype: Literal["float", "int8", "uint8", "binary", "ubinary"] = "float"
    normalize: bool | None = None
    truncate: Literal["none", "start", "end", "auto"] | None = None
    title: str | None = None
    user: str | None = None
    extras: Mapping[str, Any] = {}
    unknown: Mapping[str, Any] = {}
    """Fields of the caller's body we do not know: copied to providers of the same language only."""
    strict: bool = False


class EmbeddingResponse(Struct, frozen=True, kw_only=True):
    """One vector for each input, in their order."""

    model: str
    vectors: tuple[bytes, ...]
    """Little-endian float32, or packed as `dtype` asked: what base64 is made of, without a detour."""
    usage: Usage = Usage()
    warnings: tuple[Notice, ...] = ()
