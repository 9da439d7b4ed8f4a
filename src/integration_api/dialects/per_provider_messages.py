"""Conversations of the per-provider services, as turns of our own, and answers back.

A message there is a list of contents; what a content's type says depends on who speaks.
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence

from integration_api.core.llm import (
    Bytes,
    Media,
    Message,
    Part,
    RefusalText,
    Role,
    Text,
    ToolResult,
    Url,
)
from integration_api.dialects.unified_carried import carried, well_formed
from integration_api.dialects.unified_embedding import in_order
from integration_api.dialects.unified_messages import (
    no_messages,
    read_calls,
    turns_of,
    whole_answer,
    write_calls,
)
from integration_api.dialects.unified_values import invalid
from integration_api.proto import per_provider_pb2 as wire

ROLES: Mapping[str, Role] = {
    **{role.value: role for role in Role},
    "model": Role.ASSISTANT,
    "chatbot": Role.ASSISTANT,
}
"""What histories call those who speak; Gemini's and Cohere's words stand in old ones."""
TEXT, RAW, URL = "text", "raw", "url"
_STARTS = (
    (b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"),
    (b"ID3", "audio/mpeg"), (b"\xff\xfb", "audio/mpeg"), (b"fLaC", "audio/flac"), (b"OggS", "audio/ogg"),
)  # fmt: skip
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}


def read_messages(given: Sequence[wire.Message]) -> tuple[Message, ...]:
    """Return the turns; tool messages that follow one another become one.

    Raises `Failure(INVALID_REQUEST)` naming the message at fault.
    """
    if not given:
        raise no_messages()
    return turns_of(_turn(message, f"conversations[{number}]") for number, message in enumerate(given))


def _turn(message: wire.Message, param: str) -> Message:
    role = ROLES.get(message.role.strip().lower())
    if role is None:
        raise invalid(f"expected one of {', '.join(ROLES)}", f"{param}.role")
    if role is Role.TOOL:
        return Message(role, tuple(_results(message.contents, param)))
    if not message.contents and role is not Role.ASSISTANT:
        # So it would be with a message of the unified service, whose text stands in a field of its own.
        raise invalid("expected at least one content", f"{param}.contents")
    parts: list[Part] = []
    for number, content in enumerate(message.contents):
        part = _part(content, f"{param}.contents[{number}]")
        if not isinstance(part, Text) or part.text:
            parts.append(part)
    if role is not Role.ASSISTANT:
        return Message(role, tuple(parts) or (Text(""),))
    parts += read_calls(message.toolCalls, param)
    return whole_answer(parts, message.carried, param)


def _results(contents: Sequence[wire.Content], param: str) -> Iterator[ToolResult]:
    for number, content in enumerate(contents):
        if not content.contentType:
            raise invalid(
                "a tool's result needs the id of the call it answers",
                f"{param}.contents[{number}].contentType",
            )
        said = _text(content, f"{param}.contents[{number}]")
        yield ToolResult(content.contentType, (Text(said),) if said else (), content.name or None)


def _part(content: wire.Content, param: str) -> Text | Media:
    kind, form = content.contentType.lower() or TEXT, content.contentFormat.lower() or RAW
    match kind, form:
        case "text", "raw":
            return Text(_text(content, param))
        case "image" | "audio", "raw":
            return Media(
                kind=kind, source=Bytes(b64encode(content.content).decode()), mime=_mime(content.content)
            )
        case "image" | "audio", "url":
            return Media(kind=kind, source=Url(_text(content, param)))
        case _:
            raise invalid("expected text (raw), image or audio (raw, url)", f"{param}.contentType")


def _text(content: wire.Content, param: str) -> str:
    try:
        return content.content.decode()
    except UnicodeDecodeError:
        raise invalid("expected text in UTF-8", f"{param}.content") from None


def _mime(content: bytes) -> str | None:
    if content.startswith(b"RIFF"):
        return _RIFF.get(content[8:12])
    return next((mime for start, mime in _STARTS if content.startswith(start)), None)


def text_content(text: str) -> wire.Content:
    return wire.Content(contentType=TEXT, contentFormat=RAW, content=text.encode("utf-8", "replace"))


def write_message(parts: Sequence[Part]) -> wire.Message:
    """Return a whole answer: its texts as one, then its calls. Thoughts and media are only carried."""
    message = wire.Message(role=Role.ASSISTANT)
    text = "".join(part.text for part in parts if isinstance(part, Text | RefusalText))
    if text:
        message.contents.append(text_content(well_formed(text)))
    message.toolCalls.extend(write_calls(parts))
    message.carried = carried(parts)
    return message


def documents_in_order(content: Mapping[int, wire.Content]) -> tuple[list[int], tuple[str, ...]]:
    """Return texts to rank by their numbers. Raises `Failure(INVALID_REQUEST)` for what is none."""
    texts = {}
    for place, document in content.items():
        part = _part(document, f"content[{place}]")
        if not isinstance(part, Text):
            raise invalid("expected text", f"content[{place}].contentType")
        texts[place] = part.text
    return in_order(texts)


def read_part(content: wire.Content, param: str) -> Text | Media:
    """Return what one content says. Raises `Failure(INVALID_REQUEST)`."""
    part = _part(content, param)
    if isinstance(part, Text) and not part.text:
        raise invalid("expected text that is not empty", param)
    return part
