"""The conversation as Converse takes it: instructions apart, then turns that alternate.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html
"""

from integration_api.core.json import encode_text
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
from integration_api.dialects.anthropic_messages_blocks import rag_result
from integration_api.dialects.notes import Notes
from integration_api.providers.bedrock.converse_blocks import Blocks
from integration_api.providers.bedrock.converse_cache import SOMETHING, Block, is_bulky
from integration_api.providers.bedrock.families import Family


def turns(
    ask: LlmRequest, blocks: Blocks, family: Family, notes: Notes, *, system_turns: bool, prefill: bool
) -> tuple[list[Block], list[Turn]]:
    """Return the instructions and the turns, none of them empty.

    `system_turns` says whether instructions may stand in mid-conversation, `prefill` whether
    the last turn may be the beginning of the answer.
    """
    lead = leading(ask.messages)
    system = instructions(ask.messages, lead, blocks)
    found = Conversation(
        blocks,
        system_turns=system_turns,
        apart=lambda rest: family.lone_results or any(map(is_bulky, rest)),
        between={"text": SOMETHING},
    ).follow(ask.messages, lead)
    if not found or (found[0]["role"] != "user" and not family.leading_assistant):
        if not found and system:
            notes.note(
                "mapped", "messages", "models answer users: the instructions were sent as a user's turn"
            )
            found, system = [turn("user", [block for block in system if "cachePoint" not in block])], []
        else:
            notes.note(
                "mapped", "messages", "a conversation begins with its user: a short turn was put first"
            )
            found.insert(0, turn("user", [{"text": BEGIN}]))
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
    last = next((one for one in reversed(conversation) if one["role"] == "user"), conversation[0])
    content: list[Block] = last["content"]
    place = next((at for at, block in enumerate(content) if "toolResult" not in block), len(content))
    content[place:place] = [blocks.passage(rag_result(document)) for document in ask.documents]


def say_calls(conversation: list[Turn], notes: Notes) -> None:
    """Tell a model without tools in words what a history's calls and results said."""
    for one in conversation:
        one["content"] = [said for block in one["content"] for said in _in_words(block, notes)]


def _open_with(found: list[Turn], system: list[Block]) -> None:
    said = [block for block in system if "text" in block]
    if found[0]["role"] == "user":
        found[0]["content"][:0] = said
    elif said:
        found.insert(0, turn("user", said))


def _end(found: list[Turn], notes: Notes, *, prefill: bool) -> None:
    """See to a last turn of the assistant's: the beginning of an answer, where that is taken."""
    last = found[-1]
    if last["role"] != "assistant" or "text" not in last["content"][-1]:
        return
    if not prefill:
        notes.cannot(
            "messages", "this model takes no beginning of its answer: it was asked to carry on", "degraded"
        )
        found.append(turn("user", [{"text": CARRY_ON}]))
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
