"""A server of one's own: asked in the language that is named, signed as its account wants, refused in its words."""

import json
from typing import Any

import pytest

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import Auth, Bearer, Header, Headers, HttpRequest, HttpResponse
from integration_api.core.llm import LlmRequest, Message, Role, Text
from integration_api.providers import find
from integration_api.providers.custom_llm import CUSTOM_LLM

ASK = LlmRequest(model="their-model", messages=(Message(Role.USER, (Text("hello"),)),))
LANGUAGES = {
    "openai_chat_completions": ("/v1/chat/completions", "/v1/chat/completions", Bearer()),
    "openai_compatible": ("/v1/chat/completions", "/v1/chat/completions", Bearer()),
    "openai_responses": ("/v1/responses", "/v1/responses", Bearer()),
    "anthropic_messages": ("/v1/messages", "/v1/messages", Header("x-api-key")),
    "gemini_generate_content": (
        "/v1beta/models/their-model:generateContent",
        "/v1beta/models/their-model:streamGenerateContent?alt=sse",
        Header("x-goog-api-key"),
    ),
}
MODELS = {"gemini_generate_content": "/v1beta/models"}


def account(
    language: str = "", held: tuple[str, ...] = ("key",), base: str = "https://llm.example.com", **more: Any
) -> Credential:
    fields = {"base_url": base, **({"api_compatibility": language} if language else {})}
    return Credential("custom-llm", fields, held=frozenset(held), **more)


def asked(credential: Credential) -> HttpRequest:
    return next(CUSTOM_LLM.llm.complete(ASK, credential))


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_its_address_and_its_way_to_sign(language: str) -> None:
    whole, streamed, auth = LANGUAGES[language]
    request = asked(account(language))
    assert (request.url, request.auth) == (f"https://llm.example.com{whole}", auth)
    stream = CUSTOM_LLM.llm.stream(ASK, account(language)).request
    assert (stream.url, stream.auth) == (f"https://llm.example.com{streamed}", auth)
    check = next(CUSTOM_LLM.verify(account(language)))
    assert (check.method, check.url, check.auth) == (
        "GET",
        f"https://llm.example.com{MODELS.get(language, '/v1/models')}",
        auth,
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_address_with_its_version_is_taken_as_it_is(language: str) -> None:
    whole = LANGUAGES[language][0].split("/", 2)[2]
    assert (
        asked(account(language, base="https://x.example/api/v3/")).url == f"https://x.example/api/v3/{whole}"
    )


@pytest.mark.parametrize(
    ("held", "auth"),
    [((), None), (("headers",), Headers()), (("headers", "key"), Headers())],
    ids=["open", "headers", "both"],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_accounts_own_headers_sign_and_a_server_may_stand_open(
    language: str, held: tuple[str, ...], auth: Auth | None
) -> None:
    assert asked(account(language, held)).auth == auth


def test_what_the_call_names_counts_before_what_the_credential_does() -> None:
    named = account("openai_chat_completions", connection="anthropic_messages")
    assert asked(named).url.endswith("/v1/messages")
    assert asked(account()).url.endswith("/v1/chat/completions")


@pytest.mark.parametrize("language", ["openai", "klingon"])
def test_a_language_that_is_not_spoken_here_is_refused(language: str) -> None:
    with pytest.raises(Failure) as refused:
        asked(account(language))
    assert refused.value.kind is Kind.INVALID_REQUEST
    assert "anthropic_messages" in refused.value.message


REFUSALS = {
    "openai": ({"error": {"message": "so not", "type": "invalid_request_error"}}),
    "text": ({"error": "so not"}),
    "anthropic": ({"type": "error", "error": {"type": "invalid_request_error", "message": "so not"}}),
    "gemini": ({"error": {"code": 400, "message": "so not", "status": "INVALID_ARGUMENT"}}),
    "gemini, streamed": ([{"error": {"code": 400, "message": "so not", "status": "INVALID_ARGUMENT"}}]),
}


@pytest.mark.parametrize("told", REFUSALS)
def test_a_refusal_is_read_in_the_language_it_is_in(told: str) -> None:
    error = CUSTOM_LLM.fault(HttpResponse(400, {}, json.dumps(REFUSALS[told]).encode()))
    assert (error.kind, error.message, error.refusal.status) == (Kind.INVALID_REQUEST, "so not", 400)
    for body in (b"", b"<html>", b"\xff", b"{"):
        assert CUSTOM_LLM.fault(HttpResponse(502, {}, body)).kind is Kind.UPSTREAM


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_server_that_lists_no_models_has_not_refused_the_key(language: str) -> None:
    for status, passes in ((404, True), (405, True), (401, False), (500, False)):
        exchange = CUSTOM_LLM.verify(account(language))
        next(exchange)
        error = CUSTOM_LLM.fault(HttpResponse(status, {}, b"{}"))
        with pytest.raises(StopIteration if passes else ProviderError):
            exchange.throw(error)


def test_it_is_a_provider_of_its_own() -> None:
    assert find("custom-llm") is CUSTOM_LLM
    assert CUSTOM_LLM.connections == tuple(LANGUAGES)
