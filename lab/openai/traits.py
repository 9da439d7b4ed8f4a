"""What each of OpenAI's models allows, by the shape of its name."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Reasoning = Literal["never", "always", "off", "on"]  # off and on: by default, and can be changed

_GPT = re.compile(r"gpt-(\d+)(o?)(?:\.(\d+))?(?:-(.*))?")
_O = re.compile(r"o(\d+)(?:-(.*))?")
_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")
_CHAT = re.compile(r"(gpt-\d|o\d|chatgpt-|ft:gpt|gpt-oss).*")
_LEGACY = re.compile(r"(davinci|babbage|curie|ada|text-davinci|gpt-3\.5-turbo-instruct).*")
EMBEDDING = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}
MODERATION = ("omni-moderation-latest", "omni-moderation-2024-09-26", "text-moderation-latest")
SNAPSHOTS = {
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-3.5-turbo": "gpt-3.5-turbo-0125",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-5-nano": "gpt-5-nano-2025-08-07",
    "o3": "o3-2025-04-16",
    "o3-mini": "o3-mini-2025-01-31",
    "o4-mini": "o4-mini-2025-04-16",
    "o1": "o1-2024-12-17",
}


@dataclass(frozen=True, slots=True)
class Traits:
    """A model's rules. `efforts` are those it takes; `window` is its context in tokens."""

    known: bool = True
    chat: bool = True
    reasoning: Reasoning = "never"
    efforts: tuple[str, ...] = ()
    default_effort: str = ""
    window: int = 128_000
    search: bool = False
    instructions: Literal["any", "user only"] = "any"


@lru_cache(1024)
def traits(model: str) -> Traits:
    """The rules of a model. A name without a model in it (only directives) is an ordinary chat model."""
    if not model:
        return Traits()
    if model in EMBEDDING or model in MODERATION or _LEGACY.fullmatch(model):
        return Traits(chat=False)
    if not _CHAT.fullmatch(model):
        return Traits(known=False)
    if "nonexistent" in model or "does-not-exist" in model:
        return Traits(known=False)
    plain = _DATED.sub("", model)
    if hit := _O.fullmatch(plain):
        only_user = plain in ("o1-mini", "o1-preview")
        return Traits(
            reasoning="always",
            efforts=() if only_user else ("low", "medium", "high"),
            default_effort="medium",
            window=200_000,
            instructions="user only" if only_user else "any",
        )
    hit = _GPT.fullmatch(plain)
    if hit is None or hit[2] or int(hit[1]) < 5:
        return Traits(search="search-preview" in plain, window=1_000_000 if "4.1" in plain else 128_000)
    return _gpt5(int(hit[3] or 0), hit[4] or "")


def _gpt5(minor: int, rest: str) -> Traits:
    efforts = ["none", "minimal", "low", "medium", "high"]
    if minor >= 2:
        efforts.append("xhigh")
    if minor >= 6:
        efforts.append("max")
    if minor >= 5:
        efforts.remove("minimal")
    kind = rest.split("-", maxsplit=1)[0]
    if minor == 0 and kind == "chat":
        return Traits()
    if minor == 0 or kind in ("pro", "codex") or (minor < 4 and kind == "chat"):
        efforts.remove("none")
        return Traits(reasoning="always", efforts=tuple(efforts), default_effort="medium", window=400_000)
    if minor <= 4:
        return Traits(reasoning="off", efforts=tuple(efforts), default_effort="none", window=400_000)
    return Traits(reasoning="on", efforts=tuple(efforts), default_effort="medium", window=1_050_000)
