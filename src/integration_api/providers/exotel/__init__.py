"""Exotel: calls by its Voice API v1, their sound by AgentStream. https://developer.exotel.com/docs/agentstream"""

from integration_api.core.credential import BASE_URL, CredentialField
from integration_api.core.provider import Provider, Telephony
from integration_api.providers.exotel import client, verify_credential
from integration_api.providers.exotel.answer import answer, arrival
from integration_api.providers.exotel.dial import dial, find, report
from integration_api.providers.exotel.events import events
from integration_api.providers.exotel.media import ExotelMedia
from integration_api.providers.exotel.numbers import numbers

EXOTEL = Provider(
    name=client.NAME,
    title="Exotel",
    fields=(
        CredentialField("account_sid", "Account SID", secret=False),
        CredentialField("client_id", "API key", secret=False, aliases=("api_key",)),
        CredentialField("client_secret", "API token", aliases=("api_token",)),
        CredentialField("subdomain", "Region's host, as in api.in.exotel.com", secret=False, required=False),
        BASE_URL,
    ),
    verify=verify_credential.verify,
    fault=client.fault,
    request_id_headers=client.REQUEST_ID_HEADERS,
    telephony=Telephony(
        dial=dial,
        report=report,
        find=find,
        finds_all=False,
        hang_up=None,
        send_dtmf=None,
        transfer=None,
        numbers=numbers,
        proof=client.proof,
        media_proof=client.proof,
        arrival=arrival,
        answer=answer,
        events=events,
        media=ExotelMedia,
        calls_per_second=200 / 60,
    ),
)
