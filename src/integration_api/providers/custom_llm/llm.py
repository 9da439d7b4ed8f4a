"""Chat with a server of one's own, in the language that the call, or else the credential, names."""

from collections.abc import Mapping
from functools import partial
from urllib.parse import quote

from integration_api.core.credential import Credential
from integration_api.core.exchange import Auth, Exchange, HttpRequest, Stream, json_body
from integration_api.core.llm import LlmEvent, LlmRequest, LlmResponse
from integration_api.core.provider import Llm
from integration_api.core.relay import RawBody
from integration_api.dialects import anthropic_messages, gemini, openai_chat
from integration_api.dialects.anthropic_messages_payload import SAMPLING_VERSION, Prepared
from integration_api.dialects.anthropic_messages_relay import relayed_body
from integration_api.providers.custom_llm import client, responses

DEFAULT = "openai_chat_completions"


# --- OpenAI's ---------------------------------------------------------------------------------


def _completions(model: str, credential: Credential) -> str:
    return client.url("chat/completions", "v1", credential)


_OPENAI = openai_chat.llm(
    openai_chat.Dialect(
        provider=client.NAME,
        url=_completions,
        auth=partial(client.auth, key=client.BEARER),
        fields=openai_chat.FIELDS | {"max_tokens", "min_p", "repetition_penalty", "top_k"},
        # What most servers know; OpenAI's newer word for it is newer than they are.
        spelling={"max_completion_tokens": "max_tokens"},
        refusal_parts=False,
        allowed_tools=False,
        think_tags=True,
        finish_reasons=openai_chat.OPEN_FINISH_REASONS,
    )
)

# --- Anthropic's ------------------------------------------------------------------------------


def _send(prepared: Prepared, stream: bool, credential: Credential) -> HttpRequest:
    return _post(prepared.body | {"stream": True} if stream else prepared.body, credential)


def _pass_on(body: RawBody, model: str, stream: bool, credential: Credential) -> HttpRequest:
    return _post(relayed_body(body, model, stream=stream), credential)


def _post(body: object, credential: Credential) -> HttpRequest:
    return HttpRequest(
        method="POST",
        url=client.url("messages", "v1", credential),
        headers=(("content-type", "application/json"), ("anthropic-version", SAMPLING_VERSION)),
        body=json_body(body),
        auth=client.auth(credential, client.X_API_KEY),
    )


_MESSAGES = anthropic_messages.llm(
    anthropic_messages.Dialect(
        provider=client.NAME,
        send=_send,
        pass_on=_pass_on,
        # The version that servers of others know.
        version=lambda _: SAMPLING_VERSION,
        automatic_cache=False,
        streams_long_answers=False,
    )
)

# --- Google's ---------------------------------------------------------------------------------


def _generate(model: str, method: str, credential: Credential) -> str:
    name = model if "/" in model else f"models/{model}"
    return client.url(f"{quote(name, safe='/')}:{method}", "v1beta", credential)


def _google_auth(credential: Credential) -> Auth | None:
    return client.auth(credential, client.X_GOOG_API_KEY)


_GEMINI = gemini.llm(gemini.Dialect(provider=client.NAME, url=_generate, auth=_google_auth))

# --- which of them ----------------------------------------------------------------------------

LANGUAGES: Mapping[str, Llm] = {
    DEFAULT: _OPENAI,
    "openai_compatible": _OPENAI,
    "openai_responses": responses.LLM,
    "anthropic_messages": _MESSAGES,
    "gemini_generate_content": _GEMINI,
}
"""The platform's words for them."""


def language_of(credential: Credential) -> str:
    """Return what the call chose, or the credential. Raises `Failure` for what nobody speaks."""
    named = credential.connection or credential.fields.get(client.COMPATIBILITY.name) or DEFAULT
    if named not in LANGUAGES:
        raise client.unknown(named, tuple(LANGUAGES))
    return named


def complete(ask: LlmRequest, credential: Credential) -> Exchange[LlmResponse]:
    return LANGUAGES[language_of(credential)].complete(ask, credential)


def stream(ask: LlmRequest, credential: Credential) -> Stream[LlmEvent]:
    return LANGUAGES[language_of(credential)].stream(ask, credential)


LLM = Llm(complete, stream)
