"""The texts that an inline call's voices are to speak, in their order, whichever voice speaks them.

What a voice was given of an utterance is lost with it, and so is what is still to come of that utterance: nobody wants
to hear a sentence from its middle on.
"""

import asyncio
from collections import deque
from typing import TypeAlias

from integration_api.core.errors import Failure, Kind
from integration_api.services import clock
from integration_api.services.live_words import End
from integration_api.services.tts_words import Ask, Cancel, Flush, Text

MOST = 1_000
"""Texts that wait for a voice."""
REST_SECONDS = 2.0
"""Without more of an utterance that was lost before all of it had come, until its name stands for another one."""

Said: TypeAlias = Text | Flush | Cancel


class SpokenTexts:
    def __init__(self) -> None:
        self.open: set[str] = set()
        """Utterances with a text that is to be spoken, and has not been to its end."""
        self._waiting: deque[Ask] = deque()
        self._came = asyncio.Event()
        self.voice = 0
        """Which voice is the present one."""
        self._given: dict[str, tuple[str, bool]] = {}
        """What the present voice was given of utterances of which it has not told the end, and whether it is all."""
        self._lost: dict[str, float] = {}
        """Those that were lost before all of them had come, with when something of them came last."""

    def put(self, said: Said) -> None:
        """Raises `Failure` (OVERLOADED)."""
        if self._is_rest(said):
            return
        if isinstance(said, Text | Flush) and len(self._waiting) >= MOST:
            raise Failure(
                Kind.OVERLOADED, "too many texts wait to be spoken; wait for some", code="too_many_texts"
            )
        if isinstance(said, Text):
            self.open.add(said.utterance_id)
        self._add(said)

    def end(self) -> None:
        """Let a voice hear that nothing more comes."""
        self._add(End())

    async def next(self, voice: int) -> Ask | None:
        """Return what a voice is given next; None once it is gone."""
        while voice == self.voice and not self._waiting:
            self._came.clear()
            await self._came.wait()
        if voice != self.voice:
            return None
        said = self._waiting.popleft()
        if isinstance(said, Text):
            before, _ = self._given.get(said.utterance_id, ("", False))
            self._given[said.utterance_id] = before + said.text, said.final
        return said

    def silence(self) -> set[str]:
        """Return the utterances that were open: nothing of them is to be spoken any more."""
        opened, self.open = self.open, set()
        return opened

    def done(self, utterance_id: str) -> None:
        """Hear that a voice has told the end of an utterance."""
        self.open.discard(utterance_id)
        self._given.pop(utterance_id, None)

    def lose(self) -> dict[str, str]:
        """Hear that the present voice is gone; return what it was given of utterances whose end it has not told."""
        self.voice += 1
        given, self._given = self._given, {}
        now = clock.perf()
        self._lost = {id: at for id, at in self._lost.items() if now - at <= REST_SECONDS}
        self._lost |= {id: now for id, (_, whole) in given.items() if not whole}
        self._waiting = deque(said for said in self._waiting if not self._is_rest(said))
        self.open = set()
        for said in self._waiting:
            if isinstance(said, Text):
                self.open.add(said.utterance_id)
            elif isinstance(said, Cancel):
                self.open.discard(said.utterance_id)
        return {id: text for id, (text, _) in given.items()}

    def _add(self, ask: Ask) -> None:
        self._waiting.append(ask)
        self._came.set()

    def _is_rest(self, said: Ask) -> bool:
        """Whether something belongs to an utterance that was lost."""
        if not isinstance(said, Text | Flush) or said.utterance_id not in self._lost:
            return False
        now, before = clock.perf(), self._lost.pop(said.utterance_id)
        rest = now - before <= REST_SECONDS
        if rest and not (isinstance(said, Text) and said.final):
            self._lost[said.utterance_id] = now
        return rest
