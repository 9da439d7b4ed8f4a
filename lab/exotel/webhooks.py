"""What Exotel asks and tells: unsigned, from addresses that it does not publish.

developer.exotel.com/docs/voice-v1/api-reference/status-callback, docs.exotel.com/exotel-agentstream/passthru-applet
"""

import time
from typing import Any
from urllib.parse import urlencode, urlsplit

from lab import web
from lab.carrier import Leg
from lab.exotel import client
from lab.http import JSON, encode

BOUNDARY = "------------------------0c1f8e5b2a9d4e73"
NEVER = "1970-01-01 05:30:00"
"""The end of a call, as an applet tells it: always the same."""


def status(leg: Leg, event: str, word: str) -> None:
    """Tells how a call stands, if that was asked for; of its end, in few words, also where it was not."""
    url: str = leg.more["status_callback"]
    events: set[str] = leg.more["events"]
    if not url or (event not in events and (event != "terminal" or events)):
        return
    over = time.time()
    told: dict[str, Any] = {
        "CallSid": leg.id,
        "DateUpdated": client.stamp(over),
        "Status": word,
        "RecordingUrl": "",
    }
    if events:
        seconds = round(leg.seconds)
        told |= {
            "EventType": event, "DateCreated": client.stamp(leg.created), "To": "", "From": client.national(leg.to),
            "PhoneNumberSid": client.national(leg.from_), "StartTime": client.stamp(leg.created),
            "EndTime": client.stamp(over) if event == "terminal" else "", "ConversationDuration": 0,
            "Direction": "outbound-api", "CustomField": leg.more["custom_field"] if event == "terminal" else "",
            "Legs": [{"OnCallDuration": seconds, "Status": word}],
        }  # fmt: skip
    kind, body = written(told, leg.more["written"])
    headers = [("content-type", kind), ("user-agent", "Exotel")]
    leg.notices.add(event, flat(told), lambda: web.ask("POST", url, headers, body))


def passthru(leg: Leg, ended: str) -> None:
    """The applet behind a Voicebot applet tells of the stream that is over, if there is one."""
    if not leg.more["passthru"]:
        return
    stream = {
        "StreamSID": leg.more.get("stream_sid", ""), "Status": ended, "Duration": str(round(leg.seconds)),
        "StreamUrl": leg.more.get("stream_url", ""), "DisconnectedBy": leg.more.get("left", "exotel"),
    }  # fmt: skip
    told = _applet(leg) | {f"Stream[{name}]": value for name, value in stream.items()}
    leg.notices.add("passthru", told, lambda: _get(leg.more["passthru"], told))


async def question(leg: Leg, url: str) -> web.Reply:
    """A Voicebot applet asks where to connect to. Raises `OSError`."""
    return await _get(url, _applet(leg))


def _applet(leg: Leg) -> dict[str, str]:
    """What an applet says of a call."""
    inbound = leg.direction == "inbound"
    from_, to = client.national(leg.from_), client.national(leg.to)
    return {
        "CallSid": leg.id, "CallFrom": from_, "CallTo": to, "Direction": "incoming" if inbound else "outbound-dial",
        "Created": client.stamp(leg.created), "DialCallDuration": "0", "StartTime": client.stamp(leg.created),
        "EndTime": NEVER, "CallType": "call-attempt", "flow_id": "100001", "tenant_id": "100002", "From": from_,
        "To": to, "CurrentTime": client.stamp(time.time()),
    }  # fmt: skip


async def _get(url: str, query: dict[str, str]) -> web.Reply:
    joined = "&" if urlsplit(url).query else "?"
    return await web.ask("GET", f"{url}{joined}{urlencode(query)}", [("user-agent", "Exotel")])


def written(told: dict[str, Any], kind: str) -> tuple[str, bytes]:
    """A notice's content type and body."""
    if kind == JSON:
        return kind, encode(told)
    if kind == "application/x-www-form-urlencoded":
        return kind, urlencode(flat(told)).encode()
    parts = [
        f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in flat(told).items()
    ]
    return f"{kind}; boundary={BOUNDARY}", ("".join(parts) + f"--{BOUNDARY}--\r\n").encode()


def flat(told: dict[str, Any]) -> dict[str, str]:
    """As a form has it: `Legs[0][Status]`."""
    fields: dict[str, str] = {}
    for name, value in told.items():
        if isinstance(value, list):
            fields |= {
                f"{name}[{place}][{key}]": str(one[key]) for place, one in enumerate(value) for key in one
            }
        else:
            fields[name] = str(value)
    return fields
