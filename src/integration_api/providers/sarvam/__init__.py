"""Sarvam: ears (Saarika, Saaras) and voices (Bulbul) of India. https://docs.sarvam.ai/api-reference-docs"""

from integration_api.core.credential import BASE_URL, KEY, Credential
from integration_api.core.provider import Provider, Stt, Tts
from integration_api.core.stt import Listening, ListenRequest
from integration_api.core.utterances import Utterances
from integration_api.providers.sarvam import client, verify_credential
from integration_api.providers.sarvam.batch_stt import transcribe
from integration_api.providers.sarvam.formats import gives, realtime, takes
from integration_api.providers.sarvam.realtime_stt import Realtime
from integration_api.providers.sarvam.rest_tts import speak
from integration_api.providers.sarvam.stt import Legacy
from integration_api.providers.sarvam.tts import Bulbul
from integration_api.providers.sarvam.voices import voices


def listen(ask: ListenRequest, credential: Credential, so_far: Utterances) -> Listening:
    """Begin a live transcript on the socket that has the model."""
    return (Realtime if realtime(ask.model) else Legacy)(ask, credential, so_far)


SARVAM = Provider(
    name=client.NAME,
    title="Sarvam AI",
    aliases=("sarvamai",),
    fields=(KEY, BASE_URL),
    verify=verify_credential.verify,
    fault=client.fault,
    request_id_headers=client.REQUEST_ID_HEADERS,
    stt=Stt(takes=takes, listen=listen, transcribe=transcribe),
    tts=Tts(gives=gives, synthesize=Bulbul, speak=speak, voices=voices, warm_seconds=60.0),
)
