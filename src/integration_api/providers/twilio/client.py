"""Twilio's addresses, signing and refusals. https://www.twilio.com/docs/api/errors"""

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential, CredentialField
from integration_api.core.errors import Failure, Kind, ProviderError, Refusal, kind_of_status
from integration_api.core.exchange import Basic, HttpRequest, HttpResponse

NAME = "twilio"
BASE_URL = "https://api.twilio.com"
VERSION = "/2010-04-01"
REQUEST_ID_HEADERS = ("twilio-request-id",)
FORM = "application/x-www-form-urlencoded"

ACCOUNT = CredentialField("account_sid", "Account SID", secret=False)
TOKEN = CredentialField(
    "account_token", "Auth token; webhooks are signed by it", required=False, aliases=("auth_token",)
)
API_KEY = CredentialField("api_key_sid", "API key SID", secret=False, required=False)
API_KEY_SECRET = CredentialField("api_key_secret", "API key secret", required=False)
REGION = CredentialField("region", "Region, together with an edge", secret=False, required=False)
EDGE = CredentialField("edge", "Edge, together with a region", secret=False, required=False)

_PLACE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

Fields = Iterable[tuple[str, str]]

KINDS = {
    10001: Kind.PERMISSION,
    10002: Kind.PERMISSION,
    10004: Kind.RATE_LIMITED,
    13227: Kind.PERMISSION,
    20003: Kind.CREDENTIAL_REJECTED,
    20005: Kind.PERMISSION,
    20006: Kind.PERMISSION,
    20008: Kind.PERMISSION,
    20404: Kind.NOT_FOUND,
    20429: Kind.RATE_LIMITED,
    20500: Kind.UPSTREAM,
    20503: Kind.OVERLOADED,
    20504: Kind.TIMEOUT,
    21215: Kind.PERMISSION,
    21216: Kind.PERMISSION,
    21219: Kind.PERMISSION,
    21220: Kind.CONFLICT,
}
"""What its own numbers mean, where they say more than the status does."""
NOT_FOUND = "20404"
NOT_IN_PROGRESS = "21220"


def auth(credential: Credential) -> Basic:
    """Return how to sign with what the credential holds: an API key before the account's token.

    Raises `Failure` without either.
    """
    key = credential.fields.get(API_KEY.name)
    if key and API_KEY_SECRET.name in credential.held:
        return Basic(user=key, field=API_KEY_SECRET.name)
    if TOKEN.name in credential.held:
        return by_token(credential)
    raise Failure(
        Kind.INVALID_REQUEST,
        f"store the {NAME} credential with an {TOKEN.name}, or with {API_KEY.name} and {API_KEY_SECRET.name}",
        code="missing_required_parameter",
        param=TOKEN.name,
    )


def by_token(credential: Credential) -> Basic:
    return Basic(user=account(credential), field=TOKEN.name)


def account(credential: Credential) -> str:
    """Return the account's SID. Raises `Failure` without one."""
    sid = credential.fields.get(ACCOUNT.name, "")
    if not sid:
        raise Failure(
            Kind.INVALID_REQUEST,
            f"store the {NAME} credential with its {ACCOUNT.name}",
            code="missing_required_parameter",
            param=ACCOUNT.name,
        )
    return sid


def url(path: str, query: Fields, credential: Credential) -> str:
    """Return the address of something in the account. Raises `Failure` for a place that is none."""
    home = f"{credential.base_url(_host(credential))}{VERSION}/Accounts/{quote(account(credential), safe='')}"
    written = urlencode(list(query), quote_via=quote)
    return f"{home}{path}?{written}" if written else home + path


def call_path(sid: str) -> str:
    return f"/Calls/{quote(sid, safe='')}.json"


def place_of(page: str | None) -> list[tuple[str, str]]:
    """Return which page comes next, of what Twilio says where it is: only that is taken from it, never where."""
    given = parse_qsl(urlsplit(page).query) if page else ()
    return [(name, value) for name, value in given if name in ("Page", "PageToken")]


def get(path: str, query: Fields, credential: Credential) -> HttpRequest:
    return HttpRequest(method="GET", url=url(path, query, credential), auth=auth(credential))


def post(path: str, form: Fields, credential: Credential, *, once: bool = False) -> HttpRequest:
    """Change something. What is done `once` is never asked for again, whatever comes of it."""
    return HttpRequest(
        method="POST",
        url=url(path, (), credential),
        headers=(("content-type", FORM),),
        body=urlencode(list(form)).encode(),
        auth=auth(credential),
        idempotent=not once,
        once=once,
    )


class Said(Struct):
    """A refusal."""

    code: int | None = None
    message: str | None = None


_SAID = msgspec.json.Decoder(Said)


def fault(reply: HttpResponse) -> ProviderError:
    """Return the error that a refusal stands for."""
    try:
        said = _SAID.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = Said()
    code = None if said.code is None else str(said.code)
    kind = KINDS.get(said.code or 0) or kind_of_status(reply.status)
    words = said.message or ""
    if kind is Kind.CREDENTIAL_REJECTED:
        words = f"{NAME} refused the credential; store one with a token or key that is right and active"
    return ProviderError(
        kind,
        words[:512] or f"{NAME} answered {reply.status} without an explanation",
        provider=NAME,
        refusal=Refusal(
            status=reply.status,
            type=code,
            code=code,
            request_id=next((reply.headers[one] for one in REQUEST_ID_HEADERS if one in reply.headers), None),
        ),
    )


def _host(credential: Credential) -> str:
    """https://www.twilio.com/docs/global-infrastructure/using-the-twilio-rest-api-in-a-non-us-region"""
    region, edge = (credential.fields.get(field.name, "") for field in (REGION, EDGE))
    if not region and not edge:
        return BASE_URL
    if not _PLACE.fullmatch(region) or not _PLACE.fullmatch(edge):
        raise Failure(
            Kind.INVALID_REQUEST,
            f"a {NAME} credential has both a {REGION.name} and an {EDGE.name}, as in ie1 and dublin, or neither",
            code="invalid_value",
            param=(EDGE if region else REGION).name,
        )
    return f"https://api.{edge}.{region}.twilio.com"
