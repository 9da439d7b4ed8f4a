"""What the Voicebot applet is told when it asks where to connect to.

https://developer.exotel.com/docs/agentstream/stream-voicebot-applet
"""

from collections.abc import Mapping
from urllib.parse import urlencode

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind
from integration_api.core.exchange import json_body
from integration_api.core.telephony import Arrival, Document, Notice, Routes
from integration_api.providers.exotel import client

MOST_PARAMS = 3
LONGEST_PARAMS = 256
"""What its socket carries of a caller's own, by number and in all."""
KEPT = ("Direction", "CallType", "flow_id", "CustomField")


RATE = "sample-rate"
"""The one that is Exotel's own: how many samples a second the socket carries."""
RATES = ("8000", "16000", "24000")


def address(media: str, params: Mapping[str, str]) -> str:
    """Write params behind the socket's address, where Exotel looks for them. Raises `Failure`."""
    own = {name: value for name, value in params.items() if name != RATE}
    if len(own) > MOST_PARAMS or len(urlencode(own)) > LONGEST_PARAMS:
        raise _wrong(f"{client.NAME} takes up to {MOST_PARAMS} params of {LONGEST_PARAMS} characters in all")
    if RATE in params and params[RATE] not in RATES:
        raise _wrong(f"{client.NAME}'s {RATE} is one of {', '.join(RATES)}")
    return f"{media}?{urlencode(dict(params))}" if params else media


def _wrong(message: str) -> Failure:
    return Failure(Kind.INVALID_REQUEST, message, code="invalid_value", param="media.params")


def answer(arrival: Arrival, routes: Routes, params: Mapping[str, str], credential: Credential) -> Document:
    return Document(json_body({"url": address(routes.media, params)}), "application/json")


def arrival(notice: Notice) -> Arrival:
    """Read what the applet asks with: a query."""
    sid = notice.field("CallSid")
    if not sid:
        raise Failure(
            Kind.INVALID_REQUEST, f"this is no request of {client.NAME}'s applets", code="invalid_webhook"
        )
    return Arrival(
        provider_call_id=sid,
        from_=notice.field("CallFrom") or notice.field("From"),
        to=notice.field("CallTo") or notice.field("To"),
        metadata={name: value for name in KEPT if (value := notice.field(name))},
    )
