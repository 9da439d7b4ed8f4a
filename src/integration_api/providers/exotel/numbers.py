"""The account's ExoPhones. https://developer.exotel.com/api/exophone-details"""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, decode
from integration_api.core.telephony import Numbers, PhoneNumber
from integration_api.providers.exotel import client, wire

PAGE = 50
MOST_PAGES = 200
"""A list that never ends is left there."""


def numbers(credential: Credential) -> Exchange[Numbers]:
    found: list[PhoneNumber] = []
    for page in range(MOST_PAGES):
        query = [("Page", page), ("PageSize", PAGE)]
        reply = yield client.get("/IncomingPhoneNumbers", credential, query, version="v2_beta")
        told = decode(reply, wire.NUMBERS)
        found += (
            PhoneNumber(
                number=one.phone_number,
                id=one.sid,
                name=one.friendly_name or "",
                country=one.country or "",
                capabilities=tuple(name.lower() for name, can in (one.capabilities or {}).items() if can),
            )
            for one in told.incoming_phone_numbers
        )
        if not told.next_page_uri or not told.incoming_phone_numbers:
            break
    return Numbers(tuple(found))
