"""Azure's addresses, ways of signing, versions, filters and refusals."""

import json
from pathlib import Path
from typing import Any

import pytest

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import Bearer, EntraToken, Header, HttpRequest, HttpResponse
from integration_api.core.llm import (
    Bytes,
    Finish,
    FinishReason,
    LlmRequest,
    LlmResponse,
    Media,
    Message,
    Native,
    Origin,
    Output,
    PlainText,
    Reasoning,
    ReasoningRequest,
    Role,
    Sampling,
    Started,
    Text,
)
from integration_api.dialects.openai_surface_errors import error_response
from integration_api.dialects.openai_surface_response import ChatStream, render_chat
from integration_api.providers import find
from integration_api.providers.azure_openai import client, llm
from integration_api.providers.azure_openai.endpoint import place
from tests.laws import replay
from tests.laws.cases import Case, samples
from tests.laws.speaker import data_lines
from tests.providers.heard import folded, sse
from tests.providers.surfaced import streamed

ROOT = "https://r1.openai.azure.com"
AZURE = find("azure-openai")
SAMPLES = {case.name: case for case in samples() if case.provider == "azure-openai"}
HELLO = (Message(Role.SYSTEM, (Text("Be brief."),)), Message(Role.USER, (Text("hello"),)))


def account(*held: str, **fields: str) -> Credential:
    given = fields if {"base_url", "resource", "endpoint"} & fields.keys() else {"endpoint": ROOT, **fields}
    return Credential("azure-openai", given, held=frozenset(held or {"key"}))


def ask(model: str = "my-deploy", **more: Any) -> LlmRequest:
    return LlmRequest(**{"model": model, "messages": HELLO, **more})


def asked(credential: Credential, *, stream: bool = False, **more: Any) -> HttpRequest:
    if stream:
        return llm.stream(ask(**more), credential).request
    return next(llm.complete(ask(**more), credential))


def body(credential: Credential, **more: Any) -> dict[str, Any]:
    return json.loads(asked(credential, **more).body)


def refused(status: int, said: Any, **headers: str) -> ProviderError:
    raw = said if isinstance(said, bytes) else json.dumps(said).encode()
    return AZURE.fault(HttpResponse(status, headers, raw))


# --- addresses -------------------------------------------------------------------------------

V1 = f"{ROOT}/openai/v1/chat/completions"
DATED = f"{ROOT}/openai/deployments/my-deploy/chat/completions?api-version="


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"endpoint": ROOT}, V1),
        ({"endpoint": f"{ROOT}/"}, V1),
        ({"endpoint": f"{ROOT}/openai"}, V1),
        ({"endpoint": f"{ROOT}/openai/"}, V1),
        ({"endpoint": f"{ROOT}//openai/v1/"}, V1),
        ({"endpoint": f"{ROOT}/openai/openai/v1"}, V1),
        ({"resource": "r1"}, V1),
        ({"base_url": ROOT, "endpoint": "https://elsewhere.example"}, V1),
        ({"endpoint": ROOT, "api_version": "preview"}, f"{V1}?api-version=preview"),
        ({"endpoint": ROOT, "api_style": "deployment"}, f"{DATED}2024-10-21"),
        ({"endpoint": f"{ROOT}/openai/v1", "api_style": "deployment"}, f"{DATED}2024-10-21"),
        ({"endpoint": ROOT, "api_version": "2025-04-01-preview"}, f"{DATED}2025-04-01-preview"),
        ({"endpoint": f"{ROOT}/openai/deployments/another"}, f"{DATED}2024-10-21"),
        (
            {"endpoint": f"{ROOT}/openai/deployments/x/chat/completions?api-version=2025-01-01-preview"},
            f"{DATED}2025-01-01-preview",
        ),
        (
            {"endpoint": "https://r1.cognitiveservices.azure.com"},
            "https://r1.cognitiveservices.azure.com/openai/v1/chat/completions",
        ),
        (
            {"endpoint": "https://r1.services.ai.azure.com/api/projects/p1"},
            "https://r1.services.ai.azure.com/api/projects/p1/openai/v1/chat/completions",
        ),
        (
            {"base_url": "https://gateway.example/team-a/openai"},
            "https://gateway.example/team-a/openai/v1/chat/completions",
        ),
        (
            {"base_url": "https://gateway.example/openai-proxy"},
            "https://gateway.example/openai-proxy/openai/v1/chat/completions",
        ),
        (
            {"base_url": "https://gateway.example/any/path/", "api_style": "verbatim"},
            "https://gateway.example/any/path/chat/completions",
        ),
        (
            {
                "base_url": "https://r1.services.ai.azure.com/models",
                "api_style": "verbatim",
                "api_version": "2024-05-01-preview",
            },
            "https://r1.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview",
        ),
    ],
)
def test_an_endpoint_is_understood_however_it_was_copied(fields, url) -> None:
    request = asked(account(**fields))
    assert request.url == url
    assert json.loads(request.body)["model"] == "my-deploy"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"resource": ""}, "endpoint"),
        ({"resource": "evil.example/"}, "endpoint"),
        ({"endpoint": "r1.openai.azure.com"}, "endpoint"),
        ({"endpoint": "https://"}, "endpoint"),
        ({"endpoint": ROOT, "api_style": "classic"}, "api_style"),
        ({"endpoint": ROOT, "api_style": "v1", "api_version": "2024-10-21"}, "api_version"),
        ({"endpoint": f"{ROOT}/openai/v1", "api_version": "2024-10-21"}, "api_version"),
        ({"endpoint": ROOT, "api_style": "deployment", "api_version": "preview"}, "api_version"),
        ({"endpoint": ROOT, "deployments": "my-deploy=gpt-5"}, "deployments"),
        ({"endpoint": ROOT, "deployments": '{"a": 1}'}, "deployments"),
    ],
)
def test_a_credential_that_leads_nowhere_says_which_field_it_is(fields, param) -> None:
    with pytest.raises(Failure) as failed:
        asked(account(**fields))
    assert failed.value.kind is Kind.CREDENTIAL_INVALID
    assert failed.value.param == param


