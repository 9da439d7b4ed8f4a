"""How something is to be said, in ElevenLabs' words. https://elevenlabs.io/docs/api-reference/text-to-speech/convert"""

from collections.abc import Mapping
from typing import Any

from integration_api.core.tts import Manner
from integration_api.dialects.notes import Notes
from integration_api.providers.elevenlabs.client import NAME

SETTINGS = frozenset({"stability", "similarity_boost", "style", "use_speaker_boost", "speed"})
OPENING = frozenset({"generation_config", "pronunciation_dictionary_locators"})
"""What a socket is told once, in its first words of an utterance."""
ASIDE = frozenset({"enable_logging", "optimize_streaming_latency"})
"""What stands in the address of a request that has a body."""


def settings(manner: Manner, extras: Mapping[str, Any]) -> dict[str, Any]:
    """Return how the voice is set; empty leaves it as it is stored."""
    found = {**extras.get("voice_settings", {})}
    found |= {name: value for name, value in extras.items() if name in SETTINGS}
    if manner.speed is not None:
        found["speed"] = manner.speed
    return found


def language(manner: Manner) -> str | None:
    """Return the language in two letters: regions are not known."""
    return None if manner.language is None else manner.language.partition("-")[0].lower()


def left_out(manner: Manner, notes: Notes) -> None:
    """Tell of what there is no word for."""
    notes.lacks(
        NAME,
        {
            "pitch": manner.pitch,
            "volume": manner.volume,
            "emotion": manner.emotion,
            "instructions": manner.instructions,
        },
    )
