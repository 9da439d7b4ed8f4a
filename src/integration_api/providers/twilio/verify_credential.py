"""Ask Twilio for the account, or for one of its calls: free. https://www.twilio.com/docs/iam/api/account"""

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Exchange, HttpRequest, decode
from integration_api.providers.twilio import client, wire


def verify(credential: Credential) -> Exchange[None]:
    """Return when all that it holds is good: an API key may not ask for the account, and a token that signs
    webhooks is not what an API key's requests are signed by.
    """
    if client.auth(credential).field == client.API_KEY_SECRET.name:
        yield client.get("/Calls.json", [("PageSize", "1")], credential)
    if client.TOKEN.name in credential.held:
        asked = HttpRequest(
            method="GET", url=client.url(".json", (), credential), auth=client.by_token(credential)
        )
        account = decode((yield asked), wire.ACCOUNT)
        if account.status != "active":
            raise ProviderError(
                Kind.PERMISSION,
                f"the {client.NAME} account is not active but {account.status[:64] or 'in no known state'}",
                provider=client.NAME,
            )
