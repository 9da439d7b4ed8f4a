"""How one provider's accent of the chat-completions language differs from OpenAI's own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from integration_api.core.credential import Credential
from integration_api.core.exchange import Auth, Bearer
from integration_api.core.llm import FinishReason, Media, ReasoningRequest
from integration_api.core.models import UNKNOWN, Capabilities
from integration_api.dialects.notes import Notes
from integration_api.dialects.openai_chat_ids import IdForm
from integration_api.dialects.openai_chat_media import openai_media
from integration_api.dialects.openai_chat_reader import FINISH_REASONS

SAMPLING = ("temperature", "top_p", "top_k")

Turn: TypeAlias = dict[str, Any]
"""One message as it stands on the wire."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rules:
    """What one model will not take. Field names are those of the wire. Each is equal to itself alone."""

    system: Literal["system", "developer", "user"] = "system"
    """The role that instructions come in: no request may mix two."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Fields it rejects, and why."""
    refused_reasoning: Mapping[str, str] = field(default_factory=dict)
    """Fields it rejects while it reasons."""
    efforts: tuple[str, ...] | None = None
    """The efforts it knows. None: nobody knows, so ask for what was asked; (): it does not reason."""
    effort_words: Mapping[str, str] = field(default_factory=dict)
    """Its own words for efforts, where they are not ours."""
    default_effort: str = "medium"
    """How hard it thinks unasked; `none` is not at all."""
    breakpoints: bool = False
    """Whether prompt-cache breakpoints may be set."""
    json_schemas: bool = True
    """Whether its answers can be held to a schema."""


ANYTHING = Rules()

ALONE = "this model chooses how it samples"


@lru_cache(maxsize=1024)
def refined(rules: Rules, known: Capabilities) -> Rules:
    """Lay what is known of one model over the rules of its family."""
    if known is UNKNOWN:
        return rules
    refused, reasoning = dict(rules.refused), dict(rules.refused_reasoning)
    if known.sampling is False:
        refused |= dict.fromkeys(SAMPLING, ALONE)
    for name in (*known.takes, *(SAMPLING if known.sampling else ())):
        for wire in (name, "max_completion_tokens") if name == "max_tokens" else (name,):
            refused.pop(wire, None)
            reasoning.pop(wire, None)
    efforts = known.efforts
    if known.reasoning is False:
        efforts = ()
    return replace(
        rules,
        refused=refused,
        refused_reasoning=reasoning,
        efforts=rules.efforts if efforts is None else efforts,
        default_effort=known.default_effort or rules.default_effort,
        json_schemas=rules.json_schemas if known.structured_output is None else known.structured_output,
    )


BEARER = Bearer()


def bearer(credential: Credential) -> Auth | None:
    return BEARER


def bearer_if_held(credential: Credential) -> Auth | None:
    """Sign where there is something to sign with, for servers that may stand open."""
    return BEARER if BEARER.field in credential.held else None


def no_headers(credential: Credential) -> tuple[tuple[str, str], ...]:
    return ()


def as_they_are(turns: list[Turn], notes: Notes) -> list[Turn]:
    return turns


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """A provider that speaks the language writes down its accent here."""

    provider: str
    url: Callable[[str, Credential], str]
    """Model and credential to the address of the chat endpoint."""
    auth: Callable[[Credential], Auth | None] = bearer
    headers: Callable[[Credential], tuple[tuple[str, str], ...]] = no_headers
    forwarded: frozenset[str] = frozenset()
    """Names of the caller's headers that mean something to this provider."""
    rules: Callable[[str], Rules] = lambda model: ANYTHING
    """A model's name to what it will not take."""

    fields: frozenset[str] | None = None
    """Body fields it knows, by its own names; None: it takes any."""
    copies_unknown: bool = True
    """Whether fields that only the caller knows may be sent although they are not in `fields`."""
    spelling: Mapping[str, str] = field(default_factory=dict)
    """Its own names for OpenAI's fields."""
    service_tiers: Mapping[str, str] | None = None
    """Its own words for service tiers; None: whatever was asked."""
    max_temperature: float = 2.0
    max_stop: int | None = None
    stream_options: Mapping[str, Any] | None = field(default_factory=lambda: {"include_usage": True})
    """None where usage is reported unasked and the field is rejected."""

    media: Callable[[Media, Notes], Mapping[str, Any]] = openai_media
    """One picture, sound or document as a content part, or `Failure`."""
    arrange: Callable[[list[Turn], Notes], list[Turn]] = as_they_are
    """Puts finished turns into an order the provider takes."""
    message_names: bool = True
    refusal_parts: bool = True
    """Whether an earlier refusal has a part of its own; else it is text like any other."""
    reasoning: Callable[[ReasoningRequest], Mapping[str, Any]] | None = None
    """How hard to think, in fields of its own; None: it knows `reasoning_effort`."""
    reasoning_history: Literal["", "reasoning_content", "reasoning_details", "thinking"] = ""
    """How earlier reasoning is given back: not at all, as a field, as a list of its stretches, or as content parts."""
    tool_ids: IdForm | None = None
    tool_result_names: bool = False
    custom_tools: bool = True
    native_tools: frozenset[str] = frozenset()
    """Types of the provider's own tools that may stand among a request's tools."""
    parameters_required: bool = False
    """Whether a tool without parameters must still have a schema."""
    required_choice: str = "required"
    allowed_tools: bool = True
    """Whether a choice among some of the tools can be said; else the others are left out."""

    json_schemas: bool = True
    """Whether an answer can be bound to a schema; else the schema is told as an instruction."""

    shows_reasoning: bool = True
    """Whether its answers say what the model thought."""
    think_tags: bool = False
    """Whether some of its models think aloud: text that opens with `<think>` is reasoning up to `</think>`."""
    finish_reasons: Mapping[str, FinishReason] = field(default_factory=lambda: FINISH_REASONS)
