"""What a voice is asked for, live and whole. https://docs.cartesia.ai/build-with-cartesia/sonic-3/volume-speed-emotion"""

from typing import Any

from integration_api.core.tts import Manner, Mark
from integration_api.providers.cartesia import client, wire

SPEEDS = (0.6, 1.5)
VOLUMES = (0.5, 2.0)
"""Ranges outside of which a setting is refused."""
LACKS = ("pitch", "instructions")


def voice(model: str, id: str | None, manner: Manner) -> dict[str, Any]:
    """Write who speaks, and how."""
    found: dict[str, Any] = {"model_id": model}
    if id is not None:
        found["voice"] = {"id": id}
    if manner.language is not None:
        found["language"] = client.language((manner.language,))
    config: dict[str, Any] = {}
    if manner.speed is not None:
        config["speed"] = _within(SPEEDS, manner.speed)
    if manner.volume is not None:
        config["volume"] = _within(VOLUMES, round(10 ** (manner.volume / 20), 3))
    if manner.emotion is not None:
        config["emotion"] = manner.emotion
    return {**found, "generation_config": config} if config else found


class Places:
    """Finds the words that a voice names in the text that it was given."""

    def __init__(self) -> None:
        self.text = ""
        self._at = 0

    def marks(self, told: wire.WordTimestamps, offset_ms: int = 0) -> tuple[Mark, ...]:
        """Return the words with their times and, where they stand in the text as they are, their places."""
        return tuple(
            self._mark(word, wire.milliseconds(start) + offset_ms, wire.milliseconds(end) + offset_ms)
            for word, start, end in zip(told.words, told.start, told.end, strict=False)
        )

    def _mark(self, word: str, start: int, end: int) -> Mark:
        found = self.text.find(word, self._at)
        if found < 0:  # It was said in other words than it was written in.
            return Mark(text=word, start_ms=start, end_ms=end)
        self._at = found + len(word)
        return Mark(text=word, start_ms=start, end_ms=end, char_start=found, char_end=self._at)


def _within(span: tuple[float, float], value: float) -> float:
    return min(max(value, span[0]), span[1])
