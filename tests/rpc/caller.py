"""A caller of the unified service, and what the lab saw of it."""

import json
import queue
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self

import grpc
from google.protobuf import struct_pb2, wrappers_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from integration_api.proto import common_pb2 as common
from integration_api.proto import unified_pb2 as wire
from tests.e2e.service import ADMIN_KEY, Service

SERVICE = "/integration_api.UnifiedProviderService/"
SECONDS = 60
ANSWERS: Mapping[str, tuple[type[Any], type[Any]]] = {
    "Chat": (wire.ChatRequest, wire.ChatResponse),
    "Embedding": (wire.EmbeddingRequest, wire.EmbeddingResponse),
    "Reranking": (wire.RerankingRequest, wire.RerankingResponse),
    "VerifyCredential": (wire.VerifyCredentialRequest, wire.VerifyCredentialResponse),
}


class Caller:
    def __init__(self, service: Service, lab: str) -> None:
        self.service = service
        self.lab = lab
        self.channel = grpc.insecure_channel(f"127.0.0.1:{service.port}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()

    def call(self, method: str, request: Any, *, key: str | None = ADMIN_KEY, **more: Any) -> Any:
        """Call a unary method; raises `grpc.RpcError`."""
        return self.call_told(method, request, key=key, **more)[0]

    def call_told(
        self,
        method: str,
        request: Any,
        *,
        key: str | None = ADMIN_KEY,
        metadata: Iterable[tuple[str, str]] = (),
        timeout: float = SECONDS,
    ) -> tuple[Any, dict[str, str]]:
        """Return the answer and its initial metadata."""
        asked, answered = ANSWERS[method]
        stub = self.channel.unary_unary(SERVICE + method, asked.SerializeToString, answered.FromString)
        answer, call = stub.with_call(request, metadata=[*signed(key), *metadata], timeout=timeout)
        return answer, dict(call.initial_metadata())

    def chat(self, model: str, *messages: common.Message, **more: Any) -> Any:
        """Chat with `provider/model`; raises `grpc.RpcError`."""
        return self.call("Chat", chat_request(model, *messages, **more))

    def talk(self, *, key: str | None = ADMIN_KEY) -> "Talk":
        return Talk(self.channel, key)

    # --- what the lab saw --------------------------------------------------------------------

    def lab_ask(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.lab}/_lab{path}", method=method, data=None if body is None else json.dumps(body).encode()
        )
        with urllib.request.urlopen(request, timeout=SECONDS) as reply:
            return json.loads(reply.read())

    def seen(self, provider: str) -> list[dict[str, Any]]:
        return self.lab_ask("GET", f"/requests?provider={provider}")["requests"]

    def last_body(self, provider: str) -> dict[str, Any]:
        """Return the body of the last request a provider got."""
        body = self.seen(provider)[-1]["body"]
        return json.loads(body) if isinstance(body, str) else body


