"""The head of a WAV file, written and read. https://learn.microsoft.com/windows/win32/xaudio2/resource-interchange-file-format--riff-"""

from collections.abc import Callable
from struct import pack, unpack_from

from integration_api.core.audio import SAMPLE_BYTES, AudioFormat, Encoding
from integration_api.core.errors import Failure, Kind

UNKNOWN = 0xFFFF_FFFF
"""What players take for "until it ends"."""
CODES = {Encoding.PCM_S16LE: 1, Encoding.ALAW: 6, Encoding.MULAW: 7}
_ENCODINGS = {(code, SAMPLE_BYTES[encoding] * 8): encoding for encoding, code in CODES.items()}
_EXTENSIBLE = 0xFFFE
"""The code proper stands further on."""
_AT_ONCE = 65_536
"""Bytes of a chunk nobody asked for that are read at a time."""


def wave_header(form: AudioFormat, size: int = UNKNOWN) -> bytes:
    """Return the bytes before `size` bytes of samples. `form` is raw."""
    width = SAMPLE_BYTES[form.encoding]
    step = form.channels * width
    layout = pack(
        "<HHIIHH", CODES[form.encoding], form.channels, form.sample_rate, form.bytes_per_second, step, width * 8
    )  # fmt: skip
    chunks = b"fmt " + pack("<I", len(layout)) + layout
    if form.encoding is not Encoding.PCM_S16LE:
        # What is not PCM says that its layout has no more to it, and how many samples there are.
        chunks = b"fmt " + pack("<I", len(layout) + 2) + layout + pack("<H", 0)
        chunks += b"fact" + pack("<II", 4, size if size == UNKNOWN else size // step)
    whole = size if size == UNKNOWN else 4 + len(chunks) + 8 + size
    return b"RIFF" + pack("<I", whole) + b"WAVE" + chunks + b"data" + pack("<I", size)


def read_wave_header(read: Callable[[int], bytes]) -> tuple[AudioFormat, int | None]:
    """Return what the samples are that follow, and how many bytes of them; None is until the file ends.

    `read` gives as many bytes as it is asked for, fewer at the end only; it is left at the first sample.
    Raises `Failure` (INVALID_REQUEST) for what is no WAV file of 16-bit PCM, mu-law or A-law.
    """
    head = read(12)
    if len(head) < 12 or head[:4] not in (b"RIFF", b"RIFX") or head[8:] != b"WAVE":
        raise _refused("is no WAV file; bare samples need --encoding and --rate")
    if head[:4] == b"RIFX":
        raise _refused("has its bytes in the other order; rewrite it as RIFF")
    form: AudioFormat | None = None
    while len(chunk := read(8)) == 8:
        (size,) = unpack_from("<I", chunk, 4)
        if chunk[:4] == b"data":
            if form is None:
                break
            return form, None if size in (0, UNKNOWN) else size
        left = size + (size & 1)  # A chunk of an odd length is followed by a byte that says nothing.
        if chunk[:4] == b"fmt ":
            form = _form(layout := read(min(left, _AT_ONCE)))
            left -= len(layout)
        while left and (skipped := len(read(min(left, _AT_ONCE)))):
            left -= skipped
    raise _refused("is a WAV file without samples")


def _form(layout: bytes) -> AudioFormat:
    if len(layout) < 16:
        raise _refused("does not say what its samples are")
    code, channels, rate, _, _, bits = unpack_from("<HHIIHH", layout)
    if code == _EXTENSIBLE and len(layout) >= 26:
        (code,) = unpack_from("<H", layout, 24)
    encoding = _ENCODINGS.get((code, bits))
    if encoding is None:
        raise _refused(f"holds samples of kind {code} with {bits} bits; make it 16-bit PCM, mu-law or A-law")
    return AudioFormat(encoding, rate, channels)


def _refused(what: str) -> Failure:
    return Failure(Kind.INVALID_REQUEST, f"this {what}", code="invalid_audio", param="file")
