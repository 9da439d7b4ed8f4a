"""Which sound Azure Speech takes and makes.

https://learn.microsoft.com/azure/ai-services/speech-service/how-to-use-audio-input-streams
https://learn.microsoft.com/azure/ai-services/speech-service/rest-text-to-speech#audio-outputs
"""

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.errors import Failure, Kind

HEARD = 16_000
"""What speech is recognized at; telephones' half of it is taken as well."""
TELEPHONE = 8_000
G711 = {Encoding.MULAW: "mulaw", Encoding.ALAW: "alaw"}
RATES = {
    8_000: "8khz",
    16_000: "16khz",
    22_050: "22050hz",
    24_000: "24khz",
    44_100: "44100hz",
    48_000: "48khz",
}
"""Of samples, as names of formats say them."""
PACKED = {
    Encoding.MP3: {
        16_000: "audio-16khz-32kbitrate-mono-mp3",
        24_000: "audio-24khz-48kbitrate-mono-mp3",
        48_000: "audio-48khz-96kbitrate-mono-mp3",
    },
    Encoding.OGG_OPUS: {
        16_000: "ogg-16khz-16bit-mono-opus",
        24_000: "ogg-24khz-16bit-mono-opus",
        48_000: "ogg-48khz-16bit-mono-opus",
    },
    Encoding.WEBM_OPUS: {16_000: "webm-16khz-16bit-mono-opus", 24_000: "webm-24khz-16bit-mono-opus"},
}


def takes(format: AudioFormat, model: str) -> AudioFormat:
    """G.711 and samples are taken at a telephone's rate, samples also at 16 kHz: others are made that. One channel."""
    rate = TELEPHONE if format.sample_rate == TELEPHONE else HEARD
    g711 = format.encoding in G711 and rate == TELEPHONE
    return AudioFormat(format.encoding if g711 else Encoding.PCM_S16LE, rate)


def gives(format: AudioFormat, model: str) -> AudioFormat:
    """G.711 is made at 8 kHz, and samples at some rates: others from the next higher."""
    if format.encoding in G711:
        return AudioFormat(format.encoding, TELEPHONE)
    return AudioFormat(Encoding.PCM_S16LE, _next(format.sample_rate, list(RATES)))


def name(format: AudioFormat) -> str:
    """Return what Azure calls a format. Raises `Failure` (UNSUPPORTED) for one that it does not make."""
    encoding = Encoding.OGG_OPUS if format.encoding is Encoding.OPUS else format.encoding
    if encoding in G711:
        return f"raw-8khz-8bit-mono-{G711[encoding]}"
    if encoding in PACKED:
        made = PACKED[encoding]
        return made[_next(format.sample_rate, list(made))]
    if encoding not in (Encoding.PCM_S16LE, Encoding.WAV):
        raise Failure(
            Kind.UNSUPPORTED,
            f"azure-speech does not make {format.encoding}; ask for mp3, wav, ogg_opus, webm_opus or samples",
            code="unsupported_audio_format",
            param="output",
        )
    kind = "raw" if encoding is Encoding.PCM_S16LE else "riff"
    return f"{kind}-{RATES[_next(format.sample_rate, list(RATES))]}-16bit-mono-pcm"


def _next(rate: int, rates: list[int]) -> int:
    return next((one for one in rates if one >= rate), rates[-1])
