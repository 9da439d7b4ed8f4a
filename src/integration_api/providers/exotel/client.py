"""Exotel's addresses, signing and refusals. https://developer.exotel.com/docs/voice-v1"""

from collections.abc import Iterable
from urllib.parse import quote, urlencode

import msgspec

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError, Refusal, kind_of_status
from integration_api.core.exchange import Basic, HttpRequest, HttpResponse
from integration_api.core.webhook import Addresses, Proof
from integration_api.providers.exotel import wire

NAME = "exotel"
HOST = "api.exotel.com"
REQUEST_ID_HEADERS = ("x-request-id",)
FORM = ("content-type", "application/x-www-form-urlencoded")

Pairs = Iterable[tuple[str, str | int]]


def get(path: str, credential: Credential, query: Pairs = (), *, version: str = "v1") -> HttpRequest:
    written = urlencode(list(query))
    address = _address(version, path, credential)
    return HttpRequest(
        method="GET", url=f"{address}?{written}" if written else address, auth=_auth(credential)
    )


def post_once(path: str, credential: Credential, form: Pairs) -> HttpRequest:
    """Ask for something that must not be asked for twice."""
    return HttpRequest(
        method="POST",
        url=_address("v1", path, credential),
        headers=(FORM,),
        body=urlencode(list(form)).encode(),
        auth=_auth(credential),
        idempotent=False,
        once=True,
    )


def _address(version: str, path: str, credential: Credential) -> str:
    said = credential.fields.get("subdomain", "").strip()
    host = said.removeprefix("https://").removeprefix("@").strip("/") or HOST
    sid = quote(credential.fields.get("account_sid", ""), safe="")
    return f"{credential.base_url(f'https://{host}')}/{version}/Accounts/{sid}{path}"


def _auth(credential: Credential) -> Basic:
    return Basic(credential.fields.get("client_id", ""), "client_secret")


def proof(credential: Credential) -> Proof:
    """Exotel signs nothing."""
    return Addresses()


def fault(reply: HttpResponse) -> ProviderError:
    """Return the error that a refusal stands for."""
    try:
        said = wire.REFUSED.decode(reply.body).rest_exception
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = wire.Refused().rest_exception
    kind = kind_of_status(reply.status)
    words = said.message or ""
    if kind is Kind.CREDENTIAL_REJECTED:
        words = f"{NAME} refused the credential; check account_sid, client_id, client_secret and subdomain"
    return ProviderError(
        kind,
        words[:512] or f"{NAME} answered {reply.status} without an explanation",
        provider=NAME,
        refusal=Refusal(status=reply.status, code=None if said.code is None else str(said.code)),
    )


SAME = 10
"""Last digits that tell a number: Exotel writes its country's numbers without their code, and a 0 before."""


def same(one: str | None, other: str) -> bool:
    """Whether two spellings are of one number."""
    digits = "".join(filter(str.isdecimal, one or ""))
    return bool(digits) and digits[-SAME:] == "".join(filter(str.isdecimal, other))[-SAME:]
