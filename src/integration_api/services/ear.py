"""One leg that listens: how far it has heard a caller's sound, and what it has been asked."""

from math import inf
from typing import Any

from integration_api.audio.convert import Converter
from integration_api.core.llm import Usage
from integration_api.core.session import Outcome
from integration_api.core.stt import Listening, SttEvent
from integration_api.core.utterances import Utterances
from integration_api.services.leg import Leg
from integration_api.services.recent_sound import RecentSound


class Ear:
    """Hears `recent` from the last settled text on. `utterances` are the leg's own, until somebody takes it."""

    def __init__(
        self, leg: Leg[Listening], recent: RecentSound, converter: Converter, utterances: Utterances
    ) -> None:
        self.leg = leg
        self.converter = converter
        self.utterances = utterances
        self.offset = self._at = recent.settled
        """Where in the sound it began to listen, in milliseconds."""
        self._finalized_at = self.offset
        """Up to where in the sound it has been asked for what was said."""
        self._ended = False
        self._recent = recent

    async def catch_up(self) -> list[Any]:
        """Hear all that has been said, and what was asked in its place; return what was told thereby.

        Raises `ProviderError`.
        """
        leg, recent = self.leg, self._recent
        told: list[Any] = []
        while pieces := recent.after(self._at):
            for end, sound in pieces:
                told += await self._finalize(before=end)
                self._at = end
                told += await leg.tell(leg.session.audio, self.converter.feed(sound))
        told += await self._finalize(before=inf)
        if recent.asked_to_end and not self._ended:
            self._ended = True
            told += await leg.tell(end_of_sound, leg.session, self.converter)
            leg.ping()
        return told

    def usage(self) -> Usage:
        return Usage(audio_seconds=(self._at - self.offset) / 1000)

    async def _finalize(self, *, before: float) -> list[Any]:
        asked_at = self._recent.finalize_at
        if asked_at is None or not self._finalized_at < asked_at < before:
            return []
        self._finalized_at = asked_at
        return await self.leg.tell(self.leg.session.finalize)


def end_of_sound(session: Listening, converter: Converter) -> Outcome[SttEvent]:
    """Have a session hear what the converter holds back, and that nothing follows."""
    rest = converter.flush()
    return [*(session.audio(rest) if rest else ()), *session.finish()]
