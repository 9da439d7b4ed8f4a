"""What an emulator says by itself: a believable answer that depends on the conversation alone, so that the
same request is always answered by the same words.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from typing import Any, Literal

from lab.faults import Directives
from lab.http import Call, encode
from lab.schema import instance
from lab.script import Answer, ScriptedCall

BIRTH = 1_795_000_000  # the moment every answer claims to be made: answers do not depend on the clock
_QUOTED = 240  # characters of the last user message that an answer repeats
_PIECE = re.compile(r"\s*\S+\s*$|\s*\S+")
_ARGUMENTS_PIECE = 7  # characters of arguments in one streamed piece
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_THINKING = {"none": 0, "minimal": 4, "low": 12, "medium": 24, "high": 48, "xhigh": 72, "max": 96}
IMAGE_TOKENS = 85

Finish = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(slots=True)
class Tool:
    """A tool on offer."""

    name: str
    schema: Any


@dataclass(slots=True)
class Prompt:
    """A conversation as far as the answer depends on it. `effort` is in the field's words ("" means no
    reasoning); `stop` ends a text; `shape` is what the model's name asked for.
    """

    text: str = ""
    user_turn: bool = True
    results: list[str] = field(default_factory=list)
    tools: list[Tool] = field(default_factory=list)
    choice: str = "auto"
    forced: str = ""
    parallel: bool = True
    wants_json: bool = False
    schema: Any = None
    images: int = 0
    files: int = 0
    sounds: int = 0
    tokens: int = 0
    continued: bool = False
    max_tokens: int | None = None
    effort: str = ""
    stop: Sequence[str] = ()
    announces_tools: bool = False
    shape: Directives = field(default_factory=Directives)

    def read(self, text: str) -> None:
        """Counts a text of the conversation."""
        self.tokens += count(text)


@dataclass(slots=True)
class ToolCall:
    """A call the model makes. `id` is empty unless scripted."""

    name: str
    arguments: str
    id: str = ""

    def pieces(self) -> list[str]:
        """The arguments as they are streamed."""
        step = _ARGUMENTS_PIECE
        return [self.arguments[at : at + step] for at in range(0, len(self.arguments), step)]


@dataclass(slots=True)
class Reply:
    """An answer before it speaks a vendor's language. `text` may be lazy and is read once; counts are tokens."""

    reasoning: Sequence[str] = ()
    text: Iterable[str] = ()
    calls: Sequence[ToolCall] = ()
    finish: Finish = "stop"
    stopped_by: str | None = None
    refusal: str | None = None
    redacted: str | None = None
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    native_finish: str | None = None
    usage: dict[str, Any] = field(default_factory=dict)
    delay_ms: float = 0
    gap_ms: float = 0
    lazy: bool = False


def count(text: str) -> int:
    """A believable number of tokens."""
    return (len(text) + 3) // 4


def pieces(text: str) -> list[str]:
    """A text as it is streamed: word by word, each with the space before it, nothing lost."""
    return _PIECE.findall(text) or ([text] if text else [])


def mark(call: Call, length: int, salt: str = "") -> str:
    """Letters and digits that follow from the request: the body of every made-up id."""
    digest = blake2b(call.body, digest_size=min(length, 64), person=salt.encode()[:16]).digest()
    return "".join(_LETTERS[byte % 62] for byte in digest).ljust(length, "0")


def compose(prompt: Prompt, answer: Answer | None, *, provider: str) -> Reply:
    """The reply to a conversation: the scripted one if there is one, else a made-up one."""
    if answer is not None:
        return _scripted(prompt, answer)
    shape = prompt.shape
    thoughts = _thoughts(prompt)
    if shape.words is not None:
        return Reply(
            reasoning=thoughts,
            text=(f"w{number} " for number in range(shape.words)),
            input_tokens=prompt.tokens,
            output_tokens=shape.words + len(thoughts),
            reasoning_tokens=len(thoughts),
            lazy=True,
        )
    if shape.event_bytes:
        return Reply(
            text=["x" * shape.event_bytes],
            input_tokens=prompt.tokens,
            output_tokens=shape.event_bytes // 4 + 1,
        )
    calls = _calls(prompt)
    if calls:
        text = pieces("Let me look that up.") if prompt.announces_tools and prompt.choice == "auto" else []
        return _measured(prompt, thoughts, text, calls)
    return _measured(prompt, thoughts, pieces(_said(prompt, provider)), [])


