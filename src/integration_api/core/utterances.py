"""What is said in a live transcript, put in order: segments into utterances, each begun and ended once."""

from collections.abc import Sequence

from integration_api.core.stt import (
    EagerEnd,
    EndReason,
    Final,
    Interim,
    Resumed,
    SpeechStarted,
    SttEvent,
    UtteranceEnd,
    Word,
)


class Utterances:
    """Names segments and utterances, and remembers what of the present utterance is final.

    A provider's reader says what it heard; this says what that means. Speech that a provider did not
    announce is inferred from its first text. An utterance in which nothing was said has no end.
    """

    def __init__(self, *, joint: str = " ") -> None:
        self._joint = joint
        self._segment = 0
        self._utterance = 0
        self._said: list[str] = []
        self._begun = False
        self._eager = False
        self.announced = False
        """Whether the provider told that somebody speaks, and nothing of it since: not even that it was nothing."""

    def copy(self) -> "Utterances":
        """Return another that goes on from here by itself."""
        other = Utterances(joint=self._joint)
        other._segment, other._utterance = self._segment, self._utterance
        other._said, other._begun, other._eager = [*self._said], self._begun, self._eager
        return other

    @property
    def utterance_id(self) -> str:
        return f"u{self._utterance}"

    @property
    def segment_id(self) -> str:
        return f"s{self._segment}"

    @property
    def text(self) -> str:
        """What of the present utterance is final."""
        return self._joint.join(one.strip() for one in self._said)

    @property
    def open(self) -> bool:
        """Whether an utterance has begun and not ended."""
        return self._begun

    def started(self, at_ms: int | None = None) -> list[SttEvent]:
        """Hear that somebody speaks: told once an utterance."""
        self.announced = True
        if self._begun:
            return []
        self._begun = True
        return [SpeechStarted(at_ms)]

    def interim(
        self,
        text: str,
        *,
        stability: float | None = None,
        words: Sequence[Word] = (),
        language: str | None = None,
    ) -> list[SttEvent]:
        if not text:
            return []
        self.announced = False
        return [
            *self._inferred(words[0].start_ms if words else None),
            Interim(
                segment_id=self.segment_id,
                text=text,
                stability=stability,
                words=tuple(words),
                language=language,
            ),
        ]

    def final(
        self,
        text: str,
        *,
        confidence: float | None = None,
        words: Sequence[Word] = (),
        language: str | None = None,
        language_confidence: float | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        from_finalize: bool = False,
        glued: bool = False,
    ) -> list[SttEvent]:
        """Settle the present segment. One without text is told only as the answer to a `finalize`.

        What is `glued` brings its own space: in the utterance it stands right behind what was settled before.
        """
        self.announced = False
        if not text.strip() and not from_finalize:
            return []
        events: list[SttEvent] = []
        if text.strip():
            events += self._inferred(start_ms)
            if glued and self._said:
                self._said[-1] += text
            else:
                self._said.append(text)
        events.append(
            Final(
                segment_id=self.segment_id,
                text=text.strip(),
                confidence=confidence,
                words=tuple(words),
                language=language,
                language_confidence=language_confidence,
                start_ms=start_ms,
                end_ms=end_ms,
                from_finalize=from_finalize,
            )
        )
        self._segment += 1
        return events

    def eager(self, text: str, confidence: float | None = None) -> list[SttEvent]:
        self._eager = True
        return [EagerEnd(self.utterance_id, text, confidence)]

    def resumed(self) -> list[SttEvent]:
        """Hear that the turn goes on after all."""
        if not self._eager:
            return []
        self._eager = False
        return [Resumed(self.utterance_id)]

    def end(
        self, reason: EndReason = EndReason.PROVIDER, *, confidence: float | None = None
    ) -> list[SttEvent]:
        """End the present utterance, if anything of it was said."""
        text = self.text
        self._begun = self._eager = self.announced = False
        self._said.clear()
        if not text:
            return []
        ended = UtteranceEnd(
            utterance_id=self.utterance_id, text=text, reason=reason, end_of_turn_confidence=confidence
        )
        self._utterance += 1
        return [ended]

    def _inferred(self, at_ms: int | None) -> list[SttEvent]:
        if self._begun:
            return []
        self._begun = True
        return [SpeechStarted(at_ms, inferred=True)]
