"""Which sound AssemblyAI takes live. https://www.assemblyai.com/docs/api-reference/streaming-api"""

from integration_api.core.audio import AudioFormat, Encoding

ENCODINGS = {
    Encoding.PCM_S16LE: "pcm_s16le",
    Encoding.MULAW: "pcm_mulaw",
    Encoding.OPUS: "opus",
    Encoding.OGG_OPUS: "ogg_opus",
    Encoding.AAC: "aac",
}


def takes(format: AudioFormat, model: str) -> AudioFormat:
    """What it knows is taken as it is, samples of one channel; A-law it does not know."""
    encoding = format.encoding if format.encoding in ENCODINGS else Encoding.PCM_S16LE
    return AudioFormat(encoding, format.sample_rate)


def sound(format: AudioFormat) -> list[tuple[str, object]]:
    """Describe the sound that is sent; only samples need a rate."""
    found: list[tuple[str, object]] = [("encoding", ENCODINGS[format.encoding])]
    return [("sample_rate", format.sample_rate), *found] if format.raw else found
