"""What a text marked up to be spoken says (learn.microsoft.com/azure/ai-services/speech-service/speech-synthesis-markup)."""

import re
from xml.etree import ElementTree as ET

from lab import mouth

RATES = {
    "8khz": 8_000, "16khz": 16_000, "22050hz": 22_050, "24khz": 24_000, "44100hz": 44_100, "48khz": 48_000,
}  # fmt: skip
_FORMAT = re.compile(r"(raw|riff)-([0-9a-z]+)-(16bit-mono-pcm|8bit-mono-mulaw|8bit-mono-alaw)")
_PACKED = re.compile(r"(audio|ogg|webm)-\d+khz-(\d+kbitrate-mono-mp3|16bit-mono-opus|16bit-.*-opus)")


def read(document: str) -> tuple[str, str]:
    """The voice and the text. Raises `ValueError`."""
    try:
        root = ET.fromstring(document)  # noqa: S314 - a test's own words
    except ET.ParseError as error:
        raise ValueError(f"the SSML is not well formed: {error}") from None
    voice = next((one for one in root.iter() if one.tag.endswith("}voice")), None)
    if not root.tag.endswith("}speak") or voice is None or not voice.get("name"):
        raise ValueError("SSML is a speak with a voice that has a name")
    return voice.get("name", ""), "".join(voice.itertext())


def sound(text: str, format: str) -> tuple[bytes, int]:
    """The sound of a text without a header, and its bytes in a second. Raises `ValueError` for a strange format."""
    if _PACKED.fullmatch(format):
        return mouth.pcm(text, 24_000), 48_000
    found = _FORMAT.fullmatch(format)
    if found is None or found[2] not in RATES:
        raise ValueError(f"Unsupported output format: {format}")
    rate = RATES[found[2]]
    match found[3]:
        case "8bit-mono-mulaw":
            return mouth.mulaw(text, rate), rate
        case "8bit-mono-alaw":
            return mouth.alaw(text, rate), rate
        case _:
            return mouth.pcm(text, rate), rate * 2
