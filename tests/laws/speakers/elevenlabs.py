"""ElevenLabs: spoken texts."""

from tests.laws.speaker import SPEECH, Speaker

SPEAKERS = (Speaker(provider="elevenlabs", folder="elevenlabs", kinds={"tts": SPEECH["tts"]}, errors=False),)
