"""Ask Cohere whether it knows the key: free. https://docs.cohere.com/reference/checkapikey"""

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError, Refusal
from integration_api.core.exchange import Exchange, decode
from integration_api.providers.cohere import client


class Verdict(Struct):
    valid: bool = True


DECODER = msgspec.json.Decoder(Verdict)


def verify(credential: Credential) -> Exchange[None]:
    """Return when the key is good; the refusal of a bad one comes out as `ProviderError`."""
    reply = yield client.post("/v1/check-api-key", {}, credential)
    if not decode(reply, DECODER).valid:
        raise ProviderError(
            Kind.CREDENTIAL_REJECTED,
            f"{client.NAME} refused the credential; store one with a key that is right and active",
            provider=client.NAME,
            refusal=Refusal(status=reply.status),
        )
