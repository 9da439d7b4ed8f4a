"""A conversation as one text, for models that take nothing else. https://replicate.com/docs/topics/models"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec import Struct


class Turn(Struct, frozen=True):
    role: str
    """system, user or assistant."""
    text: str


@dataclass(frozen=True, slots=True)
class Template:
    """How a family of models marks turns: what stands before and after each, and before all of them."""

    turns: Mapping[str, tuple[str, str]]
    begin: str = ""

    def render(self, turns: Sequence[Turn]) -> str:
        """Write the turns, and the beginning of the answer."""
        written = "".join(
            f"{before}{turn.text}{after}" for turn in turns for before, after in (self.turns[turn.role],)
        )
        return f"{self.begin}{written}{self.turns['assistant'][0]}"


def _headed(role: str) -> tuple[str, str]:
    return f"<|start_header_id|>{role}<|end_header_id|>\n\n", "<|eot_id|>"


def _chatml(role: str) -> tuple[str, str]:
    return f"<|im_start|>{role}\n", "<|im_end|>\n"


INST = ("[INST] ", " [/INST]")
ROLES = ("system", "user", "assistant")
TEMPLATES: tuple[tuple[re.Pattern[str], Template], ...] = (
    (
        re.compile(r"llama-?3", re.IGNORECASE),
        Template({role: _headed(role) for role in ROLES}, "<|begin_of_text|>"),
    ),
    (re.compile(r"qwen|chatml|hermes|yi-", re.IGNORECASE), Template({role: _chatml(role) for role in ROLES})),
    (
        re.compile(r"mistral|mixtral|llama-?2", re.IGNORECASE),
        Template({"system": INST, "user": INST, "assistant": ("", "</s>")}, "<s>"),
    ),
)

TRANSCRIPT = Template({"system": ("", "\n\n"), "user": ("User: ", "\n"), "assistant": ("Assistant:", "\n")})
"""What every model understands."""


def template_of(model: str) -> Template | None:
    """Return the marks of the family that a model's name tells, or None."""
    return next((template for pattern, template in TEMPLATES if pattern.search(model)), None)


def transcript(turns: Sequence[Turn]) -> str:
    """Write a conversation as people would; one question alone is just that."""
    if len(turns) == 1 and turns[0].role == "user":
        return turns[0].text
    spaced = [Turn(turn.role, f" {turn.text}") if turn.role == "assistant" else turn for turn in turns]
    return TRANSCRIPT.render(spaced)
