"""What each of Anthropic's models allows, by its line and version."""

import re
from dataclasses import dataclass
from functools import lru_cache

_NEW_NAMES = re.compile(r"claude-(opus|sonnet|haiku|fable|mythos)-(\d+)(?:-(\d{1,2}))?(?:-\d{8}|-latest)?")
_OLD_NAMES = re.compile(r"claude-(\d)(?:-(\d))?-(opus|sonnet|haiku)(?:-\d{8}|-latest)?")
_NEVER_FORCED = {("opus", (5, 5)), ("sonnet", (5, 5))}


@dataclass(frozen=True, slots=True)
class Traits:
    """A model's rules. `efforts` are those it takes; `most` is its largest `max_tokens`."""

    line: str = "sonnet"
    version: tuple[int, int] = (4, 5)
    known: bool = True

    @property
    def most(self) -> int:
        """The largest answer in tokens."""
        if self.version >= (4, 6):
            return 128_000
        if self.version >= (4, 5) or (self.line == "sonnet" and self.version >= (3, 7)):
            return 64_000
        return 32_000 if self.version[0] == 4 else 8192 if self.version >= (3, 5) else 4096

    @property
    def window(self) -> int:
        """The context in tokens."""
        return 1_000_000 if self.version >= (4, 6) else 200_000

    @property
    def rare(self) -> bool:
        """Whether it is of the lines that cannot stop thinking."""
        return self.line in ("fable", "mythos")

    @property
    def samples(self) -> bool:
        """Whether temperature, top_p and top_k mean anything to it."""
        return self.version <= (4, 6)

    @property
    def forced_tools(self) -> bool:
        """Whether a tool can be demanded of it."""
        return not self.rare and (self.line, self.version) not in _NEVER_FORCED

    @property
    def prefill(self) -> bool:
        """Whether it goes on from a last turn of its own."""
        return self.version < (4, 6)

    @property
    def inline_system(self) -> bool:
        """Whether it takes instructions in the midst of a conversation."""
        return self.version >= (4, 8)

    @property
    def thinks(self) -> bool:
        """Whether it thinks at all."""
        return self.version >= (4, 0) or self.version == (3, 7)

    @property
    def adaptive(self) -> bool:
        """Whether it decides by itself how much to think."""
        return self.version >= (4, 6)

    @property
    def budgeted(self) -> bool:
        """Whether its thinking is given a budget."""
        return self.thinks and self.version < (4, 7)

    @property
    def hides_thinking(self) -> bool:
        """Whether thinking is left out of the answer unless it is asked for."""
        return self.version >= (5, 0)

    @property
    def efforts(self) -> tuple[str, ...]:
        """The efforts it takes, weakest first."""
        if self.version >= (4, 7):
            return ("low", "medium", "high", "xhigh", "max")
        if self.version >= (4, 6):
            return ("low", "medium", "high", "max")
        return ("low", "medium", "high") if (self.line, self.version) == ("opus", (4, 5)) else ()

    @property
    def default_effort(self) -> str:
        """The effort when none is named."""
        return "medium" if self.version == (5, 5) and self.line in ("opus", "haiku") else "high"


@lru_cache(1024)
def traits(model: str) -> Traits:
    """The rules of a model. A name without a model in it (only directives) is claude-sonnet-4-5."""
    if not model:
        return Traits()
    if hit := _NEW_NAMES.fullmatch(model):
        return Traits(line=hit[1], version=(int(hit[2]), int(hit[3] or 0)))
    if hit := _OLD_NAMES.fullmatch(model):
        return Traits(line=hit[3], version=(int(hit[1]), int(hit[2] or 0)))
    return Traits(known=False)
