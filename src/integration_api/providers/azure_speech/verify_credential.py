"""Ask for the list of voices: free."""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange
from integration_api.providers.azure_speech import voices


def verify(credential: Credential) -> Exchange[None]:
    """Return when the key is good, and of the region or resource that the credential names."""
    yield voices.ask(credential)
