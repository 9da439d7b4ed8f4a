"""Gemini asked and answered, without a network: what the tests of both of its hosts share."""

import json
from typing import Any

import pytest

from integration_api.core.credential import Credential
from integration_api.core.errors import ProviderError
from integration_api.core.exchange import HttpRequest, HttpResponse
from integration_api.core.llm import LlmEvent, LlmRequest, LlmResponse, Message, Notice, Opaque, Origin
from integration_api.core.llm_fold import LlmFold
from integration_api.core.provider import Provider
from integration_api.providers.gemini import GEMINI
from integration_api.providers.vertexai import VERTEXAI
from tests.providers.unified import user

NEW, OLD, BUDGETED = "gemini-3.8-flash", "gemini-2.0-flash", "gemini-2.5-flash"
PLACE = {"project_id": "p1", "region": "us-central1"}
ACCOUNTS = {
    "gemini": Credential("gemini", held=frozenset({"key"})),
    "vertexai": Credential("vertexai", PLACE, held=frozenset({"service_account_key"})),
}
HOSTS: dict[str, Provider] = {"gemini": GEMINI, "vertexai": VERTEXAI}
BOTH = pytest.mark.parametrize("host", HOSTS)
STOP: dict[str, Any] = {"finishReason": "STOP"}


def ask(*messages: Message, model: str = NEW, **more: Any) -> LlmRequest:
    return LlmRequest(model=model, messages=messages or (user("Hello"),), **more)


def request(asked: LlmRequest, host: str = "gemini") -> HttpRequest:
    made = HOSTS[host].llm.stream(asked, ACCOUNTS[host]).request
    assert made is not None
    return made


def body(asked: LlmRequest, host: str = "gemini") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request(asked, host).body)
    return found


def notices(asked: LlmRequest, host: str = "gemini") -> tuple[Notice, ...]:
    """What a caller is told about a request, as it comes with the answer."""
    return whole(chunk("Hi", finishReason="STOP"), asked=asked, host=host).warnings


def signed(data: str, provider: str = "gemini", model: str = NEW) -> Opaque:
    return Opaque(data, "google-gemini-v1", Origin(provider, "gemini", model))


def chunk(
    *parts: dict[str, Any] | str, usage: dict[str, Any] | None = None, **candidate: Any
) -> dict[str, Any]:
    """One answer, or what a chunk adds to one."""
    told = [{"text": part} if isinstance(part, str) else part for part in parts]
    content = {"content": {"role": "model", "parts": told}} if told else {}
    counted = usage or {"promptTokenCount": 1, "totalTokenCount": 1}
    return {"candidates": [{**content, **candidate}], "usageMetadata": counted, "responseId": "r1"}


def whole(
    told: Any, *, asked: LlmRequest | None = None, host: str = "gemini", status: int = 200
) -> LlmResponse:
    exchange = HOSTS[host].llm.complete(asked or ask(), ACCOUNTS[host])
    next(exchange)
    try:
        exchange.send(HttpResponse(status, {}, json.dumps(told).encode()))
    except StopIteration as done:
        answer: LlmResponse = done.value
        return answer
    raise AssertionError("the exchange asked again")


def heard(
    stream: bytes, *, asked: LlmRequest | None = None, host: str = "gemini", size: int = 7
) -> list[LlmEvent]:
    """Every event of a stream whose bytes come `size` at a time."""
    made = HOSTS[host].llm.stream(asked or ask(), ACCOUNTS[host])
    found: list[LlmEvent] = []
    for start in range(0, len(stream), size):
        for frame in made.framing.feed(stream[start : start + size]):
            found.extend(made.reader.feed(frame))
    return [*found, *made.reader.close()]


def folded(*chunks: Any, **more: Any) -> LlmResponse:
    fold = LlmFold()
    for event in heard(sse(*chunks), **more):
        fold.feed(event)
    return fold.close()


def sse(*chunks: Any) -> bytes:
    return b"".join(f"data: {json.dumps(one, ensure_ascii=False)}\r\n\r\n".encode() for one in chunks)


def refused(status: int, error: Any, host: str = "gemini") -> ProviderError:
    raw = error if isinstance(error, bytes) else json.dumps(error).encode()
    return HOSTS[host].fault(HttpResponse(status, {}, raw))


def google_error(status: int, word: str, message: str = "Sorry.", **details: Any) -> dict[str, Any]:
    """A refusal in Google's shape; details are named by the last part of their type."""
    told = [{"@type": f"type.googleapis.com/google.rpc.{name}", **one} for name, one in details.items()]
    return {"error": {"code": status, "message": message, "status": word, "details": told}}
