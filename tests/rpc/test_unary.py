"""UnifiedProviderService/Embedding, /Reranking and /VerifyCredential, by grpcio."""

import struct
from base64 import b64decode

import grpc
import pytest

from integration_api.proto import unified_pb2 as wire
from tests.e2e.conftest import PROVIDERS, base_url, value
from tests.e2e.service import Service
from tests.rpc.caller import Caller, credential, details, metrics, packed, parameters, text, until

EMBEDDING = (
    "openai/text-embedding-3-small",
    "mistral/mistral-embed",
    "gemini/gemini-embedding-001",
    "cohere/embed-v4.0",
    "voyageai/voyage-3.5",
    "bedrock/amazon.titan-embed-text-v2:0",
    "sandbox/embed",
)
RERANKING = ("cohere/rerank-v3.5", "voyageai/rerank-2.5", "bedrock/cohere.rerank-v3-5:0", "sandbox/rerank")


def embedding(model: str, content: dict[int, str], **more: object) -> wire.EmbeddingRequest:
    provider, _, name = model.partition("/")
    params = more.pop("params", {})
    return wire.EmbeddingRequest(
        providerName=provider, content=content, modelParameters=parameters(name, params), **more
    )


@pytest.mark.parametrize("model", EMBEDDING)
def test_vectors_come_under_the_numbers_of_their_texts(caller: Caller, model: str) -> None:
    answer = caller.call("Embedding", embedding(model, {7: "seven", -3: "minus three", 100: "hundred"}))
    assert (answer.code, answer.success) == (200, True)
    assert [item.index for item in answer.data] == [-3, 7, 100]
    for item in answer.data:
        packed_numbers = b64decode(item.base64, validate=True)
        assert list(struct.unpack(f"<{len(packed_numbers) // 8}d", packed_numbers)) == list(item.embedding)
        assert len(item.embedding) > 1
    assert metrics(answer)["status"] == "SUCCESS"
    alone = caller.call("Embedding", embedding(model, {0: "seven"}))
    assert alone.data[0].embedding == answer.data[1].embedding
    _, record = until(lambda: found(caller.service, answer.requestId))
    assert record["operation"] == "embedding"


def found(service: Service, id: int) -> "tuple[int, dict[str, object]] | None":
    status, record = service.call("GET", f"/v1/audit/{id}")
    return (status, record) if status == 200 else None


def test_embedding_parameters(caller: Caller) -> None:
    request = embedding(
        "openai/text-embedding-3-small", {0: "hello"}, params={"model.dimensions": "256", "model.user": "u"}
    )
    answer = caller.call("Embedding", request)
    assert len(answer.data[0].embedding) == 256
    assert caller.last_body("openai")["user"] == "u"


@pytest.mark.parametrize("content", [{}, {0: ""}])
def test_nothing_to_embed(caller: Caller, content: dict[int, str]) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        caller.call("Embedding", embedding("sandbox/embed", content))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_provider_without_embeddings(caller: Caller) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        caller.call("Embedding", embedding("anthropic/claude-sonnet-4-5", {0: "hello"}))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details(refused.value)[1]["ErrorInfo"].reason == "unsupported_operation"


def test_a_refusal_of_the_provider_is_in_the_answer(caller: Caller) -> None:
    answer = caller.call("Embedding", embedding("openai/text-embedding-3-small-lab-status-503", {0: "x"}))
    assert (answer.code, answer.success, len(answer.data)) == (503, False, 0)
    assert answer.error.errorCode == 503


def test_many_texts_come_in_batches_and_keep_their_numbers(caller: Caller) -> None:
    texts = {number * 3: f"text {number}" for number in range(250)}  # Cohere takes 96 at a time.
    small = {"params": {"model.dimensions": "256"}}
    answer = caller.call("Embedding", embedding("cohere/embed-v4.0", texts, **small))
    assert [item.index for item in answer.data] == sorted(texts)
    alone = caller.call("Embedding", embedding("cohere/embed-v4.0", {5: texts[600]}, **small))
    assert alone.data[0].embedding == answer.data[200].embedding


def test_what_an_embedding_left_out_is_told(caller: Caller) -> None:
    request = embedding("openai/text-embedding-3-small", {0: "x"}, params={"model.flux": 1})
    answer, told = caller.call_told("Embedding", request)
    assert "model.flux" in metrics(answer)["warnings"]
    assert "model.flux" in told["x-integration-warnings"]


def reranking(
    content: dict[int, str], query: str = "where is Kyiv", model: str = "sandbox/rerank", **params: object
) -> wire.RerankingRequest:
    provider, _, name = model.partition("/")
    return wire.RerankingRequest(
        providerName=provider,
        query=query,
        content=content,
        modelParameters={"model.name": text(name), **{k: packed(v) for k, v in params.items()}},
    )


