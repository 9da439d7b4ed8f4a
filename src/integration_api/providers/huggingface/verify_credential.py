"""Ask whose token it is, or what a server serves: free, and refused when the token is wrong.

https://huggingface.co/docs/hub/api#get-apiwhoami-v2
"""

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Exchange, HttpResponse
from integration_api.providers.huggingface import client

INFERENCE = "inference.serverless.write"
"""The permission "Make calls to Inference Providers" of a token that has permissions one by one."""


class Scope(Struct):
    permissions: list[str] = []


class FineGrained(Struct):
    permissions: list[str] = msgspec.field(name="global", default_factory=list)
    scoped: list[Scope] = []


class AccessToken(Struct):
    fine_grained: FineGrained | None = msgspec.field(name="fineGrained", default=None)


class Auth(Struct):
    token: AccessToken | None = msgspec.field(name="accessToken", default=None)


class Whoami(Struct):
    auth: Auth | None = None


DECODER = msgspec.json.Decoder(Whoami)


def verify(credential: Credential) -> Exchange[None]:
    """Return when the token is good; the refusal of a bad one comes out as `ProviderError`.

    A server of one's own is asked for its models, and TEI, which has no list, for its one.
    """
    whoami, listed = f"{client.hub(credential)}/api/whoami-v2", f"{client.versioned(credential)}/models"
    info = f"{client.root(credential)}/info"
    match client.kind(credential):
        case "router":
            questions = [whoami]
        case None:
            questions = [whoami, listed, info]
        case _:
            questions = [listed, info]
    for question in questions:
        try:
            reply = yield client.get(question, credential)
        except ProviderError as refusal:
            if refusal.kind is not Kind.NOT_FOUND or question == questions[-1]:
                raise
        else:
            if question == whoami:
                _may_infer(reply)
            return


def _may_infer(reply: HttpResponse) -> None:
    try:
        known = DECODER.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    token = known.auth.token if known.auth is not None else None
    if token is None or token.fine_grained is None:
        return
    held = token.fine_grained
    if INFERENCE not in held.permissions and not any(INFERENCE in scope.permissions for scope in held.scoped):
        raise ProviderError(
            Kind.PERMISSION,
            'the token may not infer; give it the permission "Make calls to Inference Providers"',
            provider=client.NAME,
        )
