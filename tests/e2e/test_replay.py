"""Conversations with models that think and call tools, by each door: what they thought comes back as they signed it.

The lab signs its thoughts and refuses those that are not, byte for byte, what it signed.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import pytest

from integration_api.proto import common_pb2 as common
from tests.e2e.clients import openai_client
from tests.e2e.service import Service
from tests.rpc.caller import Caller, Talk, chat_frame, chat_request, function, results, user

MODELS = (
    "anthropic/claude-sonnet-4-5",
    "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "gemini/gemini-3.8-flash",
    "vertexai/gemini-3.8-flash",
    "vertexai/claude-sonnet-4-5@20250929",
    "openai/gpt-5",
)
SILENT = {"openai/gpt-5"}
"""Whose chat completions tell nothing of what was thought: there is nothing to sign."""
UNSIGNED = "skip_thought_signature_validator"
"""What Gemini takes for a signature that was lost."""
QUESTIONS = ("Use a tool: what is the weather in Kyiv?", "Use a tool again: and the weather in Lviv?")
RESULT = "12 degrees"
BUDGET = 2048
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Call get_weather",
        "parameters": {
            "type": "object",
            "required": ["city"],
            "properties": {"city": {"type": "string"}},
        },
    },
}


class Conversation(Protocol):
    """One with a history of its own; every turn is asked for with a tool at hand and thinking on."""

    def ask(self, text: str) -> bool:
        """Put a question; return whether a tool was called."""

    def answer(self) -> bool:
        """Give the results of the tools; return whether another was called."""


class ByOpenai:
    def __init__(self, url: str, model: str, *, stream: bool) -> None:
        self._client = openai_client(url)
        self._model, self._stream = model, stream
        self._history: list[Any] = []

    def ask(self, text: str) -> bool:
        self._history.append({"role": "user", "content": text})
        return self._turn()

    def answer(self) -> bool:
        self._history += [
            {"role": "tool", "tool_call_id": call.id, "content": RESULT}
            for call in self._history[-1].tool_calls
        ]
        return self._turn()

    def _turn(self) -> bool:
        asked: Any = {
            "model": self._model,
            "messages": self._history,
            "tools": [TOOL],
            "max_completion_tokens": 2 * BUDGET,
            "extra_body": {"thinking": {"type": "enabled", "budget_tokens": BUDGET}},
        }
        if self._stream:
            with self._client.chat.completions.stream(**asked) as stream:
                completion: Any = stream.get_final_completion()
        else:
            completion = self._client.chat.completions.create(**asked)
        message = completion.choices[0].message
        self._history.append(message)
        return bool(message.tool_calls)


class ByGrpc:
    """`rebuilt` makes the history anew of texts and calls, as the platform's own services may."""

    def __init__(self, caller: Caller, model: str, *, stream: bool, rebuilt: bool) -> None:
        self._caller, self._model, self._rebuilt = caller, model, rebuilt
        self._history: list[common.Message] = []
        self._talk: Talk | None = None
        if stream:
            self._talk = caller.talk()
            assert self._talk.configure(model.partition("/")[0]).success

    def ask(self, text: str) -> bool:
        return self._turn(user(text))

    def answer(self) -> bool:
        return self._turn(results(self._history[-1], RESULT))

    def _turn(self, message: common.Message) -> bool:
        self._history.append(message)
        more: Any = {
            "toolDefinitions": [function("get_weather", city="string")],
            "params": {
                "model.thinking": {"enabled": True, "budget_tokens": BUDGET},
                "model.max_tokens": 2 * BUDGET,
            },
        }
        if self._talk is None:
            data = self._caller.call("Chat", chat_request(self._model, *self._history, **more)).data
        else:
            self._talk.send(chat_frame("turn", self._model, *self._history, **more))
            data = self._talk.turn()[1].data
        if self._rebuilt:
            data.assistant.ClearField("carried")
        self._history.append(data)
        return bool(data.assistant.toolCalls)


WAYS = {
    "rest": lambda caller, model: ByOpenai(caller.service.url, model, stream=False),
    "rest-stream": lambda caller, model: ByOpenai(caller.service.url, model, stream=True),
    "grpc": lambda caller, model: ByGrpc(caller, model, stream=False, rebuilt=False),
    "grpc-stream": lambda caller, model: ByGrpc(caller, model, stream=True, rebuilt=False),
    "grpc-rebuilt": lambda caller, model: ByGrpc(caller, model, stream=True, rebuilt=True),
}


@pytest.fixture(scope="module")
def caller(service: Service, lab: str) -> Iterator[Caller]:
    with Caller(service, lab) as opened:
        yield opened


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("way", WAYS)
def test_two_questions_with_a_tool_each(caller: Caller, way: str, model: str) -> None:
    provider = model.partition("/")[0]
    before = max((one["serial"] for one in caller.seen(provider)), default=0)
    conversation: Conversation = WAYS[way](caller, model)
    for question in QUESTIONS:
        assert conversation.ask(question)
        assert not conversation.answer()
    bodies = [
        one["body"] for one in caller.seen(provider) if one["serial"] > before and one["body"]
    ]  # Not the forms for tokens.
    sent = [body.get("messages") or body["contents"] for body in bodies]
    assert [len(turns) for turns in sent] == [1, 3, 5, 7]
    if (
        way == "grpc-rebuilt" and model not in SILENT
    ):  # Then thoughts are there while they are needed: until the user speaks again.
        assert [len(signatures(turn)) for turn in (sent[1][1], sent[3][1], sent[3][5])] == [1, 0, 1]
        return
    for earlier, later in zip(sent, sent[1:], strict=False):
        assert later[: len(earlier)] == earlier  # Caches and bound thoughts want it so.
    for turn in sent[-1]:
        signed = turn["role"] in {"assistant", "model"} and model not in SILENT
        assert len(signatures(turn)) == signed


def signatures(turn: dict[str, Any]) -> list[str]:
    """Return what the model signed in a turn."""
    content = turn["content"] if "content" in turn else turn["parts"]
    blocks = [] if content is None or isinstance(content, str) else content
    found = [
        block.get("signature")
        or block.get("thoughtSignature")
        or block.get("reasoningContent", {}).get("reasoningText", {}).get("signature")
        for block in blocks
    ]
    return [signature for signature in found if signature not in {None, UNSIGNED}]
