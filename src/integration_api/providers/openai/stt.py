"""OpenAI's ears, live: a transcription session. https://platform.openai.com/docs/guides/realtime-transcription

A session lasts an hour at most: https://platform.openai.com/docs/guides/realtime-conversations
"""

from base64 import b64encode
from collections.abc import Mapping
from math import exp, fsum
from typing import Any

from msgspec import Struct

from integration_api.audio.loudness import loud
from integration_api.audio.silence import STEP_MS, Silence
from integration_api.core.credential import Credential
from integration_api.core.errors import StreamCut
from integration_api.core.exchange import json_body
from integration_api.core.session import (
    Act,
    Began,
    Closed,
    HangUp,
    KeepAlive,
    Message,
    Outcome,
    Redial,
    Say,
    Warned,
)
from integration_api.core.stt import (
    Endpointing,
    EndReason,
    Heard,
    ListenRequest,
    Raw,
    SttEvent,
    Update,
)
from integration_api.core.utterances import Utterances
from integration_api.providers.openai import client, wire
from integration_api.providers.openai.items import Items
from integration_api.providers.openai.session_update import (
    capabilities,
    left_out,
    listened_to,
    session,
    turn_detection,
)

PADDING_MS, SILENCE_MS = 300, 500
"""What OpenAI hears before speech and after it, unless it says otherwise."""
MOST_BYTES = 1 << 20
"""Of sound in one message; OpenAI takes 15 MiB in all."""
EMPTY = "input_audio_buffer_commit_empty"
"""What a commit is answered of less than a tenth of a second: there was nothing to write down."""
UNHEARD = "audio_unintelligible"
EXPIRED = "session_expired"
LASTING_MS = 60_000
"""Of sound: more than is heard again on a new socket."""
GOING_AWAY = 1001
"""How a socket is closed whose hour is over, behind that error or without it. No page tells so; callers have met it."""


class Commit(Struct, frozen=True):
    """Sound that was asked for as an item, and when it was said: where OpenAI hears no turns, by how loud it is."""

    reason: EndReason
    start_ms: int | None
    end_ms: int


