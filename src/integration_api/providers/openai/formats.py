"""Which sound OpenAI takes live. https://platform.openai.com/docs/guides/realtime-transcription"""

from typing import Any

from integration_api.core.audio import AudioFormat, Encoding

PCM = AudioFormat(Encoding.PCM_S16LE, 24_000)
G711 = {Encoding.MULAW: "audio/pcmu", Encoding.ALAW: "audio/pcma"}


def takes(format: AudioFormat, model: str) -> AudioFormat:
    """Samples at 24 kHz, or G.711 at 8 kHz, of one channel; anything else is made such samples."""
    telephone = format.encoding in G711 and format.sample_rate == 8_000
    return AudioFormat(format.encoding, 8_000) if telephone else PCM


def sound(format: AudioFormat) -> dict[str, Any]:
    """Describe sound of a format that is taken."""
    if format.encoding in G711:
        return {"type": G711[format.encoding]}
    return {"type": "audio/pcm", "rate": format.sample_rate}
