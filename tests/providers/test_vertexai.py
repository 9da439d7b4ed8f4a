"""What Vertex AI does in its own way: where it is, how it knows us, whose models it serves, and how it says no."""

import json
from typing import Any

import pytest

from integration_api.core.credential import Credential
from integration_api.core.embedding import EmbeddingRequest
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import Bearer, GoogleToken, Header
from integration_api.core.llm import Bytes, FinishReason, Media, Message, Role, Sampling, Text, ToolCall, Url
from integration_api.core.reranking import RerankingRequest
from integration_api.providers.vertexai import VERTEXAI, claude_models
from integration_api.providers.vertexai.models import PUBLISHERS
from integration_api.providers.vertexai.naming import named
from tests.providers.gemini import (
    ACCOUNTS,
    NEW,
    PLACE,
    ask,
    body,
    chunk,
    folded,
    google_error,
    refused,
    request,
    whole,
)
from tests.providers.talk import Talk, reply
from tests.providers.unified import PIXEL, user

ACCOUNT = ACCOUNTS["vertexai"]
CLAUDE = "claude-opus-5-5"
IN_PROJECT = "projects/p1/locations/us-central1"


def account(*held: str, **fields: str) -> Credential:
    return Credential("vertexai", {**PLACE, **fields}, held=frozenset(held or {"service_account_key"}))


# --- where it is ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("", "https://aiplatform.googleapis.com"),
        ("global", "https://aiplatform.googleapis.com"),
        ("us", "https://aiplatform.us.rep.googleapis.com"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com"),
        ("us-central1", "https://us-central1-aiplatform.googleapis.com"),
    ],
)
@pytest.mark.parametrize("model", [NEW, CLAUDE, "meta/llama-4-maverick-17b-128e-instruct-maas"])
def test_a_region_has_its_host_and_the_global_one_has_no_prefix(region, host, model) -> None:
    made = VERTEXAI.llm.stream(ask(model=model), account(region=region)).request
    assert made.url.startswith(f"{host}/v1")
    assert f"/projects/p1/locations/{region or 'global'}/" in made.url


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"region": "evil.example.com/x"}, "region"),
        ({"region": "US-CENTRAL1"}, "region"),
        ({"project_id": ""}, "project_id"),
        ({"project_id": ".."}, "project_id"),
        ({"api_version": "v1/../v2"}, "api_version"),
    ],
)
def test_what_would_lead_elsewhere_is_no_place(fields, param) -> None:
    with pytest.raises(Failure) as raised:
        VERTEXAI.llm.stream(ask(), account(**fields))
    assert (raised.value.kind, raised.value.param) == (Kind.INVALID_REQUEST, param)


@pytest.mark.parametrize(
    "model", ["..", "google/..", "anthropic/.", "mistralai/..", "publishers/google/models/.."]
)
def test_a_model_is_one_segment_of_a_path(model) -> None:
    with pytest.raises(Failure, match="model is no name"):
        VERTEXAI.llm.stream(ask(model=model), ACCOUNT)


def test_odd_letters_are_encoded() -> None:
    made = VERTEXAI.llm.stream(ask(model="gemini-x;a b/c"), account(project_id="p;1")).request
    assert made.url.startswith("https://us-central1-aiplatform.googleapis.com/")
    assert "projects/p%3B1/" in made.url
    assert ";" not in made.url


def test_a_base_url_replaces_every_host() -> None:
    told = account(base_url="https://proxy.example.com/google/")
    for made in (
        VERTEXAI.llm.stream(ask(), told).request,
        VERTEXAI.llm.stream(ask(model=CLAUDE), told).request,
        next(VERTEXAI.reranking(RerankingRequest(model="m", query="q", documents=("d",)), told)),
        next(VERTEXAI.models(told)),
        next(VERTEXAI.verify(told)),
    ):
        assert made.url.startswith("https://proxy.example.com/google/v1")


