"""The models an account can use. https://platform.claude.com/docs/en/api/models-list"""

from datetime import datetime
from urllib.parse import quote

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, decode
from integration_api.core.models import ModelInfo
from integration_api.dialects import anthropic_messages_wire as wire
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
        context_window=model.max_input_tokens,
        max_output_tokens=model.max_tokens,
        lifecycle=model.lifecycle,
        capabilities=model.capabilities or {},
    )


def _seconds(created: str | None) -> int:
    try:
        return int(datetime.fromisoformat(created or "").timestamp())
    except (ValueError, OverflowError):
        return 0
