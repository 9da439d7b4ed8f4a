"""Texts marked up to be spoken. https://learn.microsoft.com/azure/ai-services/speech-service/speech-synthesis-markup-voice"""

import re
from xml.sax.saxutils import escape, quoteattr

from integration_api.core.tts import Manner

DEFAULT_LANGUAGE = "en-US"
_LOCALE = re.compile(r"([a-z]{2,3}(?:-[A-Z][a-z]{3})?-[A-Z0-9]{2,3})-")
_WHOLE = re.compile(r"\s*(<\?xml[^>]*>\s*)?<speak[\s>]")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that XML has no way to write."""


def document(text: str, voice: str, manner: Manner, *, ssml: bool = False) -> str:
    """Return a text as a whole document. SSML that is one already stays as it is; a part of one is put into it."""
    if ssml and _WHOLE.match(text):
        return text
    said = text if ssml else escape(_FORBIDDEN.sub(" ", text))
    if prosody := _prosody(manner):
        said = f"<prosody {prosody}>{said}</prosody>"
    if manner.emotion:
        said = f"<mstts:express-as style={quoteattr(manner.emotion)}>{said}</mstts:express-as>"
    return (
        '<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" '
        f'xmlns:mstts="https://www.w3.org/2001/mstts" xml:lang={quoteattr(manner.language or language(voice))}>'
        f"<voice name={quoteattr(voice)}>{said}</voice></speak>"
    )


def language(voice: str) -> str:
    """Return the language that a voice's name begins with."""
    found = _LOCALE.match(voice)
    return found[1] if found else DEFAULT_LANGUAGE


def _prosody(manner: Manner) -> str:
    said = []
    if manner.speed is not None:
        said.append(f'rate="{manner.speed:g}"')
    if manner.pitch is not None:
        said.append(f'pitch="{manner.pitch:+g}st"')
    if manner.volume is not None:
        # Azure knows loudness in percent, not in decibels.
        said.append(f'volume="{(10 ** (manner.volume / 20) - 1) * 100:+.2f}%"')
    return " ".join(said)
