"""Which sound ElevenLabs makes. https://elevenlabs.io/docs/api-reference/text-to-speech/stream"""

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.errors import Failure, Kind
from integration_api.providers.elevenlabs.client import NAME

RATES = (8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
G711 = {Encoding.MULAW: "ulaw_8000", Encoding.ALAW: "alaw_8000"}
MP3 = "mp3_44100_128"
"""What every account may have; who asks for a file names no rate that would have to be kept."""
OPUS = "opus_48000_96"


def gives(format: AudioFormat, model: str) -> AudioFormat:
    """Return what a live session makes: G.711 at 8 kHz, and samples at many rates: others from the next higher."""
    if format.encoding in G711 and format.sample_rate == 8_000:
        return AudioFormat(format.encoding, 8_000)
    rate = next((rate for rate in RATES if rate >= format.sample_rate), RATES[-1])
    return AudioFormat(Encoding.PCM_S16LE, rate)


def named(format: AudioFormat) -> str:
    """Return the `output_format` that is this format. Raises `Failure` where there is none."""
    rate = format.sample_rate
    match format.encoding:
        case Encoding.PCM_S16LE if rate in RATES:
            return f"pcm_{rate}"
        case Encoding.WAV if rate in RATES:
            return f"wav_{rate}"
        case Encoding.MULAW | Encoding.ALAW if rate == 8_000:
            return G711[format.encoding]
        case Encoding.MP3:
            return MP3
        case Encoding.OPUS | Encoding.OGG_OPUS:
            return OPUS
        case _:
            raise Failure(
                Kind.UNSUPPORTED,
                f"{NAME} does not make {format.encoding} at {rate} Hz; "
                "it makes pcm_s16le and wav, mulaw and alaw at 8000 Hz, mp3 and ogg_opus",
                code="unsupported_audio_format",
                param="response_format",
            )