@pytest.mark.parametrize("name", ["", ".", "..", "a/../b", "a?b#c", "über"])
def test_a_deployments_name_is_one_segment_of_the_path(name) -> None:
    there = place(account(api_style="deployment"))
    if not name.strip("."):
        with pytest.raises(Failure, match="no name of a deployment"):
            there.of_model("/embeddings", name)
        return
    path = there.of_model("/embeddings", name).partition("?")[0].removeprefix(f"{ROOT}/openai/deployments/")
    assert path.count("/") == 1
    assert "#" not in path


# --- signing ---------------------------------------------------------------------------------

CLIENT = {"tenant_id": "t1", "client_id": "c1"}
MICROSOFT = "https://login.microsoftonline.com"


@pytest.mark.parametrize(
    ("held", "fields", "auth"),
    [
        ({"key"}, {}, Header("api-key", "key")),
        ({"subscription_key"}, {}, Header("api-key", "subscription_key")),
        ({"key"}, {"key_header": "Ocp-Apim-Subscription-Key"}, Header("Ocp-Apim-Subscription-Key", "key")),
        ({"access_token", "key"}, {}, Bearer("access_token")),
        (
            {"client_secret", "access_token", "key"},
            CLIENT,
            EntraToken("t1", "c1", "https://ai.azure.com/.default", "client_secret", MICROSOFT),
        ),
        (
            {"client_secret"},
            {**CLIENT, "api_style": "deployment"},
            EntraToken(
                "t1", "c1", "https://cognitiveservices.azure.com/.default", "client_secret", MICROSOFT
            ),
        ),
        (
            {"client_secret"},
            {**CLIENT, "endpoint": "https://r1.openai.azure.us"},
            EntraToken(
                "t1",
                "c1",
                "https://cognitiveservices.azure.us/.default",
                "client_secret",
                "https://login.microsoftonline.us",
            ),
        ),
        (
            {"client_secret"},
            {**CLIENT, "endpoint": "https://r1.openai.azure.cn"},
            EntraToken(
                "t1",
                "c1",
                "https://cognitiveservices.azure.cn/.default",
                "client_secret",
                "https://login.partner.microsoftonline.cn",
            ),
        ),
        (
            {"client_secret"},
            {**CLIENT, "scope": "api://gateway/.default", "authority": "https://login.example"},
            EntraToken("t1", "c1", "api://gateway/.default", "client_secret", "https://login.example"),
        ),
    ],
    ids=lambda value: str(sorted(value) if isinstance(value, set) else value),
)
def test_a_request_is_signed_by_one_secret_and_never_by_two(held, fields, auth) -> None:
    credential = account(*held, **fields)
    assert asked(credential).auth == auth
    assert next(AZURE.verify(credential)).auth == auth
    assert not any("key" in name or "auth" in name for name, _ in asked(credential).headers)


