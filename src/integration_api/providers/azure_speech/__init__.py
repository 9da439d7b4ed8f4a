"""Azure Speech: ears and voices. https://learn.microsoft.com/azure/ai-services/speech-service"""

from integration_api.core.credential import BASE_URL, Credential
from integration_api.core.provider import Provider, Stt, Tts
from integration_api.core.tts import Manner, Speaking, SynthesisRequest
from integration_api.providers.azure_speech import client, verify_credential
from integration_api.providers.azure_speech.batch_stt import transcribe
from integration_api.providers.azure_speech.formats import gives, takes
from integration_api.providers.azure_speech.rest_tts import speak
from integration_api.providers.azure_speech.stt import Conversation
from integration_api.providers.azure_speech.token_tts import TokenVoice
from integration_api.providers.azure_speech.tts import SsmlVoice
from integration_api.providers.azure_speech.voices import voices


def synthesize(ask: SynthesisRequest, credential: Credential) -> Speaking:
    """Begin to speak token by token, unless the caller wants something that only SSML can say or tell."""
    plain = ask.manner == Manner(language=ask.manner.language)
    tokens = plain and ask.timestamps == "none" and not ask.ssml_allowed
    return (TokenVoice if tokens else SsmlVoice)(ask, credential)


AZURE_SPEECH = Provider(
    name=client.NAME,
    title="Azure Speech",
    aliases=("azure-speech-service",),
    credentials_of=("azure-openai",),
    fields=(*client.FIELDS, BASE_URL),
    verify=verify_credential.verify,
    fault=client.fault,
    request_id_headers=client.REQUEST_ID_HEADERS,
    stt=Stt(takes=takes, listen=Conversation, transcribe=transcribe),
    tts=Tts(gives=gives, synthesize=synthesize, speak=speak, voices=voices, warm_seconds=60.0),
)
