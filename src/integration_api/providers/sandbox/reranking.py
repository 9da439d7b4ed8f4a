"""Relevance as the share of a query's words that a document holds."""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange
from integration_api.core.llm import Usage
from integration_api.core.reranking import Ranked, RerankingRequest, RerankingResponse
from integration_api.providers.sandbox.account import raise_asked_for
from integration_api.providers.sandbox.words import words


def rerank(ask: RerankingRequest, credential: Credential) -> Exchange[RerankingResponse]:
    """Score from 0 to 1; documents of one score keep their order."""
    yield from ()
    raise_asked_for(ask.model)
    wanted = set(words(ask.query))
    held = [words(document) for document in ask.documents]
    scores = [len(wanted.intersection(found)) / len(wanted) if wanted else 0.0 for found in held]
    best = sorted(range(len(scores)), key=lambda place: -scores[place])
    heard = sum(len(found) for found in held) + len(wanted)
    return RerankingResponse(
        model=ask.model,
        results=tuple(Ranked(place, scores[place]) for place in best[: ask.top_n]),
        usage=Usage(input_total=heard, input_uncached=heard, search_units=1.0),
    )
