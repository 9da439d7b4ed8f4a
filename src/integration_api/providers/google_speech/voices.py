"""Google's voices: what their names tell, and the list of them.

https://cloud.google.com/text-to-speech/docs/reference/rest/v1/voices/list
"""

import re

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, decode
from integration_api.core.tts import Voice
from integration_api.dialects import google_cloud
from integration_api.providers.google_speech import client

_LANGUAGE = re.compile(r"[a-z]{2,3}-[A-Z]{2}")
_STREAMS = re.compile(r"(?i)chirp|journey")
DEFAULT_LANGUAGE = "en-US"


class _Voice(Struct, rename="camel"):
    name: str = ""
    language_codes: list[str] = []
    ssml_gender: str | None = None


class _Voices(Struct):
    voices: list[_Voice] = []


_VOICES = msgspec.json.Decoder(_Voices)


def selection(model: str, voice: str | None, language: str | None) -> dict[str, str]:
    """Return how a voice is chosen, by the names of the messages: Gemini's models are named besides their voices."""
    name = voice or model
    spoken = _LANGUAGE.match(name)
    chosen = {"language_code": language or (spoken[0] if spoken else DEFAULT_LANGUAGE), "name": name}
    if is_gemini(model):
        chosen["model_name"] = model
    return chosen


def is_gemini(model: str) -> bool:
    return model.startswith("gemini")


def streams(model: str, voice: str | None) -> bool:
    """Whether the voice can speak live: the older ones speak whole texts only."""
    return is_gemini(model) or bool(_STREAMS.search(voice or model))


def voices(credential: Credential) -> Exchange[tuple[Voice, ...]]:
    """Return every voice there is."""
    place = google_cloud.location(credential)
    reply = yield google_cloud.get(client.url(client.SPEAKING, "/v1/voices", credential, place), credential)
    return tuple(
        Voice(
            id=one.name,
            name=one.name,
            languages=tuple(one.language_codes),
            gender=(one.ssml_gender or "").lower() or None,
        )
        for one in decode(reply, _VOICES).voices
    )
