"""Messages as turns that alternate, for languages in which every result of one turn goes into one turn.

Anthropic's Messages and Bedrock's Converse are such; what a turn is made of is theirs to say.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from integration_api.core.llm import Message, Part, Role, Text, ToolResult

Block = dict[str, Any]
Turn = dict[str, Any]

INSTRUCTING = frozenset({Role.SYSTEM, Role.DEVELOPER})

BEGIN = "Begin."
"""Stands in for the user's first turn where a conversation has none."""

CARRY_ON = "Carry on with your answer exactly where it stopped, without repeating any of it."
"""Stands in for the beginning of an answer where the model takes none."""


class Blocks(Protocol):
    """Renders the parts of a message; `where` is its place in the caller's request."""

    def system(self, parts: Iterable[Part], where: str) -> list[Block]: ...
    def assistant(self, parts: Iterable[Part], where: str) -> list[Block]: ...
    def user(self, parts: Iterable[Part], where: str) -> tuple[list[Block], list[Block]]:
        """Return what the tools said, and the rest."""
        ...


def leading(messages: Sequence[Message]) -> int:
    """Return how many messages there are before the conversation: its instructions."""
    return next((place for place, one in enumerate(messages) if one.role not in INSTRUCTING), len(messages))


def instructions(messages: Sequence[Message], lead: int, blocks: Blocks) -> list[Block]:
    """Render the first `lead` messages as what stands apart from the conversation."""
    return [
        block
        for place, message in enumerate(messages[:lead])
        for block in blocks.system(message.parts, f"messages[{place}]")
    ]


def turn(role: str, content: list[Block]) -> Turn:
    return {"role": role, "content": content}


class Conversation:
    """Follows the messages, merging neighbours of one role into one turn.

    `system_turns` says whether instructions may stand in mid-conversation. `between` is what the assistant
    says between results and a rest that may not share a turn with them, which `apart` tells.
    """

    def __init__(
        self,
        blocks: Blocks,
        *,
        system_turns: bool,
        apart: Callable[[list[Block]], bool] = lambda rest: False,
        between: Block | None = None,
    ) -> None:
        self._blocks = blocks
        self._system_turns = system_turns
        self._apart = apart
        self._between = between or {}
        self._turns: list[Turn] = []
        self._parts: list[Part] = []
        """The user's parts that are still gathering: every result of one turn goes into one turn."""
        self._where = ""
        self._instructions: list[Block] = []
        """Said in mid-conversation, waiting for results to pass: those must follow their calls."""

    def follow(self, messages: Sequence[Message], start: int) -> list[Turn]:
        """Return the turns of the messages from `start` on, none of them empty."""
        for place in range(start, len(messages)):
            message = messages[place]
            where = f"messages[{place}]"
            if message.role in INSTRUCTING:
                self._instruct(message, where)
            elif message.role is Role.ASSISTANT:
                self._flush()
                self._add("assistant", self._blocks.assistant(message.parts, where))
            else:
                if self._instructions and not any(isinstance(part, ToolResult) for part in message.parts):
                    self._flush()
                self._where = self._where or where
                self._parts.extend(message.parts)
        self._flush()
        return self._turns

    def _instruct(self, message: Message, where: str) -> None:
        said = self._blocks.system(message.parts, where)
        if self._system_turns:
            self._instructions += said
            return
        text = "\n\n".join(block["text"] for block in said if "text" in block)
        if text:
            # Among the user's parts, where it was said; results are moved ahead of it.
            self._where = self._where or where
            self._parts.append(Text(f"<system>{text}</system>"))

    def _flush(self) -> None:
        results, rest = self._blocks.user(self._parts, self._where)
        if results and rest and self._apart(rest):
            self._add("user", results)
            self._add("assistant", [self._between])
            self._add("user", rest)
        else:
            self._add("user", results + rest)
        self._parts = []
        self._where = ""
        self._add("system", self._instructions)
        self._instructions = []

    def _add(self, role: str, content: list[Block]) -> None:
        if not content:
            return
        if self._turns and self._turns[-1]["role"] == role:
            self._turns[-1]["content"] += content
        else:
            self._turns.append(turn(role, content))
