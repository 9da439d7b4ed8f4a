"""Harm as a short list of words, enough to try a moderated conversation."""

from hashlib import sha256

import msgspec

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange
from integration_api.core.llm import Text, Usage
from integration_api.core.moderation import Judgement, ModerationRequest, ModerationResponse
from integration_api.providers.sandbox.account import raise_asked_for
from integration_api.providers.sandbox.words import words

_HARMS = {
    "violence": frozenset({"kill", "murder", "stab", "shoot", "bomb"}),
    "hate": frozenset({"subhuman", "vermin"}),
    "self-harm": frozenset({"suicide", "overdose"}),
    "sexual": frozenset({"porn", "nude"}),
}
_SURE, _UNLIKELY = 0.99, 0.01


def moderate(ask: ModerationRequest, credential: Credential) -> Exchange[ModerationResponse]:
    """Judge each input by the words in it; pictures pass."""
    yield from ()
    raise_asked_for(ask.model)
    held = [words(_text(input)) for input in ask.inputs]
    heard = sum(len(found) for found in held)
    return ModerationResponse(
        id=f"sandbox-{sha256(msgspec.json.encode(ask)).hexdigest()[:24]}",
        model=ask.model,
        results=tuple(_judged(set(found)) for found in held),
        usage=Usage(input_total=heard, input_uncached=heard),
    )


def _text(input: str | tuple[object, ...]) -> str:
    if isinstance(input, str):
        return input
    return " ".join(part.text for part in input if isinstance(part, Text))


def _judged(found: set[str]) -> Judgement:
    categories = {harm: not found.isdisjoint(bad) for harm, bad in _HARMS.items()}
    return Judgement(
        flagged=any(categories.values()),
        categories=categories,
        scores={harm: _SURE if hit else _UNLIKELY for harm, hit in categories.items()},
    )
