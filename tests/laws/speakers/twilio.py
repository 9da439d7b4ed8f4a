"""Twilio: numbers of an account. One that was bought is told as one of a list is."""

from integration_api.core.credential import Credential
from tests.laws.speaker import Speaker

SPEAKERS = (
    Speaker(
        provider="twilio",
        folder="twilio",
        kinds={"rest": "numbers"},
        takes=lambda told: "/IncomingPhoneNumbers" in told["request"]["url"],
        credential=Credential("twilio", {"account_sid": "AC1"}, held=frozenset({"account_token"})),
        spelled=lambda one: {"incoming_phone_numbers": [one], "next_page_uri": None},
        numbered=lambda page: [
            (
                one["phone_number"],
                one["sid"],
                one["friendly_name"],
                {name.lower() for name, has in one["capabilities"].items() if has},
            )
            for one in page["incoming_phone_numbers"]
        ],
    ),
)
