"""What is done to calls under way, and the account's numbers.

https://developer.vonage.com/en/api/voice#updateCall
https://developer.vonage.com/en/api/numbers#getOwnedNumbers
"""

from urllib.parse import quote, urlencode

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Exchange, decode
from integration_api.core.telephony import Control, Done, Numbers, PhoneNumber, Transfer
from integration_api.providers.vonage import client, wire
from integration_api.providers.vonage.answer import caller
from integration_api.providers.vonage.states import STATES

PAGE = 100
"""Numbers asked for at once: the most there is."""


def hang_up(ask: Control, credential: Credential) -> Exchange[Done]:
    """A call that is gone already is as good as hung up; one that can be asked for nothing any more is looked at."""
    path = _path(ask.provider_call_id)
    try:
        yield client.voice("PUT", path, credential, {"action": "hangup"})
    except ProviderError as error:
        if error.kind is Kind.NOT_FOUND:
            return Done()
        if error.kind is not Kind.INVALID_REQUEST:
            raise
        state = STATES.get(decode((yield client.voice("GET", path, credential)), wire.CALL).status)
        if state is None or not state.ended:
            raise
    return Done()


def send_dtmf(ask: Control, credential: Credential) -> Exchange[Done]:
    """https://developer.vonage.com/en/api/voice#startDTMF; `p` is its half second's wait."""
    digits = {"digits": ask.digits.replace("w", "p")}
    yield client.voice("PUT", f"{_path(ask.provider_call_id)}/dtmf", credential, digits, idempotent=False)
    return Done()


def transfer(ask: Transfer, credential: Credential) -> Exchange[Done]:
    phone = {"type": "phone", "number": client.bare(ask.to)}
    there = {"action": "connect", **caller(ask.from_), "endpoint": [phone]}
    payload = {"action": "transfer", "destination": {"type": "ncco", "ncco": [there]}}
    yield client.voice("PUT", _path(ask.provider_call_id), credential, payload, idempotent=False)
    return Done()


def numbers(credential: Credential) -> Exchange[Numbers]:
    found: list[PhoneNumber] = []
    index = 1
    while True:
        query = urlencode({"index": index, "size": PAGE})
        reply = yield client.account(f"/account/numbers?{query}", credential)
        page = decode(reply, wire.NUMBERS)
        found += (
            PhoneNumber(
                number=client.full(one.msisdn),
                id=one.msisdn,
                name=one.type,
                country=one.country,
                capabilities=tuple(feature.lower() for feature in one.features),
            )
            for one in page.numbers
        )
        if len(page.numbers) < PAGE or len(found) >= page.count:
            return Numbers(tuple(found))
        index += 1


def _path(provider_call_id: str) -> str:
    return f"/v1/calls/{quote(provider_call_id, safe='')}"
