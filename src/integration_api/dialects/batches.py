"""Asks about many things in as many requests as their provider needs, one after another and in order.

What providers bound differs (inputs, tokens, bytes), how a batch is cut does not. Tokens cannot be
counted here: where a batch is refused for what it holds, half of it is asked for, and no later batch
is larger.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from integration_api.core.errors import ProviderError
from integration_api.core.exchange import Exchange, HttpRequest, HttpResponse
from integration_api.core.llm import Usage

Item = TypeVar("Item")
Part = TypeVar("Part")


def never(refusal: ProviderError) -> bool:
    """For providers whose refusals never mean that a smaller batch would pass."""
    return False


def in_batches(
    items: Sequence[Item],
    ask: Callable[[Sequence[Item]], Exchange[Part]],
    *,
    most: int,
    too_much: Callable[[ProviderError], bool] = never,
    weigh: Callable[[Item], int] | None = None,
    most_weight: int = 0,
) -> Generator[HttpRequest, HttpResponse, list[Part]]:
    """Ask about every item, at most `most` at a time, and return the answers in the order of the items.

    `weigh` and `most_weight` bound a batch by what its items weigh together; an item that is heavier
    goes alone. `too_much` tells a refusal of a batch as a whole from one that a smaller batch would
    meet as well. Any other failure is the failure of all.
    """
    parts: list[Part] = []
    start = 0
    while start < len(items):
        batch = items[start : start + most]
        if weigh is not None:
            batch = batch[: _room(batch, weigh, most_weight)]
        try:
            parts.append((yield from ask(batch)))
        except ProviderError as refusal:
            if len(batch) == 1 or not too_much(refusal):
                raise
            most = len(batch) // 2
        else:
            start += len(batch)
    return parts


def _room(batch: Sequence[Item], weigh: Callable[[Item], int], most: int) -> int:
    """Return how many items fit together, at least one."""
    held = 0
    for place, item in enumerate(batch):
        held += weigh(item)
        if held > most and place:
            return place
    return len(batch)


def summed(usages: Iterable[Usage]) -> Usage:
    """Add up what several requests used; what none of them told stays untold."""
    total: dict[str, Any] = {}
    native: dict[str, Any] = {}
    for usage in usages:
        _add(total, {name: getattr(usage, name) for name in Usage.__struct_fields__})
        _add(native, usage.native or {})
    return Usage(**total, native=native or None)


def _add(total: dict[str, Any], counts: Mapping[str, Any]) -> None:
    for name, count in counts.items():
        if isinstance(count, int | float) and not isinstance(count, bool):
            total[name] = total.get(name, 0) + count
