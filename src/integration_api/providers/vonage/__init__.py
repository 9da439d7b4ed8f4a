"""Vonage's Voice API: calls, and their sound on a WebSocket. https://developer.vonage.com/en/api/voice"""

from integration_api.core.credential import BASE_URL, CredentialField
from integration_api.core.provider import Provider, Telephony
from integration_api.providers.vonage import client, verify_credential
from integration_api.providers.vonage.answer import answer, arrival
from integration_api.providers.vonage.control import hang_up, numbers, send_dtmf, transfer
from integration_api.providers.vonage.dial import dial, find, report
from integration_api.providers.vonage.events import events
from integration_api.providers.vonage.media import VonageMedia

VONAGE = Provider(
    name=client.NAME,
    title="Vonage",
    fields=(
        CredentialField("application_id", "Application ID", secret=False),
        CredentialField("private_key", "Private key (PEM)"),
        CredentialField("signature_secret", "Signature secret", required=False),
        CredentialField("api_key", "API key", secret=False, required=False),
        CredentialField("api_secret", "API secret", required=False),
        CredentialField("region", "Region, as in eu-3", secret=False, required=False),
        BASE_URL,
    ),
    verify=verify_credential.verify,
    fault=client.fault,
    request_id_headers=client.REQUEST_ID_HEADERS,
    telephony=Telephony(
        dial=dial,
        report=report,
        find=find,
        hang_up=hang_up,
        send_dtmf=send_dtmf,
        transfer=transfer,
        numbers=numbers,
        proof=client.proof,
        media_proof=client.media_proof,
        arrival=arrival,
        answer=answer,
        events=events,
        media=VonageMedia,
        calls_per_second=3.0,
    ),
)
