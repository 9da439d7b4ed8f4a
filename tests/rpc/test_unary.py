"""UnifiedProviderService/Embedding, /Reranking and /VerifyCredential, by grpcio."""

import struct
from base64 import b64decode

import grpc
import pytest

from integration_api.proto import unified_pb2 as wire
from tests.e2e.conftest import base_url
from tests.e2e.service import Service
from tests.rpc.caller import Caller, credential, details, metrics, packed, parameters, text, until

EMBEDDING = ("openai/text-embedding-3-small", "mistral/mistral-embed", "sandbox/embed")


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


def reranking(
    content: dict[int, str], query: str = "where is Kyiv", **params: object
) -> wire.RerankingRequest:
    return wire.RerankingRequest(
        providerName="sandbox",
        query=query,
        content=content,
        modelParameters={"model.name": text("rerank"), **{k: packed(v) for k, v in params.items()}},
    )


def test_documents_keep_their_order_and_get_scores(caller: Caller) -> None:
    documents = {3: "cats sleep", 9: "Kyiv is where the Dnipro is", 4: "where is Lviv"}
    answer = caller.call("Reranking", reranking(documents))
    assert (answer.code, answer.success) == (200, True)
    assert [(item.index, item.content) for item in answer.data] == sorted(documents.items())
    scores = {item.index: item.relevanceScore for item in answer.data}
    assert scores[9] > scores[3]
    best = caller.call("Reranking", reranking(documents, **{"model.top_n": "1"}))
    assert [item.index for item in best.data] == [9]
    _, record = until(lambda: found(caller.service, answer.requestId))
    assert record["operation"] == "rerank"


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


@pytest.mark.parametrize("provider", ["openai", "anthropic", "mistral"])
def test_a_credential_is_verified_with_its_provider(caller: Caller, lab: str, provider: str) -> None:
    good = credential(key="lab-key-verified-0123456789", base_url=base_url(lab, provider))
    answer = verify(caller, provider, good)
    assert (answer.code, answer.success, answer.response) == (200, True, "valid")
    refused = credential(key="lab-invalid-key-0123456789", base_url=base_url(lab, provider))
    answer = verify(caller, provider, refused)
    assert (answer.code, answer.success) == (401, False)
    assert answer.errorMessage
    assert "invalid-key" not in answer.errorMessage


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
