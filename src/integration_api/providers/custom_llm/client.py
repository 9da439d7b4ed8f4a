"""Where a server of one's own lives, how it knows us, and how it says no: in the words of its language."""

from functools import partial

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential, CredentialField
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import Auth, Bearer, Fault, Header, Headers, HttpResponse
from integration_api.dialects import anthropic_messages_errors, gemini_errors, openai_errors
from integration_api.dialects.openai_address import VERSION

NAME = "custom-llm"
BASE_URL = CredentialField("base_url", "Base URL", secret=False, aliases=("baseUrl",))
COMPATIBILITY = CredentialField(
    "api_compatibility", "API compatibility", secret=False, required=False, aliases=("apiCompatibility",)
)
HEADERS = CredentialField("headers", "Headers, as a JSON object", required=False)
KEY = CredentialField("key", "API key, where no headers are given", required=False)


def url(path: str, version: str, credential: Credential) -> str:
    """Return the address of a path: a base URL that names no version gets `version`."""
    base = credential.base_url("")
    return f"{base}/{path}" if VERSION.search(base) else f"{base}/{version}/{path}"


def auth(credential: Credential, key: Auth) -> Auth | None:
    """Sign by the account's own headers, else by its key as the language has it; a server may stand open."""
    if HEADERS.name in credential.held:
        return Headers(HEADERS.name)
    return key if KEY.name in credential.held else None


BEARER, X_API_KEY, X_GOOG_API_KEY = Bearer(), Header("x-api-key"), Header("x-goog-api-key")


def fault(reply: HttpResponse) -> ProviderError:
    """Return the error that a refusal stands for, in the language that its body is in."""
    return _language(reply.body)(reply)


class _Detail(Struct):
    status: str | None = None


class _Body(Struct):
    type: str | None = None
    error: _Detail | str | None = None


_decoder = msgspec.json.Decoder(_Body)
_OPENAI: Fault = partial(openai_errors.fault, provider=NAME)
_GEMINI: Fault = partial(gemini_errors.fault, provider=NAME)
_MESSAGES: Fault = partial(anthropic_messages_errors.fault, provider=NAME)


def _language(body: bytes) -> Fault:
    if body.lstrip()[:1] == b"[":  # Google's streaming methods refuse in an array.
        return _GEMINI
    try:
        said = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _OPENAI
    if said.type == "error":
        return _MESSAGES
    return _GEMINI if isinstance(said.error, _Detail) and said.error.status else _OPENAI


def unknown(language: str, known: tuple[str, ...]) -> Failure:
    return Failure(
        Kind.INVALID_REQUEST,
        f"a custom LLM is spoken to in one of {', '.join(known)}, not in {language[:64]!r}",
        code="invalid_value",
        param="api_compatibility",
    )
