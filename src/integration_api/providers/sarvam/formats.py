"""Which sound Sarvam's models take and make. https://docs.sarvam.ai/api-reference-docs/text-to-speech"""

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.errors import Failure, Kind
from integration_api.providers.sarvam.client import NAME

HEARD = {Encoding.PCM_S16LE: "linear16", Encoding.MULAW: "mulaw", Encoding.ALAW: "alaw"}
HEARD_RATES = (8_000, 16_000)
SPOKEN_RATES = (8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
CODECS = {
    Encoding.PCM_S16LE: "linear16",
    Encoding.MULAW: "mulaw",
    Encoding.ALAW: "alaw",
    Encoding.WAV: "wav",
    Encoding.MP3: "mp3",
    Encoding.OPUS: "opus",
    Encoding.OGG_OPUS: "opus",
    Encoding.FLAC: "flac",
    Encoding.AAC: "aac",
}


def realtime(model: str) -> bool:
    """Whether the newer of the two sockets has a model."""
    return model.endswith("-realtime") or model == "saaras:v4"


def takes(format: AudioFormat, model: str) -> AudioFormat:
    """Return what is sent live: the newer socket hears G.711 and two rates, the older one samples at 16 kHz.

    Its messages carry a rate of their own that may not be 8 kHz.
    """
    if not realtime(model):
        return AudioFormat(Encoding.PCM_S16LE, 16_000)
    if format.encoding in HEARD and format.sample_rate in HEARD_RATES:
        return AudioFormat(format.encoding, format.sample_rate)
    return AudioFormat(Encoding.PCM_S16LE, 8_000 if format.sample_rate < 16_000 else 16_000)


def gives(format: AudioFormat, model: str) -> AudioFormat:
    """Return what a live voice makes: samples at many rates; others from the next higher."""
    rate = next((rate for rate in SPOKEN_RATES if rate >= format.sample_rate), SPOKEN_RATES[-1])
    return AudioFormat(Encoding.PCM_S16LE, rate)


def codec(format: AudioFormat) -> str:
    """Return what a format is called. Raises `Failure` where it is not made."""
    found = CODECS.get(format.encoding)
    if found is None:
        raise Failure(
            Kind.UNSUPPORTED,
            f"{NAME} does not make {format.encoding}; it makes {', '.join(dict.fromkeys(CODECS.values()))}",
            code="unsupported_audio_format",
            param="response_format",
        )
    return found