@pytest.mark.parametrize(
    ("held", "fields", "param"),
    [
        ({"other"}, {}, "key"),
        ({"client_secret"}, {"client_id": "c1"}, "tenant_id"),
        ({"client_secret"}, {"tenant_id": "t1"}, "client_id"),
        ({"key"}, {"key_header": "api key: x"}, "key_header"),
    ],
)
def test_what_is_missing_to_sign_is_named(held, fields, param) -> None:
    with pytest.raises(Failure) as failed:
        asked(account(*held, **fields))
    assert (failed.value.kind, failed.value.param) == (Kind.CREDENTIAL_INVALID, param)


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({}, f"{ROOT}/openai/v1/models"),
        ({"api_style": "deployment"}, f"{ROOT}/openai/models?api-version=2024-10-21"),
    ],
)
def test_a_credential_is_verified_by_a_free_question(fields, url) -> None:
    request = next(AZURE.verify(account(**fields)))
    assert (request.method, request.url, request.body) == ("GET", url, b"")


def test_the_platforms_names_find_it() -> None:
    assert find("azure-foundry") is find("azure") is AZURE
    assert AZURE.moderation is None, "Azure has no moderations"


# --- models and versions ---------------------------------------------------------------------

THINKER = {"deployments": '{"my-deploy": "gpt-5"}'}
MOOD = {"sampling": Sampling(temperature=0.2), "max_output_tokens": 50}


def test_nothing_is_inferred_from_a_deployments_name() -> None:
    sent = body(account(), model="gpt-5", **MOOD, reasoning=ReasoningRequest(effort="xhigh"))
    assert (sent["temperature"], sent["reasoning_effort"], sent["messages"][0]["role"]) == (
        0.2,
        "xhigh",
        "system",
    )


@pytest.mark.parametrize("how", ["credential", "option"])
def test_a_reasoning_models_rules_hold_once_it_is_named(how) -> None:
    credential = account(**(THINKER if how == "credential" else {}))
    extras = {} if how == "credential" else {"base_model": "gpt-5"}
    sent = body(credential, **MOOD, reasoning=ReasoningRequest(effort="xhigh"), extras=extras)
    assert "temperature" not in sent
    assert "base_model" not in sent
    assert sent["max_completion_tokens"] == 50
    assert sent["reasoning_effort"] == "high"
    assert sent["messages"][0]["role"] == "developer"
    answered = replay.answered(
        llm.complete(ask(**MOOD, extras=extras), credential), HttpResponse(200, {}, whole())
    )
    assert {(warning.code, warning.param) for warning in answered.warnings} == {("dropped", "temperature")}


@pytest.mark.parametrize(
    ("version", "deployments", "budget", "role", "usage"),
    [
        ("2024-06-01", {}, "max_tokens", "system", False),
        ("2024-06-01", THINKER, "max_completion_tokens", "system", False),
        ("2024-10-21", {}, "max_completion_tokens", "system", True),
        ("2024-10-21", THINKER, "max_completion_tokens", "system", True),
        ("2024-12-01-preview", THINKER, "max_completion_tokens", "developer", True),
        ("", THINKER, "max_completion_tokens", "developer", True),
    ],
)
def test_a_version_is_told_only_what_it_knows(version, deployments, budget, role, usage) -> None:
    sent = body(account(**deployments, api_version=version), stream=True, max_output_tokens=50)
    assert sent[budget] == 50
    assert not {"max_tokens", "max_completion_tokens"} - {budget} & sent.keys()
    assert sent["messages"][0]["role"] == role
    assert sent.get("stream_options") == ({"include_usage": True} if usage else None)


def test_models_of_other_makers_are_spared_what_they_refuse() -> None:
    more = {"output": Output(verbosity="low"), "extras": {"base_model": "DeepSeek-V4-Pro"}}
    assert "verbosity" not in body(account(), **more)
    said = whole({"content": "<think>Hm.</think>Four."})
    answer = replay.answered(llm.complete(ask(**more), account()), HttpResponse(200, {}, said))
    assert answer.candidates[0].parts == (Reasoning("Hm."), Text("Four."))
    assert [(warning.code, warning.param) for warning in answer.warnings] == [("dropped", "verbosity")]


