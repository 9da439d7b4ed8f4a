"""Which sound Cartesia's models take and make. https://docs.cartesia.ai/api-reference/tts/bytes"""

from integration_api.core.audio import AudioFormat, Encoding

ENCODINGS = {
    Encoding.PCM_S16LE: "pcm_s16le",
    Encoding.MULAW: "pcm_mulaw",
    Encoding.ALAW: "pcm_alaw",
}
SPOKEN_RATES = (8_000, 16_000, 22_050, 24_000, 44_100, 48_000)


def takes(format: AudioFormat, model: str) -> AudioFormat:
    """Samples are taken as they are, of one channel; there is no live container."""
    return AudioFormat(format.encoding, format.sample_rate) if format.raw else AudioFormat()


def gives(format: AudioFormat, model: str) -> AudioFormat:
    """Samples are made at a few rates: others from the next higher."""
    rate = next((rate for rate in SPOKEN_RATES if rate >= format.sample_rate), SPOKEN_RATES[-1])
    return AudioFormat(format.encoding if format.raw else Encoding.PCM_S16LE, rate)


def sound(format: AudioFormat) -> list[tuple[str, str | int | float]]:
    """Describe sound that has no container."""
    return [("encoding", ENCODINGS[format.encoding]), ("sample_rate", format.sample_rate)]
