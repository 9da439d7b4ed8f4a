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
MOST_HEADERS = 512
"""Bytes of what is told on the socket: https://developer.vonage.com/en/voice/voice-api/guides/websockets"""
OWN_HEADERS = frozenset({"event", "content-type"})
"""What the socket's first message says itself, beside those."""
SIP_HEADER = "SipHeader_"
KEPT = ("conversation_uuid", "region_url", "from_user", "endpoint_type")


def ncco(routes: Routes, from_: str, params: Mapping[str, str]) -> list[dict[str, Any]]:
    """Connect a call to the media socket, and end it when that is closed. Raises `Failure` for what cannot be told.

    `synchronous` is what has Vonage tell of a socket that it could not open, or that was closed; that we answer such
    a notice without another document ends the call.
    """
    _check(params)
    return [
        {
            "action": "connect",
            "eventType": "synchronous",
            "eventUrl": [routes.status],
            **caller(from_),
            "endpoint": [
                {"type": "websocket", "uri": routes.media, "content-type": SOUND, "headers": dict(params)}
            ],
        }
    ]


def caller(number: str) -> dict[str, Any]:
    """Say who calls, in a `connect`, which wants to know that even of a socket."""
    shown = client.bare(number)
    return {"from": shown} if shown.isdecimal() else {"randomFromNumber": True}


def answer(arrival: Arrival, routes: Routes, params: Mapping[str, str], credential: Credential) -> Document:
    return Document(json_body(ncco(routes, arrival.to, params)), "application/json")


def arrival(notice: Notice) -> Arrival:
    """Read the request for an NCCO: a query, or JSON where the application says POST.

    https://developer.vonage.com/en/voice/voice-api/webhook-reference#answer-webhook
    """
    fields = said(notice)
    try:
        asked = msgspec.convert(fields, wire.Asked, strict=False)
    except msgspec.ValidationError:
        raise not_understood() from None
    if not asked.uuid:
        raise not_understood()
    return Arrival(
        provider_call_id=asked.uuid,
        from_=client.full(asked.from_) or asked.from_user or "",
        to=client.full(asked.to),
        metadata={
            name: value
            for name, value in fields.items()
            if isinstance(value, str) and value and (name in KEPT or name.startswith(SIP_HEADER))
        },
    )


def said(notice: Notice) -> dict[str, Any]:
    """Return what a webhook says, by its own names: JSON, or a query. Raises `Failure` for what is neither."""
    if not notice.body:
        return {name: value for name, value in reversed(notice.fields) if value}
    try:
        return wire.FIELDS.decode(notice.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise not_understood() from None


def _check(params: Mapping[str, str]) -> None:
    if taken := sorted(OWN_HEADERS.intersection(params)):
        why = f"{client.NAME} says {' and '.join(taken)} itself on the media socket; choose other names"
    elif not _fits(params):
        why = f"{client.NAME} takes media parameters of at most {MOST_HEADERS} bytes, written as one JSON object"
    else:
        return
    raise Failure(Kind.INVALID_REQUEST, why, code="invalid_value", param="media.params")


def _fits(params: Mapping[str, str]) -> bool:
    try:
        return len(json_body(dict(params))) <= MOST_HEADERS
    except UnicodeEncodeError:
        return False


def not_understood() -> Failure:
    return Failure(
        Kind.INVALID_REQUEST, f"this is no webhook of {client.NAME}'s Voice API", code="invalid_webhook"
    )
