"""Ask Sarvam for the key's pronunciation dictionaries: free. https://docs.sarvam.ai/api-reference-docs"""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange
from integration_api.providers.sarvam import client


def verify(credential: Credential) -> Exchange[None]:
    """Return when the key is good. There is nothing cheaper that asks for one."""
    yield client.get("/text-to-speech/pronunciation-dictionary", credential)
