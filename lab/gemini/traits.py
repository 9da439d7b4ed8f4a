"""What each of Google's models allows, by its family (ai.google.dev/gemini-api/docs/models)."""

import re
from dataclasses import dataclass
from functools import lru_cache

_FAMILY = re.compile(r"gemini-(\d)(?:\.(\d))?-(.*)")
_ALIAS = re.compile(r"gemini-(pro|flash|flash-lite)-latest")
_GEMMA = re.compile(r"gemma-(\d)n?-.*")
LISTED = (
    "gemini-4-hydrogen", "gemini-3.8-flash", "gemini-3-pro-preview", "gemini-3-flash-preview", "gemini-2.5-pro",
    "gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-2.5-flash-image", "gemini-2.5-flash-preview-tts",
    "gemini-2.0-flash", "gemma-3-27b-it",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """A model's rules."""

    known: bool = True
    generation: int = 4
    gemma: bool = False
    levels: tuple[str, ...] = ()
    """How hard it can be told to think, in words."""
    budget: tuple[int, int] | None = None
    """How hard it can be told to think, in tokens."""
    off: bool = False
    """Whether it can be told not to think."""
    samples: bool = True
    draws: bool = False
    speaks: bool = False
    window: int = 1_048_576

    @property
    def thinks(self) -> bool:
        """Whether it thinks before it answers."""
        return bool(self.levels) or self.budget is not None

    @property
    def new(self) -> bool:
        """Whether it is of the third generation or later: those sign what they call."""
        return self.generation >= 3 and not self.gemma


@lru_cache(1024)
def traits(model: str) -> Traits:
    """The rules of a model. A name without a model in it (only directives) is the newest chat model."""
    if not model or model.isdecimal() or _ALIAS.fullmatch(model):
        return Traits(generation=3, levels=("LOW", "MEDIUM", "HIGH"))
    if gemma := _GEMMA.fullmatch(model):
        return Traits(generation=int(gemma[1]), gemma=True, window=131_072)
    found = _FAMILY.fullmatch(model)
    if found is None:
        return Traits(known=False)
    generation, minor, kind = int(found[1]), int(found[2] or 0), found[3]
    draws, speaks = "image" in kind, "tts" in kind
    if draws or speaks:
        return Traits(generation=generation, draws=draws, speaks=speaks)
    match generation:
        case 1:
            return Traits(known=False)  # shut down
        case 2 if minor == 0:
            return Traits(generation=2)
        case 2:
            lite, pro = kind.startswith("flash-lite"), kind.startswith("pro")
            budget = (512, 24_576) if lite else (128, 32_768) if pro else (1, 24_576)
            return Traits(generation=2, budget=budget, off=not pro)
        case 3:
            return Traits(generation=3, levels=_levels(minor, kind), samples=minor < 6 and "lite" not in kind)
        case _:
            return Traits(generation=generation, levels=("LOW", "MEDIUM", "HIGH", "XHIGH"), samples=False)


def _levels(minor: int, kind: str) -> tuple[str, ...]:
    if kind.startswith("pro"):
        return ("LOW", "MEDIUM", "HIGH") if minor else ("LOW", "HIGH")
    return ("LOW", "MEDIUM", "HIGH") if minor >= 7 else ("MINIMAL", "LOW", "MEDIUM", "HIGH")