@pytest.mark.parametrize("kind", ["document", "file"])
def test_a_document_goes_as_text_or_not_at_all(kind) -> None:
    def showing(source: Any) -> dict[str, Any]:
        return body(
            account(), messages=(Message(Role.USER, (Media(kind=kind, source=source, title="Sea"),)),)
        )

    assert showing(PlainText("Dolphins."))["messages"][0]["content"] == "Sea\n\nDolphins."
    with pytest.raises(Failure, match=f"takes no {kind}s in a chat") as failed:
        showing(Bytes("JVBERg=="))
    assert failed.value.kind is Kind.UNSUPPORTED


def test_options_of_azures_own_pass() -> None:
    sources = [{"type": "azure_search", "parameters": {"index_name": "i"}}]
    sent = body(account(api_style="deployment"), extras={"data_sources": sources})
    assert sent["data_sources"] == sources


def test_deployments_are_listed_before_what_could_be_deployed() -> None:
    told = {
        "data": [
            {"id": "gpt-5", "created_at": 7, "capabilities": {"chat_completion": True}, "lifecycle_status": "preview"},
            {"id": "text-embedding-3-small", "created": 8, "capabilities": {"embeddings": True}},
            {"id": "gpt-5", "created_at": 7, "capabilities": {"chat_completion": True}},
            {"id": "sora"},
        ]
    }  # fmt: skip
    exchange = AZURE.models(account(deployments='{"mine": "gpt-5", "theirs": "Phi-5"}'))
    found = replay.answered(exchange, HttpResponse(200, {}, json.dumps(told).encode()))
    assert [(model.id, model.kinds, model.created) for model in found] == [
        ("mine", ("chat",), 7),
        ("theirs", (), 0),
        ("gpt-5", ("chat",), 7),
        ("text-embedding-3-small", ("embedding",), 8),
        ("sora", (), 0),
    ]
    assert found[0].native["base_model"] == found[0].title == "gpt-5"


# --- gotcha 19: filters in streams, and prompts they block -----------------------------------


def whole(message: dict[str, Any] | None = None, **more: Any) -> bytes:
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "message": {"content": "Hi."} if message is None else message,
        **more,
    }
    return json.dumps({"id": "chatcmpl-1", "created": 1, "model": "m", "choices": [choice]}).encode()


def surfaced(case: Case, **more: Any) -> bytes:
    door = ChatStream(provider="azure-openai", **more)
    return b"".join(door.render([event]) for event in replay.events(case)) + door.close()


def test_gotcha_19_the_first_chunk_has_no_choices_and_lends_nobody_its_empty_id() -> None:
    found = replay.events(SAMPLES["sample-asynchronous-filter"])
    assert found[0] == Started("chatcmpl-azure1", "gpt-5-nano-2025-08-07", 1795000000)


def test_gotcha_19_chunks_without_a_delta_say_nothing_and_lose_nothing() -> None:
    case = SAMPLES["sample-asynchronous-filter"]
    answer = replay.folded(replay.events(case))
    [candidate] = answer.candidates
    assert candidate.parts == (Text("Blue is a colour."),)
    assert candidate.finish == Finish(FinishReason.STOP, "stop")
    assert candidate.safety_ratings[0]["hate"] == {"filtered": False, "severity": "low"}
    assert answer.prompt_feedback["prompt_filter_results"][0]["prompt_index"] == 0
    assert answer.usage.output_total == 4


def test_gotcha_19_our_own_stream_has_choices_and_deltas_in_every_chunk() -> None:
    case = SAMPLES["sample-asynchronous-filter"]
    chunks = data_lines(surfaced(case))
    assert all(chunk["choices"] and "delta" in chunk["choices"][0] for chunk in chunks)
    assert {(chunk["id"], chunk["created"]) for chunk in chunks} == {("chatcmpl-azure1", 1795000000)}
    assert streamed(chunks).choices[0].message.content == "Blue is a colour."
    last = data_lines(surfaced(case, include_usage=True))[-1]
    assert last["safety_ratings"][0]["ratings"][0]["hate"]["severity"] == "low"
    assert last["prompt_feedback"]["prompt_filter_results"]


