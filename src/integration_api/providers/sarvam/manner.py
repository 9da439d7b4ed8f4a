"""How something is to be said, in Sarvam's words. https://docs.sarvam.ai/api-reference-docs/text-to-speech/convert"""

from collections.abc import Mapping
from typing import Any

from integration_api.core.audio import AudioFormat
from integration_api.core.tts import Manner
from integration_api.dialects.notes import Notes
from integration_api.providers.sarvam import client, formats

LANGUAGE = "en-IN"
"""Where neither the caller nor the voice's name says one: Sarvam needs one."""
LONGEST = {"bulbul:v2": 1500}
LONGEST_TEXT = 2500
"""Characters that it takes at once."""
PERSONA_PARTS = 3
"""`<name>_<language>_<style>`: a voice that speaks one language."""


def parameters(
    voice: str | None, output: AudioFormat, manner: Manner, extras: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what holds for a whole text or session. Speakers' names are in lower case."""
    speaker = voice.lower() if voice else None
    persona = speaker.split("_") if speaker else []
    spoken = persona[1] if len(persona) == PERSONA_PARTS else LANGUAGE
    found: dict[str, Any] = {"language_code": client.language(manner.language or spoken)}
    if speaker:
        found["speaker"] = speaker
    if manner.speed is not None:
        found["pace"] = manner.speed
    found["speech_sample_rate"] = output.sample_rate
    found["output_audio_codec"] = formats.codec(output)
    return found | dict(extras)


def left_out(manner: Manner, notes: Notes) -> None:
    """Tell of what there is no word for; the older models' own pitch and loudness are in no unit of ours."""
    notes.lacks(
        client.NAME,
        {
            "pitch": manner.pitch,
            "volume": manner.volume,
            "emotion": manner.emotion,
            "instructions": manner.instructions,
        },
    )
