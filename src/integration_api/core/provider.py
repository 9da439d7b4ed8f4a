"""What a provider is: a name, what it needs to know you, and what it can do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from integration_api.core.credential import BASE_URL, Credential, CredentialField
from integration_api.core.embedding import EmbeddingRequest, EmbeddingResponse
from integration_api.core.exchange import Exchange, Fault, Stream
from integration_api.core.llm import LlmEvent, LlmRequest, LlmResponse
from integration_api.core.media import Media
from integration_api.core.models import ModelInfo
from integration_api.core.moderation import ModerationRequest, ModerationResponse
from integration_api.core.relay import RecordingRelay, Relay, SpeechRelay
from integration_api.core.reranking import RerankingRequest, RerankingResponse
from integration_api.core.stt import Listening, ListenRequest, Takes, TranscribeRequest, Transcript
from integration_api.core.telephony import (
    Arrival,
    CallEvent,
    CallReport,
    Control,
    DialRequest,
    Document,
    Done,
    Lookup,
    Notice,
    Numbers,
    Routes,
    Transfer,
)
from integration_api.core.tts import Gives, Speaking, SpeakRequest, SynthesisRequest, TtsEvent, Voice
from integration_api.core.utterances import Utterances
from integration_api.core.webhook import Proof

Ask = TypeVar("Ask")
Answer = TypeVar("Answer")
Unary: TypeAlias = Callable[[Ask, Credential], Exchange[Answer]]


@dataclass(frozen=True, slots=True)
class Llm:
    """Chat with a model, whole and streamed."""

    complete: Unary[LlmRequest, LlmResponse]
    stream: Callable[[LlmRequest, Credential], Stream[LlmEvent]]
    relay: Relay | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stt:
    """Speech in, text out."""

    takes: Takes
    """Of live sound."""
    listen: Callable[[ListenRequest, Credential, Utterances], Listening] | None = None
    """Goes on with the utterances of another session, where one was cut short."""
    transcribe: Unary[TranscribeRequest, Transcript] | None = None
    relay: RecordingRelay | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tts:
    """Text in, speech out."""

    gives: Gives
    synthesize: Callable[[SynthesisRequest, Credential], Speaking] | None = None
    speak: Callable[[SpeakRequest, Credential], Stream[TtsEvent]] | None = None
    """One text whose sound comes as it is made."""
    streams: Callable[[str, str | None], bool] | None = None
    """Which voices speak live, by model and voice, where not all do."""
    ssml: bool = True
    """Whether a text that is spoken whole may be SSML."""
    voices: Callable[[Credential], Exchange[tuple[Voice, ...]]] | None = None
    relay: SpeechRelay | None = None
    warm_seconds: float = 0.0
    """How long an open socket may wait for its first text; 0 where none may."""

    def only_whole(self, model: str, voice: str | None) -> bool:
        """Whether a voice speaks whole texts and nothing else."""
        live = self.synthesize is not None and (self.streams is None or self.streams(model, voice))
        return not live and self.speak is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Telephony:
    """Telephone calls: made, answered, told of, and their sound."""

    dial: Unary[DialRequest, CallReport]
    """Asks once: a call that may have been made is not asked for again, see `find`."""
    report: Callable[[str, Credential], Exchange[CallReport]]
    """How a call stands, by the carrier's id of it."""
    find: Callable[[Lookup, Credential], Exchange[tuple[CallReport, ...]]]
    """Which calls may be the one looked for, by what is known without the carrier's id; none if it was not made.

    All of one number's that fit, newest or oldest first: those that are known as other calls are left out here.
    """
    finds_all: bool = True
    """Whether a call that `find` does not name was not made. Where the carrier tells of ended calls only, that is
    never known: such a call is given up, and not dialed again."""
    hang_up: Unary[Control, Done] | None
    """None where closing the media socket is the only way."""
    send_dtmf: Unary[Control, Done] | None
    transfer: Unary[Transfer, Done] | None
    numbers: Callable[[Credential], Exchange[Numbers]]
    proof: Callable[[Credential], Proof | None]
    """How its requests prove themselves; None where this credential lacks what it takes, and they are refused."""
    media_proof: Callable[[Credential], Proof | None]
    """How the handshake of its media socket does."""
    arrival: Callable[[Notice], Arrival]
    """Read the request for an answer. Raises `Failure` (INVALID_REQUEST)."""
    answer: Callable[[Arrival, Routes, Mapping[str, str], Credential], Document]
    """Connect a call to `Routes.media`, with these `media_params`."""
    events: Callable[[Notice], tuple[CallEvent, ...]]
    """Read a request on the status route. Raises `Failure` (INVALID_REQUEST)."""
    media: Callable[[], Media]
    calls_per_second: float
    """What the carrier takes of an account by default."""
    keys_reopen: bool = False
    """Whether pressing keys closes a call's media socket, which another one follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A capability that a provider lacks is None."""

    name: str
    title: str
    fields: tuple[CredentialField, ...]
    """What its credential is made of; `base_url` is understood."""
    verify: Callable[[Credential], Exchange[None]]
    """Ask something free that a wrong key would be refused; the refusal comes out as `ProviderError`."""
    fault: Fault
    aliases: tuple[str, ...] = ()
    credentials_of: tuple[str, ...] = ()
    """Names of the same vendor's providers whose credentials it takes as well: by their id, and, where the project has
    no default of its own for it, the default of the first that has one."""
    request_id_headers: tuple[str, ...] = ("x-request-id",)
    """Where its answers carry its own name for the request."""
    parameters: tuple[str, ...] = ()
    """Names of the request parameters it understands beyond the common ones."""
    connections: tuple[str, ...] = ()
    """What the platform's `connection.transport` may say of it; we choose how to reach it, to the same effect.

    Empty where the platform offers no choice; then what it says is not looked at.
    """
    llm: Llm | None = None
    embedding: Unary[EmbeddingRequest, EmbeddingResponse] | None = None
    chunk_embedding: Unary[EmbeddingRequest, EmbeddingResponse] | None = None
    """Embeds inputs that are grouped to documents."""
    reranking: Unary[RerankingRequest, RerankingResponse] | None = None
    moderation: Unary[ModerationRequest, ModerationResponse] | None = None
    models: Callable[[Credential], Exchange[tuple[ModelInfo, ...]]] | None = None
    known_as: Callable[[str, Mapping[str, Any], Credential], tuple[str, str]] | None = None
    """A model's name here, a call's own options and the credential to whose model it is and what that one calls
    it: what is published of a model holds wherever it is served. None where both are as they stand."""
    stt: Stt | None = None
    tts: Tts | None = None
    telephony: Telephony | None = None

    @property
    def needs_credential(self) -> bool:
        """Whether nothing can be asked without one: its fields say who asks, where they say more than where."""
        return any(field.name != BASE_URL.name for field in self.fields)

    @property
    def credentials_from(self) -> tuple[str, ...]:
        """Whose credentials it takes: its own, and then those of the same vendor's others."""
        return self.name, *self.credentials_of

    @property
    def capabilities(self) -> tuple[str, ...]:
        """The names of INTERFACE: chat, embedding, rerank, moderation, models, stt, tts, telephony."""
        offers = {
            "chat": self.llm,
            "embedding": self.embedding,
            "rerank": self.reranking,
            "moderation": self.moderation,
            "models": self.models,
            "stt": self.stt,
            "tts": self.tts,
            "telephony": self.telephony,
        }
        return tuple(name for name, offer in offers.items() if offer is not None)
