"""Anthropic's list of models with their capabilities (platform.claude.com/docs/en/api/models)."""

from typing import Any

from lab.anthropic.client import admit, answer, refuse
from lab.anthropic.traits import traits
from lab.http import Call, Response

_IDS = (
    "claude-opus-5-5",
    "claude-sonnet-5-5",
    "claude-haiku-5-5",
    "claude-fable-5-2",
    "claude-mythos-5-2",
    "claude-opus-5",
    "claude-sonnet-5",
    "claude-opus-4-8",
    "claude-opus-4-6",
    "claude-sonnet-4-6",
    "claude-haiku-4-5-20251001",
    "claude-sonnet-4-5-20250929",
    "claude-opus-4-5-20251101",
)
_PAGE = 20
_MOST = 1000


def listed(call: Call) -> Response:
    """GET /v1/models, a page at a time. Raises `Refused`."""
    admit(call)
    limit = call.query.get("limit", str(_PAGE))
    if not limit.isdecimal() or not 1 <= int(limit) <= _MOST:
        refuse(call, f"limit: Input should be between 1 and {_MOST}")
    ids = list(_IDS)
    for name in ("after_id", "before_id"):
        if name in call.query and call.query[name] not in ids:
            refuse(call, f"{name}: no such model")
    if after := call.query.get("after_id"):
        ids = ids[ids.index(after) + 1 :]
    if before := call.query.get("before_id"):
        ids = ids[: ids.index(before)]
    page = ids[: int(limit)]
    return answer(
        call,
        {
            "data": [_model(id) for id in page],
            "has_more": len(page) < len(ids),
            "first_id": page[0] if page else None,
            "last_id": page[-1] if page else None,
        },
    )


def one(call: Call) -> Response:
    """GET /v1/models/{id}. Raises `Refused`."""
    admit(call)
    id = call.path.rpartition("/")[2]
    if id not in _IDS:
        refuse(call, f"model: {id}", status=404)
    return answer(call, _model(id))


def _model(id: str) -> dict[str, Any]:
    trait = traits(id)
    yes, no = {"supported": True}, {"supported": False}
    major, minor = trait.version
    return {
        "type": "model",
        "id": id,
        "display_name": f"Claude {trait.line.title()} {major}{f'.{minor}' if minor else ''}",
        "created_at": "2026-07-24T00:00:00Z",
        "lifecycle": "active",
        "line": trait.line,
        "max_input_tokens": trait.window,
        "max_tokens": trait.most,
        "capabilities": {
            "batch": yes,
            "citations": yes,
            "code_execution": yes,
            "context_management": {
                "supported": True,
                "clear_tool_uses_20250919": yes,
                "clear_thinking_20251015": yes,
                "compact_20260112": yes,
            },
            "effort": {
                "supported": bool(trait.efforts),
                **{
                    level: yes if level in trait.efforts else no
                    for level in ("low", "medium", "high", "xhigh", "max")
                },
            },
            "image_input": yes,
            "pdf_input": yes,
            "structured_outputs": yes,
            "thinking": {
                "supported": trait.thinks,
                "types": {
                    "enabled": yes if trait.budgeted else no,
                    "adaptive": yes if trait.adaptive else no,
                    "disabled": no if trait.rare else yes,
                    "between_tools": yes if (trait.line, trait.version) == ("sonnet", (5, 5)) else no,
                },
            },
        },
    }
