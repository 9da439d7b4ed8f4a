"""Ask AssemblyAI for the last transcript: free. https://www.assemblyai.com/docs/api-reference/transcripts/list"""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, Query
from integration_api.providers.assemblyai import client


def verify(credential: Credential) -> Exchange[None]:
    """Return when the key is good. A token is good once, and not spent on a question."""
    if isinstance(client.auth(credential), Query):
        return
    yield client.get("/v2/transcript?limit=1", credential)
