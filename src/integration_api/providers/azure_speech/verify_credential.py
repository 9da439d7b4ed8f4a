"""Ask for the list of voices: free. https://learn.microsoft.com/azure/ai-services/speech-service/rest-text-to-speech"""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, HttpRequest
from integration_api.providers.azure_speech import client

VOICES = "/cognitiveservices/voices/list"


def verify(credential: Credential) -> Exchange[None]:
    """Return when the key is good, and of the region or resource that the credential names."""
    yield HttpRequest(method="GET", url=client.url("tts", VOICES, credential), auth=client.AUTH)