def _scripted(prompt: Prompt, answer: Answer) -> Reply:
    text = pieces(answer.text) if isinstance(answer.text, str) else list(answer.text or ())
    thoughts = pieces(answer.reasoning) if isinstance(answer.reasoning, str) else list(answer.reasoning or ())
    calls = [_call(one) for one in answer.tool_calls]
    return Reply(
        reasoning=thoughts,
        text=text,
        calls=calls,
        finish="tool_calls" if calls else "stop",
        refusal=answer.refusal,
        redacted=answer.redacted,
        input_tokens=prompt.tokens,
        output_tokens=len(thoughts) + len(text) + sum(count(call.arguments) + 4 for call in calls),
        reasoning_tokens=len(thoughts),
        native_finish=answer.finish,
        usage=answer.usage,
        delay_ms=answer.delay_ms,
        gap_ms=answer.gap_ms,
    )


def _call(one: ScriptedCall) -> ToolCall:
    return ToolCall(name=one.name, arguments=one.text(), id=one.id or "")


def _thoughts(prompt: Prompt) -> list[str]:
    length = _THINKING.get(prompt.effort, 0)
    words = (
        pieces(f"The user wrote: {prompt.text[:_QUOTED]}. I should answer that plainly.") if length else []
    )
    return list(islice(_round(words), length)) if length else []


def _round(words: list[str]) -> Iterator[str]:
    while True:
        yield from words
        yield " Then"


def _calls(prompt: Prompt) -> list[ToolCall]:
    if not prompt.tools or prompt.choice == "none":
        return []
    if prompt.choice == "named":
        chosen = [tool for tool in prompt.tools if tool.name == prompt.forced][:1]
    elif prompt.choice == "required" or (prompt.user_turn and "tool" in prompt.text.lower()):
        chosen = [tool for tool in prompt.tools if tool.name in prompt.text] or prompt.tools[:2]
    else:
        return []
    if not prompt.parallel:
        chosen = chosen[:1]
    return [ToolCall(tool.name, encode(_arguments(tool.schema)).decode()) for tool in chosen]


def _arguments(schema: Any) -> Any:
    return instance(schema) if isinstance(schema, dict) and schema.get("properties") else {}


def _said(prompt: Prompt, provider: str) -> str:
    if prompt.schema is not None:
        return encode(instance(prompt.schema)).decode()
    if prompt.wants_json:
        return encode({"answer": prompt.text[:_QUOTED], "from": provider}).decode()
    seen = [
        f"{number} {thing}{'' if number == 1 else 's'}"
        for number, thing in (
            (prompt.images, "image"),
            (prompt.files, "document"),
            (prompt.sounds, "recording"),
        )
        if number
    ]
    if prompt.results and not prompt.user_turn:
        return f"The tools answered: {'; '.join(prompt.results)[:_QUOTED]}. That settles it."
    return (
        f"You said: {prompt.text[:_QUOTED]!s}"
        + (f" (with {' and '.join(seen)})" if seen else "")
        + f". This is the {provider} lab speaking."
    )


def _measured(prompt: Prompt, thoughts: list[str], text: list[str], calls: list[ToolCall]) -> Reply:
    """The reply with its stop sequences and its budget kept: one piece is one token."""
    finish: Finish = "tool_calls" if calls else "stop"
    stopped_by = None
    if prompt.stop and text:
        whole = "".join(text)
        ends = [(at, stop) for stop in prompt.stop if stop and (at := whole.find(stop)) >= 0]
        if ends:
            at, stopped_by = min(ends)
            text = pieces(whole[:at])
    budget = prompt.max_tokens
    if budget is not None and len(thoughts) + len(text) > budget:
        thoughts = thoughts[:budget]
        text, calls, finish, stopped_by = text[: budget - len(thoughts)], [], "length", None
    return Reply(
        reasoning=thoughts,
        text=text,
        calls=calls,
        finish=finish,
        stopped_by=stopped_by,
        input_tokens=prompt.tokens,
        output_tokens=len(thoughts) + len(text) + sum(count(call.arguments) + 4 for call in calls),
        reasoning_tokens=len(thoughts),
        # What was read before is cached from the second turn on, in the vendors' steps of 128.
        cached_tokens=prompt.tokens // 128 * 128 if prompt.continued and prompt.tokens >= 1024 else 0,
    )
