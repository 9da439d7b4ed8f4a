"""Twilio's REST: the account, its numbers and calls (www.twilio.com/docs/voice/api/call-resource).

Numbers that refuse are those of Twilio's test credentials (www.twilio.com/docs/iam/test-credentials), and are good for
any account here.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

from lab.carrier import Leg
from lab.http import Call, Refused, Response, encode
from lab.keys import verdict
from lab.phone import Line
from lab.twilio import client

if TYPE_CHECKING:
    from lab.twilio import Twilio

Handler = Callable[["Twilio", Call], Response]
Bound = Callable[[Call], Response]
DEFAULT_ACCOUNT = client.sid("AC", 1)
NUMBERS = ("+15005550006", "+15005550016", "+15005550026")
"""Of every account."""
MOST_TWIML = 4000
_E164 = re.compile(r"\+[1-9]\d{5,14}")
_SIP = re.compile(r"sip:.+|client:.+")
_TO = {
    "+15005550001": (21211, "The 'To' number is not a valid phone number."),
    "+15005550002": (21214, "The phone number provided as 'To' cannot be reached."),
    "+15005550003": (21215, "Account not authorized to call this number."),
    "+15005550004": (21216, "This number is on a list of numbers that may not be called."),
}
_FROM = {
    "+15005550001": (21212, "The 'From' number is not a valid phone number."),
    "+15005550007": (21210, "The 'From' number is not verified for your account."),
}


def account(carrier: "Twilio", call: Call) -> Response:
    """GET /Accounts/{sid}.json: not for API keys. Raises `Refused`."""
    who = client.admit(call, carrier.tokens)
    sid = call.params["account"]
    if who != sid:
        raise Refused(client.refusal(401, call))
    poor = verdict(carrier.token(sid)) == "noquota"
    return _answer(call, {
        "sid": sid, "friendly_name": "lab", "status": "suspended" if poor else "active", "type": "Full",
        "owner_account_sid": sid, "date_created": _mail(0), "date_updated": _mail(0), "auth_token": None,
        "uri": call.path, "subresource_uris": {},
    })  # fmt: skip


def numbers(carrier: "Twilio", call: Call) -> Response:
    """GET /IncomingPhoneNumbers.json. Raises `Refused`."""
    client.admit(call, carrier.tokens)
    found = [
        {
            "sid": client.sid("PN", place), "account_sid": call.params["account"], "friendly_name": f"Line {place}",
            "phone_number": number, "capabilities": {"voice": True, "sms": True, "mms": False, "fax": False},
            "voice_url": None, "voice_method": "POST", "status_callback": "", "api_version": "2010-04-01",
            "date_created": _mail(0), "date_updated": _mail(0),
        }
        for place, number in enumerate(NUMBERS, 1)
    ]  # fmt: skip
    return _answer(call, _page(call, "incoming_phone_numbers", found))


def create(carrier: "Twilio", call: Call) -> Response:
    """POST /Calls.json. Raises `Refused`."""
    client.admit(call, carrier.tokens)
    form = _form(call)
    one = {name: values[0] for name, values in form.items()}
    to, from_ = one.get("To", ""), one.get("From", "")
    if not to:
        client.refuse(call, 21201, "No 'To' number is specified")
    if not from_:
        client.refuse(call, 21213, "Caller phone number is required")
    for number, bad in ((to, _TO), (from_, _FROM)):
        if number in bad:
            client.refuse(call, *bad[number])
    if not _E164.fullmatch(to) and not _SIP.fullmatch(to):
        client.refuse(call, *_TO["+15005550001"])
    if not _E164.fullmatch(from_) and not _SIP.fullmatch(from_):
        client.refuse(call, *_FROM["+15005550001"])
    if not one.keys() & {"Url", "Twiml", "ApplicationSid"}:
        client.refuse(call, 21205, "Url parameter is required")
    for name in ("Url", "StatusCallback", "AsyncAmdStatusCallback", "RecordingStatusCallback"):
        if name in one and urlsplit(one[name]).scheme not in ("http", "https"):
            client.refuse(call, 21205 if name == "Url" else 21609, f"{name} is not a valid URL: {one[name]}")
    if len(one.get("Twiml", "")) > MOST_TWIML:
        client.refuse(call, 20001, f"Twiml is longer than {MOST_TWIML} characters")
    if verdict(carrier.token(call.params["account"])) == "noquota":
        client.refuse(call, 20005, "Account is not active", 403)
    wait = carrier.admitted(call.params["account"])
    if wait is None:
        raise Refused(client.refusal(429, call))
    phone = carrier.phone(to)
    leg = Leg(
        id=client.sid("CA", carrier.identity()),
        account=call.params["account"],
        to=to,
        from_=from_,
        direction="outbound",
        phone=phone,
        line=Line(phone, carrier.sound),
        state="queued",
        more={
            "wait": wait, "form": one, "url": one.get("Url", ""), "twiml": one.get("Twiml", ""),
            "status_callback": one.get("StatusCallback", ""),
            "events": set(form.get("StatusCallbackEvent", ["completed"])),
        },
    )  # fmt: skip
    carrier.begin(leg)
    return _answer(call, resource(leg), 201)


def listed(carrier: "Twilio", call: Call) -> Response:
    """GET /Calls.json, newest first. Raises `Refused`."""
    client.admit(call, carrier.tokens)
    query = call.query
    found = [
        resource(leg)
        for leg in reversed(carrier.legs.values())
        if leg.account == call.params["account"]
        and query.get("To", leg.to) == leg.to
        and query.get("From", leg.from_) == leg.from_
        and query.get("Status", leg.state) == leg.state
        and _since(query.get("StartTime>", ""), leg)
    ]
    return _answer(call, _page(call, "calls", found))


def fetch(carrier: "Twilio", call: Call) -> Response:
    """GET /Calls/{sid}.json. Raises `Refused`."""
    client.admit(call, carrier.tokens)
    return _answer(call, resource(_leg(carrier, call)))


def update(carrier: "Twilio", call: Call) -> Response:
    """POST /Calls/{sid}.json: hang up, or go on with another document. Raises `Refused`."""
    client.admit(call, carrier.tokens)
    leg = _leg(carrier, call)
    form = {name: values[0] for name, values in _form(call).items()}
    status = form.get("Status", "")
    if status not in ("", "canceled", "completed"):
        client.refuse(call, 21218, f"Invalid status: {status}")
    if leg.over:
        client.refuse(call, 21220, "Call is not in-progress. Cannot redirect.")
    if status:
        if status == "completed" or leg.answered_at is None:
            leg.state = "canceled" if leg.answered_at is None else "completed"
            leg.hangup()
        return _answer(call, resource(leg))
    if not form.keys() & {"Url", "Twiml"}:
        client.refuse(call, 21205, "Url parameter is required")
    if leg.answered_at is None:
        client.refuse(call, 21220, "Call is not in-progress. Cannot redirect.")
    leg.more["url"] = form.get("Url", "")
    leg.more["twiml"] = form.get("Twiml", "")
    leg.more["redirected"] = True
    leg.changed.set()
    return _answer(call, resource(leg))


def resource(leg: Leg) -> dict[str, Any]:
    """A call as Twilio shows it."""
    ended = leg.state == "completed"
    seconds = round(leg.seconds)
    answered = None if leg.answered_at is None else leg.created + leg.answered_at - leg.asked_at
    minutes = max(1, (seconds + 59) // 60)
    return {
        "sid": leg.id, "account_sid": leg.account, "parent_call_sid": None, "to": leg.to, "to_formatted": leg.to,
        "from": leg.from_, "from_formatted": leg.from_, "phone_number_sid": None, "status": leg.state,
        "direction": "inbound" if leg.direction == "inbound" else "outbound-api",
        "date_created": _mail(leg.created), "date_updated": _mail(leg.created),
        "start_time": None if answered is None else _mail(answered),
        "end_time": None if leg.ended_at is None else _mail(leg.created + leg.ended_at - leg.asked_at),
        "duration": str(seconds) if ended else None, "price": f"-{0.013 * minutes:.5f}" if ended else None,
        "price_unit": "USD", "answered_by": leg.more.get("answered_by"), "annotation": None,
        "api_version": "2010-04-01", "forwarded_from": None, "group_sid": None, "caller_name": None,
        "queue_time": str(round(leg.more.get("wait", 0.0) * 1000)), "trunk_sid": None,
        "uri": f"/2010-04-01/Accounts/{leg.account}/Calls/{leg.id}.json", "subresource_uris": {},
    }  # fmt: skip


def _leg(carrier: "Twilio", call: Call) -> Leg:
    leg = carrier.legs.get(call.params["sid"])
    if leg is None or leg.account != call.params["account"]:
        raise Refused(client.refusal(404, call))
    return leg


def _form(call: Call) -> dict[str, list[str]]:
    return parse_qs(call.body.decode(), keep_blank_values=True)


def _answer(call: Call, document: Any, status: int = 200) -> Response:
    return Response(status, client.headers(call), encode(document))


def _page(call: Call, name: str, found: Sequence[Any]) -> dict[str, Any]:
    """A page of a list, which says where the next one is."""
    size = max(1, min(1000, int(call.query.get("PageSize", "50"))))
    page = int(call.query.get("Page", "0"))
    if page and not call.query.get("PageToken", "").startswith("PA"):
        client.refuse(call, 20001, "A page beyond the first needs its PageToken")
    kept = {key: value for key, value in call.query.items() if key not in ("Page", "PageToken")}
    here = found[page * size : (page + 1) * size]
    following = urlencode({**kept, "Page": page + 1, "PageToken": f"PA{page + 1}"})
    return {
        name: here, "page": page, "page_size": size, "start": page * size, "end": page * size + max(0, len(here) - 1),
        "uri": f"{call.path}?{urlencode(call.query)}", "first_page_uri": f"{call.path}?{urlencode(kept)}",
        "previous_page_uri": None, "next_page_uri": f"{call.path}?{following}" if found[(page + 1) * size :] else None,
    }  # fmt: skip


def _since(written: str, leg: Leg) -> bool:
    """Whether a call began no earlier; one that was not dialed yet never did."""
    if not written:
        return True
    at = datetime.fromisoformat(written)
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return leg.answered_at is not None and leg.created >= at.timestamp()


def _mail(at: float) -> str:
    return format_datetime(datetime.fromtimestamp(at, UTC))
