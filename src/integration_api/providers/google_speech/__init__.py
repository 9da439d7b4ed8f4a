"""Google Cloud's ears and voices.

https://cloud.google.com/speech-to-text/v2/docs and https://cloud.google.com/text-to-speech/docs
"""

from integration_api.core.credential import BASE_URL
from integration_api.core.provider import Provider, Stt, Tts
from integration_api.dialects import google_cloud
from integration_api.providers.google_speech import client, formats, verify_credential
from integration_api.providers.google_speech.batch_stt import transcribe
from integration_api.providers.google_speech.rest_tts import speak
from integration_api.providers.google_speech.stt import GoogleEar
from integration_api.providers.google_speech.tts import GoogleVoice
from integration_api.providers.google_speech.voices import streams, voices

GOOGLE_SPEECH = Provider(
    name=client.NAME,
    title="Google Cloud Speech",
    aliases=("google-speech-service",),
    credentials_of=("vertexai", "gemini"),
    fields=(
        google_cloud.KEY,
        google_cloud.PROJECT,
        google_cloud.SERVICE_ACCOUNT,
        google_cloud.ACCESS_TOKEN,
        google_cloud.REGION,
        google_cloud.QUOTA_PROJECT,
        BASE_URL,
    ),
    verify=verify_credential.verify,
    fault=client.fault,
    stt=Stt(takes=formats.takes, listen=GoogleEar, transcribe=transcribe),
    tts=Tts(gives=formats.gives, synthesize=GoogleVoice, speak=speak, streams=streams, voices=voices),
)
