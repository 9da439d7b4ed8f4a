"""Gemini's language, for both of its hosts.

A host writes down what is its own in a `Dialect` and gets an `Llm` back.

https://ai.google.dev/api/generate-content
"""

from functools import partial

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, HttpRequest, Stream, decode, json_body
from integration_api.core.llm import LlmEvent, LlmRequest, LlmResponse
from integration_api.core.provider import Llm
from integration_api.dialects import gemini_wire as wire
from integration_api.dialects.gemini_framing import GeminiFraming
from integration_api.dialects.gemini_payload import Dialect, Rendered, render
from integration_api.dialects.gemini_reader import Reader

__all__ = ["Dialect", "Reader", "Rendered", "complete", "count_tokens", "llm", "render", "stream"]

FORWARDED = frozenset({"x-goog-user-project"})
"""The caller's headers that mean something to Google."""


def llm(dialect: Dialect) -> Llm:
    return Llm(partial(complete, dialect), partial(stream, dialect))


def complete(dialect: Dialect, ask: LlmRequest, credential: Credential) -> Exchange[LlmResponse]:
    """Ask for a whole answer. Raises `Failure` for what cannot be asked, `ProviderError` for the answer."""
    rendered = render(dialect, ask, credential)
    reply = yield _post(dialect, ask, "generateContent", rendered, credential)
    return Reader(rendered.reading).whole(reply)


def stream(dialect: Dialect, ask: LlmRequest, credential: Credential) -> Stream[LlmEvent]:
    """Ask for a streamed answer. Raises `Failure` for what cannot be asked."""
    rendered = render(dialect, ask, credential)
    request = _post(dialect, ask, "streamGenerateContent?alt=sse", rendered, credential)
    return Stream(request, GeminiFraming(), Reader(rendered.reading))


def count_tokens(dialect: Dialect, ask: LlmRequest, credential: Credential) -> Exchange[int]:
    """Ask how many tokens `ask` would take; free."""
    rendered = render(dialect, ask, credential)
    counted = Rendered(dict(dialect.counted(ask.model, rendered.body)), (), rendered.reading)
    reply = yield _post(dialect, ask, "countTokens", counted, credential)
    return decode(reply, wire.TOKEN_COUNT).total_tokens


def _post(
    dialect: Dialect, ask: LlmRequest, method: str, rendered: Rendered, credential: Credential
) -> HttpRequest:
    own = dialect.headers(credential)
    if ask.headers:
        given = {name.lower(): value for name, value in ask.headers if name.lower() in FORWARDED}
        own = tuple({**dict(own), **given}.items())
    headers = (("content-type", "application/json"), *own, *rendered.headers)
    return HttpRequest(
        method="POST",
        url=dialect.url(ask.model, method, credential),
        headers=headers,
        body=json_body(rendered.body),
        auth=dialect.auth(credential),
    )
