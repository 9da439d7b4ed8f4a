"""The platform's custom LLM over the running service: its credential's spellings, its languages, its headers."""

import json
from typing import Any

import grpc
import pytest

from integration_api.proto import unified_pb2 as wire
from tests.e2e.conftest import base_url
from tests.rpc.caller import (
    Caller,
    chat_frame,
    credential,
    details,
    function,
    metrics,
    packed,
    results,
    spoken,
    user,
)
from tests.rpc.responses_server import serving

KEY = "lab-key-custom-0123456789"
TRANSPORT = "connection.transport"
SERVERS = {
    "openai_chat_completions": ("openai-compatible", "any-model", {"Authorization": f"Bearer {KEY}"}),
    "anthropic_messages": ("anthropic", "claude-sonnet-4-5", {"x-api-key": KEY}),
    "gemini_generate_content": ("gemini", "gemini-3.8-flash", {"x-goog-api-key": KEY}),
}
"""A language, who in the lab speaks it, a model, and how the account signs."""
LANGUAGES = tuple(SERVERS)


def account(lab: str, language: str, **more: Any) -> wire.Credential:
    """Return a credential as the platform's form spells it."""
    server, _, headers = SERVERS[language]
    given = {"apiCompatibility": language, "baseUrl": base_url(lab, server), "headers": headers, **more}
    return credential(**{name: value for name, value in given.items() if value is not None})


@pytest.mark.parametrize("language", LANGUAGES)
def test_tools_go_round_in_each_language(caller: Caller, lab: str, language: str) -> None:
    held, tools = account(lab, language), [function("get_weather", city="string")]
    asked = user("Use a tool: what is the weather in Kyiv?")
    model = f"custom-llm/{SERVERS[language][1]}"
    answer = caller.chat(model, asked, credential=held, toolDefinitions=tools)
    assert (answer.success, answer.finishReason) == (True, "tool_calls")
    history = [asked, answer.data, results(answer.data)]
    again = caller.chat(model, *history, credential=held, toolDefinitions=tools)
    assert spoken(again)
    assert int(metrics(again)["total_token"]) > 0
    assert KEY not in str(caller.seen(SERVERS[language][0]))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_conversation_in_each_language(caller: Caller, lab: str, language: str) -> None:
    with caller.talk() as talk:
        assert talk.configure("custom-llm", credential=account(lab, language)).success
        for turn in ("c1", "c2"):
            talk.chat(turn, f"custom-llm/{SERVERS[language][1]}")
            pieces, last = talk.turn()
            assert spoken(last) == "".join(spoken(piece) for piece in pieces) != ""
            assert metrics(last)["status"] == "SUCCESS"


def test_a_server_of_responses(caller: Caller) -> None:
    """Tools go round, whole and streamed; a wrong key is told, and verified."""
    asked, tools = user("What is the weather in Kyiv?"), [function("get_weather", city="string")]
    with serving() as server:
        headers = {"Authorization": "Bearer right", "X-Team": "7"}
        given = {"baseUrl": server.url, "apiCompatibility": "openai_responses"}
        held = credential(**given, headers=headers)
        called = caller.chat("custom-llm/their-model", asked, credential=held, toolDefinitions=tools)
        assert (called.success, called.finishReason) == (True, "tool_calls")
        history = [asked, called.data, results(called.data)]
        again = caller.chat("custom-llm/their-model", *history, credential=held, toolDefinitions=tools)
        assert spoken(again) == "It has 12 degrees."
        assert int(metrics(again)["total_token"]) == 13
        path, sent, body = server.asked[-1]
        assert (path, sent["x-team"], body["store"]) == ("/v1/responses", "7", False)
        with caller.talk() as talk:
            assert talk.configure("custom-llm", credential=held).success
            talk.send(chat_frame("s1", "custom-llm/their-model", *history, toolDefinitions=tools))
            pieces, last = talk.turn()
            assert [spoken(piece) for piece in pieces] != []
            assert spoken(last) == "".join(spoken(piece) for piece in pieces)
            talk.send(chat_frame("s2", "custom-llm/their-model", asked, toolDefinitions=tools))
            _, last = talk.turn()
            assert last.data.assistant.toolCalls == called.data.assistant.toolCalls
        wrong = credential(**given, headers={"Authorization": "Bearer wrong"})
        assert caller.chat("custom-llm/their-model", credential=wrong).code == 424
        verified = [
            caller.call(
                "VerifyCredential", wire.VerifyCredentialRequest(providerName="custom-llm", credential=one)
            ).code
            for one in (held, wrong)
        ]
        assert verified == [200, 401]