def test_gotcha_19_an_answer_blocked_midway_is_finished_and_keeps_what_the_filter_found() -> None:
    [candidate] = replay.folded(replay.events(SAMPLES["sample-blocked-midway"])).candidates
    assert candidate.parts == (Text("Once upon"),)
    assert candidate.finish.reason is FinishReason.CONTENT_FILTER
    ratings = candidate.safety_ratings[0]
    assert ratings["violence"] == {"filtered": True, "severity": "high"}, "a later verdict does not undo it"
    assert ratings["protected_material_text"]["filtered"] is True


def test_gotcha_19_a_blocked_prompt_is_the_callers_and_says_what_was_found() -> None:
    error = AZURE.fault(replay.reply(SAMPLES["sample-prompt-blocked"]))
    assert (error.kind, error.code, error.param, error.retryable) == (
        Kind.CONTENT_FILTER,
        "content_filter",
        "prompt",
        False,
    )
    assert error.message.endswith("(found were: violence (high), jailbreak)")
    status, _, said = error_response(error)
    assert (status, json.loads(said)["error"]["type"]) == (400, "invalid_request_error")


def test_a_whole_answer_tells_what_filters_found_in_it() -> None:
    results = {"hate": {"filtered": False, "severity": "safe"}}
    blocked = whole({}, finish_reason="content_filter", content_filter_results=results)
    answer: LlmResponse = replay.answered(llm.complete(ask(), account()), HttpResponse(200, {}, blocked))
    assert answer.candidates[0].parts == ()
    assert json.loads(render_chat(answer))["safety_ratings"] == [{"index": 0, "ratings": [results]}]


def test_empty_results_are_no_verdict() -> None:
    answer = replay.answered(
        llm.complete(ask(), account()), HttpResponse(200, {}, whole(content_filter_results={}))
    )
    assert answer.candidates[0].safety_ratings == ()
    assert answer.candidates[0].finish.reason is FinishReason.STOP


# --- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "said", "kind", "code", "words"),
    [
        (401, {"error": {"code": "401", "message": "Access denied due to invalid subscription key"}},
         Kind.CREDENTIAL_REJECTED, "credential_rejected", "refused the credential"),
        (401, {"error": {"code": "Unauthorized", "message": "key"}},
         Kind.CREDENTIAL_REJECTED, "credential_rejected", "refused the credential"),
        (401, {"statusCode": 401, "message": "Access denied due to missing subscription key."},
         Kind.CREDENTIAL_REJECTED, "credential_rejected", "refused the credential"),
        (401, {"error": {"code": "PermissionDenied", "message": "The principal lacks the required data action"}},
         Kind.PERMISSION, "permission", "lacks the required data action"),
        (403, {"error": {"code": "AccessDenied", "message": "Access denied due to Virtual Network rules."}},
         Kind.PERMISSION, "AccessDenied", "Virtual Network"),
        (404, {"error": {"code": "DeploymentNotFound", "message": "The API deployment does not exist."}},
         Kind.NOT_FOUND, "model_not_found", "takes some minutes"),
        (404, {"error": {"code": "404", "message": "Resource not found"}},
         Kind.NOT_FOUND, "not_found", "check the credential's endpoint"),
        (400, {"error": {"code": "OperationNotSupported", "message": "The embeddings operation does not work"}},
         Kind.UNSUPPORTED, "unsupported", "does not work"),
        (400, {"error": {"code": None, "type": "invalid_request_error", "param": None,
                         "message": "Unrecognized request argument supplied: verbosity"}},
         Kind.INVALID_REQUEST, "invalid_request", "Unrecognized request argument"),
        (400, {"error": {"code": 400, "message": "odd", "innererror": None}},
         Kind.INVALID_REQUEST, "invalid_request", "odd"),
        (429, {"error": {"code": "NoCapacity", "message": "The system is busy."}},
         Kind.RATE_LIMITED, "NoCapacity", "busy"),
        (408, {"error": {"code": "Timeout", "message": "The operation was timeout."}},
         Kind.TIMEOUT, "Timeout", "timeout"),
        (424, {"error": {"code": "FailedDependency", "message": "search failed"}},
         Kind.UPSTREAM, "upstream", "search failed"),
        (499, b"", Kind.UPSTREAM, "upstream", "without an explanation"),
        (500, b"<html>", Kind.UPSTREAM, "upstream", "without an explanation"),
        (503, {"error": {"code": "ServiceUnavailable", "message": "later"}},
         Kind.OVERLOADED, "ServiceUnavailable", "later"),
    ],
)  # fmt: skip
def test_a_refusal_has_a_kind(status, said, kind, code, words) -> None:
    error = refused(status, said, **{"apim-request-id": "apim-1"})
    assert (error.kind, error.code) == (kind, code)
    assert words in error.message
    assert error.provider == "azure-openai"
    assert (error.refusal.status, error.refusal.request_id) == (status, "apim-1")
    assert error_response(error)[0] != 401
    assert error.retryable == (kind in {Kind.RATE_LIMITED, Kind.TIMEOUT, Kind.UPSTREAM, Kind.OVERLOADED})


