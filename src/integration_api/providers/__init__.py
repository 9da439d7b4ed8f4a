"""Every provider this service can reach. To add one, add its folder and its line."""

from integration_api.core.provider import Provider
from integration_api.providers.anthropic import ANTHROPIC
from integration_api.providers.mistral import MISTRAL
from integration_api.providers.openai import OPENAI
from integration_api.providers.sandbox import SANDBOX

PROVIDERS: dict[str, Provider] = {
    provider.name: provider
    for provider in (
        OPENAI,
        ANTHROPIC,
        MISTRAL,
        SANDBOX,
    )
}

_BY_ANY_NAME = {
    name: provider for provider in PROVIDERS.values() for name in (provider.name, *provider.aliases)
}


def find(name: str) -> Provider | None:
    """Return the provider with this name or alias, or None."""
    return _BY_ANY_NAME.get(name) or _BY_ANY_NAME.get(name.lower())