# --- how it knows us -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "auth"),
    [
        (("service_account_key",), GoogleToken()),
        (("service_account_key", "key", "access_token"), GoogleToken()),
        (("access_token", "key"), Bearer("access_token")),
        (("key",), Header("x-goog-api-key", "key")),
    ],
)
def test_an_account_signs_before_a_token_before_a_key(held, auth) -> None:
    assert request(ask(), "vertexai").auth == GoogleToken()
    assert VERTEXAI.llm.stream(ask(), account(*held)).request.auth == auth


def test_express_mode_is_a_key_without_a_project() -> None:
    express = Credential("vertexai", {}, held=frozenset({"key"}))
    made = VERTEXAI.llm.stream(ask(), express).request
    assert made.url == (
        f"https://aiplatform.googleapis.com/v1beta1/publishers/google/models/{NEW}:streamGenerateContent?alt=sse"
    )
    with pytest.raises(Failure, match="project_id"):
        VERTEXAI.llm.stream(ask(model=CLAUDE), express)


def test_whose_quota_is_used_can_be_said() -> None:
    told = account(quota_project_id="p2")
    for model in (NEW, CLAUDE, "meta/llama-maas"):
        made = VERTEXAI.llm.stream(ask(model=model), told).request
        assert ("x-goog-user-project", "p2") in made.headers


def test_a_caller_may_say_whose_quota_is_used_and_then_nobody_else_does() -> None:
    asked = ask(headers=(("X-Goog-User-Project", "p3"), ("anthropic-beta", "x")))
    made = VERTEXAI.llm.stream(asked, account(quota_project_id="p2")).request
    assert [header for header in made.headers if header[0] != "content-type"] == [
        ("x-goog-user-project", "p3")
    ]


@pytest.mark.parametrize(
    ("tier", "headers"),
    [
        ("default", {"x-vertex-ai-llm-request-type": "shared"}),
        ("flex", {"x-vertex-ai-llm-request-type": "shared", "x-vertex-ai-llm-shared-request-type": "flex"}),
        ("priority", {"x-vertex-ai-llm-request-type": "shared", "x-vertex-ai-llm-shared-request-type": "priority"}),
        ("reserved", {"x-vertex-ai-llm-request-type": "dedicated"}),
        ("auto", {}),
    ],
)  # fmt: skip
def test_a_tier_is_asked_for_by_headers_and_told_by_traffic(tier, headers) -> None:
    made = request(ask(service_tier=tier), "vertexai")
    assert {name: value for name, value in made.headers if name.startswith("x-vertex")} == headers
    assert "serviceTier" not in json.loads(made.body)
    counts = {"promptTokenCount": 1, "totalTokenCount": 1, "trafficType": "ON_DEMAND_FLEX"}
    assert whole(chunk("Hi", usage=counts, finishReason="STOP"), host="vertexai").service_tier == "flex"


# --- whose models it serves ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "language", "id"),
    [
        ("gemini-2.5-flash", "gemini", "google/gemini-2.5-flash"),
        ("google/gemini-2.5-flash", "gemini", "google/gemini-2.5-flash"),
        ("models/gemini-2.5-flash", "gemini", "google/gemini-2.5-flash"),
        ("publishers/google/models/gemini-2.5-flash", "gemini", "google/gemini-2.5-flash"),
        ("claude-sonnet-4-5-20250929", "claude", "anthropic/claude-sonnet-4-5@20250929"),
        ("claude-sonnet-4-5@20250929", "claude", "anthropic/claude-sonnet-4-5@20250929"),
        ("anthropic/claude-opus-5-5", "claude", "anthropic/claude-opus-5-5"),
        ("publishers/anthropic/models/claude-opus-5-5", "claude", "anthropic/claude-opus-5-5"),
        ("mistral-medium-3", "mistral", "mistralai/mistral-medium-3"),
        ("mistralai/codestral-2", "mistral", "mistralai/codestral-2"),
        ("mistralai/mistral-x-maas", "open", "mistralai/mistral-x-maas"),
        (
            "meta/llama-4-maverick-17b-128e-instruct-maas",
            "open",
            "meta/llama-4-maverick-17b-128e-instruct-maas",
        ),
        ("google/gemma-4-maas", "open", "google/gemma-4-maas"),
    ],
)
def test_a_models_name_tells_its_language(model, language, id) -> None:
    found = named(model)
    assert (found.language, found.id) == (language, id)


