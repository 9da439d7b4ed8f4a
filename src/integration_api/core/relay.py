"""When caller and provider speak the same language, bytes pass through, watched only.

The fastest path and the only lossless one: the request is the caller's own body
with the few edits it needs, and the answer is the provider's own bytes. What the
audit must know (`Tally`) is read in passing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.exchange import HttpRequest, HttpResponse
from integration_api.core.llm import FinishReason, Usage
from integration_api.core.models import Capabilities

RawBody = Mapping[str, msgspec.Raw]
"""A JSON object, each of its values still the bytes the caller sent."""


class Tally(Struct, frozen=True, kw_only=True):
    """What an audit record needs of an answer nobody parsed."""

    id: str = ""
    model: str = ""
    finish_reason: FinishReason | None = None
    usage: Usage = Usage()


class RelayedStream(Protocol):
    """Watches one streamed answer on its way through."""

    def feed(self, chunk: bytes) -> bytes:
        """Return what the caller may see of it so far: whole events only.

        Raises `ProviderError` when the provider reports a failure in mid-stream.
        """
        ...

    def close(self) -> tuple[bytes, Tally]:
        """Return what is left to send and what was seen, or raise `StreamCut`."""
        ...


class Outlet:
    """A short cut for a streamed answer's bytes: from the provider's connection to the caller's, past all between.

    What is streamed is pulled through a chain of generators. Once the caller's connection offers `take`, whoever
    reads the provider's may hand it each chunk that is next, as soon as it comes, in place of yielding it; and
    yields as before what is not just another chunk, and whatever comes once `take` has returned False.
    """

    __slots__ = ("take",)

    def __init__(self) -> None:
        self.take: Callable[[bytes], bool] | None = None
        """Write a chunk; return whether there is room for more."""


@dataclass(frozen=True, slots=True)
class Relay:
    """A provider's offer to take bodies of one language as they are."""

    language: str
    """`openai_chat`, `anthropic_messages`: the caller's language must be the same."""
    request: Callable[[RawBody, str, bool, Credential], HttpRequest]
    """The caller's body, the provider's model id, whether to stream, and the credential."""
    read: Callable[[HttpResponse], Tally]
    """Read a whole answer in passing."""
    stream: Callable[[RawBody], RelayedStream]
    """Start watching a streamed answer to that body."""
    accepts: Callable[[RawBody, str, Capabilities], bool] = lambda raw, model, known: True
    """Whether that body needs no change for that model, as far as it is known, beyond the edits `request` makes."""


@dataclass(frozen=True, slots=True)
class RecordingRelay:
    """A provider's offer to take recordings in a form of one language as it is."""

    language: str
    """`openai_audio`: the caller's language must be the same."""
    request: Callable[[str, bytes, bool, Credential], HttpRequest]
    """The form's content type and body, whether to translate, and the credential."""
    read: Callable[[HttpResponse], Tally]
    """Read a whole answer in passing."""
    stream: Callable[[], RelayedStream]
    """Start watching a streamed answer."""
    accepts: Callable[[str, bool], bool] = lambda model, stream: True
    """Whether a model answers as it is asked to: whole, or streamed."""


@dataclass(frozen=True, slots=True)
class SpeechRelay:
    """A provider's offer to take texts in a body of one language as it is, and give its sound or its events."""

    language: str
    """`openai_audio`: the caller's language must be the same."""
    accepts: Callable[[RawBody, str], bool]
    """Whether that body needs no change for that model beyond the edits `request` makes."""
    request: Callable[[RawBody, str, Mapping[str, Any], Credential], HttpRequest]
    """The caller's body, the provider's model id, the provider's own options, and the credential."""
    stream: Callable[[], RelayedStream]
    """Start watching an answer in events."""
