"""One text spoken whole. https://developers.deepgram.com/reference/text-to-speech/speak-request"""

from integration_api.core.audio import Encoding
from integration_api.core.credential import Credential
from integration_api.core.exchange import Stream
from integration_api.core.tts import SpeakRequest, TtsEvent
from integration_api.dialects.plain_sound import PlainSound, SoundReader
from integration_api.providers.deepgram import client

FORMS: dict[Encoding, tuple[tuple[str, str], ...]] = {
    Encoding.PCM_S16LE: (("encoding", "linear16"), ("container", "none")),
    Encoding.MULAW: (("encoding", "mulaw"), ("container", "none")),
    Encoding.ALAW: (("encoding", "alaw"), ("container", "none")),
    Encoding.WAV: (("encoding", "linear16"), ("container", "wav")),
    Encoding.MP3: (("encoding", "mp3"),),
    Encoding.OGG_OPUS: (("encoding", "opus"), ("container", "ogg")),
    Encoding.OPUS: (("encoding", "opus"), ("container", "ogg")),
    Encoding.FLAC: (("encoding", "flac"),),
    Encoding.AAC: (("encoding", "aac"),),
}
RATED = frozenset({Encoding.PCM_S16LE, Encoding.MULAW, Encoding.ALAW, Encoding.WAV, Encoding.FLAC})
"""Those that take a sample rate; the others have one of their own."""


def speak(ask: SpeakRequest, credential: Credential) -> Stream[TtsEvent]:
    """Return the sound as it is made."""
    query: list[tuple[str, str | int | float | bool]] = [("model", ask.voice or ask.model)]
    query += FORMS.get(ask.output.encoding, ())
    if ask.output.encoding in RATED:
        query.append(("sample_rate", ask.output.sample_rate))
    if ask.manner.speed is not None:
        query.append(("speed", ask.manner.speed))
    query += ask.extras.items()
    return Stream(
        client.post_json("/v1/speak", query, {"text": ask.text}, credential),
        PlainSound(),
        SoundReader(len(ask.text)),
    )
