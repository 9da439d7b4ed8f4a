"""A language model that makes up nothing: its answer follows from the request alone."""

from collections.abc import Iterable, Iterator
from hashlib import sha256

import msgspec

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError, StreamCut
from integration_api.core.exchange import Exchange, Frame, Stream
from integration_api.core.json import encode_text
from integration_api.core.llm import (
    ArgumentsDelta,
    Ended,
    Finish,
    Finished,
    FinishReason,
    JsonValue,
    LlmEvent,
    LlmRequest,
    LlmResponse,
    Media,
    Message,
    Opaque,
    Origin,
    PartEnded,
    PartStarted,
    Reasoning,
    ReasoningDelta,
    Role,
    SignatureDelta,
    Started,
    Text,
    TextDelta,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
    UsageUpdate,
    only_text,
)
from integration_api.core.llm_fold import LlmFold
from integration_api.providers.sandbox.account import NAME, raise_asked_for
from integration_api.providers.sandbox.schema import instance
from integration_api.providers.sandbox.words import count, pieces

SIGNATURE = "sandbox-v1"
WORDS_BEFORE_THE_CUT = 3
MOST_CANDIDATES = 16
"""More than any vendor gives, and few enough to hold."""


def complete(ask: LlmRequest, credential: Credential) -> Exchange[LlmResponse]:
    """Answer whole: the fold of the stream."""
    yield from ()
    fold = LlmFold()
    for event in _events(ask):
        fold.feed(event)
    return fold.close()


def stream(ask: LlmRequest, credential: Credential) -> Stream[LlmEvent]:
    """Answer word by word, when the reader is closed: there is no body to wait for."""
    return Stream(None, _Silence(), _Answer(ask))


class _Silence:
    def feed(self, chunk: bytes) -> Iterable[Frame]:
        return ()


class _Answer:
    def __init__(self, ask: LlmRequest) -> None:
        self._ask = ask

    def feed(self, frame: Frame) -> Iterable[LlmEvent]:
        return ()

    def close(self) -> Iterator[LlmEvent]:
        """Tell the whole answer. Raises what a `fail-` model fails with, and `StreamCut` for `cut`."""
        return _events(self._ask)


def _events(ask: LlmRequest) -> Iterator[LlmEvent]:
    raise_asked_for(ask.model)
    _check_signatures(ask)
    digest = sha256(msgspec.json.encode(ask)).hexdigest()
    yield Started(f"sandbox-{digest[:24]}", ask.model)
    spent = thought = 0
    for candidate in range(min(max(ask.sampling.n or 1, 1), MOST_CANDIDATES)):
        speaker = _Speaker(ask, candidate)
        yield from speaker.speak()
        spent += speaker.spent
        thought += speaker.thought
    heard = sum(_heard(message) for message in ask.messages)
    yield UsageUpdate(
        Usage(
            input_total=heard,
            input_uncached=heard,
            output_total=spent,
            reasoning=thought if ask.model == "reasoner" else None,
        )
    )
    yield Ended()


class _Speaker:
    """Tells one candidate, within the tokens it may spend."""

    def __init__(self, ask: LlmRequest, candidate: int) -> None:
        self._ask = ask
        self._candidate = candidate
        self._part = 0
        self._left = ask.max_output_tokens
        self.spent = 0
        self.thought = 0

    def speak(self) -> Iterator[LlmEvent]:
        ask = self._ask
        calls = _calls(ask) if ask.model == "tools" else []
        if ask.model == "reasoner":
            yield from self._think(f"The user said {count(_question(ask))} words. I shall repeat them.")
        if calls:
            for call in calls:
                yield from self._call(call)
            finish = Finish(FinishReason.TOOL_CALLS, "tool_calls")
        else:
            text, stopped_by = _stopped(_answer(ask), ask.sampling.stop)
            yield from self._say(text)
            finish = Finish(FinishReason.STOP, "stop", stopped_by)
        if self._left is not None and self._left < 0:
            finish = Finish(FinishReason.LENGTH, "length")
        yield Finished(self._candidate, finish)

    def _think(self, text: str) -> Iterator[LlmEvent]:
        c, p = self._candidate, self._next()
        yield PartStarted(c, p, Reasoning())
        said = self._affordable(text)
        for piece in said:
            yield ReasoningDelta(c, p, piece)
        self.thought += len(said)
        yield SignatureDelta(c, p, _signed("".join(said), self._ask.model))
        yield PartEnded(c, p)

    def _say(self, text: str) -> Iterator[LlmEvent]:
        c, p = self._candidate, self._next()
        yield PartStarted(c, p, Text(""))
        for place, piece in enumerate(self._affordable(text)):
            if self._ask.model == "cut" and place == WORDS_BEFORE_THE_CUT:
                break
            yield TextDelta(c, p, piece)
        if self._ask.model == "cut":
            raise StreamCut(NAME)
        yield PartEnded(c, p)

    def _call(self, call: ToolCall) -> Iterator[LlmEvent]:
        c, p = self._candidate, self._next()
        yield PartStarted(c, p, msgspec.structs.replace(call, arguments=""))
        for piece in pieces(call.arguments):
            yield ArgumentsDelta(c, p, piece)
        self.spent += count(call.arguments)
        yield PartEnded(c, p)

    def _affordable(self, text: str) -> list[str]:
        said, wanted = pieces(text), count(text)
        if self._left is not None:
            if wanted > self._left:
                said = said[: max(self._left, 0)]
            # Below zero when there was more to say.
            self._left -= wanted
        self.spent += min(len(said), wanted)
        return said

    def _next(self) -> int:
        self._part += 1
        return self._part - 1


