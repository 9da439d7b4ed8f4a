"""A token that an application signs itself, with its private key: nobody is asked for it.

https://developer.vonage.com/en/getting-started/concepts/authentication#json-web-tokens
"""

import time
import uuid

from integration_api.core.credential import unusable
from integration_api.core.exchange import ApplicationToken, Exchange
from integration_api.core.secret import Secret
from integration_api.transport.assertion import NotAKey, jwt
from integration_api.transport.grant import Grant

TOKEN_SECONDS = 900
"""How long a token is good for: what Vonage's own libraries take."""


def exchange(auth: ApplicationToken, pem: bytearray) -> Exchange[Grant]:
    """Sign a token with the key in `pem`, which stays the caller's to wipe. Raises `Failure` when there is none."""
    now = int(time.time())
    claims = {
        "application_id": auth.application_id,
        "iat": now,
        "exp": now + TOKEN_SECONDS,
        "jti": str(uuid.uuid4()),
    }
    try:
        token = jwt("RS256", {}, claims, pem)
    except NotAKey as why:
        raise unusable(
            auth.field, f"it {why}; store the whole text of the application's private key"
        ) from None
    return Grant(Secret(token), TOKEN_SECONDS)
    yield  # An exchange that has nothing to ask.
