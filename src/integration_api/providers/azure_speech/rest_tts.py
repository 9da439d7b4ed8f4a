"""One text spoken whole. https://learn.microsoft.com/azure/ai-services/speech-service/rest-text-to-speech"""

from integration_api.core.credential import Credential
from integration_api.core.exchange import HttpRequest, Stream
from integration_api.core.tts import SpeakRequest, TtsEvent
from integration_api.dialects.plain_sound import PlainSound, SoundReader
from integration_api.providers.azure_speech import client, formats, ssml
from integration_api.providers.azure_speech.voice import DEFAULT_VOICE

PATH = "/cognitiveservices/v1"


def speak(ask: SpeakRequest, credential: Credential) -> Stream[TtsEvent]:
    """Return the sound as it is made."""
    voice = ask.voice or (ask.model if "-" in ask.model else DEFAULT_VOICE)
    document = ssml.document(ask.text, voice, ask.manner, ssml=ask.ssml)
    request = HttpRequest(
        method="POST",
        url=client.url("tts", PATH, credential),
        headers=(
            ("content-type", "application/ssml+xml"),
            ("x-microsoft-outputformat", formats.name(ask.output)),
            ("user-agent", "integration-api"),  # Azure refuses who does not name itself.
        ),
        body=document.encode(),
        auth=client.auth(credential),
    )
    return Stream(request, PlainSound(), SoundReader(len(ask.text)))
