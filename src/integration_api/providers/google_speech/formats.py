"""Which sound Google takes and makes.

https://cloud.google.com/speech-to-text/v2/docs/encoding and
https://cloud.google.com/text-to-speech/docs/create-audio-text-streaming
"""

from msgspec.structs import replace

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.providers.google_speech.version import ONLY_V1

DECODED = {
    Encoding.PCM_S16LE: 1,
    Encoding.MULAW: 2,
    Encoding.ALAW: 3,
}
"""v2's numbers; v1 has others (`v1_stt`). What has a container tells itself what it is."""
LOWEST, HIGHEST = 8_000, 48_000


def takes(format: AudioFormat, model: str) -> AudioFormat:
    """Everything is taken as it is, in one channel; v1's own models take no A-law."""
    if format.encoding is Encoding.ALAW and model in ONLY_V1:
        return AudioFormat(Encoding.PCM_S16LE, format.sample_rate)
    return replace(format, channels=1)


def gives(format: AudioFormat, model: str) -> AudioFormat:
    """Samples at the rate that is wanted: G.711 is not streamed by every voice."""
    return AudioFormat(Encoding.PCM_S16LE, min(max(format.sample_rate, LOWEST), HIGHEST))
