"""A chat as the unified service puts it, made a request of our own."""

from typing import TypeAlias

from integration_api.core.llm import LlmRequest
from integration_api.dialects.notes import Notes
from integration_api.dialects.unified_messages import read_messages, read_tools
from integration_api.dialects.unified_parameters import model_of, read_parameters
from integration_api.dialects.unified_values import Parameters
from integration_api.proto import unified_pb2 as wire
from integration_api.rpc.targeting import named
from integration_api.services.target import Target

ChatInput: TypeAlias = wire.ChatRequest | wire.StreamChatInput


def read_chat(chat: ChatInput, account: Target, notes: Notes) -> tuple[Target, LlmRequest]:
    """Return what to ask, and whom. Raises `Failure(INVALID_REQUEST)`."""
    parameters = Parameters(chat.modelParameters)
    target = named(account, model_of(parameters))
    request = read_parameters(
        parameters,
        model=target.model,
        messages=read_messages(chat.conversations),
        tools=read_tools(chat.toolDefinitions),
        understood=target.provider.parameters,
        notes=notes,
    )
    return target, request
