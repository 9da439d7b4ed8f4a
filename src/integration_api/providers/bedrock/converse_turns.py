"""The conversation as Converse takes it: instructions apart, then turns that alternate.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html
"""

from typing import Any

from integration_api.core.json import encode_text
from integration_api.core.llm import LlmRequest, Message, Part, Role, Text, ToolResult
from integration_api.dialects.anthropic_messages_blocks import rag_result
from integration_api.dialects.anthropic_messages_turns import BEGIN, CARRY_ON
from integration_api.dialects.notes import Notes
from integration_api.providers.bedrock.converse_blocks import Blocks
from integration_api.providers.bedrock.converse_cache import SOMETHING, Block, is_bulky
from integration_api.providers.bedrock.families import Family

Turn = dict[str, Any]

_INSTRUCTING = frozenset({Role.SYSTEM, Role.DEVELOPER})


def turns(
    ask: LlmRequest, blocks: Blocks, family: Family, notes: Notes, *, system_turns: bool, prefill: bool
) -> tuple[list[Block], list[Turn]]:
    """Return the instructions and the turns, none of them empty.

    `system_turns` says whether instructions may stand in mid-conversation, `prefill` whether
    the last turn may be the beginning of the answer.
    """
    lead = 0
    while lead < len(ask.messages) and ask.messages[lead].role in _INSTRUCTING:
        lead += 1
    system = [
        block
        for place, message in enumerate(ask.messages[:lead])
        for block in blocks.system(message.parts, f"messages[{place}]")
    ]
    found = _Conversation(blocks, family, system_turns=system_turns).follow(ask.messages, lead)
    if not found or (found[0]["role"] != "user" and not family.leading_assistant):
        if not found and system:
            notes.note(
                "mapped", "messages", "models answer users: the instructions were sent as a user's turn"
            )
            found, system = [_turn("user", [block for block in system if "cachePoint" not in block])], []
        else:
            notes.note(
                "mapped", "messages", "a conversation begins with its user: a short turn was put first"
            )
            found.insert(0, _turn("user", [{"text": BEGIN}]))
    if system and not family.system:
        notes.note(
            "mapped", "messages", "this model has no place for instructions: they open the user's turn"
        )
        _open_with(found, system)
        system = []
    _end(found, notes, prefill=prefill)
    return system, found


def add_documents(ask: LlmRequest, conversation: list[Turn], blocks: Blocks) -> None:
    """Put the documents an answer is to be drawn from before the last words of the user."""
    if not ask.documents:
        return
    turn = next((turn for turn in reversed(conversation) if turn["role"] == "user"), conversation[0])
    content: list[Block] = turn["content"]
    place = next((at for at, block in enumerate(content) if "toolResult" not in block), len(content))
    content[place:place] = [blocks.passage(rag_result(document)) for document in ask.documents]


def say_calls(conversation: list[Turn], notes: Notes) -> None:
    """Tell a model without tools in words what a history's calls and results said."""
    for turn in conversation:
        turn["content"] = [said for block in turn["content"] for said in _in_words(block, notes)]


class _Conversation:
    """Follows the messages, merging neighbours of one role into one turn."""

    def __init__(self, blocks: Blocks, family: Family, *, system_turns: bool) -> None:
        self._blocks = blocks
        self._family = family
        self._system_turns = system_turns
        self._turns: list[Turn] = []
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
        apart = self._family.lone_results or any(map(is_bulky, rest))
        if results and rest and apart:
            self._add("user", results)
            self._add("assistant", [{"text": SOMETHING}])
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
            self._turns.append(_turn(role, list(content)))


def _turn(role: str, content: list[Block]) -> Turn:
    return {"role": role, "content": content}


def _open_with(found: list[Turn], system: list[Block]) -> None:
    said = [block for block in system if "text" in block]
    if found[0]["role"] == "user":
        found[0]["content"][:0] = said
    elif said:
        found.insert(0, _turn("user", said))


def _end(found: list[Turn], notes: Notes, *, prefill: bool) -> None:
    """See to a last turn of the assistant's: the beginning of an answer, where that is taken."""
    last = found[-1]
    if last["role"] != "assistant" or "text" not in last["content"][-1]:
        return
    if not prefill:
        notes.cannot(
            "messages", "this model takes no beginning of its answer: it was asked to carry on", "degraded"
        )
        found.append(_turn("user", [{"text": CARRY_ON}]))
        return
    text = last["content"][-1]["text"]
    if text != text.rstrip():
        notes.note("mapped", "messages", "white space at the end of the answer's beginning was cut")
        last["content"][-1]["text"] = text.rstrip()


def _in_words(block: Block, notes: Notes) -> list[Block]:
    if "toolUse" in block:
        use = block["toolUse"]
        return [{"text": f"[called {use['name']} with {encode_text(use['input'])}]"}]
    if "toolResult" not in block:
        return [block]
    content: list[Block] = block["toolResult"]["content"]
    said = " ".join(
        inner["text"] if "text" in inner else encode_text(inner["json"])
        for inner in content
        if "text" in inner or "json" in inner
    )
    media = [inner for inner in content if "text" not in inner and "json" not in inner]
    if media:
        notes.note("mapped", "messages", "what tools showed this model was put beside their words")
    return [{"text": f"[the tool answered: {said}]"}, *media]
