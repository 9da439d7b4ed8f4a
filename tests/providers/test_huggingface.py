"""What Hugging Face's servers do each in their own way: the router, partners, TGI, TEI and pipelines."""

import json
import struct
from collections.abc import Mapping
from typing import Any

import pytest

from integration_api.core.credential import Credential
from integration_api.core.embedding import EmbeddingRequest, EmbeddingResponse
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import Frame, HttpResponse
from integration_api.core.llm import (
    FinishReason,
    LlmRequest,
    Media,
    Message,
    Notice,
    Output,
    ReasoningDelta,
    Role,
    Text,
    TextDelta,
    ToolCall,
    Url,
)
from integration_api.core.reranking import RerankingRequest
from integration_api.providers.huggingface import HUGGINGFACE, client
from tests.providers.talk import Talk, reply

HELLO = (Message(Role.USER, (Text("hello"),)),)
ROUTER = Credential("huggingface", held=frozenset({"key"}))
HOST = "https://x.endpoints.huggingface.cloud"


def server(kind: str | None = "endpoint", base_url: str = HOST, **fields: str) -> Credential:
    told = {"base_url": base_url, **({} if kind is None else {"kind": kind}), **fields}
    return Credential("huggingface", told, held=frozenset({"key"}))


def paths(talk: Talk) -> list[str]:
    return [request.url.removeprefix(HOST) for request in talk.asked]


# --- addresses -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        (HOST, f"{HOST}/v1/chat/completions"),
        (f"{HOST}/", f"{HOST}/v1/chat/completions"),
        (f"{HOST}/v1", f"{HOST}/v1/chat/completions"),
        (f"{HOST}/v1/chat/completions", f"{HOST}/v1/chat/completions"),
        (f"{HOST}/custom", f"{HOST}/custom/v1/chat/completions"),
        (f"{HOST}/novita/v3/openai", f"{HOST}/novita/v3/openai/chat/completions"),
    ],
)
def test_only_what_is_missing_of_an_address_is_appended(base_url: str, url: str) -> None:
    ask = LlmRequest(model="tgi", messages=HELLO)
    assert HUGGINGFACE.llm.stream(ask, server(base_url=base_url)).request.url == url


def test_the_router_is_asked_without_an_address_and_told_who_pays() -> None:
    payer = Credential("huggingface", {"bill_to": "acme"}, held=frozenset({"key"}))
    ask = LlmRequest(model="deepseek-ai/DeepSeek-V4-Pro:together", messages=HELLO)
    request = HUGGINGFACE.llm.stream(ask, payer).request
    assert request.url == "https://router.huggingface.co/v1/chat/completions"
    assert ("x-hf-bill-to", "acme") in request.headers
    assert json.loads(request.body)["model"] == "deepseek-ai/DeepSeek-V4-Pro:together"


def test_an_open_server_is_sent_no_key() -> None:
    opened = Credential("huggingface", {"base_url": HOST})
    assert HUGGINGFACE.llm.stream(LlmRequest(model="tgi", messages=HELLO), opened).request.auth is None


@pytest.mark.parametrize(
    ("fields", "param"), [({"kind": "endpoint"}, "base_url"), ({"kind": "tei", "base_url": HOST}, "kind")]
)
def test_a_credential_that_makes_no_sense_is_refused(fields: Mapping[str, str], param: str) -> None:
    with pytest.raises(Failure) as refused:
        next(HUGGINGFACE.verify(Credential("huggingface", fields)))
    assert (refused.value.kind, refused.value.param) == (Kind.CREDENTIAL_INVALID, param)


@pytest.mark.parametrize("model", ["../../whoami", "a/b/c", "a b", "", "a/..", "a?b"])
def test_a_model_cannot_leave_its_place_in_a_path(model: str) -> None:
    with pytest.raises(Failure) as refused:
        next(HUGGINGFACE.embedding(EmbeddingRequest(model=model, inputs=("a",)), ROUTER))
    assert refused.value.code == "invalid_model"


