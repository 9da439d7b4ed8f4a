"""UnifiedProviderService/Chat and /StreamChat: one answer, or a conversation of them."""

from collections.abc import AsyncGenerator, AsyncIterator

from integration_api.core.errors import ProviderError
from integration_api.core.tenant import Scope
from integration_api.dialects.unified_answer import write_answer
from integration_api.proto import unified_pb2 as wire
from integration_api.rpc.asking import Talk, read_chat
from integration_api.rpc.generation import UNIFIED
from integration_api.rpc.methods import Ask, RpcMethod
from integration_api.rpc.outcome import refused
from integration_api.rpc.reading import opened
from integration_api.rpc.stream_chat import Session
from integration_api.rpc.targeting import account, metadata, provider_of

SERVICE = "integration_api.UnifiedProviderService"


class ChatDoor:
    def __init__(self, talk: Talk) -> None:
        self._talk = talk

    async def chat(self, ask: Ask, message: bytearray) -> bytes:
        """Answer whole. What the provider refuses is an answer with `error`; all else is a status."""
        with opened(message, wire.ChatRequest) as (chat, offered):
            provider = provider_of(chat.providerName)
            target = account(ask, provider, chat.credential, offered, chat.connectionOptions)
            question = await read_chat(self._talk, ask, chat, target, UNIFIED)
            request_id = chat.requestId or ask.request_id
            origin = ask.origin(metadata(ask, chat, target.connection), chat.requestId)
            try:
                _, answer, metrics = await question.whole(origin)
            except ProviderError as error:
                return refused(ask, error, wire.ChatResponse, requestId=request_id)
            return write_answer(answer, request_id, metrics).SerializeToString()

    def stream_chat(self, ask: Ask, messages: AsyncIterator[bytearray]) -> AsyncGenerator[bytes, None]:
        """Hold a conversation."""
        return Session(self._talk, ask).run(messages)

    def methods(self) -> list[RpcMethod]:
        return [
            RpcMethod(service=SERVICE, name="Chat", scope=Scope.INFER, unary=self.chat),
            RpcMethod(service=SERVICE, name="StreamChat", scope=Scope.INFER, stream=self.stream_chat),
        ]
