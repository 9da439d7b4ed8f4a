"""Ask for one model: free, and refused when the key is wrong."""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange
from integration_api.providers.gemini import client


def verify(credential: Credential) -> Exchange[None]:
    """Return when the key is good; the refusal of a bad one comes out as `ProviderError`."""
    yield client.get("models?pageSize=1", credential)
