"""The voices on offer (learn.microsoft.com/azure/ai-services/speech-service/rest-text-to-speech)."""

from typing import Any

from lab.azure_speech import client
from lab.http import Call, Response

NAMES = (("Jenny", "Female", "en-US"), ("Guy", "Male", "en-US"), ("Katja", "Female", "de-DE"))


def voices(call: Call) -> Response:
    """GET the list of voices. Raises `Refused`."""
    client.admit(call)
    return client.answer(call, [_voice(*one) for one in NAMES])


def _voice(name: str, gender: str, locale: str) -> dict[str, Any]:
    return {
        "Name": f"Microsoft Server Speech Text to Speech Voice ({locale}, {name}Neural)",
        "DisplayName": name,
        "LocalName": name,
        "ShortName": f"{locale}-{name}Neural",
        "Gender": gender,
        "Locale": locale,
        "LocaleName": locale,
        "SampleRateHertz": "48000",
        "VoiceType": "Neural",
        "Status": "GA",
        "WordsPerMinute": "150",
    }
