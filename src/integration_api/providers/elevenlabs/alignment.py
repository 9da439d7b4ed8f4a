"""When characters are heard, told of an utterance piece by piece, as marks in its text."""

from collections.abc import Iterator, Sequence
from typing import Literal

from integration_api.core.tts import Mark, Timestamps
from integration_api.providers.elevenlabs.words import ALONE


class Marks:
    """Keeps the place in an utterance's text, and the word that is not whole yet.

    Spaces are added and left out on the way to the provider; a character that is not in the text at all, as where
    a number was written out, has a time but no place.
    """

    def __init__(self, utterance_id: str, granularity: Literal["word", "char"]) -> None:
        self._id = utterance_id
        self._granularity = granularity
        self._text = ""
        self._at = 0
        self._word: list[Mark] = []

    @property
    def text(self) -> str:
        return self._text

    def more(self, text: str) -> None:
        """More of the utterance's text is known."""
        self._text += text

    def take(
        self, characters: Sequence[str], starts: Sequence[float], ends: Sequence[float], base_ms: int
    ) -> list[Timestamps]:
        """Hear when characters are heard, in milliseconds after `base_ms`; tell the marks that are whole."""
        marks = [
            self._placed(character, base_ms + round(start), base_ms + round(end))
            for character, start, end in zip(characters, starts, ends, strict=False)
        ]
        return self._told(marks if self._granularity == "char" else list(self._words(marks)))

    def rest(self) -> list[Timestamps]:
        """All has come: the last word is whole."""
        word, self._word = self._word, []
        return self._told([_joined(word)] if word else [])

    def _told(self, marks: list[Mark]) -> list[Timestamps]:
        if not marks:
            return []
        return [Timestamps(utterance_id=self._id, granularity=self._granularity, items=tuple(marks))]

    def _placed(self, character: str, start: int, end: int) -> Mark:
        at = self._at
        while at < len(self._text) and self._text[at] != character and self._text[at].isspace():
            at += 1
        if self._text[at : at + len(character)] != character:
            return Mark(text=character, start_ms=start, end_ms=end)
        self._at = at + len(character)
        return Mark(text=character, start_ms=start, end_ms=end, char_start=at, char_end=self._at)

    def _words(self, marks: list[Mark]) -> Iterator[Mark]:
        for mark in marks:
            alone = ALONE.match(mark.text) is not None
            if self._word and (alone or mark.text.isspace()):
                word, self._word = self._word, []
                yield _joined(word)
            if alone:
                yield mark
            elif not mark.text.isspace():
                self._word.append(mark)


def _joined(word: Sequence[Mark]) -> Mark:
    placed = [one for one in word if one.char_start is not None]
    return Mark(
        text="".join(one.text for one in word),
        start_ms=word[0].start_ms,
        end_ms=word[-1].end_ms,
        char_start=placed[0].char_start if placed else None,
        char_end=placed[-1].char_end if placed else None,
    )
