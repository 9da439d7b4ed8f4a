"""What a token endpoint gives or refuses, in the words of OAuth that Google and Microsoft share.

A conversation with one is an `Exchange` like any other; only the secrets it signs with are its own.

https://www.rfc-editor.org/rfc/rfc6749#section-5
"""

from collections.abc import Iterable
from urllib.parse import urlencode

import msgspec
from msgspec import Raw, Struct

from integration_api.core.errors import Failure, Kind, ProviderError, Refusal, kind_of_status
from integration_api.core.exchange import Auth, Exchange, Form, HttpRequest, HttpResponse, decode, unreadable
from integration_api.core.secret import Secret, read_string, wipe, wipe_bytes
from integration_api.transport.signing import fits

FORM = ("content-type", "application/x-www-form-urlencoded")
ACCEPT = ("accept", "application/json")
USUAL_SECONDS = 3600.0
"""What both mean when they do not say how long a token lasts."""


class Grant(Struct, frozen=True):
    """An access token, and the seconds it lasts from when it was given."""

    token: Secret
    seconds: float


class Pocket:
    """The secrets of one conversation with a token endpoint, some of them got on the way."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: dict[str, bytearray] = {}

    def put(self, field: str, secret: bytearray) -> None:
        """Keep a secret, which is the pocket's to wipe from now on."""
        self._held[field] = secret

    def reveal(self, field: str) -> bytearray:
        if field not in self._held:
            raise Failure(Kind.INTERNAL, "a token request has no such secret", code="internal")
        return self._held[field][:]

    def drop(self, field: str) -> None:
        """Forget a secret that has done its work."""
        wipe(self._held.pop(field))

    def wipe(self) -> None:
        for secret in self._held.values():
            wipe(secret)
        self._held.clear()

    def __repr__(self) -> str:
        return "Pocket(***)"


class _Granted(Struct):
    access_token: Raw
    expires_in: float | str = USUAL_SECONDS


_GRANTED = msgspec.json.Decoder(_Granted)


def ask(url: str, form: Iterable[tuple[str, str]], secrets: Iterable[str]) -> Exchange[Grant]:
    """Post a form and return the token; each of `secrets` is a name in the form and in the pocket."""
    reply = yield HttpRequest(
        method="POST",
        url=url,
        headers=(FORM, ACCEPT),
        body=urlencode(list(form)).encode(),
        auth=Form(tuple((name, name) for name in secrets)),
        private=True,
    )
    try:
        granted = decode(reply, _GRANTED)
        try:
            seconds = float(granted.expires_in)
        except ValueError as error:
            raise unreadable(reply, error) from None
        return Grant(token_in(reply, granted.access_token), seconds)
    finally:
        wipe_bytes(reply.body)


def token_in(reply: HttpResponse, raw: Raw) -> Secret:
    """Return the token that a reply holds as a JSON string. Raises `ProviderError` when it is no token."""
    try:
        token = read_string(memoryview(raw))
    except Failure as error:
        raise unreadable(reply, error) from None
    if not fits(token):
        wipe(token)
        raise unreadable(reply, ValueError())
    return Secret(token)


def post_json(url: str, payload: object, auth: Auth) -> HttpRequest:
    return HttpRequest(
        method="POST",
        url=url,
        headers=(("content-type", "application/json"), ACCEPT),
        body=msgspec.json.encode(payload),
        auth=auth,
        private=True,
    )


class _Status(Struct):
    message: str = ""
    status: str = ""


class _Refused(Struct):
    error: str | _Status = ""
    error_description: str = ""
    error_codes: list[int] = []
    trace_id: str = ""


_REFUSED = msgspec.json.Decoder(_Refused)

_KINDS = {
    "access_denied": Kind.PERMISSION,
    "server_error": Kind.UPSTREAM,
    "slow_down": Kind.RATE_LIMITED,
    "temporarily_unavailable": Kind.OVERLOADED,
}


def fault(reply: HttpResponse) -> ProviderError:
    """Read a token endpoint's refusal: what is not its own trouble is the credential's."""
    try:
        said = _REFUSED.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = _Refused()
    if isinstance(said.error, str):
        word, words = said.error, said.error_description
    else:
        word, words = said.error.status, said.error.message
    kind = _KINDS.get(word) or kind_of_status(reply.status)
    if kind in {Kind.INVALID_REQUEST, Kind.NOT_FOUND, Kind.CONFLICT, Kind.TOO_LARGE, Kind.QUOTA}:
        kind = Kind.CREDENTIAL_REJECTED
    # Microsoft's description goes on with trace, correlation and time; Google's is one line.
    first = words.partition("\n")[0].partition(" Trace ID:")[0].strip()
    what = "refused the credential" if kind is Kind.CREDENTIAL_REJECTED else "gave no access token"
    return ProviderError(
        kind,
        f"the token endpoint {what}: {first or word or f'status {reply.status}'}",
        refusal=Refusal(
            status=reply.status,
            type=word or None,
            code=str(said.error_codes[0]) if said.error_codes else None,
            request_id=said.trace_id or reply.headers.get("x-ms-request-id"),
        ),
    )