class Transcription:
    """One live transcript. Each turn is an item, which is written down once it is over.

    OpenAI has no word for the end: what is left is committed, and when all of it is written down the socket is closed.
    Sound in which nothing is loud is not: a model may make words of silence. Models that hear no turns are told by us
    where one is over, half a second of silence behind it unless the caller says otherwise.
    """

    keep_alive: KeepAlive | None = None

    def __init__(self, ask: ListenRequest, credential: Credential, so_far: Utterances) -> None:
        self.request = client.socket("/realtime?intent=transcription", credential)
        self.capabilities = capabilities(ask)
        self._ask = ask
        self._form = ask.input
        self._items = Items(so_far, interims=ask.interim_results)
        self._silence = Silence(ask.input, _ours(ask))
        self._step = ask.input.size(STEP_MS)
        self._request_id = ""
        self._began = False
        self._updates = 0
        self._padding_ms = self._silence_ms = 0
        """What OpenAI counts as part of a turn."""
        self._sent = 0
        """Bytes, as are the next two."""
        self._loud = 0
        """Up to the last sound that was loud."""
        self._first: int | None = None
        """Where the first one was, of those that we have not committed ourselves."""
        self._cut = 0
        """Up to where all was committed, or asked to be."""
        self._commits: dict[str, Commit] = {}
        """Those that are not answered, in their order."""
        self._asked = 0
        self._billed = 0.0
        """Seconds."""
        self._finishing = False

    def begin(self, headers: Mapping[str, str]) -> Outcome[SttEvent]:
        self._request_id = headers.get("x-request-id", "")
        return [self._session_update()]

    def audio(self, sound: bytes) -> Outcome[SttEvent]:
        acts: list[Act] = []
        for piece, over in self._silence.pieces(sound):
            acts += [_append(piece[at : at + MOST_BYTES]) for at in range(0, len(piece), MOST_BYTES)]
            self._listen(piece)
            if over:
                acts.append(self._commit(EndReason.SILENCE))
        return acts

    def finalize(self) -> Outcome[SttEvent]:
        if self._uncommitted:
            return [self._commit(EndReason.FINALIZE)]
        self._items.answer(self._sent_ms)
        return self._items.tell()

    def update(self, update: Update) -> Outcome[SttEvent]:
        ask = self._ask
        self._ask = update.applied_to(ask)
        self._silence.change(_ours(self._ask))
        return [self._session_update(), *(one for one in left_out(self._ask) if one not in left_out(ask))]

    def finish(self) -> Outcome[SttEvent]:
        self._finishing = True
        if self._uncommitted:
            return [self._commit(EndReason.STREAM_END)]
        if not self._commits:
            self._items.forget()
        return self._over()

    def feed(self, message: Message) -> Outcome[SttEvent]:
        said = wire.EVENT.decode(message)
        told: list[SttEvent | Act | Began] = []
        if self._ask.want_raw_events and isinstance(message, str):
            told.append(Raw(message))
        items = self._items
        match said.type.removeprefix("conversation.item.input_audio_transcription."):
            case "session.created":
                self._request_id = said.session.id or self._request_id
            case "session.updated":
                told += self._updated(said.session)
            case "input_audio_buffer.speech_started":
                item = items.of(said.item_id)
                item.announced, item.start_ms = True, self._started_ms(said.audio_start_ms)
            case "input_audio_buffer.speech_stopped":
                self._stopped(said)
            case "input_audio_buffer.committed":
                self._committed(said)
            case "delta" if said.delta:
                item = items.of(said.item_id)
                item.text, item.fresh = item.text + said.delta, True
                if not self._commits:
                    self._silence.text()
            case "completed":
                self._completed(said)
            case "failed":
                told += self._failed(said, message)
            case "error":
                told += self._refused(said.problem, message)
            case _:
                pass
        return [*told, *items.tell(), *self._over()]

    def close(self, closed: Closed) -> Outcome[SttEvent]:
        if closed.code == GOING_AWAY and self._lasted:
            return [Redial()]
        if not self._finishing or (closed.code in (1000, GOING_AWAY) and self._pending):
            raise client.ended(closed)
        told: list[SttEvent] = []
        if self._pending:
            why = f"{client.NAME} had not written down all that was said by the session's end"
            told.append(Warned("unanswered_speech", why))
        billed = round(self._billed * 1000) if self._billed else None
        return [*told, *self._items.end(), Heard(audio_ms=self._sent_ms, billed_ms=billed)]

    # --- what is said ------------------------------------------------------------------------

    def _session_update(self) -> Say:
        self._updates += 1
        said = {
            "type": "session.update",
            "event_id": f"update_{self._updates}",
            "session": session(self._ask),
        }
        return _say(said)

    def _commit(self, reason: EndReason) -> Say:
        self._asked += 1
        name = f"commit_{self._asked}"
        first, ended = self._first, self._loud if reason is EndReason.SILENCE else self._sent
        self._commits[name] = Commit(
            reason,
            None
            if first is None or turn_detection(self._ask) is not None
            else self._form.milliseconds(first),
            self._form.milliseconds(ended),
        )
        self._cut, self._first = self._sent, None
        return _say({"type": "input_audio_buffer.commit", "event_id": name})

    @property
    def _uncommitted(self) -> bool:
        """Whether there is anything to commit: sound where the caller ends turns, else speech."""
        if turn_detection(self._ask) is None and not listened_to(self._ask):
            return self._sent > self._cut
        return self._loud > self._cut or (self._items.speaking and self._sent > self._cut)

    def _listen(self, piece: bytes) -> None:
        step = self._step
        places = [at for at in range(0, len(piece), step) if loud(piece[at : at + step], self._form)]
        if places:
            self._loud = min(self._sent + places[-1] + step, self._sent + len(piece))
            self._first = self._sent + places[0] if self._first is None else self._first
        self._sent += len(piece)

    @property
    def _sent_ms(self) -> int:
        return self._form.milliseconds(self._sent)

    # --- what is heard -----------------------------------------------------------------------

    def _updated(self, now: wire.Session) -> list[SttEvent | Began]:
        turns = now.turn_detection
        self._padding_ms = self._silence_ms = 0
        if turns is not None and turns.type == "server_vad":
            self._padding_ms = PADDING_MS if turns.prefix_padding_ms is None else turns.prefix_padding_ms
            self._silence_ms = SILENCE_MS if turns.silence_duration_ms is None else turns.silence_duration_ms
        if self._began:
            return []
        self._began = True
        return [Began(self._request_id), *left_out(self._ask)]

    def _started_ms(self, told: int) -> int:
        """Return when speech began, behind what OpenAI hears before it: less at the start of all sound."""
        if told:
            return told + self._padding_ms
        return min(
            self._padding_ms, self._form.milliseconds(self._sent if self._first is None else self._first)
        )

    def _stopped(self, said: wire.Event) -> None:
        item = self._items.of(said.item_id)
        if not item.committed:
            item.stopped = True
            item.end_ms = max(said.audio_end_ms - self._silence_ms, item.start_ms or 0)
            self._cut = max(self._cut, self._form.size(said.audio_end_ms))

    def _committed(self, said: wire.Event) -> None:
        item = self._items.of(said.item_id)
        if not item.stopped and self._commits:
            commit = self._commits.pop(next(iter(self._commits)))
            item.reason, item.end_ms = commit.reason, commit.end_ms
            item.start_ms = commit.start_ms if item.start_ms is None else item.start_ms
        self._items.commit(item, said.previous_item_id)

    def _completed(self, said: wire.Event) -> None:
        item = self._items.of(said.item_id)
        item.final = said.transcript
        item.language = next((one.code for one in said.languages or () if one.code), None)
        if said.logprobs and said.transcript.strip():
            item.confidence = round(exp(fsum(one.logprob for one in said.logprobs) / len(said.logprobs)), 4)
        if said.usage is not None:
            self._billed += said.usage.seconds or 0.0

    def _failed(self, said: wire.Event, message: Message) -> list[SttEvent]:
        """Leave out what can not be understood; what failed otherwise is heard again, here or by somebody else."""
        if said.problem.code != UNHEARD:
            raise client.stream_fault(_bytes(message))
        self._items.of(said.item_id).final = ""
        return [Warned(UNHEARD, f"{client.NAME} could not make out what was said")]

    def _refused(self, problem: wire.Problem, message: Message) -> list[SttEvent | Act]:
        about = problem.event_id or ""
        if problem.code == EMPTY:
            self._empty(about)
            return []
        if problem.code == EXPIRED:
            if not self._lasted:
                raise StreamCut(client.NAME)
            return [Redial()]
        error = client.stream_fault(_bytes(message))
        if self._began and about.startswith("update_"):
            return [Warned("update_refused", error.message)]
        raise error

    def _empty(self, about: str) -> None:
        """Hear that there was nothing to commit."""
        name = about if about in self._commits else next(iter(self._commits), "")
        commit = self._commits.pop(name, None)
        if self._finishing and not self._commits:
            self._items.forget()
        if commit is not None and commit.reason is EndReason.FINALIZE:
            self._items.answer(commit.end_ms)

    @property
    def _lasted(self) -> bool:
        """Whether the socket was good for anything, so that another one may be."""
        return self._items.settled > 0 or self._sent_ms > LASTING_MS

    @property
    def _pending(self) -> bool:
        """Whether any sound waits for its text."""
        return bool(self._commits) or self._items.pending

    def _over(self) -> list[Act]:
        return [HangUp()] if self._finishing and not self._pending else []


def _ours(ask: ListenRequest) -> Endpointing:
    """Return when we end a turn, if ever."""
    if not listened_to(ask):
        return Endpointing(mode="off")
    silence = ask.endpointing.longest_silence_ms
    return Endpointing(silence_ms=SILENCE_MS if silence is None else silence)


def _append(sound: bytes) -> Say:
    return Say(f'{{"type":"input_audio_buffer.append","audio":"{b64encode(sound).decode()}"}}')


def _say(said: Mapping[str, Any]) -> Say:
    return Say(json_body(said).decode())


def _bytes(message: Message) -> bytes:
    return message.encode() if isinstance(message, str) else message
