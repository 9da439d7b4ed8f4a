"""Azure Speech: ears and voices. https://learn.microsoft.com/azure/ai-services/speech-service"""

from integration_api.core.credential import BASE_URL
from integration_api.core.provider import Provider, Stt
from integration_api.providers.azure_speech import client, verify_credential
from integration_api.providers.azure_speech.formats import takes
from integration_api.providers.azure_speech.stt import Conversation

AZURE_SPEECH = Provider(
    name=client.NAME,
    title="Azure Speech",
    fields=(client.KEY, client.REGION, client.ENDPOINT, BASE_URL),
    verify=verify_credential.verify,
    fault=client.fault,
    request_id_headers=client.REQUEST_ID_HEADERS,
    stt=Stt(takes=takes, listen=Conversation),
)
