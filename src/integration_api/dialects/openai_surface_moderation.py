"""Moderation in OpenAI's language. https://platform.openai.com/docs/api-reference/moderations"""

from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.llm import Media, Text
from integration_api.core.moderation import ModerationRequest, ModerationResponse
from integration_api.dialects import openai_surface_wire as wire
from integration_api.dialects.openai_surface_history import read_part
from integration_api.dialects.openai_surface_json import decode, decode_object, invalid
from integration_api.dialects.openai_surface_wire import ProviderChoice

INPUTS = 1_000
"""Most texts in one request."""
DEFAULT_MODEL = "openai/omni-moderation-latest"
"""The vendor's default, which official clients rely on by naming no model."""


class Body(Struct):
    input: str | list[Any]
    model: str | None = None
    provider: ProviderChoice | None = None


KNOWN = frozenset(Body.__struct_fields__)


class ModerationAsk(Struct):
    model: str
    """As the caller named it."""
    provider: ProviderChoice | None
    request: ModerationRequest


_BODY = msgspec.json.Decoder(Body)
_ANY: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder()
_encode = msgspec.json.Encoder().encode


def read_moderation(body: bytes | bytearray, *, model: str | None = None) -> ModerationAsk:
    """Read the request; a list of texts is judged one by one, a list of parts as one input.

    Raises `Failure(INVALID_REQUEST)`.
    """
    raw = decode_object(body)
    ask = decode(body, _BODY)
    named = ask.model or DEFAULT_MODEL
    extras = {key: decode(raw[key], _ANY, key) for key in raw.keys() - KNOWN}
    if ask.provider is not None:
        extras |= ask.provider.options
    return ModerationAsk(
        named,
        ask.provider,
        ModerationRequest(model=named if model is None else model, inputs=_inputs(ask.input), extras=extras),
    )


def renamed(ask: ModerationAsk, model: str) -> ModerationRequest:
    """Return the request under the provider's own id for its model."""
    return msgspec.structs.replace(ask.request, model=model)


def _inputs(given: str | list[Any]) -> tuple[str | tuple[Text | Media, ...], ...]:
    if isinstance(given, str):
        return (given,)
    if not given:
        raise invalid("expected at least one input", "input")
    if len(given) > INPUTS:
        raise invalid(f"expected at most {INPUTS} inputs", "input", "too_many_inputs")
    if all(isinstance(item, str) for item in given):
        return tuple(given)
    try:
        parts = msgspec.convert(given, list[wire.InputPart])
    except msgspec.ValidationError:
        raise invalid("expected text, a list of texts, or a list of text and image parts", "input") from None
    return (tuple(read_part(part, f"input[{number}]") for number, part in enumerate(parts)),)


def render_moderation(answer: ModerationResponse, *, provider: str = "") -> bytes:
    """Return the judgements; categories keep their provider's names."""
    results = []
    for judged in answer.results:
        result: dict[str, Any] = {
            "flagged": judged.flagged,
            "categories": judged.categories,
            "category_scores": judged.scores,
        }
        if judged.applied_input_types is not None:
            result["category_applied_input_types"] = judged.applied_input_types
        results.append(result)
    body: dict[str, Any] = {"id": answer.id, "model": answer.model, "results": results}
    if provider:
        body["provider"] = provider
    return _encode(body)