@pytest.mark.parametrize("model", RERANKING)
def test_documents_keep_their_order_and_get_scores(caller: Caller, model: str) -> None:
    documents = {3: "cats sleep", 9: "Kyiv is where the Dnipro is", 4: "where is Lviv"}
    answer = caller.call("Reranking", reranking(documents, model=model))
    assert (answer.code, answer.success) == (200, True)
    assert [(item.index, item.content) for item in answer.data] == sorted(documents.items())
    scores = {item.index: item.relevanceScore for item in answer.data}
    assert scores[9] > scores[3]
    best = caller.call("Reranking", reranking(documents, model=model, **{"model.top_n": "1"}))
    assert [(item.index, item.content) for item in best.data] == [(9, documents[9])]
    _, record = until(lambda: found(caller.service, answer.requestId))
    assert record["operation"] == "rerank"


@pytest.mark.parametrize("model", RERANKING[:-1])
def test_a_refusal_to_rank_is_in_the_answer(caller: Caller, model: str) -> None:
    answer = caller.call("Reranking", reranking({0: "x"}, model=f"{model}-lab-status-429"))
    assert (answer.code, answer.success, len(answer.data)) == (429, False, 0)
    assert answer.error.errorCode == 429
    assert metrics(answer)["status"] == "FAILED"


def test_a_provider_that_does_not_rank(caller: Caller) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        caller.call("Reranking", reranking({0: "x"}, model="openai/gpt-4o"))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details(refused.value)[1]["ErrorInfo"].reason == "unsupported_operation"


@pytest.mark.parametrize("content", [{}, {0: ""}])
def test_nothing_to_rank(caller: Caller, content: dict[int, str]) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        caller.call("Reranking", reranking(content))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_question_is_needed(caller: Caller) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        caller.call("Reranking", reranking({0: "x"}, query=""))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details(refused.value)[1]["ErrorInfo"].metadata["param"] == "query"


# --- verification -----------------------------------------------------------------------------


def verify(caller: Caller, provider: str, held: wire.Credential) -> wire.VerifyCredentialResponse:
    request = wire.VerifyCredentialRequest(providerName=provider, credential=held)
    answer: wire.VerifyCredentialResponse = caller.call("VerifyCredential", request)
    return answer


def offered(lab: str, provider: str, key: str) -> wire.Credential:
    """Return a credential for the lab. What the key says of itself, AWS's key ID and Google's account say, too."""
    held = value(lab, provider, f"{key}@p1.iam.gserviceaccount.com") or {"key": key}
    if "access_key_id" in held:
        held = {**held, "access_key_id": key}
    return credential(**held, base_url=base_url(lab, provider))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_credential_is_verified_with_its_provider(caller: Caller, lab: str, provider: str) -> None:
    answer = verify(caller, provider, offered(lab, provider, "lab-key-verified-0123456789"))
    assert (answer.code, answer.success, answer.response) == (200, True, "valid")
    assert not answer.errorMessage
    answer = verify(caller, provider, offered(lab, provider, "lab-invalid-key-0123456789"))
    assert (answer.code, answer.success, answer.HasField("response")) == (401, False, False)
    assert answer.errorMessage
    assert "invalid-key" not in answer.errorMessage


@pytest.mark.parametrize("provider", ["anthropic", "mistral", "cohere"])
@pytest.mark.parametrize(
    ("key", "says"), [("lab-forbidden-0123456789", "not allowed"), ("lab-noquota-0123456789", "quota")]
)
def test_why_a_credential_is_no_good_is_told(
    caller: Caller, lab: str, provider: str, key: str, says: str
) -> None:
    answer = verify(caller, provider, offered(lab, provider, key))
    assert (answer.code, answer.success) == (401, False)
    assert says in answer.errorMessage


def test_a_provider_that_is_not_there_is_no_verdict(caller: Caller) -> None:
    answer = verify(caller, "openai", credential(key="x", base_url="http://127.0.0.1:9"))
    assert (answer.code, answer.success) == (502, False)
    assert answer.errorMessage


def test_a_stored_credential_is_verified_by_its_id(caller: Caller, lab: str) -> None:
    stored = int(caller.service.add_credential("openai", base_url(lab, "openai"), name="to verify"))
    assert verify(caller, "openai", credential(stored)).success
    assert verify(caller, "openai", credential(17)).code == 404


@pytest.mark.parametrize(
    ("provider", "held", "code"),
    [
        ("", credential(key="x"), 400),
        ("nobody", credential(key="x"), 400),
        ("openai", credential(), 400),
        ("openai", credential(key="x", base_url="http://10.0.0.1"), 400),
    ],
    ids=["no provider", "unknown provider", "no credential", "denied address"],
)
def test_what_cannot_be_verified_is_an_answer_too(
    caller: Caller, provider: str, held: wire.Credential, code: int
) -> None:
    answer = verify(caller, provider, held)
    assert (answer.code, answer.success) == (code, False)
    assert answer.errorMessage