# --- chat ------------------------------------------------------------------------------------


def body_of(credential: Credential, **ask: Any) -> Any:
    request = LlmRequest(**{"model": "a/b", "messages": HELLO, **ask})
    return json.loads(HUGGINGFACE.llm.stream(request, credential).request.body)


def test_a_schema_is_spelled_as_each_kind_of_server_reads_it() -> None:
    wanted = Output(kind="json_schema", name="trip", schema={"type": "object"})
    for account in (ROUTER, server(), server(None)):
        assert body_of(account, output=wanted)["response_format"]["type"] == "json_schema"
    older = body_of(server("tgi"), output=wanted)
    assert older["response_format"] == {"type": "json_object", "value": {"type": "object"}}


def test_sounds_are_refused_and_pictures_are_not() -> None:
    picture = Media(kind="image", source=Url("https://example.com/cat.png"))
    sound = Media(kind="audio", source=Url("https://example.com/cat.wav"))
    seen = body_of(ROUTER, messages=(Message(Role.USER, (Text("?"), picture)),))
    assert seen["messages"][0]["content"][1]["image_url"]["url"] == "https://example.com/cat.png"
    with pytest.raises(Failure, match="takes pictures and text"):
        body_of(ROUTER, messages=(Message(Role.USER, (Text("?"), sound)),))


def heard(*chunks: Any) -> list[Any]:
    stream = HUGGINGFACE.llm.stream(LlmRequest(model="a/b", messages=HELLO), ROUTER)
    events: list[Any] = []
    for chunk in chunks:
        events += stream.reader.feed(Frame("", json.dumps(chunk).encode()))
    return [*events, *stream.reader.close()]


def chunk(delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "", "model": "m", "created": 7, "choices": [choice]}


@pytest.mark.parametrize(
    "deltas",
    [
        ({"reasoning": "a"}, {"content": "b"}),
        ({"reasoning_content": "a"}, {"content": "b"}),
        ({"content": "<thi"}, {"content": "nk>a</th"}, {"content": "ink>b"}),
    ],
)
def test_thoughts_are_the_same_in_all_three_dialects(deltas: tuple[Mapping[str, Any], ...]) -> None:
    events = heard(*map(chunk, deltas), chunk({}, "eos_token"))
    assert "".join(event.text for event in events if isinstance(event, ReasoningDelta)) == "a"
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "b"
    assert events[-2].finish.reason is FinishReason.STOP


def test_arguments_that_are_an_object_become_text_and_a_counted_id_a_name() -> None:
    call = {"index": 0, "id": "0", "type": "function", "function": {"name": "f", "arguments": {"x": 1}}}
    exchange = HUGGINGFACE.llm.complete(LlmRequest(model="tgi", messages=HELLO), server())
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    told = {"id": "", "created": 7, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    (part,) = Talk(HUGGINGFACE, exchange, reply(told)).answer.candidates[0].parts
    assert isinstance(part, ToolCall)
    assert (part.name, part.arguments) == ("f", '{"x":1}')
    assert len(part.id) > 2


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"error": "Model is overloaded", "error_type": "overloaded"}, Kind.OVERLOADED),
        ({"error": "Request failed during generation", "error_type": "generation"}, Kind.UPSTREAM),
        ({"error": {"message": "Too many", "http_status_code": 429}}, Kind.RATE_LIMITED),
    ],
)
def test_a_failure_inside_a_stream_is_one_error(said: Mapping[str, Any], kind: Kind) -> None:
    with pytest.raises(ProviderError) as failed:
        heard(chunk({"content": "Once"}), said)
    assert failed.value.kind is kind


# --- embeddings ------------------------------------------------------------------------------


def ask_for(*inputs: Any, model: str = "a/b", **more: Any) -> EmbeddingRequest:
    return EmbeddingRequest(model=model, inputs=inputs, **more)


def numbers(answer: EmbeddingResponse) -> list[tuple[float, ...]]:
    return [struct.unpack(f"<{len(vector) // 4}f", vector) for vector in answer.vectors]