def test_google_models_have_their_familys_rules_however_they_are_called() -> None:
    sampled = Sampling(temperature=0.5)
    for model in (
        "gemini-4-hydrogen",
        "google/gemini-4-hydrogen",
        "publishers/google/models/gemini-4-hydrogen",
    ):
        assert "generationConfig" not in body(ask(model=model, sampling=sampled), "vertexai")
    assert body(ask(model="google/gemini-2.0-flash", sampling=sampled), "vertexai")["generationConfig"]


def test_claude_has_its_model_in_the_path_and_its_version_in_the_body() -> None:
    made = request(ask(model=CLAUDE, headers=(("anthropic-beta", "context-1m-2025-08-07"),)), "vertexai")
    told = json.loads(made.body)
    assert made.url.endswith(f"/v1/{IN_PROJECT}/publishers/anthropic/models/{CLAUDE}:streamRawPredict")
    assert "model" not in told
    assert (told["anthropic_version"], told["stream"]) == ("2026-10-21", True)
    assert told["anthropic_beta"] == ["context-1m-2025-08-07"]
    assert not {"anthropic-version", "anthropic-beta"} & {name for name, _ in made.headers}
    old = body(ask(model="claude-sonnet-4-5@20250929", sampling=Sampling(temperature=0.5)), "vertexai")
    assert (old["anthropic_version"], old["temperature"]) == ("vertex-2023-10-16", 0.5)


def test_claudes_tokens_are_counted_at_a_model_of_their_own() -> None:
    talk = Talk(VERTEXAI, claude_models.count_tokens(ask(model=CLAUDE), ACCOUNT), reply({"input_tokens": 9}))
    assert talk.answer == 9
    assert talk.asked[0].url.endswith("/publishers/anthropic/models/count-tokens:rawPredict")
    assert talk.body(0)["model"] == CLAUDE


def test_claude_answers_as_it_does_at_its_makers() -> None:
    made = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": CLAUDE, "stop_reason": "end_turn",
        "content": [{"type": "thinking", "thinking": "Hm", "signature": "c2ln"}, {"type": "text", "text": "Hi"}],
        "usage": {"input_tokens": 1, "output_tokens": 2},
    }  # fmt: skip
    told = whole(made, asked=ask(model=CLAUDE), host="vertexai")
    assert told.candidates[0].finish.reason is FinishReason.STOP
    back = body(
        ask(user("Hi"), Message(Role.ASSISTANT, told.candidates[0].parts), user("And?"), model=CLAUDE),
        "vertexai",
    )
    assert back["messages"][1]["content"][0]["signature"] == "c2ln"


# --- streamed arguments --------------------------------------------------------------------------


def arguments(*pieces: dict[str, Any]) -> str:
    calls = [
        {"functionCall": {"name": "w", "willContinue": True}, "thoughtSignature": "c2ln"},
        *({"functionCall": {"partialArgs": [piece], "willContinue": True}} for piece in pieces),
        {"functionCall": {}},
    ]
    told = folded(*(chunk(one) for one in calls), chunk("", finishReason="STOP"), host="vertexai")
    [made] = told.candidates[0].parts
    assert isinstance(made, ToolCall)
    assert (made.name, made.signature.data) == ("w", "c2ln")
    assert told.candidates[0].finish.reason is FinishReason.TOOL_CALLS
    return made.arguments


@pytest.mark.parametrize(
    ("pieces", "whole_"),
    [
        ([], {}),
        (
            [
                {"jsonPath": "$.a.b[0]", "stringValue": "x", "willContinue": True},
                {"jsonPath": "$.a.b[0]", "stringValue": "y"},
            ],
            {"a": {"b": ["xy"]}},
        ),
        ([{"jsonPath": "$.n", "numberValue": 2.0}, {"jsonPath": "$.f", "numberValue": 0.5}], {"n": 2, "f": 0.5}),
        ([{"jsonPath": "$.y", "boolValue": False}, {"jsonPath": "$.z", "nullValue": "NULL_VALUE"}], {"y": False, "z": None}),
        ([{"jsonPath": "$['odd name'][0].x", "stringValue": "Львів"}], {"odd name": [{"x": "Львів"}]}),
        ([{"jsonPath": "$.s", "stringValue": ""}], {"s": ""}),
    ],
)  # fmt: skip
def test_arguments_that_come_in_pieces_are_put_together(pieces, whole_) -> None:
    assert json.loads(arguments(*pieces)) == whole_


