"""Which sound Deepgram's models take and make. https://developers.deepgram.com/docs/encoding"""

from msgspec.structs import replace

from integration_api.core.audio import AudioFormat, Encoding

SPOKEN_RATES = (8_000, 16_000, 24_000, 32_000, 48_000)


def takes(format: AudioFormat, model: str) -> AudioFormat:
    """Everything is taken as it is; Flux hears one channel."""
    return replace(format, channels=1) if model.startswith("flux") else format


def gives(format: AudioFormat, model: str) -> AudioFormat:
    """G.711 is made at 8 kHz, and samples at a few rates: others from the next higher."""
    if format.encoding in (Encoding.MULAW, Encoding.ALAW):
        return AudioFormat(format.encoding, 8_000)
    rate = next((rate for rate in SPOKEN_RATES if rate >= format.sample_rate), SPOKEN_RATES[-1])
    return AudioFormat(Encoding.PCM_S16LE, rate)