OPENAI = {"data": [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}],
          "model": "a/b", "usage": {"prompt_tokens": 3, "total_tokens": 3}}  # fmt: skip
NOWHERE = reply({"error": "Not Found"}, 404)


def test_an_endpoint_embeds_by_openais_route_and_counts() -> None:
    talk = Talk(HUGGINGFACE, HUGGINGFACE.embedding(ask_for("one", "two"), server()), reply(OPENAI))
    assert paths(talk) == ["/v1/embeddings"]
    assert numbers(talk.answer) == [(1.0,), (2.0,)]
    assert talk.answer.usage.input_total == 3


@pytest.mark.parametrize(
    ("more", "sent"),
    [
        ({"truncate": "start"}, {"truncate": True, "truncation_direction": "Left"}),
        ({"truncate": "auto"}, {"truncate": True, "truncation_direction": "Right"}),
        ({"normalize": False, "dimensions": 1}, {"normalize": False, "dimensions": 1}),
        ({"extras": {"prompt_name": "query"}}, {"prompt_name": "query"}),
        ({"unknown": {"prompt_name": "query"}}, {"prompt_name": "query"}),
    ],
    ids=str,
)
def test_what_only_tei_can_be_told_goes_by_its_own_route(more: dict[str, Any], sent: Any) -> None:
    answer = reply([[1.0], [2.0]], x_compute_tokens="5")
    talk = Talk(HUGGINGFACE, HUGGINGFACE.embedding(ask_for("one", "two", **more), server()), answer)
    assert paths(talk) == ["/embed"]
    assert talk.body() == {"inputs": ["one", "two"], **sent}
    assert numbers(talk.answer) == [(1.0,), (2.0,)]
    assert talk.answer.usage.input_total == 5


def test_a_server_of_no_told_kind_may_be_the_router() -> None:
    talk = Talk(HUGGINGFACE, HUGGINGFACE.embedding(ask_for("one"), server(None)), NOWHERE, reply([[1.0]]))
    assert paths(talk) == ["/v1/embeddings", "/hf-inference/models/a/b/pipeline/feature-extraction"]
    assert numbers(talk.answer) == [(1.0,)]
    with pytest.raises(ProviderError, match="Not Found"):
        Talk(HUGGINGFACE, HUGGINGFACE.embedding(ask_for("one"), server("endpoint")), NOWHERE)


@pytest.mark.parametrize(("partner", "path"), [("together", "/v1"), ("deepinfra", "/v1/openai")])
def test_a_partner_embeds_under_its_own_name_for_the_model(partner: str, path: str) -> None:
    known = {
        "inferenceProviderMapping": {
            partner: {"status": "live", "providerId": "B@2", "task": "feature-extraction"}
        }
    }
    ask = ask_for("one", "two", model=f"a/b:{partner}")
    talk = Talk(HUGGINGFACE, HUGGINGFACE.embedding(ask, ROUTER), reply(known), reply(OPENAI))
    assert [request.url for request in talk.asked] == [
        "https://huggingface.co/api/models/a/b?expand[]=inferenceProviderMapping",
        f"https://router.huggingface.co/{partner}{path}/embeddings",
    ]
    assert talk.body()["model"] == "B@2"


@pytest.mark.parametrize("known", [{}, {"cohere": {"providerId": "B", "task": "conversational"}}])
def test_a_partner_that_does_not_embed_with_the_model_is_not_asked(known: Any) -> None:
    exchange = HUGGINGFACE.embedding(ask_for("one", model="a/b:cohere"), ROUTER)
    with pytest.raises(Failure, match="cohere does not embed with a/b") as refused:
        Talk(HUGGINGFACE, exchange, reply({"inferenceProviderMapping": known}))
    assert refused.value.code == "model_not_found"


TOKENS = [[[1.0, 4.0], [3.0, 0.0]]]


