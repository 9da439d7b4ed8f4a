"""The two generations of the platform's callers: what each asks in, and is answered in.

Unified: one service for all providers, whose name stands in the message. Per provider: a service for
each, bound to it. What doors read and write apart, this says; what they do is the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from integration_api.core.llm import Message
from integration_api.dialects import (
    per_provider_answer,
    per_provider_messages,
    unified_embedding,
    unified_messages,
    unified_reranking,
)
from integration_api.proto import per_provider_pb2, unified_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """How one of them says things."""

    read_messages: Callable[[Any], tuple[Message, ...]]
    documents_in_order: Callable[[Any], tuple[list[int], tuple[str, ...]]]
    write_reranking: Callable[..., Any]
    reranking_response: Callable[..., Any]
    metric: Callable[[str], str]
    """How it spells a metric's name."""


UNIFIED = Generation(
    read_messages=unified_messages.read_messages,
    documents_in_order=unified_embedding.in_order,
    write_reranking=unified_reranking.write_reranking,
    reranking_response=unified_pb2.RerankingResponse,
    metric=str,
)
PER_PROVIDER = Generation(
    read_messages=per_provider_messages.read_messages,
    documents_in_order=per_provider_messages.documents_in_order,
    write_reranking=per_provider_answer.write_reranking,
    reranking_response=per_provider_pb2.RerankingResponse,
    metric=str.upper,
)
