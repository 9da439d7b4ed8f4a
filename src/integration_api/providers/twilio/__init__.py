"""Twilio: Programmable Voice and Media Streams. https://www.twilio.com/docs/voice"""

from integration_api.core.credential import BASE_URL
from integration_api.core.provider import Provider, Telephony
from integration_api.providers.twilio import client, verify_credential
from integration_api.providers.twilio.calls import find, report
from integration_api.providers.twilio.control import hang_up, send_dtmf, transfer
from integration_api.providers.twilio.dial import dial
from integration_api.providers.twilio.media import MediaStream
from integration_api.providers.twilio.numbers import numbers
from integration_api.providers.twilio.webhook import answer, arrival, events, proof

TWILIO = Provider(
    name=client.NAME,
    title="Twilio",
    fields=(
        client.ACCOUNT,
        client.TOKEN,
        client.API_KEY,
        client.API_KEY_SECRET,
        client.REGION,
        client.EDGE,
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
        proof=proof,
        media_proof=proof,
        arrival=arrival,
        answer=answer,
        events=events,
        media=MediaStream,
        calls_per_second=1.0,
        keys_reopen=True,
    ),
)
