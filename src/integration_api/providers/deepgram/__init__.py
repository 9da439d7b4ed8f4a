"""Deepgram: ears (Nova, Flux) and voices (Aura, Flux). https://developers.deepgram.com/reference"""

from integration_api.core.credential import BASE_URL, Credential
from integration_api.core.provider import Provider, Stt, Tts
from integration_api.core.stt import Listening, ListenRequest
from integration_api.core.tts import Speaking, SynthesisRequest
from integration_api.core.utterances import Utterances
from integration_api.providers.deepgram import client, verify_credential
from integration_api.providers.deepgram.batch_stt import transcribe
from integration_api.providers.deepgram.flux_stt import Flux
from integration_api.providers.deepgram.flux_tts import FluxVoice
from integration_api.providers.deepgram.formats import gives, takes
from integration_api.providers.deepgram.rest_tts import speak
from integration_api.providers.deepgram.stt import Nova
from integration_api.providers.deepgram.tts import Aura
from integration_api.providers.deepgram.voices import voices


def listen(ask: ListenRequest, credential: Credential, so_far: Utterances) -> Listening:
    """Begin a live transcript with the service that has the model."""
    return (Flux if ask.model.startswith("flux") else Nova)(ask, credential, so_far)


def synthesize(ask: SynthesisRequest, credential: Credential) -> Speaking:
    """Begin to speak with the service that has the voice."""
    return (FluxVoice if (ask.voice or ask.model).startswith("flux") else Aura)(ask, credential)


DEEPGRAM = Provider(
    name=client.NAME,
    title="Deepgram",
    fields=(*client.FIELDS, BASE_URL),
    verify=verify_credential.verify,
    fault=client.fault,
    request_id_headers=client.REQUEST_ID_HEADERS,
    stt=Stt(takes=takes, listen=listen, transcribe=transcribe),
    tts=Tts(gives=gives, synthesize=synthesize, speak=speak, voices=voices, warm_seconds=60.0),
)