@pytest.mark.parametrize("told", [[[1.0, 2.0]], [1.0, 2.0], [[[1.0, 2.0]]]])
def test_a_text_has_one_vector_in_whatever_shape_it_comes(told: Any) -> None:
    talk = Talk(HUGGINGFACE, HUGGINGFACE.embedding(ask_for("one"), ROUTER), reply(told))
    assert numbers(talk.answer) == [(1.0, 2.0)]


@pytest.mark.parametrize("told", [TOKENS, [TOKENS]])
def test_a_vector_of_each_token_is_refused_unless_pooling_is_asked_for(told: Any) -> None:
    with pytest.raises(ProviderError) as refused:
        Talk(HUGGINGFACE, HUGGINGFACE.embedding(ask_for("one"), ROUTER), reply(told))
    assert (refused.value.kind, refused.value.code) == (Kind.UNSUPPORTED, "unsupported_output_shape")
    pooled = Talk(
        HUGGINGFACE, HUGGINGFACE.embedding(ask_for("one", extras={"pooling": "mean"}), ROUTER), reply(told)
    )
    assert pooled.body() == {"inputs": ["one"]}
    assert numbers(pooled.answer) == [(2.0, 2.0)]


def test_vectors_that_are_not_one_for_each_text_are_no_answer() -> None:
    with pytest.raises(ProviderError) as failed:
        Talk(HUGGINGFACE, HUGGINGFACE.embedding(ask_for("one", "two"), ROUTER), reply([[1.0]]))
    assert failed.value.kind is Kind.BAD_RESPONSE


def test_a_size_that_nobody_heard_of_is_not_taken_for_the_size_that_was_asked() -> None:
    with pytest.raises(Failure, match="does not let vectors of a/b be sized"):
        Talk(HUGGINGFACE, HUGGINGFACE.embedding(ask_for("one", dimensions=2), ROUTER))
    told = {"data": [{"index": 0, "embedding": [1.0, 2.0, 3.0]}]}
    with pytest.raises(ProviderError, match="gave vectors of 3 numbers") as refused:
        Talk(HUGGINGFACE, HUGGINGFACE.embedding(ask_for("one", dimensions=2), server()), reply(told))
    assert (refused.value.kind, refused.value.param) == (Kind.UNSUPPORTED, "dimensions")


def test_gotcha_20_token_ids_are_another_tokenizers() -> None:
    for account in (ROUTER, server()):
        with pytest.raises(Failure) as refused:
            next(HUGGINGFACE.embedding(ask_for((15339, 1917)), account))
        assert refused.value.code == "token_ids_not_supported"


TOO_MANY = {"error": "batch size 32 > maximum allowed batch size 16", "error_type": "validation"}
TOO_MANY_OPENAI = {
    "message": "batch size 32 > maximum allowed batch size 16",
    "code": 413,
    "error_type": "validation",
}


@pytest.mark.parametrize("own", [False, True])
def test_batches_that_a_server_finds_too_large_are_halved_and_nobody_hears_of_it(own: bool) -> None:
    ask = ask_for(*(f"text {number}" for number in range(70)), truncate="end" if own else None)
    exchange = HUGGINGFACE.embedding(ask, server())
    request, sizes, made = next(exchange), [], 0
    while True:
        texts = json.loads(request.body)["inputs" if own else "input"]
        sizes.append(len(texts))
        try:
            if len(texts) > 16:
                told = TOO_MANY if own else TOO_MANY_OPENAI
                request = exchange.throw(client.fault(reply(told, 413)))
                continue
            vectors = [[float(made + place)] for place in range(len(texts))]
            made += len(texts)
            data = [{"index": place, "embedding": vector} for place, vector in enumerate(vectors)]
            request = exchange.send(reply(vectors if own else {"data": data}))
        except StopIteration as done:
            assert numbers(done.value) == [(float(number),) for number in range(70)]
            break
    assert sizes == [32, 16, 16, 16, 16, 6]


# --- rerank ----------------------------------------------------------------------------------