@pytest.mark.parametrize("path", ["", "a.b", "$", "$.a[5]", "$..a", "$.a[x]", "$.a[*]"])
def test_a_path_that_leads_nowhere_is_an_unreadable_chunk(path) -> None:
    with pytest.raises(ProviderError) as raised:
        arguments({"jsonPath": path, "stringValue": "x"})
    assert raised.value.kind is Kind.BAD_RESPONSE


# --- how it says no ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (401, google_error(401, "UNAUTHENTICATED", ErrorInfo={"reason": "ACCESS_TOKEN_EXPIRED"}), Kind.CREDENTIAL_REJECTED),
        (401, google_error(401, "UNAUTHENTICATED", ErrorInfo={"reason": "CREDENTIALS_MISSING"}), Kind.CREDENTIAL_REJECTED),
        (403, google_error(403, "PERMISSION_DENIED", ErrorInfo={"reason": "IAM_PERMISSION_DENIED"}), Kind.PERMISSION),
        (403, google_error(403, "PERMISSION_DENIED", ErrorInfo={"reason": "CONSUMER_INVALID"}), Kind.PERMISSION),
        (404, google_error(404, "NOT_FOUND", "Publisher Model `x` was not found"), Kind.NOT_FOUND),
        (429, [google_error(429, "RESOURCE_EXHAUSTED", "Resource exhausted.")], Kind.RATE_LIMITED),
        (400, {"type": "error", "error": {"type": "invalid_request_error", "message": "max_tokens: too large"}}, Kind.INVALID_REQUEST),
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, Kind.OVERLOADED),
        (400, {"error": {"message": "bad", "type": "invalid_request_error", "code": None, "param": "n"}}, Kind.INVALID_REQUEST),
        (503, b"upstream connect error", Kind.OVERLOADED),
    ],
)  # fmt: skip
def test_a_refusal_is_read_in_whoevers_words_it_is(status, said, kind) -> None:
    error = refused(status, said, "vertexai")
    assert (error.kind, error.refusal.status, error.provider) == (kind, status, "vertexai")
    assert error.message


def test_claudes_failure_in_mid_stream_is_read_in_claudes_words() -> None:
    made = VERTEXAI.llm.stream(ask(model=CLAUDE), ACCOUNT)
    said = (
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
    )
    [frame] = made.framing.feed(said)
    with pytest.raises(ProviderError) as raised:
        made.reader.feed(frame)
    assert raised.value.kind is Kind.OVERLOADED


# --- verification and lists ----------------------------------------------------------------------

ABSENT = reply(google_error(404, "NOT_FOUND"), 404)
COUNTED = reply({"totalTokens": 1})


def test_an_account_is_verified_by_counting_a_word_where_it_is_to_be_used() -> None:
    talk = Talk(VERTEXAI, VERTEXAI.verify(ACCOUNT), ABSENT, COUNTED)
    assert [made.url.rpartition("/")[2] for made in talk.asked] == [
        "gemini-2.5-flash:countTokens",
        "gemini-3.8-flash:countTokens",
    ]
    assert all(made.auth == GoogleToken() for made in talk.asked)


@pytest.mark.parametrize(
    ("replies", "kind", "code"),
    [
        ((ABSENT, ABSENT), Kind.NOT_FOUND, "wrong_region"),
        ((reply(google_error(403, "PERMISSION_DENIED"), 403),), Kind.PERMISSION, "permission"),
        (
            (reply(google_error(401, "UNAUTHENTICATED"), 401),),
            Kind.CREDENTIAL_REJECTED,
            "credential_rejected",
        ),
    ],
)
def test_why_an_account_is_no_good(replies, kind, code) -> None:
    with pytest.raises(ProviderError) as raised:
        Talk(VERTEXAI, VERTEXAI.verify(ACCOUNT), *replies)
    assert (raised.value.kind, raised.value.code) == (kind, code)


