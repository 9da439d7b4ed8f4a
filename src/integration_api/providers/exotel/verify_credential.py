"""Ask for the account itself: free. https://developer.exotel.com/docs/voice-v1"""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange
from integration_api.providers.exotel import client


def verify(credential: Credential) -> Exchange[None]:
    yield client.get(".json", credential)
