"""Ask Deepgram for the key's projects: free. https://developers.deepgram.com/reference/management-api/projects/list"""

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Exchange
from integration_api.providers.deepgram import client


def verify(credential: Credential) -> Exchange[None]:
    """Return when the key is good. One that may only transcribe or speak may not ask: it is good, too."""
    try:
        yield client.get("/v1/projects", credential)
    except ProviderError as error:
        if error.kind is not Kind.PERMISSION:
            raise
