"""The models an account can use. https://platform.claude.com/docs/en/api/models-list"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, decode
from integration_api.core.models import Capabilities, Modality, ModelInfo
from integration_api.dialects import anthropic_messages_wire as wire
from integration_api.dialects.anthropic_messages_rules import EFFORT_ORDER, Effort
from integration_api.providers.anthropic import client

PAGE = 1000
"""The most models Anthropic lists at once."""
MAX_PAGES = 10
"""A host that never says it has told all must not keep us asking."""


def models(credential: Credential) -> Exchange[tuple[ModelInfo, ...]]:
    """List every model, in Anthropic's order: newest first."""
    found: list[ModelInfo] = []
    after = ""
    for _ in range(MAX_PAGES):
        reply = yield client.get(f"/v1/models?limit={PAGE}{after}", credential)
        page = decode(reply, wire.MODELS)
        found += [_info(model) for model in page.data]
        if not page.has_more or not page.last_id:
            break
        after = f"&after_id={quote(page.last_id, safe='')}"
    return tuple(found)


def _info(model: wire.Model) -> ModelInfo:
    return ModelInfo(
        id=model.id,
        created=_seconds(model.created_at),
        title=model.display_name,
        kinds=("chat",),
        lifecycle=model.lifecycle,
        known=known(model),
        native=model.capabilities or {},
    )


def known(model: wire.Model) -> Capabilities:
    """Return what Anthropic says of a model; what it does not mention stays unknown."""
    told = model.capabilities or {}
    return Capabilities(
        context_window=model.max_input_tokens,
        max_output_tokens=model.max_tokens,
        inputs=_inputs(told),
        structured_output=_can(told, "structured_outputs"),
        reasoning=_can(told, "thinking"),
        efforts=_efforts(told),
        reasoning_adaptive=_can(told, "thinking", "types", "adaptive"),
        reasoning_budget=_can(told, "thinking", "types", "enabled"),
        reasoning_off=_off(told),
    )


def _can(told: Mapping[str, Any], *path: str) -> bool | None:
    found: Any = told
    for name in (*path, "supported"):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, bool) else None


def _inputs(told: Mapping[str, Any]) -> tuple[Modality, ...] | None:
    sees = _can(told, "image_input")
    if sees is None:
        return None
    senses: tuple[tuple[Modality, bool | None], ...] = (
        ("image", sees),
        ("document", _can(told, "pdf_input")),
    )
    return ("text", *(sense for sense, has in senses if has))


def _efforts(told: Mapping[str, Any]) -> tuple[Effort, ...] | None:
    if _can(told, "effort") is None:
        return None
    return tuple(effort for effort in EFFORT_ORDER if _can(told, "effort", effort))


def _off(told: Mapping[str, Any]) -> tuple[Literal["disabled", "between_tools"], ...] | None:
    ways: tuple[Literal["disabled", "between_tools"], ...] = ("disabled", "between_tools")
    said = {way: _can(told, "thinking", "types", way) for way in ways}
    return None if set(said.values()) == {None} else tuple(way for way in ways if said[way])


def _seconds(created: str | None) -> int:
    try:
        return int(datetime.fromisoformat(created or "").timestamp())
    except (ValueError, OverflowError):
        return 0
