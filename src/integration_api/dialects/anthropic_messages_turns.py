"""The conversation as Anthropic takes it: instructions on top, then turns that alternate.

https://platform.claude.com/docs/en/api/messages and
https://platform.claude.com/docs/en/agents-and-tools/tool-use/implement-tool-use
"""

from integration_api.core.llm import LlmRequest
from integration_api.dialects.alternating_turns import (
    BEGIN,
    CARRY_ON,
    Conversation,
    Turn,
    instructions,
    leading,
    turn,
)
from integration_api.dialects.anthropic_messages_blocks import Block, Blocks
from integration_api.dialects.anthropic_messages_rules import Rules
from integration_api.dialects.notes import Notes


def turns(ask: LlmRequest, blocks: Blocks, rules: Rules, notes: Notes) -> tuple[list[Block], list[Turn]]:
    """Return the system blocks and the turns, the first of the user's, none of them empty."""
    lead = leading(ask.messages)
    if lead and lead == len(ask.messages):
        lead -= 1
        notes.note(
            "mapped", "messages", "Claude answers users: the last instruction was sent as a user's turn"
        )
        last = ask.messages[lead]
        results, rest = blocks.user(last.parts, f"messages[{lead}]")
        found = [turn("user", said)] if (said := results + rest) else []
    else:
        found = Conversation(blocks, system_turns=rules.system_turns).follow(ask.messages, lead)
    system = instructions(ask.messages, lead, blocks)
    _begin(found, notes)
    _end(found, rules, notes)
    return system, found


def plain(content: list[Block]) -> str | list[Block]:
    """Return a lone text as the string that it may be written as."""
    if len(content) == 1 and content[0].keys() == {"type", "text"} and content[0]["type"] == "text":
        text: str = content[0]["text"]
        return text
    return content


def _begin(found: list[Turn], notes: Notes) -> None:
    if not found or found[0]["role"] != "user":
        notes.note("mapped", "messages", "a conversation begins with its user: a short turn was put first")
        found.insert(0, turn("user", [{"type": "text", "text": BEGIN}]))


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
        found.append(turn("user", [{"type": "text", "text": CARRY_ON}]))
    elif final["text"] != final["text"].rstrip():
        notes.note("mapped", "messages", "white space at the end of the answer's beginning was cut")
        final["text"] = final["text"].rstrip()


def _is_server_tool(block: Block) -> bool:
    kind: str = block["type"]
    return kind.endswith(("_tool_result", "_tool_use")) and kind != "tool_use"