def test_tei_ranks_in_batches_and_the_best_of_all_come_first() -> None:
    ask = RerankingRequest(model="any", query="q", documents=tuple("abc" * 12), top_n=2)
    first = reply([{"index": 3, "score": 0.2}, {"index": 31, "score": 0.7}], x_compute_tokens="8")
    talk = Talk(
        HUGGINGFACE,
        HUGGINGFACE.reranking(ask, server()),
        first,
        reply([{"index": 2, "score": 0.9}], x_compute_tokens="2"),
    )
    assert [len(talk.body(place)["texts"]) for place in (0, 1)] == [32, 4]
    assert [(ranked.index, ranked.score) for ranked in talk.answer.results] == [(34, 0.9), (31, 0.7)]
    assert talk.answer.usage.input_total == 10


def test_the_router_ranks_nothing_and_says_who_does() -> None:
    with pytest.raises(Failure, match="a TEI server does"):
        next(HUGGINGFACE.reranking(RerankingRequest(model="any", query="q", documents=("a",)), ROUTER))


def test_documents_are_cut_where_that_was_wanted_at_all() -> None:
    ask = RerankingRequest(
        model="any", query="q", documents=("a",), max_tokens_per_document=9, instruction="Be kind"
    )
    talk = Talk(HUGGINGFACE, HUGGINGFACE.reranking(ask, server()), reply([{"index": 0, "score": 0.5}]))
    assert talk.body()["truncate"] is True
    assert {notice.param for notice in talk.answer.warnings} == {"max_tokens_per_doc", "instruction"}
    assert isinstance(talk.answer.warnings[0], Notice)


# --- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "wait"),
    [
        (401, {"error": "Invalid credentials in Authorization header"}, Kind.CREDENTIAL_REJECTED, "credential_rejected", None),
        (402, {"error": "You have exceeded your monthly included credits for Inference Providers."}, Kind.QUOTA, "insufficient_quota", None),
        (403, {"error": "This authentication method does not have sufficient permissions"}, Kind.PERMISSION, "permission", None),
        (400, {"error": {"message": "The requested model 'x' is not supported by any provider you have enabled.",
                         "type": "invalid_request_error", "param": "model", "code": "model_not_supported"}},
         Kind.NOT_FOUND, "model_not_found", None),
        (413, TOO_MANY, Kind.TOO_LARGE, "validation", None),
        (413, {"error": "Input validation error: `inputs` must have less than 512 tokens. Given: 600", "error_type": "Validation"},
         Kind.CONTEXT_LENGTH, "context_length_exceeded", None),
        (422, {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096", "error_type": "validation"},
         Kind.CONTEXT_LENGTH, "context_length_exceeded", None),
        (422, {"error": "Template error: template not found", "error_type": "template_error"}, Kind.UNSUPPORTED, "model_not_supported", None),
        (424, {"error": "model is not a re-ranker model", "error_type": "backend"}, Kind.UNSUPPORTED, "model_not_supported", None),
        (424, {"error": "Inference failed", "error_type": "backend"}, Kind.UPSTREAM, "upstream_error", None),
        (429, {"error": "Model is overloaded", "error_type": "overloaded"}, Kind.OVERLOADED, "overloaded", None),
        (503, {"error": "Model x is currently loading", "estimated_time": 20.0}, Kind.OVERLOADED, "overloaded", 20.0),
    ],
    ids=lambda value: value if isinstance(value, int) else "",
)  # fmt: skip
def test_each_refusal_says_whose_fault_it_is(
    status: int, body: Any, kind: Kind, code: str, wait: float | None
) -> None:
    error = client.fault(reply(body, status, x_request_id="r1"))
    assert (error.kind, error.code, error.retry_after) == (kind, code, wait)
    assert error.refusal.request_id == "r1"
    assert error.retryable == (kind in {Kind.OVERLOADED, Kind.UPSTREAM})


# --- verification and models -----------------------------------------------------------------


def token(*permissions: str, scoped: tuple[str, ...] = ()) -> HttpResponse:
    fine = {"global": list(permissions), "scoped": [{"entity": {}, "permissions": list(scoped)}]}
    return reply({"name": "me", "auth": {"accessToken": {"role": "fineGrained", "fineGrained": fine}}})


