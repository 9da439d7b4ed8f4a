"""A provider's answer on its way to a client and, in the next request, back to the provider, block by block."""

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import msgspec
import openai
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from openai.types.chat import ChatCompletion

from integration_api.cache.local import LocalCache
from integration_api.core.llm import LlmRequest, LlmResponse, Tool
from integration_api.core.tenant import Tenant
from integration_api.dialects import openai_surface_request as surface
from integration_api.dialects import unified_answer, unified_messages
from integration_api.dialects.openai_surface_response import ChatStream, render_chat
from integration_api.proto import common_pb2 as common
from integration_api.proto import unified_pb2 as wire
from integration_api.providers import PROVIDERS
from integration_api.services.turns import Turns
from tests.laws import replay
from tests.laws.cases import Case
from tests.laws.speaker import CHAT, data_lines
from tests.providers.surfaced import streamed

QUESTION, RESULT = "What is the weather?", "12 degrees"
MODELS = {
    "anthropic": "claude-sonnet-4-5",
    "azure-openai": "gpt-5",
    "bedrock": "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "gemini": "gemini-3-pro-preview",
    "mistral": "magistral-medium-latest",
    "openai": "gpt-5",
    "openrouter": "openai/gpt-5",
    "vertexai": "gemini-3-pro-preview",
}
"""Whose answers go back, and who is asked where nobody knows who was."""
UNSIGNED = "gemini-2.5-flash"
"""Of Google's models one that signs no calls."""


@dataclass(frozen=True)
class Block:
    """One piece of an answer. `said` is text, or arguments in one spelling of them."""

    kind: str
    said: str = ""
    name: str = ""
    id: str = ""
    signature: str = ""


def known(case: Case) -> Case:
    """Return the case with a model that may have answered so, where it does not tell its model."""
    model = case.model
    if model in ("unknown", "any-model"):
        model = MODELS[case.provider]
        if model.startswith("gemini") and b"thoughtSignature" not in case.body:
            model = UNSIGNED
    speaker = dataclasses.replace(case.speaker, model=lambda _: model, any_model=model)
    return dataclasses.replace(case, speaker=speaker)


def returning(cases: Iterable[Case]) -> Iterator[Case]:
    """Return the answers that hold a signature or call a tool."""
    for case in cases:
        if case.kind in CHAT and case.provider in MODELS and (not case.streamed or case.speaker.whole_of):
            said = known(case)
            if any(block.signature or block.kind == "call" for block in told(said)):
                yield said


# --- what was said, in the provider's own words -----------------------------------------------


def told(case: Case) -> list[Block]:
    """Return what a provider said."""
    whole = case.speaker.whole_of(case.body) if case.streamed and case.speaker.whole_of else case.body
    match json.loads(whole):
        case {"output": {"message": {"content": content}}} | {"content": list(content)}:
            return blocks(content)
        case {"candidates": [{"content": {"parts": parts}}, *_]}:
            return blocks(parts)
        case {"choices": [{"message": message}, *_]}:
            return blocks(opened(message))
        case _:
            return []


