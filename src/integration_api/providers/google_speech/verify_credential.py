"""Ask Google for one recognizer of the project, or without a project for its voices: both free."""

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Exchange
from integration_api.dialects import google_cloud
from integration_api.providers.google_speech import client


def verify(credential: Credential) -> Exchange[None]:
    """Return when the key or the account is good. One whose role may not list recognizers is good, too."""
    place = google_cloud.location(credential)
    if credential.fields.get(google_cloud.PROJECT.name):
        parent = client.recognizer(credential, place).removesuffix("/_")
        address = client.url(client.LISTENING, f"/v2/{parent}?pageSize=1", credential, place)
    else:
        address = client.url(client.SPEAKING, "/v1/voices?languageCode=en-US", credential, place)
    try:
        yield google_cloud.get(address, credential)
    except ProviderError as error:
        if error.kind is not Kind.PERMISSION:
            raise
