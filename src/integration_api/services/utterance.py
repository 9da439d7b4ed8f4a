"""What is known of one utterance while it is spoken: its text, its sound, and where in it one is."""

import re
from bisect import bisect_right
from collections.abc import Sequence

from integration_api.audio.convert import Converter
from integration_api.audio.frames import Frames
from integration_api.core.audio import AudioFormat
from integration_api.core.tts import Mark, Timestamps

CHARACTERS_PER_SECOND = 15.0
"""How fast people speak: for guesses, until the sound itself tells."""
_WORDS = re.compile(r"\S+")


class Utterance:
    def __init__(self, id: str, source: AudioFormat, output: AudioFormat, frame_ms: int, now: float) -> None:
        self.id = id
        self.asked_at = now
        """When its first text came."""
        self.text = ""
        self.said: list[tuple[str, bool]] = []
        """The text as it was given to the provider, each part with whether it is SSML."""
        self.flushed = 0
        """How many of those parts were given when a flush was asked for last."""
        self.flush_owed = False
        """Whether nobody has said yet that those are spoken."""
        self.complete = False
        """Whether all its text has come."""
        self.owed_since = 0.0
        """When a provider was given all of it, or asked to flush it: then its sound is due. 0.0 before."""
        self.spoken = False
        """Whether all its sound has come."""
        self.cancelled = False
        self.seq = 0
        self.marks: dict[str, int] = {}
        """Names, each with the character that it stands before."""
        self.timestamps: list[Mark] = []
        self._places: list[int] = []
        self._times: list[int] = []
        """Characters in ascending order, and when each is heard: of those that were told, in words or alone."""
        self.characters: int | None = None
        self.billed: float | None = None
        self._output = output
        self._frame_ms = frame_ms
        self._converter = Converter(source, output)
        self._frames = Frames(output, frame_ms)

    def again(self, source: AudioFormat, now: float) -> "Utterance":
        """Return the same text for another provider, of whose sound nothing has come."""
        other = Utterance(self.id, source, self._output, self._frame_ms, self.asked_at)
        other.text, other.said, other.flushed = self.text, self.said, self.flushed
        other.flush_owed = self.flush_owed
        other.complete, other.marks = self.complete, self.marks
        other.owed_since = now if self.owed_since else 0.0
        return other

    def sound(self, data: bytes) -> list[bytes]:
        """Take sound from the provider; return the frames it fills."""
        return self._frames.feed(self._converter.feed(data))

    def rest(self) -> list[bytes]:
        """Return the last frames: all sound has come."""
        return [*self._frames.feed(self._converter.flush()), *self._frames.flush()]

    @property
    def began(self) -> bool:
        return self._frames.bytes > 0 or self.seq > 0

    @property
    def audio_ms(self) -> int:
        return self._frames.milliseconds

    def take(self, told: Timestamps) -> None:
        self.timestamps += told.items
        for one in told.items:
            if one.char_start is None:
                continue
            while self._places and self._places[-1] > one.char_start:  # What is told later holds.
                self._places.pop()
                self._times.pop()
            self._places.append(one.char_start)
            self._times.append(one.start_ms)

    def heard(self, played_ms: int | None) -> tuple[str, str, bool]:
        """Return the text that was heard after so long, the rest of it, and whether that is a guess."""
        played = self.audio_ms if played_ms is None else played_ms
        if self.timestamps:
            count = bisect_right([one.start_ms for one in self.timestamps], max(0, played - 1))
            cut = self._after(self.timestamps[:count])
            return self.text[:cut], self.text[cut:], played_ms is None
        cut = min(len(self.text), round(self._guess(played)))
        cut = self.text.rfind(" ", 0, cut + 1) + 1 if cut < len(self.text) else cut
        return self.text[:cut], self.text[cut:], True

    def estimated(self) -> Timestamps:
        """Return when each word is heard, were all characters as long as one another."""
        total = max(1, len(self.text))
        items = tuple(
            Mark(
                text=word[0],
                start_ms=word.start() * self.audio_ms // total,
                end_ms=word.end() * self.audio_ms // total,
                char_start=word.start(),
                char_end=word.end(),
            )
            for word in _WORDS.finditer(self.text)
        )
        return Timestamps(utterance_id=self.id, granularity="word", items=items, estimated=True)

    def reached(self, offset: int) -> int:
        """Return when the character at `offset` is heard, in milliseconds."""
        if offset >= len(self.text):
            return self.audio_ms
        if told := bisect_right(self._places, offset):
            return self._times[told - 1]
        return min(offset, len(self.text)) * self.audio_ms // max(1, len(self.text))

    def _guess(self, played_ms: int) -> float:
        if self.spoken and self.audio_ms:
            return len(self.text) * played_ms / self.audio_ms
        return played_ms * CHARACTERS_PER_SECOND / 1000

    def _after(self, told: Sequence[Mark]) -> int:
        """Return where in the text one is after what was told last."""
        if not told:
            return 0
        if told[-1].char_end is not None:
            return told[-1].char_end
        at = 0
        for one in told:
            found = self.text.find(one.text, at)
            at = found + len(one.text) if found >= 0 else at
        return at
