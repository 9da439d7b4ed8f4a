"""Google's access tokens, for every kind of credential file that a tenant may bring.

What is signed with a file's private key is good for an hour at the token endpoint alone.

Tokens are asked for at Google's own addresses only: a file that names another could lead an assertion, or
this service, anywhere. A file that would have this service read files, run programs or ask a cloud's
metadata for its own identity is refused.

https://developers.google.com/identity/protocols/oauth2/service-account
https://google.aip.dev/auth/4117
"""

import re
import time
from collections.abc import Callable
from datetime import datetime

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from integration_api.core.credential import unusable
from integration_api.core.errors import Failure
from integration_api.core.exchange import Bearer, Exchange, GoogleToken, HttpRequest, decode, unreadable
from integration_api.core.secret import read_string, wipe, wipe_bytes
from integration_api.transport.assertion import NotAKey, jwt
from integration_api.transport.grant import Grant, Pocket, ask, post_json, token_in
from integration_api.transport.signing import fits

TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
CLOUD_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
ASSERTION_SECONDS = 3600
"""The longest Google takes, and how long the token will last."""

_TOKEN_URI = re.compile(
    r"https://(oauth2(\.[a-z0-9-]+)*\.googleapis\.com/token"
    r"|www\.googleapis\.com/oauth2/v[34]/token|accounts\.google\.com/o/oauth2/token)",
    re.ASCII,
)
_STS_URI = re.compile(r"https://sts(\.[a-z0-9-]+)*\.googleapis\.com/v1/token", re.ASCII)
_IMPERSONATION_URI = re.compile(
    r"https://iamcredentials(\.[a-z0-9-]+)*\.googleapis\.com"
    r"/v1/projects/-/serviceAccounts/[A-Za-z0-9@._-]+:generateAccessToken",
    re.ASCII,
)

Allowed = Callable[[str], bool]
"""Whether the operator has named a URL's host as one that may be asked."""


class _Format(Struct):
    type: str = "text"
    subject_token_field_name: str = ""


class _Source(Struct):
    """Where an external account's own token comes from; only a URL that the operator allowed will do."""

    url: str = ""
    headers: dict[str, str] = {}
    format: _Format = msgspec.field(default_factory=_Format)
    file: Raw | UnsetType = UNSET
    executable: Raw | UnsetType = UNSET
    environment_id: Raw | UnsetType = UNSET
    certificate: Raw | UnsetType = UNSET

    @property
    def elsewhere(self) -> bool:
        """Whether it would have this service read or run something of its own."""
        return any(
            one is not UNSET for one in (self.file, self.executable, self.environment_id, self.certificate)
        )


class _File(Struct):
    """What is read of a credential file; secrets stay where they are."""

    type: str = ""
    client_email: str = ""
    client_id: str = ""
    private_key_id: str = ""
    private_key: Raw | UnsetType = UNSET
    client_secret: Raw | UnsetType = UNSET
    refresh_token: Raw | UnsetType = UNSET
    token_uri: str = TOKEN_URI
    audience: str = ""
    subject_token_type: str = ""
    token_url: str = ""
    credential_source: _Source | None = None
    service_account_impersonation_url: str = ""
    delegates: list[str] = []
    source_credentials: Raw | UnsetType = UNSET


_FILE = msgspec.json.Decoder(_File)


class _Impersonated(Struct, rename="camel"):
    access_token: Raw
    expire_time: datetime


_IMPERSONATED = msgspec.json.Decoder(_Impersonated)
_FIELDS = msgspec.json.Decoder(dict[str, Raw])


def exchange(auth: GoogleToken, secret: bytearray, pocket: Pocket, allowed: Allowed) -> Exchange[Grant]:
    """Ask for a token with the credential file in `secret`, which stays the caller's to wipe.

    Raises `Failure` for a file that cannot or must not be used, `ProviderError` for a refusal.
    """
    return (yield from _granted(_Asking(auth, pocket, allowed), memoryview(secret)))


class _Asking(Struct, frozen=True):
    auth: GoogleToken
    pocket: Pocket
    allowed: Allowed

    def unusable(self, why: str) -> Failure:
        return unusable(self.auth.field, why)

    def take(self, name: str, raw: Raw | UnsetType) -> None:
        """Put a secret string of the file into the pocket."""
        if raw is UNSET:
            raise self.unusable(f"it has no {name}")
        try:
            self.pocket.put(name, read_string(memoryview(raw)))
        except Failure:
            raise self.unusable(f"its {name} is not a string") from None

    def pinned(self, name: str, url: str, pattern: re.Pattern[str]) -> str:
        """Return `url` when it is Google's or the operator's choice."""
        if not pattern.fullmatch(url) and not self.allowed(url):
            raise self.unusable(
                f"its {name} is not an address of Google's; an operator can allow another host with EGRESS__ALLOW"
            )
        return url


