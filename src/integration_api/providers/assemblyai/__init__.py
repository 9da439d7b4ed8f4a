"""AssemblyAI: ears, live and whole. https://www.assemblyai.com/docs/api-reference/overview"""

from integration_api.core.credential import BASE_URL, Credential
from integration_api.core.provider import Provider, Stt
from integration_api.core.stt import Listening, ListenRequest
from integration_api.core.utterances import Utterances
from integration_api.providers.assemblyai import client, verify_credential
from integration_api.providers.assemblyai.batch_stt import transcribe
from integration_api.providers.assemblyai.formats import takes
from integration_api.providers.assemblyai.stt import Universal


def listen(ask: ListenRequest, credential: Credential, so_far: Utterances) -> Listening:
    return Universal(ask, credential, so_far)


ASSEMBLYAI = Provider(
    name=client.NAME,
    title="AssemblyAI",
    fields=(*client.FIELDS, BASE_URL),
    verify=verify_credential.verify,
    fault=client.fault,
    stt=Stt(takes=takes, listen=listen, transcribe=transcribe),
)
