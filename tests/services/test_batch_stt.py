"""How long a recording lasts whose provider does not say."""

import pytest

from integration_api.audio.wave_header import wave_header
from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.stt import TranscribeRequest
from integration_api.services.batch_stt import seconds_of

PCM = AudioFormat(Encoding.PCM_S16LE, 16_000)
MULAW = AudioFormat(Encoding.MULAW, 8_000, 2)
SECOND = bytes(32_000)
NOWHERE = wave_header(AudioFormat(Encoding.PCM_S16LE, 0), 4) + b"1234"

RECORDINGS = {
    "bare": (SECOND, PCM, 1.0),
    "wav": (wave_header(PCM, len(SECOND)) + SECOND, None, 1.0),
    "wav until it ends": (wave_header(MULAW) + SECOND, None, 2.0),
    "wav that is cut": (wave_header(PCM, 2 * len(SECOND)) + SECOND, None, 1.0),
    "wav of no rate": (NOWHERE, None, None),
    "mp3": (b"ID3" + SECOND, None, None),
    "mp3 by its name": (SECOND, AudioFormat(Encoding.MP3, 16_000), None),
    "nothing": (b"", None, None),
}


@pytest.mark.parametrize("audio, format, seconds", RECORDINGS.values(), ids=RECORDINGS)
def test_a_recording_of_bare_sound_or_wav_tells_its_length(
    audio: bytes, format: AudioFormat | None, seconds: float | None
) -> None:
    assert seconds_of(TranscribeRequest(model="m", audio=audio, format=format)) == seconds
