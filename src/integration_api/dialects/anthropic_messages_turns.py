"""The conversation as Anthropic takes it: instructions on top, then turns that alternate.

https://platform.claude.com/docs/en/api/messages and
https://platform.claude.com/docs/en/agents-and-tools/tool-use/implement-tool-use
"""

from typing import Any

from integration_api.core.llm import LlmRequest, Message, Part, Role, Text, ToolResult
from integration_api.dialects.anthropic_messages_blocks import Block, Blocks
from integration_api.dialects.anthropic_messages_rules import Rules
from integration_api.dialects.notes import Notes

Turn = dict[str, Any]

_INSTRUCTING = frozenset({Role.SYSTEM, Role.DEVELOPER})

CARRY_ON = "Carry on with your answer exactly where it stopped, without repeating any of it."
"""Stands in for a prefill where the model takes none."""

BEGIN = "Begin."
"""Stands in for the user's first turn where a conversation has none."""


def turns(ask: LlmRequest, blocks: Blocks, rules: Rules, notes: Notes) -> tuple[list[Block], list[Turn]]:
    """Return the system blocks and the turns, the first of the user's, none of them empty."""
    lead = 0
    while lead < len(ask.messages) and ask.messages[lead].role in _INSTRUCTING:
        lead += 1
    if lead and lead == len(ask.messages):
        lead -= 1
        notes.note(
            "mapped", "messages", "Claude answers users: the last instruction was sent as a user's turn"
        )
        last = ask.messages[lead]
        found = [_turn("user", blocks.user(last.parts, f"messages[{lead}]"))]
    else:
        found = _Conversation(blocks, rules).follow(ask.messages, lead)
    system = [
        block
        for place, message in enumerate(ask.messages[:lead])
        for block in blocks.system(message.parts, f"messages[{place}]")
    ]
    found = [turn for turn in found if turn["content"]]
    _begin(found, notes)
    _end(found, rules, notes)
    return system, found


def plain(content: list[Block]) -> str | list[Block]:
    """Return a lone text as the string that it may be written as."""
    if len(content) == 1 and content[0].keys() == {"type", "text"} and content[0]["type"] == "text":
        text: str = content[0]["text"]
        return text
    return content


class _Conversation:
    """Follows the messages, merging neighbours of one role into one turn."""

    def __init__(self, blocks: Blocks, rules: Rules) -> None:
        self._blocks = blocks
        self._rules = rules
        self._turns: list[Turn] = []
        self._role = ""
        self._parts: list[Part] = []
        """The user's parts that are still gathering: every result of one turn goes into one turn."""
        self._where = ""
        self._instructions: list[Block] = []
        """Said in mid-conversation, waiting for results to pass: those must follow their calls."""

    def follow(self, messages: tuple[Message, ...], start: int) -> list[Turn]:
        for place in range(start, len(messages)):
            message = messages[place]
            where = f"messages[{place}]"
            if message.role in _INSTRUCTING:
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
        if self._rules.system_turns:
            self._instructions += said
            return
        text = "\n\n".join(block["text"] for block in said)
        if text:
            # Among the user's parts, where it was said; results are moved ahead of it.
            self._where = self._where or where
            self._parts.append(Text(f"<system>{text}</system>"))

    def _flush(self) -> None:
        if self._parts:
            self._add("user", self._blocks.user(self._parts, self._where))
        self._parts = []
        self._where = ""
        if self._instructions:
            self._add("system", self._instructions)
        self._instructions = []

    def _add(self, role: str, content: list[Block]) -> None:
        if not content:
            return
        if self._turns and self._turns[-1]["role"] == role:
            self._turns[-1]["content"] += content
        else:
            self._turns.append(_turn(role, content))


def _turn(role: str, content: list[Block]) -> Turn:
    return {"role": role, "content": content}


def _begin(found: list[Turn], notes: Notes) -> None:
    if not found or found[0]["role"] != "user":
        notes.note("mapped", "messages", "a conversation begins with its user: a short turn was put first")
        found.insert(0, _turn("user", [{"type": "text", "text": BEGIN}]))


def _end(found: list[Turn], rules: Rules, notes: Notes) -> None:
    """See to a last turn of the assistant's: the beginning of an answer, where that is taken."""
    last = found[-1]
    if last["role"] != "assistant":
        return
    final = last["content"][-1]
    # A paused turn ends in a server tool's block and is sent back as it is, to go on.
    if final["type"] != "text" or any(_is_server_tool(block) for block in last["content"]):
        return
    if not rules.prefill:
        notes.cannot(
            "messages", "this model takes no beginning of its answer: it was asked to carry on", "degraded"
        )
        found.append(_turn("user", [{"type": "text", "text": CARRY_ON}]))
    elif final["text"] != final["text"].rstrip():
        notes.note("mapped", "messages", "white space at the end of the answer's beginning was cut")
        final["text"] = final["text"].rstrip()


def _is_server_tool(block: Block) -> bool:
    kind: str = block["type"]
    return kind.endswith(("_tool_result", "_tool_use")) and kind != "tool_use"
