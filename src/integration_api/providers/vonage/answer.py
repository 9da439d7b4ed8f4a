"""NCCO: what Vonage is told to do with a call. https://developer.vonage.com/en/voice/voice-api/ncco-reference"""

from collections.abc import Mapping
from typing import Any

import msgspec

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind
from integration_api.core.exchange import json_body
from integration_api.core.telephony import Arrival, Document, Notice, Routes
from integration_api.providers.vonage import client, wire

SOUND = "audio/l16;rate=16000"
"""The wider of what both a telephone and its codecs may carry."""


def ncco(routes: Routes, from_: str, params: Mapping[str, str]) -> list[dict[str, Any]]:
    """Connect a call to the media socket."""
    return [
        {
            "action": "connect",
            "from": client.bare(from_),
            "eventUrl": [routes.status],
            "endpoint": [
                {"type": "websocket", "uri": routes.media, "content-type": SOUND, "headers": dict(params)}
            ],
        }
    ]


def answer(arrival: Arrival, routes: Routes, params: Mapping[str, str], credential: Credential) -> Document:
    return Document(json_body(ncco(routes, arrival.to, params)), "application/json")


def arrival(notice: Notice) -> Arrival:
    """Read the request for an NCCO: a query, or JSON where the application says POST.

    https://developer.vonage.com/en/voice/voice-api/webhook-reference#answer-webhook
    """
    if notice.body:
        try:
            asked = wire.ASKED.decode(notice.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise not_understood() from None
    else:
        asked = wire.Asked(
            notice.field("uuid"),
            notice.field("from"),
            notice.field("to"),
            notice.field("conversation_uuid"),
            notice.field("region_url"),
        )
    if not asked.uuid:
        raise not_understood()
    more = {"conversation_uuid": asked.conversation_uuid, "region_url": asked.region_url}
    return Arrival(
        provider_call_id=asked.uuid,
        from_=client.full(asked.from_),
        to=client.full(asked.to),
        metadata={name: value for name, value in more.items() if value},
    )


def not_understood() -> Failure:
    return Failure(
        Kind.INVALID_REQUEST, f"this is no webhook of {client.NAME}'s Voice API", code="invalid_webhook"
    )