INFER = "inference.serverless.write"


@pytest.mark.parametrize(
    "whoami",
    [
        reply({"name": "me", "auth": {"accessToken": {"role": "read"}}}),
        token(INFER),
        token(scoped=(INFER,)),
        reply({}),
    ],
)
def test_a_token_is_verified_by_whose_it_is(whoami: HttpResponse) -> None:
    talk = Talk(HUGGINGFACE, HUGGINGFACE.verify(ROUTER), whoami)
    assert [request.url for request in talk.asked] == ["https://huggingface.co/api/whoami-v2"]


def test_a_token_that_may_not_infer_is_no_good() -> None:
    with pytest.raises(ProviderError, match="may not infer") as refused:
        Talk(HUGGINGFACE, HUGGINGFACE.verify(ROUTER), token("repo.read"))
    assert refused.value.kind is Kind.PERMISSION


@pytest.mark.parametrize(
    ("kind", "answers", "questions"),
    [
        ("endpoint", [reply({"data": []})], ["/v1/models"]),
        ("endpoint", [NOWHERE, reply({"model_id": "m"})], ["/v1/models", "/info"]),
        ("router", [reply({})], ["/api/whoami-v2"]),
        (None, [reply({})], ["/api/whoami-v2"]),
        (None, [NOWHERE, NOWHERE, reply({"model_id": "m"})], ["/api/whoami-v2", "/v1/models", "/info"]),
    ],
)
def test_a_server_is_verified_by_what_it_has(
    kind: str | None, answers: list[HttpResponse], questions: list[str]
) -> None:
    assert paths(Talk(HUGGINGFACE, HUGGINGFACE.verify(server(kind)), *answers)) == questions


@pytest.mark.parametrize(("kind", "status"), [("endpoint", 401), (None, 401), (None, 503)])
def test_a_refusal_ends_the_questions(kind: str | None, status: int) -> None:
    with pytest.raises(ProviderError) as refused:
        Talk(HUGGINGFACE, HUGGINGFACE.verify(server(kind)), reply({"error": "no"}, status))
    assert refused.value.refusal.status == status


def test_the_routers_models_are_what_their_live_partners_can() -> None:
    partners = [
        {"provider": "a", "status": "live", "context_length": 8192, "supports_tools": False},
        {"provider": "b", "status": "live", "context_length": 32768, "supports_tools": True,
         "pricing": {"input": 1, "output": 2}},
        {"provider": "c", "status": "error", "context_length": 999999, "supports_structured_output": True},
    ]  # fmt: skip
    listed = {"data": [{"id": "a/b", "created": 7, "providers": partners}]}
    (model,) = Talk(HUGGINGFACE, HUGGINGFACE.models(ROUTER), reply(listed)).answer
    assert (model.id, model.created, model.kinds, model.known.context_window) == ("a/b", 7, ("chat",), 32768)
    assert model.known.tools is True
    assert model.native["providers"] == ["a", "b"]
    assert model.known.structured_output is None
    assert {name: route.tools for name, route in model.routes.items()} == {"a/b:a": False, "a/b:b": True}
    assert model.routes["a/b:b"].context_window == 32768


@pytest.mark.parametrize(
    ("info", "kinds", "window"),
    [
        ({"model_id": "m", "model_type": {"embedding": {"pooling": "cls"}}, "max_input_length": 512}, ("embedding",), 512),
        ({"model_id": "m", "model_type": {"reranker": {}}, "max_input_length": 256}, ("rerank",), 256),
        ({"model_id": "m", "max_total_tokens": 4096}, (), 4096),
    ],
)  # fmt: skip
def test_a_server_without_a_list_serves_one_model(info: Any, kinds: tuple[str, ...], window: int) -> None:
    (model,) = Talk(HUGGINGFACE, HUGGINGFACE.models(server()), NOWHERE, reply(info)).answer
    assert (model.id, model.kinds, model.known.context_window) == ("m", kinds, window)
