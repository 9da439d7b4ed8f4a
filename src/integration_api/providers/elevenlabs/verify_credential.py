"""Ask ElevenLabs who the key belongs to: free. https://elevenlabs.io/docs/api-reference/user/get"""

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Exchange, Query
from integration_api.providers.elevenlabs import client


def verify(credential: Credential) -> Exchange[None]:
    """Return when the key is good. One that may only speak may not ask: it is good, too.

    A token is good once, and not spent on a question.
    """
    if isinstance(client.auth(credential), Query):
        return
    try:
        yield client.get("/v1/user", (), credential)
    except ProviderError as error:
        if error.kind is not Kind.PERMISSION:
            raise
