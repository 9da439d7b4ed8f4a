"""Voyage's recorded answers say to us what the bytes say to Voyage's own SDK."""

from typing import Any

import pytest

from tests.laws.cases import recordings
from tests.laws.laws import unpacked
from tests.laws.replay import embeddings, json, ranking
from tests.providers.voyage import playing


def recorded(kind: str) -> list[Any]:
    return [
        pytest.param(case, id=case.id)
        for case in recordings()
        if (case.provider, case.kind) == ("voyageai", kind)
    ]


@pytest.mark.parametrize("case", recorded("embeddings"))
def test_vectors_are_those_the_sdk_reads(case) -> None:
    with playing(case.body) as (client, _):
        told = client.embed(["any"], model="any")
    answer = embeddings(case, len(told.embeddings))
    assert answer.usage.input_total == told.total_tokens
    assert [unpacked(vector, "float") for vector in answer.vectors] == [
        pytest.approx(tuple(vector), rel=1e-6, abs=1e-9) for vector in told.embeddings
    ]


@pytest.mark.parametrize("case", recorded("rerank"))
def test_scores_are_those_the_sdk_reads(case) -> None:
    documents = [f"document {place}" for place in range(len(json(case)["data"]))]
    with playing(case.body) as (client, _):
        told = client.rerank("any", documents, model="any")
    answer = ranking(case, len(documents))
    assert answer.usage.input_total == told.total_tokens
    assert [(ranked.index, ranked.score) for ranked in answer.results] == [
        (result.index, result.relevance_score) for result in told.results
    ]
