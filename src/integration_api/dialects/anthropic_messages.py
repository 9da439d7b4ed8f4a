"""Anthropic's language of messages, for every host that speaks it.

https://platform.claude.com/docs/en/api/messages
"""

from collections.abc import Callable

from msgspec import DecodeError, Struct

from integration_api.core.credential import Credential
from integration_api.core.exchange import (
    Exchange,
    Framing,
    HttpRequest,
    HttpResponse,
    Stream,
    decode,
    unreadable,
)
from integration_api.core.llm import LlmEvent, LlmRequest, LlmResponse
from integration_api.core.llm_fold import LlmFold
from integration_api.core.provider import Llm
from integration_api.core.relay import RawBody, Relay
from integration_api.dialects import anthropic_messages_answer as answer
from integration_api.dialects import anthropic_messages_relay as relaying
from integration_api.dialects import anthropic_messages_wire as wire
from integration_api.dialects.anthropic_messages_payload import Prepared, prepare
from integration_api.dialects.anthropic_messages_reader import Reader
from integration_api.dialects.sse import SseFraming

LANGUAGE = "anthropic_messages"

LONGEST_WHOLE_ANSWER = 21_333
"""Max tokens from which Anthropic wants an answer streamed: a whole one may take over ten minutes."""


def sse() -> Framing:
    return SseFraming(relaying.MOST_EVENT_BYTES)


class Dialect(Struct, frozen=True, kw_only=True):
    """How one host differs from the others."""

    provider: str
    send: Callable[[Prepared, bool, Credential], HttpRequest]
    """Address a body, streamed or whole."""
    pass_on: Callable[[RawBody, str, bool, Credential], HttpRequest]
    """Address a caller's own body to a model, streamed or whole."""
    framing: Callable[[], Framing] = sse
    version: Callable[[Credential], str | None] = lambda credential: credential.fields.get("api_version")
    """The version of Anthropic's API that the account wants; None for the one a request needs."""
    automatic_cache: bool = True
    """Whether it takes `cache_control` for the whole request."""
    streams_long_answers: bool = True
    """Whether a whole answer may be asked for as a stream that is folded here."""


def llm(dialect: Dialect) -> Llm:
    """Return chat as `dialect` has it."""

    def complete(ask: LlmRequest, credential: Credential) -> Exchange[LlmResponse]:
        return _complete(dialect, ask, credential)

    def stream(ask: LlmRequest, credential: Credential) -> Stream[LlmEvent]:
        prepared = _prepared(dialect, ask, credential)
        return Stream(dialect.send(prepared, True, credential), dialect.framing(), Reader(prepared.reading))

    return Llm(
        complete,
        stream,
        Relay(
            LANGUAGE,
            request=dialect.pass_on,
            read=relaying.read,
            stream=lambda _: relaying.watching(dialect.provider),
        ),
    )


def _prepared(dialect: Dialect, ask: LlmRequest, credential: Credential) -> Prepared:
    return prepare(
        ask,
        provider=dialect.provider,
        credential_id=credential.id,
        version=dialect.version(credential),
        automatic_cache=dialect.automatic_cache,
    )


def _complete(dialect: Dialect, ask: LlmRequest, credential: Credential) -> Exchange[LlmResponse]:
    prepared = _prepared(dialect, ask, credential)
    long = dialect.streams_long_answers and prepared.body["max_tokens"] > LONGEST_WHOLE_ANSWER
    reply = yield dialect.send(prepared, long, credential)
    if long and not reply.body.lstrip().startswith(b"{"):
        return _folded(dialect, reply, prepared.reading)
    message = decode(reply, wire.MESSAGE)
    try:
        return answer.response(message, prepared.reading)
    except (DecodeError, UnicodeDecodeError, TypeError, KeyError) as error:
        raise unreadable(reply, error) from None


def _folded(dialect: Dialect, reply: HttpResponse, reading: answer.Reading) -> LlmResponse:
    fold, reader = LlmFold(), Reader(reading)
    for frame in dialect.framing().feed(reply.body):
        for event in reader.feed(frame):
            fold.feed(event)
    for event in reader.close():
        fold.feed(event)
    return fold.close()
