"""From one raw format to another, piece by piece."""

from typing import Any

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.errors import Failure, Kind

G711 = frozenset({Encoding.MULAW, Encoding.ALAW})


class Converter:
    """Converts live sound. Pieces may end anywhere, even inside a sample."""

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        self._source = source
        self._target = target
        self._same = source == target
        self._left = b""
        """The part of a sample that came so far."""
        if self._same:
            return
        if not source.raw or not target.raw:
            raise Failure(
                Kind.UNSUPPORTED,
                f"{source.encoding} at {source.sample_rate} Hz can not be made {target.encoding} "
                f"at {target.sample_rate} Hz in a live session; send one of pcm_s16le, mulaw and alaw",
                code="unsupported_audio_format",
                param="input",
            )
        # Imported where it is needed: a service that converts nothing does not load it.
        from integration_api.audio import resample  # noqa: PLC0415

        self._resampler = None
        if source.sample_rate != target.sample_rate:
            self._resampler = resample.Resampler(source.sample_rate, target.sample_rate)

    def feed(self, data: bytes) -> bytes:
        if self._same:
            return data
        return self._write(self._resampled(self._read(data)))

    def flush(self) -> bytes:
        """Return what was held back, as if silence followed."""
        if self._same or self._resampler is None:
            return b""
        return self._write(self._resampler.flush())

    def _read(self, data: bytes) -> Any:
        import numpy as np  # noqa: PLC0415

        from integration_api.audio import g711  # noqa: PLC0415

        if self._left:
            data, self._left = self._left + data, b""
        step = (1 if self._source.encoding in G711 else 2) * self._source.channels
        if over := len(data) % step:
            data, self._left = data[:-over], data[-over:]
        if self._source.encoding in G711:
            samples = g711.decode(data, alaw=self._source.encoding is Encoding.ALAW)
        else:
            samples = np.frombuffer(data, "<i2")
        if self._source.channels > 1:
            samples = samples.reshape(-1, self._source.channels).mean(axis=1).astype(np.int16)
        return samples

    def _resampled(self, samples: Any) -> Any:
        return samples if self._resampler is None else self._resampler.feed(samples)

    def _write(self, samples: Any) -> bytes:
        import numpy as np  # noqa: PLC0415

        from integration_api.audio import g711  # noqa: PLC0415

        if self._target.channels > 1:
            samples = np.repeat(samples, self._target.channels)
        if self._target.encoding in G711:
            return g711.encode(samples, alaw=self._target.encoding is Encoding.ALAW)
        written: bytes = samples.astype("<i2").tobytes()
        return written