class Talk:
    """One StreamChat: `send` and `next`, in any order."""

    def __init__(self, channel: grpc.Channel, key: str | None = ADMIN_KEY) -> None:
        self._sending: queue.SimpleQueue[wire.StreamChatRequest | bytes | None] = queue.SimpleQueue()
        stub = channel.stream_stream(SERVICE + "StreamChat", _bytes, wire.StreamChatResponse.FromString)
        self.call = stub(iter(self._sending.get, None), metadata=signed(key), timeout=SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sending.put(None)
        self.call.cancel()

    def send(self, frame: "wire.StreamChatRequest | bytes") -> None:
        self._sending.put(frame)

    def half_close(self) -> None:
        self._sending.put(None)

    def next(self) -> Any:
        return next(self.call)

    def rest(self) -> list[Any]:
        return list(self.call)

    def configure(self, provider: str, **more: Any) -> Any:
        """Configure and return the answer."""
        self.send(configuration(provider, **more))
        return self.next().configuration

    def chat(self, request_id: str, model: str, text: str = "Say hello", **more: Any) -> None:
        self.send(chat_frame(request_id, model, user(text), **more))

    def turn(self) -> tuple[list[Any], Any]:
        """Return the pieces of a turn and its completion (or error)."""
        pieces: list[Any] = []
        while True:
            frame = self.next().chat
            if frame.metrics or frame.HasField("error"):
                return pieces, frame
            pieces.append(frame)


def _bytes(frame: "wire.StreamChatRequest | bytes") -> bytes:
    return frame if isinstance(frame, bytes) else frame.SerializeToString()


def signed(key: str | None) -> list[tuple[str, str]]:
    return [] if key is None else [("authorization", f"Bearer {key}")]


def packed(value: Any) -> AnyMessage:
    """Pack a value as the platform's Go services do: texts, and `Value` for the rest."""
    if not isinstance(value, Message):
        made = struct_pb2.Value()
        if isinstance(value, str):
            made.string_value = value
        elif isinstance(value, bool):
            made.bool_value = value
        elif isinstance(value, dict):
            made.struct_value.update(value)
        elif isinstance(value, list):
            made.list_value.extend(value)
        else:
            made.number_value = value
        value = made
    held = AnyMessage()
    held.Pack(value)
    return held


def text(value: str) -> AnyMessage:
    return packed(wrappers_pb2.StringValue(value=value))


def user(content: str) -> common.Message:
    return common.Message(role="user", user=common.UserMessage(content=content))


def system(content: str) -> common.Message:
    return common.Message(role="system", system=common.SystemMessage(content=content))


def results(message: common.Message, content: str = "12 degrees") -> common.Message:
    """Answer every tool call of a message."""
    return common.Message(
        role="tool",
        tool=common.ToolMessage(
            tools=[
                common.ToolMessage.Tool(name=call.function.name, id=call.id, content=content)
                for call in message.assistant.toolCalls
            ]
        ),
    )


def parameters(model: str, given: Mapping[str, Any]) -> dict[str, AnyMessage]:
    return {
        "model.name": packed(model),
        **{name: value if isinstance(value, AnyMessage) else packed(value) for name, value in given.items()},
    }


def credential(id: int = 0, **value: Any) -> wire.Credential:
    made = wire.Credential(id=id)
    if value:
        made.value.update(value)
    return made


def chat_request(
    model: str, *messages: common.Message, params: Mapping[str, Any] = {}, **more: Any
) -> wire.ChatRequest:
    provider, _, name = model.partition("/")
    return wire.ChatRequest(
        providerName=provider,
        conversations=messages or [user("Say hello")],
        modelParameters=parameters(name, params),
        **more,
    )


def configuration(provider: str, **more: Any) -> wire.StreamChatRequest:
    return wire.StreamChatRequest(configuration=wire.StreamChatConfiguration(providerName=provider, **more))


def chat_frame(
    request_id: str, model: str, *messages: common.Message, params: Mapping[str, Any] = {}, **more: Any
) -> wire.StreamChatRequest:
    provider, slash, name = model.partition("/")
    return wire.StreamChatRequest(
        chat=wire.StreamChatInput(
            requestId=request_id,
            providerName=provider if slash else "",
            conversations=messages,
            modelParameters=parameters(name if slash else model, params),
            **more,
        )
    )


def close_frame(reason: str = "") -> wire.StreamChatRequest:
    return wire.StreamChatRequest(close=wire.StreamChatClose(reason=reason))


def metrics(answer: Any) -> dict[str, str]:
    return {metric.name: metric.value for metric in answer.metrics}


def spoken(answer: Any) -> str:
    return "".join(answer.data.assistant.contents)


def details(error: grpc.RpcError) -> tuple[status_pb2.Status, dict[str, Any]]:
    """Return the google.rpc.Status of an error, and its details by name."""
    trailers = dict(error.trailing_metadata())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    found = {}
    for item in status.details:
        name = item.type_url.rpartition(".")[2]
        found[name] = getattr(error_details_pb2, name).FromString(item.value)
    return status, found


def until(true: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait until something is so, and return it."""
    import time

    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.005)
    return found


def function(name: str, **properties: str) -> wire.ToolDefinition:
    return wire.ToolDefinition(
        type="function",
        functionDefinition=wire.FunctionDefinition(
            name=name,
            description=f"Call {name}",
            parameters=wire.FunctionParameter(
                type="object",
                required=sorted(properties),
                properties={
                    key: wire.FunctionParameterProperty(type=kind) for key, kind in properties.items()
                },
            ),
        ),
    )


def frames(*given: wire.StreamChatRequest) -> Iterator[wire.StreamChatRequest]:
    return iter(given)
