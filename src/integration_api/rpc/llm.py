"""UnifiedProviderService/Chat and /StreamChat: one answer, or a conversation of them."""

from collections.abc import AsyncGenerator, AsyncIterator

import msgspec

from integration_api.core.errors import ProviderError
from integration_api.core.tenant import Scope
from integration_api.dialects.notes import Notes
from integration_api.dialects.unified_answer import write_answer, write_error
from integration_api.proto import unified_pb2 as wire
from integration_api.rpc.asking import read_chat
from integration_api.rpc.methods import Ask, RpcMethod
from integration_api.rpc.outcome import code_of, metrics_of, metrics_of_failure, tell, tell_failure
from integration_api.rpc.reading import opened
from integration_api.rpc.stream_chat import Session, Talk
from integration_api.rpc.targeting import account, check_connection, metadata, provider_of

SERVICE = "integration_api.UnifiedProviderService"


class ChatDoor:
    def __init__(self, talk: Talk) -> None:
        self._talk = talk

    async def chat(self, ask: Ask, message: bytearray) -> bytes:
        """Answer whole. What the provider refuses is an answer with `error`; all else is a status."""
        with opened(message, wire.ChatRequest) as (chat, offered):
            provider = provider_of(chat.providerName)
            check_connection(provider, chat.connectionOptions)
            notes = Notes(strict=False)
            target, request = read_chat(chat, account(ask, provider, chat.credential, offered), notes)
            request_id = chat.requestId or ask.request_id
            origin = ask.origin(metadata(ask, chat.additionalData), chat.requestId)
            tenant = ask.caller.tenant
            messages = await self._talk.turns.restore(tenant, request.messages)
            try:
                call, answer = await self._talk.llm.complete(
                    origin, target, msgspec.structs.replace(request, messages=messages)
                )
            except ProviderError as error:
                tell_failure(ask, error)
                code = code_of(error)
                return wire.ChatResponse(
                    code=code,
                    success=False,
                    requestId=request_id,
                    error=write_error(error, code),
                    metrics=metrics_of_failure(ask),
                ).SerializeToString()
            if answer.candidates:
                await self._talk.turns.keep(tenant, answer.candidates[0].parts)
            warnings = (*answer.warnings, *notes.all)
            tell(ask, call, warnings)
            metrics = metrics_of(call, answer.usage, answer.id, warnings)
            return write_answer(answer, request_id, metrics).SerializeToString()

    def stream_chat(self, ask: Ask, messages: AsyncIterator[bytearray]) -> AsyncGenerator[bytes, None]:
        """Hold a conversation."""
        return Session(self._talk, ask).run(messages)

    def methods(self) -> list[RpcMethod]:
        return [
            RpcMethod(service=SERVICE, name="Chat", scope=Scope.INFER, unary=self.chat),
            RpcMethod(service=SERVICE, name="StreamChat", scope=Scope.INFER, stream=self.stream_chat),
        ]
