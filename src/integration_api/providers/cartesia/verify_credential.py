"""Ask Cartesia for one voice: free. https://docs.cartesia.ai/api-reference/voices/list"""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange
from integration_api.providers.cartesia import client


def verify(credential: Credential) -> Exchange[None]:
    """Return when the key is good."""
    yield client.get("/voices", [("limit", 1)], credential)
