"""Our request in OpenAI's language of responses, kept by nobody: every turn goes along.

https://platform.openai.com/docs/api-reference/responses/create
"""

from collections.abc import Iterable, Iterator
from typing import Any

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, HttpRequest, Stream, json_body
from integration_api.core.llm import (
    Bytes,
    FileRef,
    JsonValue,
    LlmEvent,
    LlmRequest,
    LlmResponse,
    Media,
    Message,
    Output,
    Part,
    PlainText,
    Reasoning,
    RefusalText,
    Role,
    SearchResult,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Url,
)
from integration_api.core.provider import Llm
from integration_api.dialects.fitting import fitted
from integration_api.dialects.notes import Notes, unsupported
from integration_api.dialects.openai_chat_dialect import ANYTHING
from integration_api.dialects.openai_chat_media import data_url, document_text
from integration_api.dialects.openai_chat_payload import merge, reasoning_effort
from integration_api.dialects.sse import SseFraming
from integration_api.providers.custom_llm import client
from integration_api.providers.custom_llm.responses_reader import Reader


def complete(ask: LlmRequest, credential: Credential) -> Exchange[LlmResponse]:
    notes = Notes(strict=ask.strict)
    reply = yield _post(ask, notes, credential, stream=False)
    return Reader(notes.all).whole(reply)


def stream(ask: LlmRequest, credential: Credential) -> Stream[LlmEvent]:
    notes = Notes(strict=ask.strict)
    return Stream(_post(ask, notes, credential, stream=True), SseFraming(), Reader(notes.all))


LLM = Llm(complete, stream)


def _post(ask: LlmRequest, notes: Notes, credential: Credential, *, stream: bool) -> HttpRequest:
    body = payload(ask, notes)
    if stream:
        body["stream"] = True
    return HttpRequest(
        method="POST",
        url=client.url("responses", "v1", credential),
        headers=(("content-type", "application/json"),),
        body=json_body(body),
        auth=client.auth(credential, client.BEARER),
    )


def payload(ask: LlmRequest, notes: Notes) -> dict[str, Any]:
    """Return the body. Raises `Failure` for media that the language has no word for."""
    ask = fitted(ask, notes)
    sampling = ask.sampling
    notes.lacks(client.NAME, {
        name: getattr(sampling, name) or None
        for name in ("top_k", "min_p", "seed", "stop", "presence_penalty", "frequency_penalty",
                     "repetition_penalty", "logit_bias")
    })  # fmt: skip
    effort = reasoning_effort(ask.reasoning, ANYTHING, notes)
    summary = "auto" if ask.reasoning.include in {"summary", "full"} else None
    text = {"format": _format(ask.output), "verbosity": ask.output.verbosity}
    given: dict[str, Any] = {
        "model": ask.model,
        "input": list(_items(ask.messages, notes)),
        "tools": [_tool(tool) for tool in ask.tools],
        "tool_choice": ask.tools and _choice(ask.tool_choice),
        "parallel_tool_calls": ask.parallel_tools if ask.tools else None,
        "text": {name: value for name, value in text.items() if value is not None},
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_logprobs": sampling.top_logprobs,
        "max_output_tokens": ask.max_output_tokens,
        "max_tool_calls": ask.max_tool_calls,
        "reasoning": {
            name: value for name, value in (("effort", effort), ("summary", summary)) if value is not None
        },
        "service_tier": ask.service_tier,
        "metadata": ask.metadata,
        "user": ask.end_user.id,
        "safety_identifier": ask.end_user.safety_identifier,
        "prompt_cache_key": ask.cache.key,
    }
    body = {name: value for name, value in given.items() if value is not None and value not in ([], (), {})}
    body["store"] = bool(ask.store)
    merge(body, ask.extras)
    return body


def _items(messages: Iterable[Message], notes: Notes) -> Iterator[dict[str, Any]]:
    kinds: dict[str, str] = {}
    for message in messages:
        match message.role:
            case Role.ASSISTANT:
                yield from _answer(message.parts, kinds, notes)
            case Role.TOOL:
                for part in message.parts:
                    if isinstance(part, ToolResult):
                        yield _result(part, kinds, notes)
            case role:
                content = [piece for part in message.parts for piece in _piece(part, notes)]
                yield {"role": role.value, "content": content}


