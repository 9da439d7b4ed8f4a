"""Ranks more documents than a provider takes at once: batch by batch, merged by score.

A reranker looks at the question and one document at a time, so that scores of one model compare
across requests.
"""

from collections.abc import Callable, Generator, Sequence

from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Exchange, HttpRequest, HttpResponse
from integration_api.core.reranking import Ranked, RerankingRequest, RerankingResponse
from integration_api.dialects.batches import in_batches, never, summed


def rank(
    ask: RerankingRequest,
    one: Callable[[Sequence[str]], Exchange[RerankingResponse]],
    *,
    most: int,
    too_much: Callable[[ProviderError], bool] = never,
) -> Generator[HttpRequest, HttpResponse, RerankingResponse]:
    """Rank every document of `ask`, best first and at most `top_n` of them.

    `one` ranks some of the documents, its places counted from their first. Raises `Failure`.
    """

    def counted(documents: Sequence[str]) -> Exchange[tuple[int, RerankingResponse]]:
        return len(documents), (yield from one(documents))

    answers = yield from in_batches(ask.documents, counted, most=most, too_much=too_much)
    ranked: list[Ranked] = []
    start = 0
    for count, answer in answers:
        for result in answer.results:
            if not 0 <= result.index < count:
                raise ProviderError(
                    Kind.BAD_RESPONSE,
                    f"the provider ranked document {result.index} of {count}",
                    code="bad_upstream_response",
                )
            ranked.append(Ranked(start + result.index, result.score, result.native))
        start += count
    ranked.sort(key=lambda result: -result.score)
    first = answers[0][1]
    return RerankingResponse(
        id=first.id,
        model=first.model,
        results=tuple(ranked if ask.top_n is None else ranked[: ask.top_n]),
        usage=summed(answer.usage for _, answer in answers),
        warnings=first.warnings,
    )
