"""One text spoken whole. https://elevenlabs.io/docs/api-reference/text-to-speech/stream-with-timestamps"""

from collections.abc import Iterable, Mapping, Sequence

from integration_api.core.audio import Encoding
from integration_api.core.credential import Credential
from integration_api.core.exchange import Frame, Stream
from integration_api.core.session import Warned
from integration_api.core.tts import Sound, SpeakRequest, Spoken, TtsEvent
from integration_api.dialects.notes import Notes
from integration_api.dialects.plain_sound import WHOLE, PlainSound
from integration_api.providers.elevenlabs import client, formats, manner, wire
from integration_api.providers.elevenlabs.alignment import Marks

COST = "character-cost"
STREAMED = frozenset(Encoding) - {Encoding.WAV}
"""A file that says in its head how long it is can only be made whole."""


def speak(ask: SpeakRequest, credential: Credential) -> Stream[TtsEvent]:
    """Return the sound as it is made; where times are wanted, in lines that tell them."""
    notes = Notes(strict=ask.strict)
    manner.left_out(ask.manner, notes)
    timed = ask.timestamps != "none"
    path = "/stream" if ask.output.encoding in STREAMED else ""
    path += "/with-timestamps" if timed else ""
    query = [("output_format", formats.named(ask.output))]
    query += [(name, value) for name, value in ask.extras.items() if name in manner.ASIDE]
    reader = (Timed if timed else Plain)(ask, notes)
    return Stream(
        client.post(client.address(ask.voice, path), query, body(ask), credential),
        Lines() if timed else PlainSound(),
        reader,
        opened=reader.opened,
    )


def body(ask: SpeakRequest) -> dict[str, object]:
    """Write what is to be said, and how."""
    said: dict[str, object] = {"text": ask.text, "model_id": ask.model}
    if (language := manner.language(ask.manner)) is not None:
        said["language_code"] = language
    if settings := manner.settings(ask.manner, ask.extras):
        said["voice_settings"] = settings
    aside = manner.ASIDE | manner.SETTINGS | {"voice_settings"}
    return said | {name: value for name, value in ask.extras.items() if name not in aside}


class Lines:
    """A line is a frame; the last one may lack its end."""

    def __init__(self) -> None:
        self._begun = b""

    def feed(self, chunk: bytes) -> Iterable[Frame]:
        *whole, self._begun = (self._begun + chunk).split(b"\n")
        if not chunk:
            whole, self._begun = [*whole, self._begun], b""
        return [Frame("", line) for line in whole if line.strip()]


class Plain:
    """Tells the sound as it comes. A body cut short is the transport's to notice."""

    def __init__(self, ask: SpeakRequest, notes: Notes) -> None:
        self._characters = len(ask.text)
        self._billed: float | None = None
        self._warnings = [Warned("unsupported_parameter", one.message) for one in notes.all]

    def opened(self, headers: Mapping[str, str]) -> None:
        cost = headers.get(COST, "")
        self._billed = float(cost) if cost.replace(".", "", 1).isdecimal() else None

    def feed(self, frame: Frame) -> Iterable[TtsEvent]:
        return (Sound(WHOLE, frame.data),)

    def close(self) -> Iterable[TtsEvent]:
        spoken = Spoken(utterance_id=WHOLE, characters=self._characters, billed=self._billed)
        return (*self._warnings, *self.rest(), spoken)

    def rest(self) -> Sequence[TtsEvent]:
        return ()


class Timed(Plain):
    """Tells sound and times. Those of each line begin with the line's own sound, so the earlier lines' is added."""

    def __init__(self, ask: SpeakRequest, notes: Notes) -> None:
        super().__init__(ask, notes)
        self._marks = Marks(WHOLE, "word" if ask.timestamps == "word" else "char")
        self._marks.more(ask.text)
        self._format = ask.output
        self._bytes = 0
        self._end_ms = 0

    def feed(self, frame: Frame) -> Iterable[TtsEvent]:
        line = wire.LINE.decode(frame.data)
        told: list[TtsEvent] = []
        # Sound in a container does not tell how long it lasts: then its last character does.
        base = self._format.milliseconds(self._bytes) if self._format.raw else self._end_ms
        if line.audio:
            self._bytes += len(line.audio)
            told.append(Sound(WHOLE, line.audio))
        times = line.alignment or line.normalized
        if times is not None and times.ends:
            starts = [second * 1000 for second in times.starts]
            ends = [second * 1000 for second in times.ends]
            self._end_ms = base + round(ends[-1])
            told += self._marks.take(times.characters, starts, ends, base)
        return told

    def rest(self) -> Sequence[TtsEvent]:
        return self._marks.rest()
