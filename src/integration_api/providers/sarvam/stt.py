"""Saarika and Saaras, live, on the older socket. https://docs.sarvam.ai/api-reference-docs/speech-to-text/transcribe/ws"""

from base64 import b64encode
from collections.abc import Mapping

from integration_api.core.credential import Credential
from integration_api.core.exchange import json_body
from integration_api.core.session import Act, Began, Closed, HangUp, KeepAlive, Message, Outcome, Say, Warned
from integration_api.core.stt import EndReason, ListenCapabilities, ListenRequest, Raw, SttEvent, Update
from integration_api.core.utterances import Utterances
from integration_api.providers.sarvam import client, wire

FLUSH = Say('{"type":"flush"}')
QUIET_SECONDS = 2.0
"""How long nothing is said until silence is, which keeps the socket open; and, at the end, how long nothing is
heard until it is hung up on: there is no word for the end, and nothing answers a flush of nothing. Of speech that it
announced a flush has to be answered, and that is waited for."""
RATE = 16_000
SILENCE = bytes(RATE // 50 * 2)
TRANSLATES = "/speech-to-text-translate/ws"


class Legacy:
    """One live transcript. A final is a whole turn: Sarvam has no interims here, and its `timestamps` are always null.

    The translators take no terms but a prompt, which may change at any time.
    """

    capabilities = ListenCapabilities(
        interim=False, words=False, confidence=False, language_id=True, vad=True, turns=True
    )

    def __init__(self, ask: ListenRequest, credential: Credential, so_far: Utterances) -> None:
        self.request = client.socket(_path(ask.model), query(ask), credential)
        self._translates = _path(ask.model) == TRANSLATES
        self._prompt = prompt(ask) if self._translates else ""
        self._raw = ask.want_raw_events
        self._utterances = so_far
        self._acts: list[Act] = [_STAY]
        self.keep_alive: KeepAlive | None = KeepAlive(QUIET_SECONDS, self._acts)
        self._asked = False
        self._ended = False
        """Whether the sound of a turn is over, and its text is not there."""
        self._next = False
        """Whether another turn has begun meanwhile."""
        self._finishing = False

    def begin(self, headers: Mapping[str, str]) -> Outcome[SttEvent]:
        return [Began(), *([_config(self._prompt)] if self._prompt else [])]

    def audio(self, sound: bytes) -> Outcome[SttEvent]:
        return [_sound(sound)] if sound else []

    def finalize(self) -> Outcome[SttEvent]:
        self._asked = True
        return [FLUSH]

    def update(self, update: Update) -> Outcome[SttEvent]:
        terms = update.keyterms if self._translates else None
        told: list[Act | Warned] = [] if terms is None else [_config(", ".join(terms))]
        if update.languages is not None or update.endpointing is not None or terms is None:
            why = f"{client.NAME}'s older socket has no change in mid-session but a translator's keyterms"
            told.append(Warned("unsupported_update", why))
        return told

    def finish(self) -> Outcome[SttEvent]:
        self._finishing = True
        self._wait()
        return [FLUSH]

    def feed(self, message: Message) -> Outcome[SttEvent]:
        said = wire.MESSAGE.decode(message)
        told: list[SttEvent | Act | Began] = []
        if self._raw and isinstance(message, str):
            told.append(Raw(message))
        data = said.data
        match said.type:
            case "events" if data.signal_type == "END_SPEECH":
                self._ended, self._next = True, False
            case "events" if data.signal_type == "START_SPEECH":
                self._next = self._ended
                self._asked = False  # What was asked for before it was answered by nothing.
                told += self._utterances.started()
            case "data":
                told += self._transcript(data)
                if self._next:
                    told += self._utterances.started()
                self._ended = self._next = False
            case "error":
                raise client.failed(data.code, data.error or data.message, request_id=data.request_id)
            case _:
                pass
        if self._finishing:
            # More may follow what was said before the end.
            told.append(FLUSH)
            self._wait()
        return told

    def close(self, closed: Closed) -> Outcome[SttEvent]:
        if not self._finishing:
            raise client.ended(closed)
        if self._utterances.announced:
            # It may have been noise: the socket does not tell.
            why = f"{client.NAME} heard somebody begin to speak, and told no text of it before the session's end"
            return [Warned("unanswered_speech", why)]
        return self._utterances.end(EndReason.STREAM_END)

    def _wait(self) -> None:
        """Decide what is done at the end when nothing is heard any more."""
        self._acts[:] = [_STAY if self._utterances.announced else HangUp()]

    def _transcript(self, data: wire.Data) -> list[SttEvent]:
        asked, self._asked = self._asked, False
        return [
            *self._utterances.final(
                data.transcript or "",
                language=client.told_language(data.language_code),
                language_confidence=data.language_probability,
                from_finalize=asked,
            ),
            *self._utterances.end(EndReason.FINALIZE if asked else EndReason.PROVIDER),
        ]


def query(ask: ListenRequest) -> client.Query:
    """Write what is asked for as the older socket's parameters, of which one alone has a hyphen."""
    known = len(ask.languages) == 1 and not ask.detect_language
    found: list[tuple[str, str | int | float | bool]] = [
        ("language-code", client.language(ask.languages[0]) if known else "unknown"),
        ("model", ask.model),
        ("sample_rate", RATE),
        ("input_audio_codec", "pcm_s16le"),
        ("vad_signals", True),
        ("flush_signal", True),
    ]
    if _path(ask.model) == TRANSLATES:
        return [*found[1:], *((name, value) for name, value in ask.extras.items() if name != "prompt")]
    return [*found, *ask.extras.items()]


def prompt(ask: ListenRequest) -> str:
    """Return what a translator is told to expect: the caller's own `prompt`, else its terms."""
    return str(ask.extras.get("prompt", "")) or ", ".join(ask.keyterms)


def _path(model: str) -> str:
    """Its first translators have a socket of their own."""
    return TRANSLATES if model == "saaras:v2.5" else "/speech-to-text/ws"


def _config(prompt: str) -> Say:
    return Say(json_body({"type": "config", "prompt": prompt}).decode())


def _sound(sound: bytes) -> Say:
    data = b64encode(sound).decode()
    # The encoding is called so whatever it is: the address says what it is.
    return Say(f'{{"audio":{{"data":"{data}","sample_rate":{RATE},"encoding":"audio/wav"}}}}')


_STAY = _sound(SILENCE)
