"""Cartesia: an ear (Ink) and a voice (Sonic). https://docs.cartesia.ai/api-reference"""

from integration_api.core.credential import BASE_URL, KEY, Credential
from integration_api.core.provider import Provider, Stt, Tts
from integration_api.core.stt import Listening, ListenRequest
from integration_api.core.tts import Speaking, SynthesisRequest
from integration_api.core.utterances import Utterances
from integration_api.providers.cartesia import client, verify_credential
from integration_api.providers.cartesia.batch_stt import transcribe
from integration_api.providers.cartesia.formats import gives, takes
from integration_api.providers.cartesia.rest_tts import speak
from integration_api.providers.cartesia.stt import Ink
from integration_api.providers.cartesia.tts import Sonic
from integration_api.providers.cartesia.turns_stt import InkTurns
from integration_api.providers.cartesia.voices import voices


def listen(ask: ListenRequest, credential: Credential, so_far: Utterances) -> Listening:
    """Begin a live transcript: one that tells turns, unless the caller tells them or the model can not."""
    turns = ask.endpointing.mode == "provider" and not ask.model.startswith("ink-whisper")
    return (InkTurns if turns else Ink)(ask, credential, so_far)


def synthesize(ask: SynthesisRequest, credential: Credential) -> Speaking:
    return Sonic(ask, credential)


CARTESIA = Provider(
    name=client.NAME,
    title="Cartesia",
    fields=(KEY, BASE_URL),
    verify=verify_credential.verify,
    fault=client.fault,
    stt=Stt(takes=takes, listen=listen, transcribe=transcribe),
    tts=Tts(gives=gives, synthesize=synthesize, speak=speak, voices=voices, warm_seconds=120.0),
)
