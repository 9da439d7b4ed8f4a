"""Ask whose account it is: free, and refused when the token is wrong."""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange
from integration_api.providers.replicate import client


def verify(credential: Credential) -> Exchange[None]:
    """Return when the token is good; the refusal of a bad one comes out as `ProviderError`."""
    yield client.get("/account", credential)