def published(*names: str, publisher: str = "google", **more: Any) -> Any:
    models = [{"name": f"publishers/{publisher}/models/{name}", "launchStage": "GA"} for name in names]
    return reply({"publisherModels": models, **more})


def test_every_publishers_models_are_listed_page_by_page_and_some_need_not_be_there() -> None:
    claude = {"name": "publishers/anthropic/models/claude-sonnet-4-5", "versionId": "20250929"}
    talk = Talk(
        VERTEXAI,
        VERTEXAI.models(ACCOUNT),
        published("gemini-2.5-flash", nextPageToken="a/b"),
        published("gemini-embedding-001", "imagen-4"),
        reply({"publisherModels": [claude]}),
        published("llama-4-maas", publisher="meta"),
        *[reply(google_error(403, "PERMISSION_DENIED"), 403)] * (len(PUBLISHERS) - 3),
    )
    assert [(model.id, model.kinds) for model in talk.answer] == [
        ("gemini-2.5-flash", ("chat",)),
        ("gemini-embedding-001", ("embedding",)),
        ("imagen-4", ()),
        ("claude-sonnet-4-5@20250929", ("chat",)),
        ("meta/llama-4-maas", ("chat",)),
    ]
    assert talk.asked[1].url.endswith("&pageToken=a%2Fb")
    with pytest.raises(ProviderError):
        Talk(VERTEXAI, VERTEXAI.models(ACCOUNT), reply(google_error(403, "PERMISSION_DENIED"), 403))


# --- ranking -------------------------------------------------------------------------------------


def ranking(*replies: Any, **more: Any) -> Talk:
    asked = RerankingRequest(
        **{"model": "semantic-ranker-default-004", "query": "q", "documents": ("a", "b", "c"), **more}
    )
    return Talk(VERTEXAI, VERTEXAI.reranking(asked, ACCOUNT), *replies)


def test_documents_are_ranked_best_first_and_their_texts_do_not_come_back() -> None:
    talk = ranking(
        reply({"records": [{"id": "0", "score": 0.1}, {"id": "2", "score": 0.9}]}), top_n=2, instruction="x"
    )
    assert [(one.index, one.score) for one in talk.answer.results] == [(2, 0.9), (0, 0.1)]
    assert talk.asked[0].url == (
        "https://discoveryengine.googleapis.com/v1/projects/p1/locations/global/rankingConfigs/default_ranking_config:rank"
    )
    assert talk.body() == {
        "model": "semantic-ranker-default-004",
        "query": "q",
        "records": [{"id": "0", "content": "a"}, {"id": "1", "content": "b"}, {"id": "2", "content": "c"}],
        "ignoreRecordDetailsInResponse": True,
        "topN": 2,
    }
    assert [notice.param for notice in talk.answer.warnings] == ["instruction"]


@pytest.mark.parametrize("id", ["3", "-1", "x", ""])
def test_a_document_nobody_gave_is_no_answer(id) -> None:
    with pytest.raises(ProviderError) as raised:
        ranking(reply({"records": [{"id": id, "score": 0.5}]}))
    assert raised.value.kind is Kind.BAD_RESPONSE


def test_more_documents_than_one_request_holds_are_refused() -> None:
    with pytest.raises(Failure, match="at most 200"):
        ranking(documents=("d",) * 201)


# --- vectors -------------------------------------------------------------------------------------


def embedding(*inputs: Any, replies: Any = (), **more: Any) -> Talk:
    asked = EmbeddingRequest(**{"model": "text-embedding-005", "inputs": inputs, **more})
    return Talk(VERTEXAI, VERTEXAI.embedding(asked, ACCOUNT), *replies)


def predicted(*vectors: list[float]) -> Any:
    told = [{"embeddings": {"values": one, "statistics": {"token_count": 2}}} for one in vectors]
    return reply({"predictions": told})


