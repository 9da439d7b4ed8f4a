"""Ask for the application's newest call, and for the account's balance where its key is there: both free.

https://developer.vonage.com/en/api/voice#getCalls
https://developer.vonage.com/en/api/account#getAccountBalance
"""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange
from integration_api.providers.vonage import client


def verify(credential: Credential) -> Exchange[None]:
    """Return when application and private key belong together, and so do the account's key and secret."""
    yield client.voice("GET", "/v1/calls?page_size=1", credential)
    if credential.fields.get("api_key") or "api_secret" in credential.held:
        yield client.account("/account/get-balance", credential)
