"""Which sound Azure Speech takes. https://learn.microsoft.com/azure/ai-services/speech-service/how-to-use-audio-input-streams"""

from integration_api.core.audio import AudioFormat, Encoding

HEARD = 16_000
"""What speech is recognized at; telephones' half of it is taken as well."""
TELEPHONE = 8_000


def takes(format: AudioFormat, model: str) -> AudioFormat:
    """G.711 and samples are taken at a telephone's rate, samples also at 16 kHz: others are made that. One channel."""
    rate = TELEPHONE if format.sample_rate == TELEPHONE else HEARD
    g711 = format.encoding in (Encoding.MULAW, Encoding.ALAW) and rate == TELEPHONE
    return AudioFormat(format.encoding if g711 else Encoding.PCM_S16LE, rate)
