"""The account's numbers. https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource"""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, decode
from integration_api.core.telephony import Numbers, PhoneNumber
from integration_api.providers.twilio import client, wire

PATH = "/IncomingPhoneNumbers.json"
PAGE = 1000
"""The most it gives at once."""
MOST_PAGES = 100
"""A list that never ends is left there."""


def numbers(credential: Credential) -> Exchange[Numbers]:
    """Return all of them, page by page."""
    found: list[PhoneNumber] = []
    page: str | None = None
    for _ in range(MOST_PAGES):
        query = [("PageSize", str(PAGE)), *client.place_of(page)]
        answer = decode((yield client.get(PATH, query, credential)), wire.NUMBERS)
        found += [_read(one) for one in answer.incoming_phone_numbers]
        page = answer.next_page_uri
        if not page:
            break
    return Numbers(tuple(found))


def _read(one: wire.Number) -> PhoneNumber:
    return PhoneNumber(
        number=one.phone_number,
        id=one.sid,
        name=one.friendly_name or "",
        capabilities=tuple(name.lower() for name, has in (one.capabilities or {}).items() if has),
    )