def opened(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return a message of OpenAI's language as blocks: thoughts in detail, its content, its calls."""
    content = message.get("content") or []
    said = [{"text": content}] if isinstance(content, str) else content
    return [*(message.get("reasoning_details") or ()), *said, *(message.get("tool_calls") or ())]


def blocks(content: Iterable[Mapping[str, Any]]) -> list[Block]:
    """Return a message's blocks. Texts that nobody signed run on; one that says nothing is nothing."""
    found: list[Block] = []
    for said in content:
        made = block(said)
        last = found[-1] if found else None
        if made == Block("text"):
            continue
        if (
            made.kind == "text"
            and not made.signature
            and last
            and (last.kind, last.signature) == ("text", "")
        ):
            found[-1] = dataclasses.replace(last, said=last.said + made.said)
        else:
            found.append(made)
    return found


def block(said: Mapping[str, Any]) -> Block:
    signature = said.get("thoughtSignature", "")
    match said:
        case {"type": "thinking", "thinking": str(text)}:
            return Block("thought", text, signature=said.get("signature") or "")
        case {"type": "thinking", "thinking": pieces}:
            return Block("thought", "".join(piece["text"] for piece in pieces))
        case {"type": "reasoning.text", "text": text} | {"type": "reasoning.summary", "summary": text}:
            return Block("thought", text, said["type"], said.get("id", ""), said.get("signature", ""))
        case {"type": "reasoning.encrypted", "data": data}:
            return Block("sealed", "", said["type"], said.get("id", ""), data)
        case {"function": {"name": name, "arguments": arguments}, "id": id}:
            return Block("call", arguments or "{}", name, id)
        case {"type": "redacted_thinking", "data": data}:
            return Block("sealed", signature=data)
        case {"type": "tool_use", "id": id, "name": name, "input": given}:
            return Block("call", spelled(given), name, id)
        case {"reasoningContent": {"reasoningText": {"text": text} as thought}}:
            return Block("thought", text, signature=thought.get("signature", ""))
        case {"reasoningContent": {"redactedContent": data}}:
            return Block("sealed", signature=data)
        case {"toolUse": {"toolUseId": id, "name": name, "input": given, **rest}} if "type" not in rest:
            return Block("call", spelled(given), name, id)
        case {"functionCall": {"name": name} as call}:
            return Block("call", spelled(call.get("args") or {}), name, call.get("id", ""), signature)
        case {"inlineData": {"data": data}}:
            return Block("media", data, signature=signature)
        case {"text": text, "thought": True}:
            return Block("thought", text, signature=signature)
        case {"text": text}:
            return Block("text", text, signature=signature)
        case _:
            return Block(said.get("type") or next(iter(said)), signature=signature)


def spelled(arguments: Any) -> str:
    return json.dumps(arguments, sort_keys=True)


# --- the ways to a client and back ------------------------------------------------------------


def answer(case: Case) -> LlmResponse:
    return replay.folded(replay.events(case)) if case.streamed else replay.whole(case)


def rest_whole(case: Case) -> LlmRequest:
    body = render_chat(answer(case), provider=case.provider, id="chatcmpl-1", created=1)
    return by_sdk(case, ChatCompletion.model_validate_json(body))


def rest_streamed(case: Case) -> LlmRequest:
    stream = ChatStream(provider=case.provider, id="chatcmpl-1", model=case.model, created=1)
    said = b"".join(stream.render([event]) for event in replay.events(case)) + stream.close()
    return by_sdk(case, streamed(data_lines(said)))


def by_sdk(case: Case, completion: ChatCompletion) -> LlmRequest:
    """Let the openai SDK send an answer back as it is, and read what it sends."""
    message = completion.choices[0].message
    calls = message.tool_calls or []
    sent: list[bytes] = []

    def refuse(request: httpx2.Request) -> httpx2.Response:
        sent.append(request.content)
        return httpx2.Response(400)

    results = [{"role": "tool", "tool_call_id": call.id, "content": RESULT} for call in calls]
    with httpx2.Client(transport=httpx2.MockTransport(refuse)) as http:
        client = openai.OpenAI(api_key="any", base_url="http://test/v1", http_client=http)
        with contextlib.suppress(openai.BadRequestError):
            client.chat.completions.create(
                model=case.model,
                messages=[
                    {"role": "user", "content": QUESTION},
                    message,
                    *(results or [{"role": "user", "content": QUESTION}]),
                ],
            )
    return surface.read_chat(bytearray(sent[0])).request


def grpc_whole(case: Case) -> LlmRequest:
    return handed_back(unified_answer.write_answer(answer(case), "1", ()).data)


def grpc_streamed(case: Case) -> LlmRequest:
    return handed_back(last_of(case).data)


def grpc_rebuilt(case: Case) -> LlmRequest:
    """As a client does that makes its history anew of texts and calls."""
    said = answer(case)
    data = last_of(case).data if case.streamed else unified_answer.write_answer(said, "1", ()).data
    built = common.Message(role="assistant")
    built.assistant.contents.extend(data.assistant.contents)
    built.assistant.toolCalls.extend(data.assistant.toolCalls)
    return asyncio.run(restored(said, by_grpc(built)))


async def restored(said: LlmResponse, request: LlmRequest) -> LlmRequest:
    turns, tenant = Turns(bytes(32), LocalCache(1 << 24)), Tenant(1, 2)
    await turns.keep(tenant, said.candidates[0].parts)
    return msgspec.structs.replace(request, messages=await turns.restore(tenant, request.messages))


def last_of(case: Case) -> wire.StreamChatOutput:
    """Return the frame that completes a streamed turn."""
    stream = unified_answer.ChatStream("1")
    for event in replay.events(case):
        stream.render([event])
    return wire.StreamChatResponse.FromString(stream.last(stream.answer(), ())).chat


def handed_back(message: common.Message) -> LlmRequest:
    """As a client does that knows only the platform's fields, and sends back what it got."""
    theirs = PLATFORMS_MESSAGE.FromString(message.SerializeToString())
    return by_grpc(common.Message.FromString(theirs.SerializeToString()))


def by_grpc(message: common.Message) -> LlmRequest:
    results = [
        common.ToolMessage.Tool(id=call.id, name=call.function.name, content=RESULT)
        for call in message.assistant.toolCalls
    ]
    asked = common.Message(role="user", user=common.UserMessage(content=QUESTION))
    following = common.Message(role="tool", tool=common.ToolMessage(tools=results)) if results else asked
    return LlmRequest(model="", messages=unified_messages.read_messages([asked, message, following]))


def _platforms_message() -> Any:
    file = FileDescriptorProto()
    common.DESCRIPTOR.CopyToProto(file)
    for message in file.message_type:
        ours = [field for field in message.field if field.number > 1000]
        for field in ours:
            message.field.remove(field)
    pool = DescriptorPool()
    pool.Add(file)  # type: ignore[no-untyped-call]
    return GetMessageClass(pool.FindMessageTypeByName("integration.common.Message"))


PLATFORMS_MESSAGE = _platforms_message()
"""The message as the platform's stubs know it, without what is ours."""

WAYS: Mapping[str, Callable[[Case], LlmRequest]] = {
    "rest": rest_whole,
    "rest-stream": rest_streamed,
    "grpc": grpc_whole,
    "grpc-stream": grpc_streamed,
    "grpc-rebuilt": grpc_rebuilt,
}


# --- what reaches the provider ----------------------------------------------------------------


def sent(case: Case, request: LlmRequest) -> tuple[list[Block], list[str]]:
    """Return the answer's blocks as they reach the provider again, and the ids (or names) that results answer."""
    names = sorted({block.name for block in told(case) if block.kind == "call"})
    llm = PROVIDERS[case.provider].llm
    assert llm is not None
    request = msgspec.structs.replace(
        request,
        model=case.model,
        tools=tuple(Tool(name=name, schema={"type": "object", "properties": {}}) for name in names),
        extras=case.speaker.extras,
    )
    body = json.loads(llm.stream(request, replay.credential(case)).request.body)
    _, said, *following = body["contents"] if "contents" in body else body["messages"]
    found = said["parts"] if "parts" in said else opened(said)
    answered = [
        part for turn in following for part in (turn, *opened({"content": turn.get("parts"), **turn}))
    ]
    return blocks(found), [id for part in answered if (id := _answers(part))]


def _answers(part: Mapping[str, Any]) -> str:
    """Return what a result in a turn, or a turn that is a result, answers."""
    match part:
        case (
            {"type": "tool_result", "tool_use_id": id}
            | {"toolResult": {"toolUseId": id}}
            | {"role": "tool", "tool_call_id": id}
        ):
            return str(id)
        case {"functionResponse": response}:
            return str(response.get("id") or response["name"])
        case _:
            return ""
