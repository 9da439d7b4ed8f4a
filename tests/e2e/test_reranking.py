"""Cohere's SDK, unmodified, against both our rerank routes, and gRPC, with every reranker behind them."""

from collections.abc import Iterator
from typing import Any

import cohere
import httpx
import pytest
from cohere.core.api_error import ApiError

from integration_api.proto import unified_pb2 as wire
from tests.e2e.service import ADMIN_KEY, Service
from tests.rpc.caller import Caller, parameters

MODELS = (
    "cohere/rerank-v5.0-pro",
    "voyageai/rerank-3",
    "bedrock/cohere.rerank-v3-5:0",
    "huggingface/BAAI/bge-reranker-v2-m3",
    "vertexai/semantic-ranker-default-004",
    "sandbox/rerank",
)
BATCHED = tuple(model for model in MODELS if not model.startswith(("bedrock/", "vertexai/")))
"""Amazon's agents rank 1,000 at once and Google 200, and say nothing of whether scores compare; more are refused."""
QUERY = "a cat sat"
DOCUMENTS = ["bread and butter", "a cat sat", "a dog sat", "nothing at all"]


@pytest.fixture(scope="module")
def second(service: Service) -> Iterator[cohere.ClientV2]:
    with httpx.Client(timeout=60) as http:
        yield cohere.ClientV2(ADMIN_KEY, base_url=service.url, httpx_client=http)


@pytest.fixture(scope="module")
def first(service: Service) -> Iterator[cohere.Client]:
    with httpx.Client(timeout=60) as http:
        yield cohere.Client(ADMIN_KEY, base_url=service.url, httpx_client=http)


@pytest.fixture(scope="module")
def caller(service: Service, lab: str) -> Iterator[Caller]:
    with Caller(service, lab) as opened:
        yield opened


def scores(answer: Any) -> dict[int, float]:
    return {result.index: result.relevance_score for result in answer.results}


@pytest.mark.parametrize("model", MODELS)
def test_the_best_come_first_by_either_route(
    second: cohere.ClientV2, first: cohere.Client, model: str
) -> None:
    asked: dict[str, Any] = {"model": model, "query": QUERY, "documents": DOCUMENTS}
    whole = second.rerank(**asked)
    assert whole.id
    assert [result.index for result in whole.results][:2] == [1, 2]
    assert [result.relevance_score for result in whole.results] == sorted(
        scores(whole).values(), reverse=True
    )
    assert scores(second.rerank(**asked, top_n=2)) == {index: scores(whole)[index] for index in (1, 2)}
    older = first.rerank(**asked, top_n=2, return_documents=True)
    assert [(result.index, result.document.text) for result in older.results] == [
        (1, DOCUMENTS[1]),
        (2, DOCUMENTS[2]),
    ]


@pytest.mark.parametrize("model", MODELS)
def test_gotcha_24_documents_come_back_where_they_are_wanted_and_as_they_were(
    service: Service, model: str
) -> None:
    documents = ["bread", {"text": "a cat sat", "id": 7}]
    for path in ("/v1/rerank", "/v2/rerank"):
        for wanted in (True, False):
            body = {"model": model, "query": QUERY, "documents": documents, "return_documents": wanted}
            status, answer = service.call("POST", path, body)
            assert status == 200, answer
            best = answer["results"][0]
            assert best["index"] == 1
            assert best.get("document") == (documents[1] if wanted else None)


@pytest.mark.parametrize("model", BATCHED)
def test_more_documents_than_one_request_takes_are_ranked_as_if_it_did(
    second: cohere.ClientV2, model: str
) -> None:
    documents = [f"text {number}" for number in range(1100)]
    documents[1077] = QUERY
    answer = second.rerank(model=model, query=QUERY, documents=documents, top_n=3)
    assert answer.results[0].index == 1077
    alone = second.rerank(
        model=model, query=QUERY, documents=[documents[result.index] for result in answer.results]
    )
    assert [result.relevance_score for result in alone.results] == [
        result.relevance_score for result in answer.results
    ]


@pytest.mark.parametrize("model", MODELS)
def test_grpc_says_the_same_scores(second: cohere.ClientV2, caller: Caller, model: str) -> None:
    provider, _, name = model.partition("/")
    content = {10 * place: document for place, document in enumerate(DOCUMENTS)}
    request = wire.RerankingRequest(
        providerName=provider, query=QUERY, content=content, modelParameters=parameters(name, {})
    )
    answer = caller.call("Reranking", request)
    assert answer.success, answer.error
    assert [(item.index, item.content) for item in answer.data] == list(content.items())
    told = scores(second.rerank(model=model, query=QUERY, documents=DOCUMENTS))
    assert [item.relevanceScore for item in answer.data] == pytest.approx(
        [told[place] for place in range(len(DOCUMENTS))], rel=1e-6
    )


def test_what_a_provider_used_is_told(second: cohere.ClientV2) -> None:
    asked: dict[str, Any] = {"query": QUERY, "documents": DOCUMENTS}
    assert second.rerank(model=MODELS[0], **asked).meta.billed_units.search_units == 1
    assert second.rerank(model=MODELS[1], **asked).meta.billed_units.model_extra["total_tokens"] > 0


@pytest.mark.parametrize(
    ("model", "status"),
    [("anthropic/claude-sonnet-4-5", 400), ("nobody/rerank", 400), ("cohere/rerank-v5.0-pro-lab-status-429", 429),
     ("voyageai/rerank-3-lab-status-401", 424)],
)  # fmt: skip
def test_refusals_reach_the_sdk_as_what_they_are(second: cohere.ClientV2, model: str, status: int) -> None:
    with pytest.raises(ApiError) as refused:
        second.rerank(model=model, query=QUERY, documents=DOCUMENTS, request_options={"max_retries": 0})
    assert refused.value.status_code == status
    assert refused.value.body["error"]["message"]
