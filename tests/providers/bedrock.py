"""Bedrock asked and answered, without a network: what its tests share."""

import json
from typing import Any

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, HttpRequest, HttpResponse
from integration_api.core.llm import (
    Bytes,
    LlmEvent,
    LlmRequest,
    LlmResponse,
    Media,
    Message,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from integration_api.core.llm_fold import LlmFold
from integration_api.providers.bedrock import BEDROCK
from tests.providers.unified import PAPER, assistant, user

SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
OPUS = "global.anthropic.claude-opus-5-5"
NOVA = "us.amazon.nova-pro-v1:0"
LLAMA = "us.meta.llama4-maverick-17b-instruct-v1:0"
ID = "3f1c2b4a-0000-4000-8000-000000000001"
FIELDS = {"region": "eu-west-1", "access_key_id": "AKIDEXAMPLE"}
KEYS = Credential("bedrock", FIELDS, held=frozenset({"secret_access_key"}))
API_KEY = Credential("bedrock", {"region": "us-east-1"}, held=frozenset({"key"}))

PROFILE = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc123"
CALL = ToolCall("call_1", "get_weather", '{"city": "Kyiv", "days": 2}')
RESULT = Message(Role.TOOL, (ToolResult("call_1", (Text("12 degrees"),)),))
HISTORY = (user("Weather?"), assistant(CALL), RESULT)
USAGE = {
    "inputTokens": 10,
    "outputTokens": 33,
    "totalTokens": 133,
    "cacheReadInputTokens": 85,
    "cacheWriteInputTokens": 5,
}


def document(title: str | None = None, **more: Any) -> Media:
    given = {"source": Bytes(PAPER), "mime": "application/pdf", "title": title, **more}
    return Media(kind="document", **given)


def saying(*messages: Message, model: str = SONNET, **more: Any) -> LlmRequest:
    return LlmRequest(model=model, messages=messages or (user("hello"),), **more)


def request(ask: LlmRequest, credential: Credential = KEYS, *, whole: bool = False) -> HttpRequest:
    asked = (
        next(BEDROCK.llm.complete(ask, credential)) if whole else BEDROCK.llm.stream(ask, credential).request
    )
    assert asked is not None
    return asked


def body(ask: LlmRequest, credential: Credential = KEYS, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request(ask, credential, **more).body)
    return found


def reply(said: Any, status: int = 200, **headers: str) -> HttpResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status, {"x-amzn-requestid": ID, **named}, json.dumps(said).encode())


def answered(exchange: Exchange[Any], *replies: HttpResponse) -> tuple[Any, list[HttpRequest]]:
    """Give each reply to what an exchange asks, refusals thrown in; return its answer and what it asked."""
    asked = [next(exchange)]
    try:
        for one in replies:
            refused = one.status >= 400
            asked.append(exchange.throw(BEDROCK.fault(one)) if refused else exchange.send(one))
    except StopIteration as done:
        return done.value, asked
    raise AssertionError("the exchange asked again")


def whole(said: dict[str, Any], ask: LlmRequest | None = None) -> LlmResponse:
    answer, _ = answered(BEDROCK.llm.complete(ask or saying(), KEYS), reply(said))
    assert isinstance(answer, LlmResponse)
    return answer


def heard(*frames: bytes, ask: LlmRequest | None = None) -> list[LlmEvent]:
    stream = BEDROCK.llm.stream(ask or saying(), KEYS)
    if stream.opened is not None:
        stream.opened({"x-amzn-requestid": ID})
    events = [said for frame in stream.framing.feed(b"".join(frames)) for said in stream.reader.feed(frame)]
    return [*events, *stream.reader.close()]


def folded(*frames: bytes, ask: LlmRequest | None = None) -> LlmResponse:
    fold = LlmFold()
    for said in heard(*frames, ask=ask):
        fold.feed(said)
    return fold.close()
