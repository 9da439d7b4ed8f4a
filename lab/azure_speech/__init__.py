"""Azure Speech: listening and speaking, live and whole (learn.microsoft.com/azure/ai-services/speech-service)."""

from lab.azure_speech import client, listen, recorded, speak, voices
from lab.http import Provider

PROVIDER = Provider(
    name="azure-speech",
    routes={
        ("GET", "/stt/speech/universal/v2"): listen.live,
        ("GET", "/speech/recognition/{mode}/cognitiveservices/v1"): listen.live,
        ("POST", "/stt/speech/recognition/conversation/cognitiveservices/v1"): recorded.short,
        ("POST", "/speechtotext/transcriptions:transcribe"): recorded.fast,
        ("GET", "/tts/cognitiveservices/websocket/{version}"): speak.live,
        ("GET", "/cognitiveservices/websocket/v1"): speak.live,
        ("POST", "/tts/cognitiveservices/v1"): speak.whole,
        ("GET", "/tts/cognitiveservices/voices/list"): voices.voices,
        ("GET", "/cognitiveservices/voices/list"): voices.voices,
    },
    by_id={},
    refusal=client.refusal,
    stream_headers=client.stream_headers,
    example=(
        "curl '{origin}/azure-speech/cognitiveservices/voices/list' -H 'ocp-apim-subscription-key: any'"
    ),
)
