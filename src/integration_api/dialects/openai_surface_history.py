"""The messages of a chat request, as turns of our own."""

from collections.abc import Sequence

import msgspec

from integration_api.core import json
from integration_api.core.llm import (
    Bytes,
    CacheHint,
    Citation,
    FileRef,
    Media,
    Message,
    Opaque,
    Part,
    Reasoning,
    RefusalText,
    ResultContent,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from integration_api.dialects import openai_surface_wire as wire
from integration_api.dialects.openai_surface_json import invalid
from integration_api.dialects.openai_surface_parts import (
    AUDIO_MIMES,
    in_order,
    read_annotations,
    read_extra_content,
    read_extra_parts,
    read_reasoning,
    read_source,
    read_texts,
)


def read_messages(given: Sequence[wire.Message]) -> tuple[Message, ...]:
    """Return the turns; the tool messages that answer one turn become one message.

    Raises `Failure(INVALID_REQUEST)`.
    """
    turns: list[Message] = []
    results: list[ToolResult] = []
    legacy_call = ""
    for number, message in enumerate(given):
        match message:
            case wire.ToolMessage():
                results.append(_result(message, f"messages[{number}]"))
                continue
            case wire.FunctionMessage():
                results.append(
                    ToolResult(legacy_call or message.name, (Text(message.content or ""),), message.name)
                )
                continue
            case _ if results:
                turns.append(Message(Role.TOOL, tuple(results)))
                results = []
        match message:
            case wire.UserMessage(content=str(text), name=name, cache_control=cache):
                turns.append(Message(Role.USER, (Text(text, (), hint(cache)),), name))
            case wire.UserMessage(content=list(parts), name=name, cache_control=cache):
                read = [
                    read_part(part, f"messages[{number}].content[{place}]")
                    for place, part in enumerate(parts)
                ]
                turns.append(Message(Role.USER, _cached(read, cache), name))
            case wire.AssistantMessage():
                if message.function_call is not None:
                    legacy_call = f"call_{number}"
                turns.append(_answer(message, f"messages[{number}]", legacy_call))
            case wire.SystemMessage():
                turns.append(Message(Role.SYSTEM, _instructions(message), message.name))
            case wire.DeveloperMessage():
                turns.append(Message(Role.DEVELOPER, _instructions(message), message.name))
    if results:
        turns.append(Message(Role.TOOL, tuple(results)))
    return tuple(turns)


def hint(cache: wire.CacheControl | None, breakpoint: wire.Breakpoint | None = None) -> CacheHint | None:
    if cache is not None:
        return CacheHint(cache.ttl)
    return None if breakpoint is None else CacheHint()


def read_part(part: wire.InputPart, param: str) -> Text | Media:
    """Read one content part. Raises `Failure(INVALID_REQUEST)` naming `param`."""
    match part:
        case wire.TextPart(text, cache, point):
            return Text(text, (), hint(cache, point))
        case wire.ImagePart(image, cache, point):
            url, detail = (image, None) if isinstance(image, str) else (image.url, image.detail)
            source, mime = read_source(url, f"{param}.image_url")
            signature = read_extra_content(part.extra_content)
            cached = hint(cache, point)
            return Media(
                kind="image", source=source, mime=mime, detail=detail, cache=cached, signature=signature
            )
        case wire.AudioPart(audio, cache, point):
            return _audio(audio, hint(cache, point), param)
        case wire.VideoPart(video, cache):
            source, mime = read_source(video if isinstance(video, str) else video.url, f"{param}.video_url")
            return Media(kind="video", source=source, mime=mime, cache=hint(cache))
        case wire.DocumentPart(url, name, cache):
            source, mime = read_source(url, f"{param}.document_url")
            return Media(kind="document", source=source, mime=mime, filename=name, cache=hint(cache))
        case wire.FilePart(file, cache, point):
            return _file(file, hint(cache, point), f"{param}.file")


def _audio(audio: str | wire.InputAudio, cache: CacheHint | None, param: str) -> Media:
    data, format = (audio, None) if isinstance(audio, str) else (audio.data, audio.format)
    if "://" in data[:16] or data.startswith("data:"):
        source, mime = read_source(data, f"{param}.input_audio")
    else:
        source, mime = Bytes(data), None
    if format:
        mime = AUDIO_MIMES.get(format, f"audio/{format}")
    return Media(kind="audio", source=source, mime=mime, cache=cache)


def _file(file: wire.File, cache: CacheHint | None, param: str) -> Media:
    if file.file_id is not None:
        return Media(kind="document", source=FileRef(file.file_id), filename=file.filename, cache=cache)
    if file.file_data is None:
        raise invalid("file_data or file_id is required", param, "missing_required_parameter")
    if "://" in file.file_data[:32] or file.file_data.startswith("data:"):
        source, mime = read_source(file.file_data, f"{param}.file_data")
    else:
        source, mime = Bytes(file.file_data), None
    return Media(kind="document", source=source, mime=mime, filename=file.filename, cache=cache)


def _instructions(message: wire.SystemMessage | wire.DeveloperMessage) -> tuple[Part, ...]:
    if isinstance(message.content, str):
        return (Text(message.content, (), hint(message.cache_control)),)
    read = [
        Text(part.text, (), hint(part.cache_control, part.prompt_cache_breakpoint))
        for part in message.content
    ]
    return _cached(read, message.cache_control)


def _result(message: wire.ToolMessage, param: str) -> ToolResult:
    content: tuple[ResultContent, ...]
    match message.content:
        case None | "":
            content = ()
        case str(text):
            content = (Text(text),)
        case parts:
            content = tuple(read_part(part, f"{param}.content[{place}]") for place, part in enumerate(parts))
    return ToolResult(
        message.tool_call_id, content, message.name, message.is_error, hint(message.cache_control)
    )


def _answer(message: wire.AssistantMessage, param: str, legacy_call: str) -> Message:
    spoken: list[Part] = []
    placed: list[tuple[int, Part]] = []
    content = message.content
    extra = message.provider_extra
    texts = (
        _apart(extra.texts, content, _cited(message, param)) if extra is not None and extra.texts else None
    )
    if texts is not None:
        placed += texts
    elif content is None or isinstance(content, str):
        signature = _signed(message)
        if content or signature:
            spoken.append(Text(content or "", _cited(message, param), hint(message.cache_control), signature))
    elif content:
        for place, part in enumerate(content):
            spoken.append(_spoken(part, f"{param}.content[{place}]"))
    if message.refusal:
        spoken.append(RefusalText(message.refusal))
    if message.audio is not None:
        spoken.append(Media(kind="audio", source=FileRef(message.audio.id), id=message.audio.id))
    for place, image in enumerate(message.images or ()):
        shown = read_part(image, f"{param}.images[{place}]")
        if image.at is None:
            spoken.append(shown)
        else:
            placed.append((image.at, shown))
    said = message.reasoning_content or message.reasoning or ""
    if message.reasoning_details:
        placed += read_reasoning(message.reasoning_details, said)
    elif said:
        placed.append((-1, Reasoning(said)))
    if extra is not None:
        placed += read_extra_parts(extra, f"{param}.provider_extra")
    calls: list[Part] = [
        _call(call, f"{param}.tool_calls[{place}]") for place, call in enumerate(message.tool_calls or ())
    ]
    if message.function_call is not None:
        calls.append(ToolCall(legacy_call, message.function_call.name, _arguments(message.function_call)))
    parts = in_order(spoken, placed, calls)
    if message.cache_control is not None and not isinstance(content, str):
        parts = _cached(list(parts), message.cache_control)
    return Message(Role.ASSISTANT, parts, message.name)


def _apart(
    places: list[wire.TextPlace], content: str | list[wire.SpokenPart] | None, citations: tuple[Citation, ...]
) -> list[tuple[int, Part]] | None:
    """Take a message's text apart again; None where it was edited, or holds more than text."""
    if not isinstance(content, list):
        return read_texts(places, content or "", citations)
    texts = [part for part in content if isinstance(part, wire.TextPart)]
    if len(texts) < len(content):
        return None
    return read_texts(places, "".join(part.text for part in texts), citations)


def _cited(message: wire.AssistantMessage, param: str) -> tuple[Citation, ...]:
    return read_annotations(message.annotations, f"{param}.annotations") if message.annotations else ()


def _signed(message: wire.AssistantMessage) -> Opaque | None:
    return read_extra_content(message.extra_content) if message.extra_content else None


def _spoken(part: wire.SpokenPart, param: str) -> Part:
    match part:
        case wire.RefusalPart(refusal):
            return RefusalText(refusal)
        case wire.ThinkingPart(thinking, signature):
            text = thinking if isinstance(thinking, str) else "".join(piece.text for piece in thinking)
            detail = wire.ReasoningDetail(text=text, signature=signature)
            if signature is not None:
                detail.format = "anthropic-claude-v1"
            return read_reasoning([detail], "")[0][1]
        case _:
            return read_part(part, param)


def _call(call: wire.ToolCall, param: str) -> ToolCall:
    if not call.id:
        raise invalid("a tool call needs an id", f"{param}.id", "missing_required_parameter")
    signature = read_extra_content(call.extra_content) if call.extra_content else None
    if call.custom is not None:
        return ToolCall(call.id, call.custom.name, call.custom.input, "custom", signature)
    if call.function is None:
        raise invalid("a tool call needs its function", f"{param}.function", "missing_required_parameter")
    return ToolCall(call.id, call.function.name, _arguments(call.function), "function", signature)


def _arguments(function: wire.FunctionCall) -> str:
    given = function.arguments
    return (given or "{}") if given is None or isinstance(given, str) else json.encode_text(given)


def _cached(parts: Sequence[Part], cache: wire.CacheControl | None) -> tuple[Part, ...]:
    """Hang a message's own cache mark on the last part that can carry one."""
    if cache is None:
        return tuple(parts)
    marked = list(parts)
    for place in range(len(marked) - 1, -1, -1):
        part = marked[place]
        if isinstance(part, (Text, Media)):
            if part.cache is None:
                marked[place] = msgspec.structs.replace(part, cache=hint(cache))
            break
    return tuple(marked)
