"""Sound from one format to another: exact where it can be, clean and on time where it can not."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_api.audio.convert import Converter
from integration_api.audio.frames import Frames
from integration_api.audio.loudness import PEAK, loud
from integration_api.audio.resample import REACH
from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.errors import Failure

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

RATES = (8_000, 16_000, 22_050, 24_000, 44_100, 48_000)
EVERY_SAMPLE = np.arange(-32768, 32768, dtype=np.int16).tobytes()
EVERY_CODE = bytes(range(256))


def pcm(rate: int) -> AudioFormat:
    return AudioFormat(Encoding.PCM_S16LE, rate)


def tone(rate: int, pitch: float, seconds: float = 0.5) -> bytes:
    at = np.arange(int(rate * seconds))
    return (8_000 * np.sin(2 * math.pi * pitch * at / rate)).astype("<i2").tobytes()


def through(source: AudioFormat, target: AudioFormat, sound: bytes, step: int) -> bytes:
    converter = Converter(source, target)
    parts = [converter.feed(sound[at : at + step]) for at in range(0, len(sound), step)]
    return b"".join([*parts, converter.flush()])


@pytest.mark.parametrize("encoding, to, back", [
    (Encoding.MULAW, audioop.lin2ulaw, audioop.ulaw2lin), (Encoding.ALAW, audioop.lin2alaw, audioop.alaw2lin),
])  # fmt: skip
def test_every_sample_is_coded_as_the_standard_library_codes_it(encoding, to, back) -> None:
    form = AudioFormat(encoding, 8_000)
    assert through(pcm(8_000), form, EVERY_SAMPLE, 4096) == to(EVERY_SAMPLE, 2)
    assert through(form, pcm(8_000), EVERY_CODE, 7) == back(EVERY_CODE, 2)


@pytest.mark.parametrize("source", RATES)
@pytest.mark.parametrize("target", RATES)
def test_a_tone_keeps_its_time_and_its_shape_at_another_rate(source: int, target: int) -> None:
    sound = tone(source, 1_000)
    told = np.frombuffer(through(pcm(source), pcm(target), sound, source // 50 * 2), "<i2").astype(float)
    assert len(told) == -(-len(sound) // 2 * target // source)
    inner = slice(target // 50, -target // 50)
    wanted = 8_000 * np.sin(2 * math.pi * 1_000 * np.arange(len(told)) / target)
    noise = told[inner] - wanted[inner]
    assert 10 * math.log10((wanted[inner] ** 2).mean() / max((noise**2).mean(), 1e-9)) > 65


@pytest.mark.parametrize(
    "source, target", [(48_000, 8_000), (24_000, 8_000), (24_000, 16_000), (44_100, 16_000)]
)
def test_what_the_lower_rate_cannot_hold_is_silent(source: int, target: int) -> None:
    sound = tone(source, target / 2 * 1.15)
    told = np.frombuffer(through(pcm(source), pcm(target), sound, 960), "<i2").astype(float)
    inner = told[target // 50 : -target // 50]
    assert 20 * math.log10(max(np.sqrt((inner**2).mean()), 0.1) / (8_000 / math.sqrt(2))) < -70


def test_pieces_of_any_size_make_the_same_sound() -> None:
    sound = tone(24_000, 440)
    whole = through(pcm(24_000), pcm(8_000), sound, len(sound))
    for step in (1, 3, 161, 960):
        assert through(pcm(24_000), pcm(8_000), sound, step) == whole


LATEST_MS = 3
"""No live sound may be later than that because it was converted."""


@pytest.mark.parametrize("source, target", [(a, b) for a in RATES for b in RATES if a != b])
def test_a_click_is_told_at_its_place_and_no_later_than_three_milliseconds_after_it(
    source: int, target: int
) -> None:
    """The group delay in samples: how many must follow one before it is told, and how far from its place it is."""
    converter = Converter(pcm(source), pcm(target))
    at = source // 50
    told = np.frombuffer(converter.feed(bytes(2 * at)), "<i2")
    told = np.append(told, np.frombuffer(converter.feed(np.array([20_000], "<i2").tobytes()), "<i2"))
    place = -(-at * target // source)
    follow = 0
    while len(told) <= place:
        told = np.append(told, np.frombuffer(converter.feed(bytes(2)), "<i2"))
        follow += 1
    assert follow <= source * LATEST_MS / 1000
    assert follow <= np.ceil(REACH * max(1, source / target)) + np.ceil(source / target)
    rest = np.frombuffer(converter.feed(bytes(2 * at)), "<i2")
    assert abs(np.append(told, rest).astype(int)).argmax() in (place - 1, place)


@pytest.mark.parametrize("source, target", [(a, b) for a in RATES for b in RATES if a != b])
def test_of_live_frames_no_more_than_three_milliseconds_are_held_back(source: int, target: int) -> None:
    converter = Converter(pcm(source), pcm(target))
    frame = source // 50
    given = told = 0
    for _ in range(50):
        told += len(converter.feed(bytes(frame * 2))) // 2
        given += frame
        # In samples of the lower of the two rates.
        assert (given * target - told * source) / max(source, target) <= LATEST_MS * min(
            source, target
        ) / 1000


def test_two_channels_become_one() -> None:
    stereo = AudioFormat(Encoding.PCM_S16LE, 8_000, 2)
    both = np.array([100, 300, -100, -300], "<i2").tobytes()
    assert through(stereo, pcm(8_000), both, 3) == np.array([200, -200], "<i2").tobytes()


def test_a_container_is_not_converted_live() -> None:
    with pytest.raises(Failure, match="can not be made"):
        Converter(AudioFormat(Encoding.OGG_OPUS, 48_000), pcm(16_000))


def test_frames_are_whole_and_without_a_gap() -> None:
    frames = Frames(AudioFormat(Encoding.MULAW, 8_000), 20)
    cut = [*frames.feed(b"a" * 100), *frames.feed(b"b" * 300), *frames.flush()]
    assert [len(one) for one in cut] == [160, 160, 160]
    assert b"".join(cut) == b"a" * 100 + b"b" * 300 + b"\xff" * 80
    assert frames.milliseconds == 50


@given(
    rate=st.sampled_from([8_000, 11_025, 16_000, 22_050, 44_100]),
    milliseconds=st.integers(1, 60),
    pieces=st.lists(st.integers(0, 3_000), max_size=20),
)
def test_no_frame_begins_a_sample_off_its_time(rate: int, milliseconds: int, pieces: list[int]) -> None:
    frames = Frames(pcm(rate), milliseconds)
    sound = (np.arange(sum(pieces)) % 30_000).astype("<i2").tobytes()
    cut, at = [], 0
    for size in pieces:
        cut += frames.feed(sound[2 * at : 2 * (at + size)])
        at += size
    cut += frames.flush()
    assert b"".join(cut)[: len(sound)] == sound
    begins = 0
    for number, frame in enumerate(cut):
        assert abs(begins - number * milliseconds * rate / 1000) < 1
        begins += len(frame) // 2
    assert begins * 2 >= len(sound) > (begins - rate * milliseconds // 1000 - 1) * 2 or not cut


@pytest.mark.parametrize("encoding, silence", [
    (Encoding.PCM_S16LE, b"\0\0"), (Encoding.MULAW, b"\xff"), (Encoding.ALAW, b"\xd5"),
])  # fmt: skip
def test_speech_is_told_from_silence_in_every_raw_encoding(encoding: Encoding, silence: bytes) -> None:
    form = AudioFormat(encoding, 8_000)
    assert not loud(silence * 160, form)
    assert loud(through(pcm(8_000), form, tone(8_000, 300), 320), form)
    quiet = (np.frombuffer(tone(8_000, 300), "<i2") // 20).astype("<i2").tobytes()
    assert not loud(through(pcm(8_000), form, quiet, 320), form)


def test_a_single_sample_at_the_peak_decides() -> None:
    for sample in np.frombuffer(EVERY_SAMPLE, "<i2")[32768 - 1100 : 32768 + 1100]:
        frame = np.array([0, 0, sample, 0], "<i2").tobytes()
        assert loud(frame, pcm(8_000)) == (abs(int(sample)) > PEAK)
