"""Ask for the list of models: free, and refused when the key is wrong."""

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Exchange
from integration_api.providers.openai import client

NOWHERE = "unsupported_country_region_territory"


def verify(credential: Credential) -> Exchange[None]:
    """Return when the key is good; the refusal of a bad one comes out as `ProviderError`.

    A restricted key may not list models, but only a good key is told so.
    """
    try:
        yield client.get("/models", credential)
    except ProviderError as refusal:
        if refusal.kind is not Kind.PERMISSION or refusal.code == NOWHERE:
            raise