@pytest.mark.parametrize(
    ("headers", "message", "seconds"),
    [
        ({}, "Please retry after 12 seconds.", 12),
        ({}, "Please retry after 1 second.", 1),
        ({}, "Please retry after 250 milliseconds.", 0.25),
        ({"retry-after": "3"}, "Please retry after 12 seconds.", 3),
        ({"retry-after-ms": "1500", "retry-after": "2"}, "Too fast.", 1.5),
        ({}, "Too fast.", None),
    ],
)
def test_when_to_come_back_is_read_from_headers_and_words(headers, message, seconds) -> None:
    error = refused(429, {"error": {"code": "429", "message": message}}, **headers)
    assert (error.kind, error.retry_after) == (Kind.RATE_LIMITED, seconds)


def test_the_samples_are_all_tried() -> None:
    folder = Path(__file__).parents[1] / "samples" / client.NAME
    assert {f"sample-{path.stem}" for path in folder.glob("*/*.*")} == SAMPLES.keys()


# --- answers out of one's own data ---------------------------------------------------------------

FOUND = {
    "citations": [
        {"content": "Dolphins live in the sea.", "title": "Sea", "url": "https://example.com/sea", "filepath": "sea.md", "chunk_id": "0"},
        {"content": "So do whales.", "title": None, "url": None, "filepath": None, "chunk_id": "1"},
    ],
    "intent": '["where do dolphins live"]',
}  # fmt: skip


@pytest.mark.parametrize("stream_", [False, True])
def test_what_was_found_in_ones_own_data_is_cited(stream_: bool) -> None:
    """https://learn.microsoft.com/azure/ai-foundry/openai/references/on-your-data"""
    asking = ask(extras={"data_sources": [{"type": "azure_search", "parameters": {}}]})
    if stream_:
        head = {"id": "1", "created": 1, "model": "m"}
        deltas = [{"role": "assistant", "context": FOUND}, {"content": "In the sea "}, {"content": "[doc1]."}]
        told = [
            {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
        ]
        told.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        stream = AZURE.llm.stream(asking, account("key"))
        frames = stream.framing.feed(sse(*told, "[DONE]"))
        answer = folded(
            [*(event for frame in frames for event in stream.reader.feed(frame)), *stream.reader.close()]
        )
    else:
        body = whole({"role": "assistant", "content": "In the sea [doc1].", "context": FOUND})
        answer = replay.answered(AZURE.llm.complete(asking, account("key")), HttpResponse(200, {}, body))
    context, text = answer.candidates[0].parts
    assert context == Native("context", {"intent": FOUND["intent"]}, Origin("azure-openai"))
    assert text.text == "In the sea [doc1]."
    assert [
        (one.kind, one.source_index, one.title, one.cited_text, one.source_id) for one in text.citations
    ] == [
        ("document", 0, "Sea", "Dolphins live in the sea.", "sea.md"),
        ("document", 1, None, "So do whales.", "1"),
    ]
    said = json.loads(render_chat(answer, provider="azure-openai", id="1", created=1))["choices"][0][
        "message"
    ]
    assert said["content"] == "In the sea [doc1]."
    first = said["annotations"][0]
    assert first["url_citation"]["url"] == "https://example.com/sea"
    assert first["citation"]["native"] == FOUND["citations"][0], "nothing of it is lost"
