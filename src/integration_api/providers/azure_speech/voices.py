"""The voices of a region. https://learn.microsoft.com/azure/ai-services/speech-service/rest-text-to-speech#get-a-list-of-voices"""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, HttpRequest, decode
from integration_api.core.tts import Voice
from integration_api.providers.azure_speech import client, wire

PATH = "/cognitiveservices/voices/list"


def ask(credential: Credential) -> HttpRequest:
    """Ask for them: free, and refused when the key is not the region's."""
    return HttpRequest(method="GET", url=client.url("tts", PATH, credential), auth=client.auth(credential))


def voices(credential: Credential) -> Exchange[tuple[Voice, ...]]:
    """Return those that can be used."""
    reply = yield ask(credential)
    return tuple(
        Voice(
            id=one.short_name,
            name=one.display_name,
            languages=(one.locale, *one.secondary_locale_list),
            gender=one.gender.lower() or None,
            description=f"{one.voice_type} ({one.status})",
        )
        for one in decode(reply, wire.VOICES)
        if one.status != "Deprecated"
    )
