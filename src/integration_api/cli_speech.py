"""Commands to feel speech with: `say` and `transcribe`, with the project's credentials."""

import mimetypes
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import click

from integration_api.terminal import OneLine, err, leave, out, plain, run, settings

if TYPE_CHECKING:
    from integration_api.core.audio import AudioFormat
    from integration_api.core.session import Warned
    from integration_api.dialects.voice_surface import TargetChoice

RAW = ("pcm_s16le", "mulaw", "alaw")
TELEPHONE = 8_000
BARE = (".raw", ".pcm", ".ul", ".ulaw", ".al", ".alaw")
rates = click.IntRange(8_000, 48_000)
encodings = click.Choice(RAW)
credential_id = click.option(
    "--credential", metavar="ID", default="", help="Use this credential; else the default one."
)


@click.command()
@click.argument("text")
@click.option("--voice", required=True, metavar="PROVIDER/VOICE", help="Who speaks.")
@click.option("--model", default="", help="What speaks, where the voice is not its own model.")
@click.option("--out", "path", type=click.Path(dir_okay=False, path_type=Path),
              help=f"A .wav file, or bare samples in {' '.join(BARE)}; without it, WAV into the pipe.")  # fmt: skip
@click.option("--encoding", type=encodings, default=RAW[0], show_default=True)
@click.option("--rate", type=rates, help="Samples a second; 24000, and 8000 of mulaw and alaw, if not said.")
@click.option("--language", help="BCP 47, for voices that speak several.")
@click.option("--speed", type=click.FloatRange(0, 10, min_open=True), help="1 is the voice's own.")
@credential_id
def say(
    text: str,
    voice: str,
    model: str,
    path: Path | None,
    encoding: str,
    rate: int | None,
    language: str | None,
    speed: float | None,
    credential: str,
) -> None:
    """Speak TEXT into a file, or into a player: `… | aplay`. With - for TEXT, speak what is piped in."""
    from integration_api import speech
    from integration_api.core.audio import AudioFormat, Encoding
    from integration_api.core.tts import Manner, SynthesisRequest

    if path is None and sys.stdout.isatty():
        raise OneLine("sound is not for a terminal: name a file with --out, or pipe it into a player")
    if path is not None and path.suffix.lower() not in (".wav", *BARE):
        raise OneLine(f"--out takes .wav or, for bare samples, {' '.join(BARE)}; not {path.name!r}")
    text = sys.stdin.read() if text == "-" else text
    if not text.strip():
        raise OneLine("there is nothing to say")
    written = Encoding(encoding)
    form = AudioFormat(written, rate or (24_000 if written is Encoding.PCM_S16LE else TELEPHONE))
    choice = _voice(voice, model, credential)
    request = SynthesisRequest(
        model="", voice=choice.voice_id, output=form, manner=Manner(language=language, speed=speed)
    )
    with Sound(path, form) as sound:
        run(speech.say(settings(), choice, request, text, sound))
    place = f" in {plain(str(path))}" if path else ""
    err().print(f"{sound.milliseconds / 1000:.2f} s of sound{place}", soft_wrap=True)


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--model", required=True, metavar="PROVIDER/MODEL", help="Who listens.")
@click.option("--encoding", type=encodings, help="Of bare samples; a WAV file says its own.")
@click.option("--rate", type=rates, help="Samples a second of bare samples.")
@click.option("--channels", type=click.IntRange(1, 2), default=1, show_default=True, help="Of bare samples.")
@click.option("--language", "languages", multiple=True, help="BCP 47; may be repeated.")
@click.option("--keyterm", "keyterms", multiple=True, help="A word to expect; may be repeated.")
@click.option("--pace", type=click.FloatRange(0), default=1.0, show_default=True,
              help="How many times faster than it lasts the sound is sent; 0 does not wait.")  # fmt: skip
@click.option("--whole", is_flag=True, help="Send the file as it is, and wait for all of the transcript.")
@credential_id
def transcribe(
    file: BinaryIO,
    model: str,
    encoding: str | None,
    rate: int | None,
    channels: int,
    languages: tuple[str, ...],
    keyterms: tuple[str, ...],
    pace: float,
    whole: bool,
    credential: str,
) -> None:
    """Write down what FILE says while it plays, a turn a line. With - for FILE, listen to what is piped in.

    WAV files of 16-bit PCM, mu-law and A-law are heard live, and bare samples with --encoding and --rate.
    Any other sound, and a provider that does not listen live, needs --whole.
    """
    from integration_api import speech
    from integration_api.core.audio import AudioFormat, Encoding
    from integration_api.core.errors import Failure
    from integration_api.core.stt import ListenRequest, TranscribeRequest
    from integration_api.dialects.voice_surface import TargetChoice

    if encoding is not None and rate is None:
        rate = 16_000 if encoding == RAW[0] else TELEPHONE
    if rate is not None and encoding is None:
        raise OneLine("--rate is of bare samples: say their --encoding, too")
    bare = AudioFormat(Encoding(encoding), rate or TELEPHONE, channels) if encoding else None
    choice = TargetChoice(model=model, credential_id=credential)
    try:
        whole = whole or not speech.live(choice)
        if whole:
            name = Path(file.name).name if isinstance(file.name, str) else "audio.wav"
            kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
            recording = TranscribeRequest(
                model="", audio=file.read(), filename=name, mime=kind, format=bare, languages=languages,
                keyterms=keyterms,
            )  # fmt: skip
            with err().status("listening"):
                transcript = run(speech.write_down(settings(), choice, recording))
            out().print(plain(transcript.text), soft_wrap=True)
            return
        form, size = (bare, None) if bare else _wave(file)
    except Failure as error:
        raise OneLine(str(error)) from None
    left = Left(file, size)
    request = ListenRequest(model="", input=form, languages=languages, keyterms=keyterms)
    with Page(None if size is None else form.milliseconds(size)) as page:
        run(speech.listen(settings(), choice, request, left.read, pace, page))


