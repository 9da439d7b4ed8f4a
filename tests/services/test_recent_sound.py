"""What is kept to be heard again begins at the sample from which on nothing is settled."""

from hypothesis import given
from hypothesis import strategies as st

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.services.recent_sound import RecentSound

FORMATS = [
    AudioFormat(Encoding.MULAW, 8_000),
    AudioFormat(Encoding.PCM_S16LE, 11_025),
    AudioFormat(Encoding.PCM_S16LE, 48_000, 2),
]


@given(
    form=st.sampled_from(FORMATS),
    sizes=st.lists(st.integers(0, 5_000), max_size=20),
    settled=st.lists(st.floats(0, 2_000), max_size=3),
)
def test_no_sample_is_lost_or_cut_however_sound_comes(
    form: AudioFormat, sizes: list[int], settled: list[float]
) -> None:
    sound = bytes(at % 251 for at in range(sum(sizes)))
    recent, taken, at = RecentSound(form), b"", 0
    for size in sizes:
        taken += recent.keep(sound[at : at + size])
        at += size
    sample = form.size(1000) // form.sample_rate
    assert taken == sound[: len(sound) - len(sound) % sample]
    for place in settled:
        recent.settle(place)
    begin = round(recent.settled * form.sample_rate / 1000) * sample
    pieces = recent.after(recent.settled)
    assert b"".join(piece for _, piece in pieces) == taken[begin:]
    assert [end for end, _ in pieces[-1:]] in ([], [recent.position])


def test_a_container_is_passed_on_as_it_is() -> None:
    recent = RecentSound(AudioFormat(Encoding.OGG_OPUS, 48_000))
    assert recent.keep(b"OggS1") == b"OggS1"
    assert not recent.kept
    assert recent.after(recent.settled) == []
