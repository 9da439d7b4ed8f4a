"""ElevenLabs: voices. https://elevenlabs.io/docs/api-reference/text-to-speech"""

from integration_api.core.credential import BASE_URL, Credential
from integration_api.core.provider import Provider, Tts
from integration_api.core.tts import Speaking, SynthesisRequest
from integration_api.providers.elevenlabs import client, verify_credential
from integration_api.providers.elevenlabs.formats import gives
from integration_api.providers.elevenlabs.rest_tts import speak
from integration_api.providers.elevenlabs.single_tts import StreamInput
from integration_api.providers.elevenlabs.tts import MULTI, MultiContext
from integration_api.providers.elevenlabs.voices import voices


def synthesize(ask: SynthesisRequest, credential: Credential) -> Speaking:
    """Begin to speak: utterances side by side, or one a socket for what can not do that."""
    return (MultiContext if ask.extras.get(MULTI, True) else StreamInput)(ask, credential)


ELEVENLABS = Provider(
    name=client.NAME,
    title="ElevenLabs",
    fields=(*client.FIELDS, BASE_URL),
    verify=verify_credential.verify,
    fault=client.fault,
    request_id_headers=client.REQUEST_ID_HEADERS,
    tts=Tts(gives=gives, synthesize=synthesize, speak=speak, voices=voices, warm_seconds=120.0),
)