def _answer(ask: LlmRequest) -> str:
    output = ask.output
    if output.kind == "json_schema" and output.schema is not None:
        return _spaced(encode_text(instance(output.schema)))
    said = _reply(ask)
    return _spaced(encode_text({"answer": said})) if output.kind == "json_object" else said


def _reply(ask: LlmRequest) -> str:
    results = _results(ask)
    if results:
        told = "; ".join(f"{result.name or result.call_id}: {_told(result)}" for result in results)
        return f"The tools answered: {told}"
    question = _question(ask)
    said = f"You said: {question}" if question.strip() else "You said nothing."
    media = _media(ask)
    if media:
        kinds = ", ".join(f"{item.kind} ({item.mime or 'of unknown type'})" for item in media)
        said = f"{said}\n\nYou sent {len(media)} attachment{'s' if len(media) > 1 else ''}: {kinds}."
    return said


def _spaced(json: str) -> str:
    """Write JSON on one line with white space, so that it streams in pieces."""
    return msgspec.json.format(json, indent=0)


def _stopped(text: str, stops: tuple[str, ...]) -> tuple[str, str | None]:
    found = [(text.find(stop), stop) for stop in stops if stop and stop in text]
    if not found:
        return text, None
    place, stop = min(found)
    return text[:place], stop


def _calls(ask: LlmRequest) -> list[ToolCall]:
    choice = ask.tool_choice
    mode = choice.mode if choice else "auto"
    tools = [tool for tool in ask.tools if tool.kind != "provider"]
    if choice and mode in {"named", "allowed"}:
        tools = [tool for tool in tools if tool.name in choice.names]
        mode = "required" if mode == "named" else choice.allowed_mode
    if mode == "none" or (mode == "auto" and _results(ask)):
        return []
    turn = sum(message.role is Role.ASSISTANT for message in ask.messages)
    most = 1 if ask.parallel_tools is False else 2
    return [
        ToolCall(
            f"call_{turn}_{place}",
            tool.name,
            _arguments(tool),
            kind="custom" if tool.kind == "custom" else "function",
        )
        for place, tool in enumerate(tools[:most])
    ]


def _arguments(tool: Tool) -> str:
    if tool.kind == "custom":
        return tool.name
    found = instance(tool.schema) if tool.schema else {}
    return _spaced(encode_text(found if isinstance(found, dict) else {}))


def _results(ask: LlmRequest) -> list[ToolResult]:
    """Return the results that the conversation ends in."""
    found: list[ToolResult] = []
    for message in reversed(ask.messages):
        here = [part for part in message.parts if isinstance(part, ToolResult)]
        if not here:
            break
        found[:0] = here
    return found


def _told(result: ToolResult) -> str:
    return " ".join(part.text for part in result.content if isinstance(part, Text | JsonValue)) or "nothing"


def _question(ask: LlmRequest) -> str:
    return next((only_text(m) for m in reversed(ask.messages) if m.role is Role.USER), "")


def _media(ask: LlmRequest) -> list[Media]:
    last = next((m for m in reversed(ask.messages) if m.role is Role.USER), None)
    return [part for part in last.parts if isinstance(part, Media)] if last else []


def _heard(message: Message) -> int:
    heard = 0
    for part in message.parts:
        match part:
            case Text(text=text) | Reasoning(text=text):
                heard += count(text)
            case ToolCall(arguments=text):
                heard += count(text)
            case ToolResult():
                heard += count(_told(part))
            case _:
                heard += 1
    return heard


def _signed(text: str, model: str) -> Opaque:
    return Opaque(sha256(text.encode()).hexdigest(), SIGNATURE, Origin(NAME, NAME, model))


def _check_signatures(ask: LlmRequest) -> None:
    """Refuse reasoning that was altered on its way through the caller, as vendors do."""
    for place, message in enumerate(ask.messages):
        for part in message.parts:
            if not isinstance(part, Reasoning) or part.signature is None:
                continue
            seal = part.signature
            if seal.format == SIGNATURE and seal.data != _signed(part.text, ask.model).data:
                raise ProviderError(
                    Kind.INVALID_REQUEST,
                    "reasoning must be sent back as it was given",
                    provider=NAME,
                    param=f"messages[{place}]",
                    code="invalid_signature",
                )
