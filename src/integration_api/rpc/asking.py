"""A chat as its caller puts it, made a request of our own, and answered: whole, or in frames."""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import msgspec

from integration_api.core.llm import LlmEvent, LlmRequest, LlmResponse
from integration_api.dialects.notes import Notes
from integration_api.dialects.unified_answer import parts_of
from integration_api.dialects.unified_messages import read_tools
from integration_api.dialects.unified_parameters import model_of, read_parameters
from integration_api.dialects.unified_values import Parameters
from integration_api.proto import common_pb2 as common
from integration_api.proto import per_provider_pb2, unified_pb2
from integration_api.rpc.generation import Generation
from integration_api.rpc.methods import Ask
from integration_api.rpc.outcome import metrics_of, tell
from integration_api.rpc.targeting import named
from integration_api.services.call import Call, Calls, Origin
from integration_api.services.llm import LlmService
from integration_api.services.target import Target
from integration_api.services.turns import Turns
from integration_api.telemetry.log import Log

ChatInput: TypeAlias = unified_pb2.ChatRequest | unified_pb2.StreamChatInput | per_provider_pb2.ChatRequest


class Frames(Protocol):
    """Writes one answer in pieces."""

    def render(self, events: Sequence[LlmEvent]) -> bytes: ...
    def answer(self) -> LlmResponse: ...
    def last(self, answer: LlmResponse, metrics: Iterable[common.Metric]) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Talk:
    """What conversations need of the house."""

    llm: LlmService
    turns: Turns
    calls: Calls
    log: Log


@dataclass(frozen=True, slots=True)
class Question:
    """One chat, read: what is asked of whom."""

    talk: Talk
    ask: Ask
    generation: Generation
    target: Target
    request: LlmRequest
    notes: Notes

    async def whole(self, origin: Origin) -> tuple[Call, LlmResponse, list[common.Metric]]:
        """Return the whole answer. Raises `Failure`."""
        call, answer = await self.talk.llm.complete(origin, self.target, self.request)
        warnings = (*answer.warnings, *self.notes.all)
        tell(self.ask, call, warnings)
        return call, answer, await self._ended(call, answer)

    async def streamed(self, origin: Origin, begin: Callable[[Call], Frames]) -> AsyncGenerator[bytes, None]:
        """Yield the answer's frames. Raises `Failure`."""
        call, events = await self.talk.llm.stream(origin, self.target, self.request)
        frames = begin(call)
        try:
            async for read in events:
                if frame := frames.render(read):
                    yield frame
        finally:
            await events.aclose()
        answer = frames.answer()
        yield frames.last(answer, await self._ended(call, answer))

    async def _ended(self, call: Call, answer: LlmResponse) -> list[common.Metric]:
        if answer.candidates:
            await self.talk.turns.keep(self.ask.caller.tenant, parts_of(answer))
        warnings = (*answer.warnings, *self.notes.all)
        return metrics_of(call, answer.usage, answer.id, warnings, self.generation.metric)


async def read_chat(
    talk: Talk, ask: Ask, chat: ChatInput, account: Target, generation: Generation
) -> Question:
    """Return what is asked of whom. Raises `Failure(INVALID_REQUEST)`."""
    notes = Notes(strict=False)
    parameters = Parameters(chat.modelParameters)
    target = named(account, model_of(parameters))
    request = read_parameters(
        parameters,
        model=target.model,
        messages=generation.read_messages(chat.conversations),
        tools=read_tools(chat.toolDefinitions),
        understood=target.provider.parameters,
        notes=notes,
    )
    messages = await talk.turns.restore(ask.caller.tenant, request.messages)
    return Question(talk, ask, generation, target, msgspec.structs.replace(request, messages=messages), notes)
