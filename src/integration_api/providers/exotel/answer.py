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


def address(media: str, params: Mapping[str, str]) -> str:
    """Write params behind the socket's address, where Exotel looks for them. Raises `Failure`."""
    written = urlencode(dict(params))
    if len(params) > MOST_PARAMS or len(written) > LONGEST_PARAMS:
        raise Failure(
            Kind.INVALID_REQUEST,
            f"{client.NAME} takes up to {MOST_PARAMS} params of {LONGEST_PARAMS} characters in all",
            code="invalid_value",
            param="media.params",
        )
    return f"{media}?{written}" if written else media


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
