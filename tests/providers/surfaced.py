"""What a recorded answer says once it has gone through our door, as the openai SDK reads it, part by part."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from integration_api.dialects.openai_surface_response import ChatStream, render_chat
from tests.laws import replay
from tests.laws.cases import Case, recordings
from tests.laws.speaker import CHAT, data_lines


@dataclass(frozen=True)
class Choice:
    """One candidate's content; arguments are parsed where they are JSON."""

    text: str
    reasoning: str
    calls: tuple[tuple[str, Any], ...]
    finish: str


@dataclass(frozen=True)
class Said:
    """An answer as a client sees it. Counts that nobody told are 0."""

    choices: tuple[Choice, ...]
    prompt: int
    completion: int
    cached: int
    reasoned: int


def chats(provider: str, folder: str | None = None) -> list[Any]:
    """Parametrize over every recorded chat of a provider."""
    return [
        pytest.param(case, id=case.id)
        for case in recordings()
        if case.provider == provider and case.kind in CHAT and folder in (None, case.speaker.folder)
    ]


def through_our_door(case: Case) -> Said:
    """Translate a recorded answer, and read what our chat completions route would say of it."""
    if case.streamed:
        stream = ChatStream(
            include_usage=True, provider=case.provider, id="chatcmpl-1", model=case.model, created=1
        )
        said = b"".join(stream.render([event]) for event in replay.events(case)) + stream.close()
        return read(streamed(data_lines(said)))
    return read(
        ChatCompletion.model_validate_json(
            render_chat(replay.whole(case), provider=case.provider, id="1", created=1)
        )
    )


def streamed(chunks: Iterable[dict[str, Any]]) -> ChatCompletion:
    """Let the SDK put chunks together. It joins what it does not know as it joins text."""
    state = ChatCompletionStreamState()
    for chunk in chunks:
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    return state.current_completion_snapshot


def read(completion: ChatCompletion) -> Said:
    usage = completion.usage
    prompt = usage and usage.prompt_tokens_details
    output = usage and usage.completion_tokens_details
    return Said(
        tuple(
            Choice(
                choice.message.content or "",
                getattr(choice.message, "reasoning_content", None) or "",
                tuple(map(_call, choice.message.tool_calls or ())),
                choice.finish_reason,
            )
            for choice in completion.choices
        ),
        usage.prompt_tokens if usage else 0,
        usage.completion_tokens if usage else 0,
        (prompt.cached_tokens or 0) if prompt else 0,
        (output.reasoning_tokens or 0) if output else 0,
    )


def _call(call: Any) -> tuple[str, Any]:
    if call.type == "custom":
        return call.custom.name, call.custom.input
    return call.function.name, parsed(call.function.arguments)


def parsed(arguments: str) -> Any:
    """JSON text as its value; text that is not JSON (a call cut short) as it is."""
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments
