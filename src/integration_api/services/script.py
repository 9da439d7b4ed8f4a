"""One leg that speaks: how much of each utterance it has been given."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from integration_api.core.llm import Usage
from integration_api.core.tts import Speaking
from integration_api.services.leg import Leg
from integration_api.services.utterance import Utterance


class _Given(Struct):
    parts: int = 0
    """Of its text."""
    complete: bool = False
    """Whether the leg knows that this is all of it."""


class Script:
    """Is given what waits to be spoken of the `open` utterances."""

    def __init__(self, leg: Leg[Speaking], open: Mapping[str, Utterance]) -> None:
        self.leg = leg
        self._open = open
        self._given: dict[str, _Given] = {}
        self._characters = 0

    async def catch_up(self) -> list[Any]:
        """Give it what it has not been given; return what it told thereby. Raises `ProviderError`."""
        told: list[Any] = []
        for one in list(self._open.values()):
            told += await self.leg.tell(self._say, one)
        return told

    def usage(self) -> Usage:
        return Usage(characters=self._characters)

    def _say(self, one: Utterance) -> list[object]:
        if one.spoken:
            return []
        session = self.leg.session
        given = self._given.setdefault(one.id, _Given())
        acts: list[object] = []
        for text, ssml in one.said[given.parts :]:
            given.parts += 1
            self._characters += len(text)
            acts += session.text(one.id, text, ssml=ssml)
            if given.parts == one.flushed:
                acts += session.flush(one.id)
        if one.complete and given.parts and not given.complete:
            given.complete = True
            acts += session.end_utterance(one.id)
        return acts
