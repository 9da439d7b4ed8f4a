"""Which provider, model and credential a call is for."""

import hmac
import os
from collections.abc import Hashable, Mapping
from typing import Any

from msgspec import Struct

from integration_api.core.credential import Secrets
from integration_api.core.errors import Failure, Kind
from integration_api.core.models import LONGEST_NAME
from integration_api.core.provider import Provider
from integration_api.core.secret import Secret
from integration_api.core.tenant import Tenant
from integration_api.providers import find
from integration_api.services.fields import part_fields
from integration_api.vault.vault import LiveSecrets

_ACCOUNTS = os.urandom(32)
"""Live credentials are told apart by a digest under this process's own key: it is no use elsewhere."""


class LiveCredential(Struct, frozen=True):
    """A credential that came in clear with the call: used for it, kept nowhere."""

    fields: Mapping[str, str]
    secrets: Secrets
    held: frozenset[str] = frozenset()
    """Names of its secret fields."""
    account: Hashable | None = None
    """Equal for equal credentials of one tenant, so that their calls may share connections."""


def live(tenant: Tenant, provider: Provider, value: Mapping[str, Secret]) -> LiveCredential:
    """Take a credential that came with a call. The secrets stay the caller's to wipe.

    Raises `Failure` naming a field that is missing; what the provider does not know is left out.
    """
    plain, secret = part_fields(provider, value, lenient=True)
    digests = []
    for name in sorted(secret):
        with secret[name].view() as view:
            digests.append((name, hmac.digest(_ACCOUNTS, view, "sha256")))
    return LiveCredential(
        plain, LiveSecrets(secret), frozenset(secret), (tenant, provider.name, tuple(digests))
    )


class Target(Struct, frozen=True):
    """Where a call goes. No credential named means the project's default for the provider."""

    provider: Provider
    model: str
    credential_id: int | None = None
    live: LiveCredential | None = None
    connection: str = ""
    """How the caller wants the provider reached, where that makes a difference."""
    region: str = ""
    """In place of the credential's own; "" leaves it at that."""
    voice: str = ""
    """Of speech: whose voice it is to be; "" leaves it to what is asked."""
    options: Mapping[str, Any] = {}
    """Of speech: the provider's own, by its names; none leaves it to what is asked."""


def resolve(
    model: str,
    *,
    provider: str | None = None,
    credential_id: int | None = None,
    live: LiveCredential | None = None,
) -> Target:
    """Read `provider/model-id`, splitting at the first slash; a provider named apart wins.

    Raises `Failure` (INVALID_REQUEST, `model_required`, `model_not_found` or `unknown_provider`).
    """
    if not model:
        raise Failure(Kind.INVALID_REQUEST, "name a model", code="model_required", param="model")
    if len(model) > LONGEST_NAME:
        raise too_long("model")
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


def too_long(param: str) -> Failure:
    return Failure(
        Kind.INVALID_REQUEST,
        f"no model's name is longer than {LONGEST_NAME} characters",
        code="model_not_found",
        param=param,
    )


def _unknown(name: str) -> Failure:
    return Failure(
        Kind.INVALID_REQUEST,
        f"there is no provider named {name[:64]!r}; GET /v1/providers lists them",
        code="unknown_provider",
        param="model",
    )
