"""What we read of Twilio's answers. Numbers are written as strings; what is not known yet is null."""

import msgspec
from msgspec import Struct


class Call(Struct):
    """https://www.twilio.com/docs/voice/api/call-resource#call-properties"""

    sid: str
    status: str = ""
    to: str | None = None
    from_: str | None = msgspec.field(default=None, name="from")
    direction: str | None = None
    date_created: str | None = None
    duration: str | int | None = None
    price: str | float | None = None
    price_unit: str | None = None
    answered_by: str | None = None


class Calls(Struct):
    calls: list[Call] = []
    next_page_uri: str | None = None


class Number(Struct):
    """https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource"""

    sid: str
    phone_number: str
    friendly_name: str | None = None
    capabilities: dict[str, bool | None] | None = None


class Numbers(Struct):
    incoming_phone_numbers: list[Number] = []
    next_page_uri: str | None = None


class Account(Struct):
    """https://www.twilio.com/docs/iam/api/account"""

    status: str = ""


CALL = msgspec.json.Decoder(Call)
CALLS = msgspec.json.Decoder(Calls)
NUMBERS = msgspec.json.Decoder(Numbers)
ACCOUNT = msgspec.json.Decoder(Account)
