"""Which provider, model and credential a call is for."""

from collections.abc import Mapping
from dataclasses import dataclass

from integration_api.core.credential import Secrets
from integration_api.core.errors import Failure, Kind
from integration_api.core.provider import Provider
from integration_api.providers import find


@dataclass(frozen=True, slots=True)
class LiveCredential:
    """A credential that came in clear with the call: used for it, kept nowhere."""

    fields: Mapping[str, str]
    secrets: Secrets
    held: frozenset[str] = frozenset()
    """Names of its secret fields."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a call goes. No credential named means the project's default for the provider."""

    provider: Provider
    model: str
    credential_id: int | None = None
    live: LiveCredential | None = None


def resolve(
    model: str,
    *,
    provider: str | None = None,
    credential_id: int | None = None,
    live: LiveCredential | None = None,
) -> Target:
    """Read `provider/model-id`, splitting at the first slash; a provider named apart wins.

    Raises `Failure` (INVALID_REQUEST, `model_required` or `unknown_provider`).
    """
    if not model:
        raise Failure(Kind.INVALID_REQUEST, "name a model", code="model_required", param="model")
    if provider:
        known = find(provider)
        if known is None:
            raise _unknown(provider)
        slug, _, rest = model.partition("/")
        return Target(known, rest if rest and find(slug) is known else model, credential_id, live)
    slug, slash, rest = model.partition("/")
    known = find(slug) if slash else None
    if known is None:
        if not slash:
            raise Failure(
                Kind.INVALID_REQUEST,
                "the model must name its provider, as in openai/gpt-4o or anthropic/claude-sonnet-4-5",
                code="model_not_found",
                param="model",
            )
        raise _unknown(slug)
    if not rest:
        raise Failure(
            Kind.INVALID_REQUEST, "name a model after the slash", code="model_required", param="model"
        )
    return Target(known, rest, credential_id, live)


def _unknown(name: str) -> Failure:
    return Failure(
        Kind.INVALID_REQUEST,
        f"there is no provider named {name[:64]!r}; GET /v1/providers lists them",
        code="unknown_provider",
        param="model",
    )
