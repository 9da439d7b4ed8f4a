"""Cache points: where they may stand, and how many. https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html"""

from typing import Any

from integration_api.core.llm import CacheHint, CachePoint, LlmRequest
from integration_api.dialects.notes import Notes
from integration_api.providers.bedrock.families import Family
from integration_api.providers.bedrock.options import Body

Block = dict[str, Any]

MAX_CACHE_POINTS = 4

_LONG_TTLS = frozenset({"30m", "1h", "24h"})
"""Bedrock keeps 5 minutes or an hour: what asks for more than 5 minutes gets the hour."""

SOMETHING = "."
"""Text where there must be some and nothing is to be said."""

_BULKY = frozenset({"document", "video"})
"""Blocks that no cache point may follow, and that Claude wants in another turn than tool results."""


def cache_point(hint: CacheHint | CachePoint, family: Family) -> Block:
    point: Block = {"type": "default"}
    if hint.ttl is not None and family.cache_ttl:
        point["ttl"] = "1h" if hint.ttl in _LONG_TTLS else "5m"
    return {"cachePoint": point}


def is_bulky(block: Block) -> bool:
    return not _BULKY.isdisjoint(block)


def mark(
    blocks: list[Block], hint: CacheHint | CachePoint | None, family: Family, notes: Notes, where: str
) -> None:
    """Put a cache point after the last block, where one may stand."""
    if hint is None:
        return
    if not family.caches:
        notes.cannot(f"{where}.cache", "this model caches no prompts")
    elif not blocks or "cachePoint" in blocks[-1] or "reasoningContent" in blocks[-1]:
        notes.note("dropped", f"{where}.cache", "a cache point must follow something that can be cached")
    else:
        if is_bulky(blocks[-1]):
            blocks.append({"text": SOMETHING})
            notes.note(
                "mapped", f"{where}.cache", "no cache point may follow a document: a full stop stands between"
            )
        blocks.append(cache_point(hint, family))


def mark_all(ask: LlmRequest, family: Family, last: list[Block], notes: Notes) -> None:
    """Cache the whole prompt, where that is asked for: up to the end of its `last` turn."""
    hint = ask.cache.hint
    if hint is None and ask.cache.mode == "auto":
        hint = CacheHint("1h" if ask.cache.retention in _LONG_TTLS else None)
    if "cachePoint" not in last[-1]:
        mark(last, hint, family, notes, "messages")


def limit(body: Body, notes: Notes) -> None:
    """Keep the last four: each serves everything before it. An hour's may not follow five minutes'."""
    lists = [
        body.get("toolConfig", {}).get("tools", []),
        body.get("system", []),
        *(turn["content"] for turn in body["messages"]),
    ]
    points = [(content, block) for content in lists for block in content if "cachePoint" in block]
    for content, point in points[:-MAX_CACHE_POINTS]:
        content[:] = [block for block in content if block is not point]
        notes.note("dropped", "cache", f"a request has {MAX_CACHE_POINTS} cache points at most")
    brief = False
    for _, point in points[-MAX_CACHE_POINTS:]:
        if point["cachePoint"].get("ttl") != "1h":
            brief = True
        elif brief:
            point["cachePoint"]["ttl"] = "5m"
            notes.note("clamped", "cache", "cache points of an hour must come before shorter ones")
