"""How Bedrock says no, before an answer and in the middle of one.

https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html
"""

import re

import msgspec
from msgspec import Struct

from integration_api.core.errors import Kind, Phase, ProviderError, Refusal, kind_of_status
from integration_api.core.exchange import Frame, HttpResponse
from integration_api.providers.bedrock import client

MAX_MESSAGE = 512
"""Characters of a provider's message that are passed on: enough to act on, too few to fill a log."""


class Said(Struct):
    """A refusal's body: the older services write it with a capital."""

    message: str = ""
    capital: str = msgspec.field(default="", name="Message")
    type: str = msgspec.field(default="", name="__type")
    status: int | None = msgspec.field(default=None, name="originalStatusCode")
    original: str = msgspec.field(default="", name="originalMessage")


SAID = msgspec.json.Decoder(Said)

_KINDS = {
    "accessdenied": Kind.PERMISSION,
    "badgateway": Kind.UPSTREAM,
    "conflict": Kind.CONFLICT,
    "dependencyfailed": Kind.UPSTREAM,
    "expiredtoken": Kind.CREDENTIAL_REJECTED,
    "incompletesignature": Kind.CREDENTIAL_REJECTED,
    "internalserver": Kind.UPSTREAM,
    "invalidclienttokenid": Kind.CREDENTIAL_REJECTED,
    "invalidsignature": Kind.CREDENTIAL_REJECTED,
    "missingauthenticationtoken": Kind.CREDENTIAL_REJECTED,
    "modelerror": Kind.UPSTREAM,
    "modelnotready": Kind.OVERLOADED,
    "modelstreamerror": Kind.UPSTREAM,
    "modeltimeout": Kind.TIMEOUT,
    "resourcenotfound": Kind.NOT_FOUND,
    "servicequotaexceeded": Kind.QUOTA,
    "serviceunavailable": Kind.OVERLOADED,
    "signaturedoesnotmatch": Kind.CREDENTIAL_REJECTED,
    "throttling": Kind.RATE_LIMITED,
    "unrecognizedclient": Kind.CREDENTIAL_REJECTED,
    "validation": Kind.INVALID_REQUEST,
}
"""An exception's name, in lower case and without its ending: streams spell it otherwise than headers."""

_TELLING: tuple[tuple[re.Pattern[str], Kind, str | None], ...] = (
    (
        re.compile(
            r"(?i)(input|prompt) is too long|too many (input )?tokens|context (length|window)"
            r"|exceeds? the (maximum|model'?s) (context|number of tokens|input)"
        ),
        Kind.CONTEXT_LENGTH,
        None,
    ),
    (re.compile(r"(?i)model identifier is invalid"), Kind.NOT_FOUND, "model_not_found"),
    (re.compile(r"(?i)on-demand throughput isn"), Kind.INVALID_REQUEST, "inference_profile_required"),
    (re.compile(r"(?i)content filter"), Kind.CONTENT_FILTER, None),
    (re.compile(r"(?i)(doesn.t|does not) support"), Kind.UNSUPPORTED, None),
)
"""What a ValidationException means, which only its words tell."""

_BAD_KEY = re.compile(r"(?i)api key|bearer token|authentication failed")
"""An API key that is wrong is answered AccessDenied, as is a good one that may not do this."""

_UNPAID = re.compile(r"(?i)payment_instrument|payment instrument")
"""So is an account that cannot pay."""

_SIGNATURE_WORDS = (
    (
        re.compile(r"(?i)signature (has )?expired|not yet current"),
        "clock_skew",
        "AWS found the signature's time more than five minutes off: set this machine's clock",
    ),
    (
        re.compile(r"(?i)valid region"),
        "wrong_region",
        "AWS expects another region in the signature: check the credential's region and base_url",
    ),
    (
        re.compile(r"(?i)bearer token (has )?expired|api key (has )?expired"),
        "key_expired",
        "the API key has expired: store the credential again with a new one",
    ),
    (
        re.compile(r"(?i)token.*expired|expired.*token"),
        "session_expired",
        "the session token has expired: store the credential again with a new one",
    ),
    (
        re.compile(r"(?i)signature"),
        None,
        "AWS did not accept the signature: check access_key_id and secret_access_key",
    ),
    (
        re.compile(r""),
        None,
        "AWS did not accept the credential: check its access key or API key, its session token and its region",
    ),
)
"""Our own words: AWS's repeat what was signed, and a session token is in that."""


def fault(reply: HttpResponse) -> ProviderError:
    """Return the error that a refusal (status 400 and above) stands for."""
    said = _read(reply.body)
    type = _type(reply.headers.get("x-amzn-errortype", "") or said.type)
    return _error(said, type, reply.status, reply.headers.get("x-amzn-requestid"), Phase.HEADERS)


def stream_fault(frame: Frame) -> ProviderError:
    """Return the error that a frame named `exception:…` or `error:…` stands for; HTTP had said 200."""
    kind, _, type = frame.name.partition(":")
    if kind == "exception":
        return _error(_read(frame.data), type, None, None, Phase.STREAM)
    said = Said(frame.data.decode("utf-8", "replace"))
    return _error(said, type, None, None, Phase.STREAM)


def unreadable_event() -> ProviderError:
    """Return the error for an event that is not what Bedrock promises."""
    return ProviderError(
        Kind.BAD_RESPONSE,
        "the provider's stream held an event that could not be read",
        provider=client.NAME,
        code="bad_upstream_response",
        phase=Phase.STREAM,
    )


def _error(said: Said, type: str, status: int | None, request_id: str | None, phase: Phase) -> ProviderError:
    words = said.message or said.capital or said.original
    kind, code = _kind(type, status, words)
    if kind is Kind.CREDENTIAL_REJECTED:
        code, words = next(
            (code, ours) for pattern, code, ours in _SIGNATURE_WORDS if pattern.search(f"{type}: {words}")
        )
    return ProviderError(
        kind,
        words[:MAX_MESSAGE] or _silent(status),
        provider=client.NAME,
        refusal=Refusal(
            status=status if status is not None else said.status, type=type or None, request_id=request_id
        ),
        phase=phase,
        code=code,
        param="model" if code in {"model_not_found", "inference_profile_required"} else None,
    )


def _kind(type: str, status: int | None, words: str) -> tuple[Kind, str | None]:
    named = _KINDS.get(type.lower().removesuffix("exception"))
    kind = named or (kind_of_status(status) if status is not None else Kind.UPSTREAM)
    if kind is Kind.INVALID_REQUEST:
        for pattern, telling, code in _TELLING:
            if pattern.search(words):
                return telling, code
    if kind is Kind.PERMISSION and _BAD_KEY.search(words):
        return Kind.CREDENTIAL_REJECTED, None
    if kind is Kind.PERMISSION and _UNPAID.search(words):
        return Kind.QUOTA, None
    return kind, None


def _read(body: bytes) -> Said:
    try:
        return SAID.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Said()  # A proxy in between, answering in its own way.


def _type(given: str) -> str:
    """Return an exception's bare name: a URL follows it in the header, a namespace precedes it in a body."""
    return given.partition(":")[0].rpartition("#")[2]


def _silent(status: int | None) -> str:
    return f"the provider answered {status} and gave no reason" if status else "the provider's stream failed"