def _granted(asking: _Asking, raw: memoryview, *, nested: bool = False) -> Exchange[Grant]:
    try:
        file = _FILE.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise asking.unusable(
            "it is not a credential file as Google issues them; store its whole JSON"
        ) from None
    match file.type:
        case "service_account":
            return (yield from _service_account(asking, file))
        case "authorized_user":
            return (yield from _authorized_user(asking, file))
        case "external_account":
            return (yield from _external_account(asking, file))
        case "impersonated_service_account" if not nested and file.source_credentials is not UNSET:
            source = yield from _granted(asking, memoryview(file.source_credentials), nested=True)
            return (yield from _impersonated(asking, file, source))
        case _:
            raise asking.unusable(
                "its type is none of service_account, authorized_user, external_account and "
                "impersonated_service_account"
            )


def _service_account(asking: _Asking, file: _File) -> Exchange[Grant]:
    url = asking.pinned("token_uri", file.token_uri, _TOKEN_URI)
    if not file.client_email:
        raise asking.unusable("it has no client_email")
    asking.pocket.put("assertion", _assertion(asking, file, url))
    return (
        yield from ask(url, (("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),), ("assertion",))
    )


def _authorized_user(asking: _Asking, file: _File) -> Exchange[Grant]:
    url = asking.pinned("token_uri", file.token_uri, _TOKEN_URI)
    asking.take("refresh_token", file.refresh_token)
    asking.take("client_secret", file.client_secret)
    form = (("grant_type", "refresh_token"), ("client_id", file.client_id))
    return (yield from ask(url, form, ("refresh_token", "client_secret")))


def _external_account(asking: _Asking, file: _File) -> Exchange[Grant]:
    url = asking.pinned("token_url", file.token_url, _STS_URI)
    source = file.credential_source
    if source is None or not source.url or source.elsewhere:
        raise asking.unusable(
            "its credential_source must be a url; files, programs and metadata are not read"
        )
    if not asking.allowed(source.url):
        raise asking.unusable(
            "its credential_source is at a host that is not allowed; an operator can allow it with EGRESS__ALLOW"
        )
    impersonates = bool(file.service_account_impersonation_url)
    if impersonates:
        asking.pinned(
            "service_account_impersonation_url", file.service_account_impersonation_url, _IMPERSONATION_URI
        )
    reply = yield HttpRequest(
        method="GET", url=source.url, headers=tuple(source.headers.items()), private=True
    )
    try:
        subject = bytearray(reply.body)
        if source.format.type == "json":
            wipe(subject)
            found = decode(reply, _FIELDS).get(source.format.subject_token_field_name)
            subject = bytearray() if found is None else read_string(memoryview(found))
    finally:
        wipe_bytes(reply.body)
    while subject and subject[-1] in b" \t\r\n":
        del subject[-1:]
    if not fits(subject):
        raise unreadable(reply, ValueError())
    asking.pocket.put("subject_token", subject)
    form = (
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("audience", file.audience),
        ("scope", CLOUD_SCOPE if impersonates else asking.auth.scope),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("subject_token_type", file.subject_token_type),
    )
    grant = yield from ask(url, form, ("subject_token",))
    return (yield from _impersonated(asking, file, grant)) if impersonates else grant


def _impersonated(asking: _Asking, file: _File, source: Grant) -> Exchange[Grant]:
    """Change a token for one of the service account that it may act for."""
    with source.token as own:
        asking.pocket.put("source_token", own.copy())
    url = asking.pinned(
        "service_account_impersonation_url", file.service_account_impersonation_url, _IMPERSONATION_URI
    )
    payload = {
        "delegates": file.delegates,
        "scope": [asking.auth.scope],
        "lifetime": f"{ASSERTION_SECONDS}s",
    }
    reply = yield post_json(url, payload, Bearer("source_token"))
    try:
        granted = decode(reply, _IMPERSONATED)
        return Grant(token_in(reply, granted.access_token), granted.expire_time.timestamp() - time.time())
    finally:
        wipe_bytes(reply.body)


def _assertion(asking: _Asking, file: _File, audience: str) -> bytearray:
    """Return a JWT that says who asks: one an hour."""
    now = int(time.time())
    claims = {
        "iss": file.client_email,
        "scope": asking.auth.scope,
        "aud": audience,
        "iat": now,
        "exp": now + ASSERTION_SECONDS,
    }
    asking.take("private_key", file.private_key)
    pem = asking.pocket.reveal("private_key")
    try:
        return jwt("RS256", {"kid": file.private_key_id} if file.private_key_id else {}, claims, pem)
    except NotAKey as why:
        raise asking.unusable(f"its private_key {why}") from None
    finally:
        wipe(pem)
        asking.pocket.drop("private_key")