def test_texts_are_predicted_with_their_task_and_never_cut_in_silence() -> None:
    talk = embedding(
        "a", "b", input_type="document", title="t", dimensions=2, replies=[predicted([1.0, 0.0], [0.0, 1.0])]
    )
    assert talk.body() == {
        "instances": [
            {"content": "a", "task_type": "RETRIEVAL_DOCUMENT", "title": "t"},
            {"content": "b", "task_type": "RETRIEVAL_DOCUMENT", "title": "t"},
        ],
        "parameters": {"outputDimensionality": 2, "autoTruncate": False},
    }
    assert talk.answer.usage.input_total == 4
    cut = embedding("a", truncate="end", replies=[predicted([1.0])])
    assert cut.body()["parameters"] == {"autoTruncate": True}


def test_a_batch_that_is_too_large_is_halved() -> None:
    too_much = reply(google_error(400, "INVALID_ARGUMENT", "The total tokens exceed the limit of 20000"), 400)

    def each(asked: Any) -> Any:
        return predicted(*([1.0, float(one["content"])] for one in asked["instances"]))

    talk = embedding(*map(str, range(5)), replies=[too_much, each, each, each])
    assert [len(talk.body(place)["instances"]) for place in range(4)] == [5, 2, 2, 1]
    assert [vector[4:8] for vector in talk.answer.vectors] == [
        b"\x00\x00\x00\x00", b"\x00\x00\x80?", b"\x00\x00\x00@", b"\x00\x00@@", b"\x00\x00\x80@",
    ]  # fmt: skip


def test_a_refusal_that_is_not_about_size_is_told_at_once() -> None:
    wrong = reply(google_error(400, "INVALID_ARGUMENT", "Invalid task type"), 400)
    with pytest.raises(ProviderError, match="Invalid task type"):
        embedding("a", "b", replies=[wrong])


def test_pictures_and_texts_have_vectors_of_their_own() -> None:
    picture = Media(kind="image", source=Bytes(PIXEL), mime="image/png")
    stored = Media(kind="image", source=Url("gs://b/c.png"))
    talk = embedding(
        "cat", (picture,), (stored,), model="multimodalembedding@001", dimensions=128,
        replies=[reply({"predictions": [{"textEmbedding": [1.0]}]}), *[reply({"predictions": [{"imageEmbedding": [0.5]}]})] * 2],
    )  # fmt: skip
    assert [talk.body(place)["instances"] for place in range(3)] == [
        [{"text": "cat"}],
        [{"image": {"bytesBase64Encoded": PIXEL}}],
        [{"image": {"gcsUri": "gs://b/c.png"}}],
    ]
    assert talk.body()["parameters"] == {"dimension": 128}
    with pytest.raises(Failure, match="one vector for one text or one picture"):
        embedding((Text("cat"), picture), model="multimodalembedding@001")


def test_contents_are_embedded_alone_or_together_and_their_task_is_said_in_words() -> None:
    one, two = (
        reply({"embedding": {"values": [1.0]}}),
        reply({"embeddings": [{"values": [1.0]}, {"values": [2.0]}]}),
    )
    alone = embedding("a", model="gemini-embedding-2", input_type="query", replies=[one])
    assert alone.asked[0].url.endswith(":embedContent")
    assert alone.body()["content"] == {"parts": [{"text": "task: search result | query: a"}]}
    both = embedding("a", "b", model="gemini-embedding-2", input_type="document", title="T", replies=[two])
    assert both.asked[0].url.endswith(":batchEmbedContents")
    assert [one["content"]["parts"][0]["text"] for one in both.body()["requests"]] == [
        "title: T | text: a",
        "title: T | text: b",
    ]


def test_the_first_of_geminis_models_is_asked_one_by_one_once_it_wants_that() -> None:
    wrong = reply(google_error(400, "INVALID_ARGUMENT", "Request contains an invalid argument."), 400)
    talk = embedding(*"abc", model="gemini-embedding-001", replies=[wrong, *[predicted([1.0])] * 3])
    assert [len(talk.body(place)["instances"]) for place in range(4)] == [3, 1, 1, 1]
