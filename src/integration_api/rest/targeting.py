"""Which provider, model and credential a request means: by header, then body, then the model's name."""

from integration_api.core.errors import Failure, Kind
from integration_api.core.ids import read_id
from integration_api.dialects.openai_surface_wire import ProviderChoice
from integration_api.rest.routing import Ask
from integration_api.services.target import Target, resolve

PASSED_ON = (b"anthropic-beta", b"anthropic-version", b"openai-beta", b"x-hf-bill-to")
"""Headers of the caller that may reach a provider. Nothing that signs, names a host or holds a cookie."""
HEADER_BYTES = 1_024
ROUTING = frozenset({
    b"x-credential-id", b"x-integration-credential", b"x-integration-provider", b"x-integration-model",
})  # fmt: skip


def target_of(ask: Ask, model: str, chosen: ProviderChoice | None = None) -> Target:
    """Return the call's target. Raises `Failure` for an unknown provider or a malformed credential id."""
    if chosen is None and ask.request.headers.keys().isdisjoint(ROUTING):
        return resolve(model)
    credential = ask.header(b"x-credential-id") or ask.header(b"x-integration-credential")
    provider = ask.header(b"x-integration-provider")
    if chosen is not None:
        credential, provider = credential or chosen.credential, provider or chosen.name
    return resolve(
        ask.header(b"x-integration-model") or model,
        provider=provider,
        credential_id=None if credential is None else _id(credential),
    )


def passed_on(ask: Ask) -> tuple[tuple[str, str], ...]:
    """Return the caller's headers that may go to the provider."""
    found = []
    for name in PASSED_ON:
        value = ask.request.headers.get(name)
        if value and len(value) <= HEADER_BYTES and value.isascii() and value.decode().isprintable():
            found.append((name.decode(), value.decode()))
    return tuple(found)


def strict(ask: Ask) -> bool:
    """Whether the caller wants a refusal where a parameter would be dropped with a warning."""
    return ask.request.headers.get(b"x-integration-strict", b"").lower() == b"true"


def _id(text: str) -> int:
    id = read_id(text)
    if id is None:
        raise Failure(
            Kind.NOT_FOUND,
            "there is no such credential",
            code="credential_not_found",
            param="x-credential-id",
        )
    return id
