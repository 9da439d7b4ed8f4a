"""One utterance on a socket: its words on their way out, its sound and its times on their way in."""

from integration_api.core.audio import AudioFormat
from integration_api.core.tts import Sound, Spoken, SynthesisRequest, TtsEvent
from integration_api.providers.elevenlabs import wire
from integration_api.providers.elevenlabs.alignment import Marks
from integration_api.providers.elevenlabs.words import Words


class Utterance:
    def __init__(self, id: str, ask: SynthesisRequest) -> None:
        self.id = id
        self.words = Words()
        self.complete = False
        """Whether all its text has come."""
        self._format: AudioFormat = ask.output
        # Where nobody wants to be told, they still say what was heard of an utterance that is cut off.
        self._marks = Marks(id, "word" if ask.timestamps == "word" else "char")
        self._bytes = 0

    def more(self, text: str) -> str:
        """More text has come; return what of it can be spoken by now."""
        self._marks.more(text)
        return self.words.feed(text)

    def heard(self, said: wire.Message) -> list[TtsEvent]:
        """Tell the sound of a message, and its times: they begin with the message's own sound."""
        told: list[TtsEvent] = []
        base = self._format.milliseconds(self._bytes)
        if said.audio:
            self._bytes += len(said.audio)
            told.append(Sound(self.id, said.audio))
        times = said.alignment or said.normalized
        if times is not None:
            ends = [start + lasts for start, lasts in zip(times.starts, times.durations, strict=False)]
            told += self._marks.take(times.chars, times.starts, ends, base)
        return told

    def over(self) -> list[TtsEvent]:
        """All of its sound has come."""
        return [*self._marks.rest(), Spoken(utterance_id=self.id, characters=len(self._marks.text))]