def _answer(parts: Iterable[Part], kinds: dict[str, str], notes: Notes) -> Iterator[dict[str, Any]]:
    for part in parts:
        match part:
            case Text(text) if text:
                yield {"role": "assistant", "content": text}
            case RefusalText(text):
                yield {"role": "assistant", "content": text}
            case Reasoning(id=str(id), encrypted=sealed) if sealed and sealed.origin.provider == client.NAME:
                yield {"type": "reasoning", "id": id, "summary": [], "encrypted_content": sealed.data}
            case ToolCall():
                kinds[part.id] = part.kind
                said = {"call_id": part.id, "name": part.name}
                if part.kind == "custom":
                    yield {"type": "custom_tool_call", **said, "input": part.arguments}
                else:
                    yield {"type": "function_call", **said, "arguments": part.arguments}
            case Media():
                notes.cannot("messages", "what the model drew or spoke in earlier turns was left out")
            case _:
                pass


def _result(part: ToolResult, kinds: dict[str, str], notes: Notes) -> dict[str, Any]:
    kind = "custom_tool_call_output" if kinds.get(part.call_id) == "custom" else "function_call_output"
    pieces = [piece for one in part.content for piece in _piece(one, notes)]
    plain = all(piece["type"] == "input_text" for piece in pieces)
    output = "".join(piece["text"] for piece in pieces) if plain else pieces
    return {"type": kind, "call_id": part.call_id, "output": output}


def _piece(part: Any, notes: Notes) -> Iterator[dict[str, Any]]:
    match part:
        case Text(text) | JsonValue(text):
            yield {"type": "input_text", "text": text}
        case SearchResult():
            yield {"type": "input_text", "text": "\n".join((part.title, *part.content))}
        case Media():
            yield _media(part)
        case _:
            notes.cannot("messages", "a part that this language has no word for was left out")


def _media(media: Media) -> dict[str, Any]:
    image = {"type": "input_image", "detail": media.detail or "auto"}
    match media.kind, media.source:
        case _, PlainText() as source:
            return {"type": "input_text", "text": document_text(media, source)["text"]}
        case "image", Bytes() as source:
            return image | {"image_url": data_url(media, source, "image/png")}
        case "image", Url(url):
            return image | {"image_url": url}
        case "document" | "file", Bytes() as source:
            name = media.filename or media.title or "document.pdf"
            return {
                "type": "input_file",
                "filename": name,
                "file_data": data_url(media, source, "application/pdf"),
            }
        case "document" | "file", Url(url):
            return {"type": "input_file", "file_url": url}
        case "image", FileRef(id):
            return image | {"file_id": id}
        case "document" | "file", FileRef(id):
            return {"type": "input_file", "file_id": id}
        case kind, _:
            raise unsupported("messages", f"OpenAI's language of responses takes no {kind}; choose another")


def _tool(tool: Tool) -> dict[str, Any]:
    if tool.kind == "provider":
        return dict(tool.native or {})
    said: dict[str, Any] = {"type": tool.kind, "name": tool.name}
    if tool.description is not None:
        said["description"] = tool.description
    if tool.kind == "custom":
        return said | ({"format": tool.grammar} if tool.grammar else {})
    # Unasked it would be strict, and refuse schemas that are fine elsewhere.
    return said | {
        "parameters": tool.schema or {"type": "object", "properties": {}},
        "strict": bool(tool.strict),
    }


def _choice(choice: ToolChoice | None) -> Any:
    match choice:
        case None:
            return None
        case ToolChoice("named", names) if names:
            return {"type": "function", "name": names[0]}
        case ToolChoice("allowed", names, mode):
            tools = [{"type": "function", "name": name} for name in names]
            return {"type": "allowed_tools", "mode": mode, "tools": tools}
        case _:
            return choice.mode


def _format(output: Output) -> dict[str, Any] | None:
    if output.kind == "text":
        return None
    if output.kind == "json_object":
        return {"type": "json_object"}
    said = {"description": output.description, "strict": output.strict}
    return {"type": "json_schema", "name": output.name or "response", "schema": output.schema or {}} | {
        name: value for name, value in said.items() if value is not None
    }