def _voice(voice: str, model: str, credential: str) -> "TargetChoice":
    """Read who speaks: a voice that is its own model, or one beside a model. Either may name the provider."""
    from integration_api.dialects.voice_surface import TargetChoice
    from integration_api.providers import find

    provider, _, id = voice.partition("/")
    if not id or find(provider) is None:
        return TargetChoice(model=model or voice, voice_id=voice, credential_id=credential)
    return TargetChoice(provider=provider, model=model or id, voice_id=id, credential_id=credential)


def _wave(file: BinaryIO) -> "tuple[AudioFormat, int | None]":
    """Return what a WAV file's samples are, and how many bytes of them there are. Raises `Failure`."""
    from integration_api.audio.wave_header import read_wave_header
    from integration_api.dialects.voice_surface import Format

    form, size = read_wave_header(file.read)
    return Format(form.encoding, form.sample_rate, form.channels).read("file"), size


class Left:
    """What is left of a file's samples: what stands behind them is not sound."""

    def __init__(self, file: BinaryIO, size: int | None) -> None:
        self._file = file
        self._size = sys.maxsize if size is None else size

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._size))
        self._size -= len(data)
        return data


class Sound:
    """Writes sound as it comes, into a file that is made when the first of it does, or into the pipe."""

    def __init__(self, path: Path | None, form: "AudioFormat") -> None:
        self._path = path
        self._form = form
        self._bare = path is not None and path.suffix.lower() != ".wav"
        self._file: BinaryIO | None = None
        self._bytes = 0
        self._status = err().status("speaking")

    @property
    def milliseconds(self) -> int:
        return self._form.milliseconds(self._bytes)

    def hear(self, sound: bytes) -> None:
        first = self._file is None
        if self._file is None:
            self._file = sys.stdout.buffer if self._path is None else self._path.open("wb")
        try:
            if first:
                self._head()
            self._file.write(sound)
            self._file.flush()
        except BrokenPipeError:
            leave(self._file)
        self._bytes += len(sound)
        self._status.update(f"speaking, {self.milliseconds / 1000:.1f} s")

    def warn(self, warning: "Warned") -> None:
        err().print(f"[yellow]warning:[/yellow] {plain(warning.message)}", soft_wrap=True)

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()
        if self._file is not None and self._path is not None:
            self._file.seek(0)
            self._head(self._bytes)
            self._file.close()

    def _head(self, size: int | None = None) -> None:
        from integration_api.audio.wave_header import UNKNOWN, wave_header

        if self._file is not None and not self._bare:
            self._file.write(wave_header(self._form, UNKNOWN if size is None else size))


class Page:
    """Shows a transcript: turns as lines, and on a terminal below them what is being said and how far it is."""

    def __init__(self, total_ms: int | None) -> None:
        self._total_ms = total_ms
        self._sent_ms = 0
        self._final = ""
        self._interim = ""
        self._live: Any = None

    def sent(self, milliseconds: int) -> None:
        self._sent_ms = milliseconds
        self._show()

    def tell(self, event: object) -> None:
        from integration_api.core.session import Warned
        from integration_api.core.stt import Final, Interim, UtteranceEnd
        from integration_api.services.stt_words import Reconnected

        match event:
            case Interim(text=text):
                self._interim = text
            case Final(text=text):
                self._final, self._interim = f"{self._final} {text}".strip(), ""
            case UtteranceEnd(text=text):
                self._final = self._interim = ""
                out().print(plain(text), soft_wrap=True)
            case Warned(message=message):
                err().print(f"[yellow]warning:[/yellow] {plain(message)}", soft_wrap=True)
            case Reconnected(gap_ms=gap):
                err().print(f"[yellow]connected anew[/yellow] after {gap} ms", soft_wrap=True)
            case _:
                return
        self._show(now=True)

    def __enter__(self) -> Self:
        if out().is_terminal:
            from rich.live import Live

            self._live = Live("", console=out(), transient=True, refresh_per_second=20)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def _show(self, *, now: bool = False) -> None:
        if self._live is None:
            return
        from rich.text import Text

        total = "" if self._total_ms is None else f" of {self._total_ms / 1000:.1f}"
        at = f"{self._sent_ms / 1000:.1f}{total} s "
        self._live.update(
            Text.assemble((at, "cyan"), f"{self._final} ", (self._interim, "dim italic")), refresh=now
        )
