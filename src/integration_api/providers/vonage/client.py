"""Vonage's addresses, signing and refusals. https://developer.vonage.com/en/voice/voice-api/troubleshooting"""

from collections.abc import Iterator

import msgspec

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, ProviderError, Refusal, kind_of_status
from integration_api.core.exchange import ApplicationToken, Basic, HttpRequest, HttpResponse, json_body
from integration_api.core.webhook import BodyJwt, Path, Proof
from integration_api.providers.vonage import wire

NAME = "vonage"
BASE_URL = "https://api.nexmo.com"
ACCOUNT_URL = "https://rest.nexmo.com"
REQUEST_ID_HEADERS = ("x-nexmo-trace-id", "x-request-id")
NO_MONEY = "#low-balance"
"""How the type of such a refusal ends; its status is the one of too many requests."""
JSON = ("content-type", "application/json")


def voice(
    method: str,
    path: str,
    credential: Credential,
    payload: object = None,
    *,
    idempotent: bool = True,
    once: bool = False,
) -> HttpRequest:
    """Ask the Voice API, signed by the application."""
    region = credential.fields.get("region", "")
    if region and not region.replace("-", "").isalnum():
        raise unusable("region", "is none; it is written as in eu-3")
    home = f"https://api-{region}.vonage.com" if region else BASE_URL
    return HttpRequest(
        method=method,
        url=credential.base_url(home) + path,
        headers=(JSON,) if payload is not None else (),
        body=b"" if payload is None else json_body(payload),
        auth=ApplicationToken(credential.fields.get("application_id", "")),
        idempotent=idempotent,
        once=once,
    )


def account(path: str, credential: Credential) -> HttpRequest:
    """Ask about the account, signed by its key and secret. Raises `Failure` when the credential has none."""
    key = credential.fields.get("api_key", "")
    if not key or "api_secret" not in credential.held:
        raise unusable("api_secret", "and api_key are missing; Vonage wants both to tell of the account")
    return HttpRequest(
        method="GET", url=credential.base_url(ACCOUNT_URL) + path, auth=Basic(key, "api_secret")
    )


def unusable(field: str, why: str) -> Failure:
    return Failure(
        Kind.CREDENTIAL_INVALID, f"the credential's {field} {why}", code="credential_invalid", param=field
    )


def proof(credential: Credential) -> Proof | None:
    """Signed webhooks are for accounts with a signature secret: https://dashboard.nexmo.com/settings."""
    if "signature_secret" not in credential.held:
        return None
    expected = {name: credential.fields.get(name, "") for name in ("api_key", "application_id")}
    return BodyJwt(
        "signature_secret",
        issuer="Vonage",
        claims=tuple((name, value) for name, value in expected.items() if value),
    )


def media_proof(credential: Credential) -> Proof:
    """Vonage signs nothing of the handshake."""
    return Path()


def fault(reply: HttpResponse) -> ProviderError:
    """Return the error that a refusal stands for."""
    try:
        said = wire.REFUSED.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = wire.Refused()
    type = None if said.type is None else str(said.type)
    kind = Kind.QUOTA if (type or "").endswith(NO_MONEY) else kind_of_status(reply.status)
    title = said.title or said.error_title or said.error_code_label
    words = ": ".join(part for part in (title, said.detail, *_invalid(said)) if part)
    if kind is Kind.CREDENTIAL_REJECTED:
        names = "api_key and api_secret" if said.error_code_label else "application_id and private_key"
        words = f"{NAME} refused the credential; check {names}"
    return ProviderError(
        kind,
        words[:512] or f"{NAME} answered {reply.status} without an explanation",
        provider=NAME,
        refusal=Refusal(
            status=reply.status,
            type=type,
            code=said.error_code or title,
            request_id=said.instance or reply.headers.get("x-nexmo-trace-id"),
        ),
    )


def _invalid(said: wire.Refused) -> Iterator[str]:
    """Say which parameters are at fault, and why, as far as that is written in the way of Vonage's other APIs."""
    for one in said.invalid_parameters if isinstance(said.invalid_parameters, list) else ():
        if isinstance(one, dict):
            yield " ".join(str(one[key]) for key in ("name", "reason") if isinstance(one.get(key), str))


def bare(number: str) -> str:
    """Write a number as Vonage does: without the plus sign."""
    return number.removeprefix("+")


def full(number: str | None) -> str:
    """Write what is a number with its plus sign; anything else as it is."""
    return f"+{number}" if number and number.isdecimal() else number or ""