@pytest.mark.parametrize("given", ["map", "text"])
def test_headers_are_a_map_or_its_json(caller: Caller, lab: str, given: str) -> None:
    headers = SERVERS["anthropic_messages"][2]
    held = account(lab, "anthropic_messages", headers=headers if given == "map" else json.dumps(headers))
    assert caller.chat("custom-llm/claude-sonnet-4-5", credential=held).success


def test_our_own_spelling_and_a_plain_key(caller: Caller, lab: str) -> None:
    held = credential(base_url=base_url(lab, "openai-compatible"), key=KEY)
    assert caller.chat("custom-llm/any-model", credential=held).success


def test_the_call_may_name_the_language(caller: Caller, lab: str) -> None:
    held = account(lab, "anthropic_messages", apiCompatibility=None)
    options = {TRANSPORT: "anthropic_messages"}
    model = "custom-llm/claude-sonnet-4-5"
    assert caller.chat(model, credential=held, connectionOptions=options).success
    with caller.talk() as talk:
        assert talk.configure("custom-llm", credential=held, connectionOptions=options).success
        talk.chat("n1", model)
        assert spoken(talk.turn()[1])
        told = talk.configure("custom-llm", credential=held, connectionOptions={TRANSPORT: "pigeon"})
        assert (told.success, told.error.errorCode) == (False, 400)


def test_parameters_of_the_servers_own_are_merged_into_the_request(caller: Caller, lab: str) -> None:
    held = account(lab, "openai_chat_completions")
    more = {
        "model.parameters": packed('{"mirostat": 2, "options": {"num_ctx": 4096}}'),
        "model.temperature": "0.3",
    }
    assert caller.chat("custom-llm/any-model", credential=held, params=more).success
    body = caller.last_body("openai-compatible")
    assert (body["mirostat"], body["options"], body["temperature"]) == (2, {"num_ctx": 4096}, 0.3)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refusal_repeats_no_secret(caller: Caller, lab: str, language: str) -> None:
    held = account(lab, language)
    answer = caller.chat(f"custom-llm/{SERVERS[language][1]}-lab-echo-key", credential=held)
    assert (answer.success, answer.code) == (False, 400)
    assert KEY not in str(answer)


@pytest.mark.parametrize("language", LANGUAGES)
def test_verify_credential(caller: Caller, lab: str, language: str) -> None:
    bad = {name: value.replace("lab-key", "lab-invalid-key") for name, value in SERVERS[language][2].items()}
    for headers, told in ((SERVERS[language][2], (200, True)), (bad, (401, False))):
        held = account(lab, language, headers=headers)
        request = wire.VerifyCredentialRequest(providerName="custom-llm", credential=held)
        answer = caller.call("VerifyCredential", request)
        assert (answer.code, answer.success) == told


def test_it_goes_no_further_than_the_egress_guard_lets_it(caller: Caller, lab: str) -> None:
    held = account(lab, "openai_chat_completions", baseUrl="https://169.254.169.254/v1")
    with pytest.raises(grpc.RpcError) as refused:
        caller.chat("custom-llm/any-model", credential=held)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "EGRESS__ALLOW" in refused.value.details()


def test_a_server_needs_an_address(caller: Caller) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        caller.chat("custom-llm/any-model", credential=credential(headers={"x": "y"}))
    assert details(refused.value)[1]["ErrorInfo"].metadata["param"] == "value.base_url"
