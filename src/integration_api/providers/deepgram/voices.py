"""Deepgram's public voices: each is a model of its own. https://developers.deepgram.com/reference/manage/models/list"""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, decode
from integration_api.core.tts import Voice
from integration_api.providers.deepgram import client, wire


def voices(credential: Credential) -> Exchange[tuple[Voice, ...]]:
    """Ask for the latest of them, all at once."""
    told = decode((yield client.get("/v1/models", credential)), wire.MODELS)
    return tuple(read(one) for one in told.tts if one.canonical_name)


def read(told: wire.VoiceModel) -> Voice:
    about = told.metadata or wire.AboutVoice()
    tags = [tag for tag in about.tags or () if tag not in ("masculine", "feminine")]
    said = [about.accent, about.age, *tags]
    return Voice(
        id=told.canonical_name,
        name=about.display_name or told.name.capitalize(),
        languages=tuple(told.languages),
        gender=next((tag for tag in about.tags or () if tag in ("masculine", "feminine")), None),
        description=", ".join(one for one in said if one) or None,
        preview_url=about.sample,
        models=(told.canonical_name,),
    )
