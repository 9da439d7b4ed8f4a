"""OpenAI's chat-completions language, spoken by many providers with an accent.

A provider that speaks it writes down its accent in a `Dialect` and gets an `Llm`
back. Nobody inherits from anybody.

https://platform.openai.com/docs/api-reference/chat
"""

from functools import partial

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, HttpRequest, Stream
from integration_api.core.llm import LlmEvent, LlmRequest, LlmResponse
from integration_api.core.provider import Llm
from integration_api.dialects.openai_chat_dialect import ANYTHING, Dialect, Rules
from integration_api.dialects.openai_chat_payload import FIELDS, Rendered, render
from integration_api.dialects.openai_chat_reader import FINISH_REASONS, OPEN_FINISH_REASONS, Reader
from integration_api.dialects.openai_chat_relay import relay
from integration_api.dialects.sse import SseFraming

__all__ = [
    "ANYTHING",
    "FIELDS",
    "FINISH_REASONS",
    "OPEN_FINISH_REASONS",
    "Dialect",
    "Reader",
    "Rules",
    "llm",
    "post",
    "reader",
]


def llm(dialect: Dialect, *, relayed: bool = False) -> Llm:
    """Offer chat in `dialect`; `relayed` where bodies of OpenAI's own may be passed through as they are."""
    return Llm(partial(complete, dialect), partial(stream, dialect), relay(dialect) if relayed else None)


def complete(dialect: Dialect, ask: LlmRequest, credential: Credential) -> Exchange[LlmResponse]:
    """Ask for a whole answer. Raises `Failure` for what cannot be asked, `ProviderError` for the answer."""
    rendered = render(dialect, ask, stream=False)
    reply = yield post(dialect, ask, rendered, credential)
    return reader(dialect, ask, rendered).whole(reply)


def stream(dialect: Dialect, ask: LlmRequest, credential: Credential) -> Stream[LlmEvent]:
    """Ask for a streamed answer. Raises `Failure` for what cannot be asked."""
    rendered = render(dialect, ask, stream=True)
    return Stream(post(dialect, ask, rendered, credential), SseFraming(), reader(dialect, ask, rendered))


def post(dialect: Dialect, ask: LlmRequest, rendered: Rendered, credential: Credential) -> HttpRequest:
    headers = (("content-type", "application/json"), *dialect.headers(credential))
    if ask.headers:
        headers += tuple(header for header in ask.headers if header[0].lower() in dialect.forwarded)
    return HttpRequest(
        method="POST",
        url=dialect.url(ask.model, credential),
        headers=headers,
        body=rendered.body,
        auth=dialect.auth(credential),
    )


def reader(dialect: Dialect, ask: LlmRequest, rendered: Rendered) -> Reader:
    """Make the reader of the answer to `ask`, fresh for each answer."""
    audio = ask.output.audio
    return Reader(
        dialect.provider,
        warnings=rendered.notices,
        names=rendered.names,
        finish_reasons=dialect.finish_reasons,
        think_tags=dialect.think_tags,
        audio_mime=f"audio/{audio.get('format', 'wav')}" if audio else None,
    )
