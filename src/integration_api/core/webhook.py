"""How a carrier proves that a request is its own. Declared by providers; acted on where secrets may be opened."""

from typing import TypeAlias

from msgspec import Struct


class UrlFormHmac(Struct, frozen=True):
    """`header` is base64 of HMAC-SHA1 over the URL and the form's fields, sorted, names and values run together.

    A body that is no form is signed by its SHA-256 in hexadecimal, as the query's `digest_parameter`.
    https://www.twilio.com/docs/usage/webhooks/webhooks-security
    """

    header: str
    field: str
    """The secret field that signs."""
    digest_parameter: str = "bodySHA256"
    names: tuple[str, ...] = ()
    """The form's fields that are read. As names and values are signed without anything between them, `CallStatusr`
    with `inging` is signed like `CallStatus` with `ringing`: where one of these seems to be cut elsewhere, the
    request is refused."""


class BodyJwt(Struct, frozen=True):
    """`authorization: Bearer <JWT>`, HS256, whose `payload_hash` is the body's SHA-256 in hexadecimal.

    Of a request without a body it is that of its query, written as a JSON object without spaces, and may be missing.
    `iat` may be no older than the replay window, `exp` not past.
    https://developer.vonage.com/en/getting-started/concepts/webhooks#decoding-signed-webhooks
    """

    field: str
    """The secret field that signs."""
    issuer: str = ""
    claims: tuple[tuple[str, str], ...] = ()
    """Claims that must have these values where they are there: whose account it is."""


class Addresses(Struct, frozen=True):
    """Nothing is signed: the path is unguessable, and the request must come from an address the operator lists."""


class Path(Struct, frozen=True):
    """Nothing beside the path, which nobody can guess, and which is good for one media socket."""


Proof: TypeAlias = UrlFormHmac | BodyJwt | Addresses | Path
