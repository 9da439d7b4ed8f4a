"""What each of Cohere's models allows, by its family (docs.cohere.com/docs/models)."""

import re
from dataclasses import dataclass
from functools import lru_cache

_CHAT = re.compile(r"command(-.*)?|c4ai-aya-.*|tiny-aya-.*")
_REASONS = re.compile(r"command-a-(plus|reasoning)-.*")
_SEES = re.compile(r"command-a-(plus|vision)-.*|c4ai-aya-vision-.*")
EMBEDDING: dict[str, tuple[int, tuple[int, ...]]] = {
    "embed-v4.0": (1536, (256, 512, 1024, 1536)),
    "embed-english-v3.0": (1024, ()),
    "embed-multilingual-v3.0": (1024, ()),
    "embed-english-light-v3.0": (384, ()),
}
RERANK = ("rerank-v5.0-pro", "rerank-v4.0-pro", "rerank-v4.0-fast", "rerank-v3.5")
LISTED = ("command-a-plus-05-2026", "command-a-03-2025", "command-a-reasoning-08-2025", "command-r7b-12-2024")


@dataclass(frozen=True, slots=True)
class Traits:
    """A model's rules: whether it reasons, and whether it sees."""

    known: bool = True
    reasons: bool = False
    sees: bool = False
    window: int = 128_000


@lru_cache(1024)
def traits(model: str) -> Traits:
    """The rules of a model. A name without a model in it (only directives) is an ordinary chat model."""
    if not model:
        return Traits()
    if not _CHAT.fullmatch(model):
        return Traits(known=False)
    return Traits(reasons=_REASONS.fullmatch(model) is not None, sees=_SEES.fullmatch(model) is not None)
