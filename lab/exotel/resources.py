"""Exotel's REST: the account, its ExoPhones and calls (developer.exotel.com/docs/voice-v1)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from lab.carrier import Leg
from lab.exotel import client
from lab.http import Call, Refused, Response, encode
from lab.keys import verdict
from lab.multipart import fields
from lab.phone import MULAW, Line, Sound, linear

if TYPE_CHECKING:
    from lab.exotel import Exotel

Handler = Callable[["Exotel", Call], Response]
Bound = Callable[[Call], Response]
DEFAULT_ACCOUNT = "lab1"
LONGEST_CALL = 14_400
LONGEST_STREAM_URL = 600
LONGEST_FIELD = 128
EVENTS = frozenset({"terminal", "answered", "ringing"})
ENDED = frozenset({"completed", "failed", "busy", "no-answer"})
WRITTEN = ("multipart/form-data", "application/x-www-form-urlencoded", "application/json")
"""How a status callback may be; the first is the usual one."""
FLOW = re.compile(r"https?://my\.exotel\.com/[^/]+/exoml/start_voice/(\w+)")
_NUMBER = re.compile(r"\+[1-9]\d{5,14}|0\d{6,12}")


@dataclass(frozen=True, slots=True)
class Style:
    """One of the ways in which the media socket speaks: how it spells names, and what its sound is called and is."""

    camel: bool
    encoding: str
    bit_rate: str
    sound: Sound


PLAIN = Style(camel=False, encoding="base64", bit_rate="128kbps", sound=linear(8_000))
NUMBERS = {
    "+918047491899": PLAIN,
    "+918047491801": Style(camel=True, encoding="raw/slin", bit_rate="128kbps", sound=linear(8_000)),
    "+918047491802": Style(camel=False, encoding="audio/x-mulaw", bit_rate="64kbps", sound=MULAW),
    "+918047491803": Style(camel=True, encoding="audio/x-mulaw;rate=8000", bit_rate="64", sound=MULAW),
    "+15005550006": Style(camel=False, encoding="audio/x-raw", bit_rate="16", sound=linear(8_000)),
}
"""The ExoPhones of every account, and what is set up for the calls of each."""


def style(number: str) -> Style:
    """What is set up for a number, however it is written."""
    return next((one for known, one in NUMBERS.items() if number in (known, client.national(known))), PLAIN)


def account(carrier: "Exotel", call: Call) -> Response:
    """GET /v1/Accounts/{sid}.json. Raises `Refused`."""
    client.admit(call, carrier.tokens)
    sid = call.params["account"]
    told = {
        "Sid": sid,
        "FriendlyName": "lab",
        "Status": "active",
        "Type": "Full",
        "Uri": f"/v1/Accounts/{sid}",
    }
    return _answer(call, {"Account": told})


def numbers(carrier: "Exotel", call: Call) -> Response:
    """GET /v2_beta/…/IncomingPhoneNumbers, in pages. Raises `Refused`."""
    client.admit(call, carrier.tokens)
    size = max(1, min(100, int(call.query.get("PageSize", "50"))))
    page = int(call.query.get("Page", "0"))
    found = [
        {
            "sid": f"{place:08x}", "phone_number": number, "friendly_name": f"ExoPhone {place}",
            "country": "IN" if number.startswith("+91") else "US", "capabilities": {"voice": True, "sms": False},
            "voice_url": None, "number_type": "Landline",
        }
        for place, number in enumerate(NUMBERS, 1)
    ]  # fmt: skip

    def at(page: int) -> str:
        return f"http://twilix.exotel.com{call.path}?{urlencode({'Page': page, 'PageSize': size})}"

    return _answer(call, {
        "page": page, "page_size": size, "uri": at(page), "first_page_uri": at(0),
        "next_page_uri": at(page + 1) if found[(page + 1) * size :] else None,
        "previous_page_uri": at(page - 1) if page else None,
        "incoming_phone_numbers": found[page * size : (page + 1) * size],
    })  # fmt: skip


def create(carrier: "Exotel", call: Call) -> Response:
    """POST /v1/…/Calls/connect.json. Raises `Refused`."""
    token = client.admit(call, carrier.tokens)
    form = _form(call)
    one = {name: values[0] for name, values in form.items()}
    to, from_ = one.get("from", ""), one.get("callerid", "")
    for name, number in (("From", to), ("CallerId", from_)):
        if not _NUMBER.fullmatch(number):
            client.refuse(call, f"{name} is not a phone number")
    if from_ not in NUMBERS and from_ not in map(client.national, NUMBERS):
        client.refuse(call, "CallerId is not an ExoPhone of this account", 403)
    _check(call, one)
    events = set(form.get("statuscallbackevents[]", []))
    if unknown := events - EVENTS:
        client.refuse(call, f"StatusCallbackEvents: {', '.join(sorted(unknown))}")
    if verdict(token) == "noquota":
        client.refuse(call, "", 402)
    account = call.params["account"]
    if carrier.admitted(account) is None:
        raise Refused(client.refusal(429, call))
    phone = carrier.phone(to)
    leg = Leg(
        id=client.sid(carrier.identity()),
        account=account,
        to=to,
        from_=from_,
        direction="outbound",
        phone=phone,
        line=Line(phone, carrier.sound),
        state="in-progress",
        more={
            "form": one, "events": events, "style": style(from_), "custom_field": one.get("customfield", ""),
            "status_callback": one.get("statuscallback", ""),
            "written": one.get("statuscallbackcontenttype", WRITTEN[0]),
        },
    )  # fmt: skip
    carrier.begin(leg)
    return _answer(call, {"Call": resource(leg)})


def _check(call: Call, one: dict[str, str]) -> None:
    """Raises `Refused` for what a call cannot be asked with."""
    ways = [name for name in ("to", "url", "streamurl") if one.get(name)]
    if len(ways) != 1:
        client.refuse(call, "One of To, Url and StreamUrl is needed")
    if ways == ["to"]:
        client.refuse(call, "The lab connects to flows and streams only")
    if ways == ["url"] and not FLOW.fullmatch(one["url"]):
        client.refuse(call, "Url is not a flow's: http://my.exotel.com/{sid}/exoml/start_voice/{app_id}")
    if ways == ["streamurl"]:
        stream = one["streamurl"]
        if urlsplit(stream).scheme not in ("ws", "wss") or len(stream) > LONGEST_STREAM_URL:
            client.refuse(call, f"StreamUrl is ws:// or wss://, of {LONGEST_STREAM_URL} characters at most")
        if one.get("streamtype") != "bidirectional":
            client.refuse(call, "StreamType is bidirectional")
    if len(one.get("customfield", "")) > LONGEST_FIELD:
        client.refuse(call, f"CustomField is longer than {LONGEST_FIELD} characters")
    if int(one.get("timelimit", "0")) > LONGEST_CALL:
        client.refuse(call, f"TimeLimit is {LONGEST_CALL} at most")
    back = one.get("statuscallback", "")
    if back and urlsplit(back).scheme not in ("http", "https"):
        client.refuse(call, "StatusCallback is not a valid URL")
    if one.get("statuscallbackcontenttype", WRITTEN[0]) not in WRITTEN:
        client.refuse(call, f"StatusCallbackContentType is one of {', '.join(WRITTEN)}")


def fetch(carrier: "Exotel", call: Call) -> Response:
    """GET /v1/…/Calls/{sid}.json. Raises `Refused`."""
    client.admit(call, carrier.tokens)
    leg = carrier.legs.get(call.params["sid"])
    if leg is None or leg.account != call.params["account"]:
        raise Refused(client.refusal(404, call))
    told = resource(leg)
    if call.query.get("details") == "true":
        seconds = round(leg.seconds)
        told["Details"] = {
            "ConversationDuration": seconds, "Leg1Status": leg.state, "Leg2Status": None,
            "Legs": [{"Leg": {"Id": 1, "OnCallDuration": seconds}}],
        }  # fmt: skip
    return _answer(call, {"Call": told})


def listed(carrier: "Exotel", call: Call) -> Response:
    """GET /v1/…/Calls.json: those that have ended, newest first, in pages by a cursor. Raises `Refused`."""
    client.admit(call, carrier.tokens)
    query = call.query
    size = int(query.get("PageSize", "50"))
    if not 1 <= size <= 100:
        client.refuse(call, "PageSize is 100 at most")
    since, until = _range(call, query.get("DateCreated", ""))
    found = [
        leg
        for leg in reversed(carrier.legs.values())
        if leg.account == call.params["account"]
        and leg.state in ENDED
        and since <= client.stamp(leg.created) <= until
        and all(_among(query.get(name, ""), told) for name, told in _told(leg))
    ]
    after = int(query.get("After", "0"))
    here, more = found[after : after + size], found[after + size :]
    kept = urlencode({name: value for name, value in query.items() if name not in ("After", "Before")})
    metadata = {
        "Total": len(found), "PageSize": size, "FirstPageUri": f"{call.path}?{kept}",
        "PrevPageUri": f"{call.path}?{kept}&Before={after}" if after else None,
        "NextPageUri": f"{call.path}?{kept}&After={after + size}" if more else None,
    }  # fmt: skip
    return _answer(call, {"Metadata": metadata, "Calls": [resource(leg) for leg in here]})


def resource(leg: Leg) -> dict[str, Any]:
    """A call as Exotel shows it: `From` is whoever was called first, `PhoneNumberSid` the ExoPhone."""
    ended = leg.state in ENDED
    over = leg.created if leg.ended_at is None else leg.created + leg.ended_at - leg.asked_at
    seconds = round(leg.seconds)
    outbound = leg.direction == "outbound"
    return {
        "Sid": leg.id, "ParentCallSid": None, "DateCreated": client.stamp(leg.created), "DateUpdated": client.stamp(over),
        "AccountSid": leg.account, "To": None if outbound else client.national(leg.to),
        "From": client.national(leg.to if outbound else leg.from_),
        "PhoneNumberSid": client.national(leg.from_ if outbound else leg.to), "Status": leg.state,
        "StartTime": client.stamp(leg.created), "EndTime": client.stamp(over) if ended else None,
        "Duration": str(seconds) if ended else None, "Price": f"{0.5 * (1 + seconds // 60):.3f}" if ended else None,
        "Direction": "outbound-api" if outbound else "inbound", "AnsweredBy": None, "ForwardedFrom": None,
        "CallerName": None, "Uri": f"/v1/Accounts/{leg.account}/Calls.json/{leg.id}", "RecordingUrl": None,
    }  # fmt: skip


def _told(leg: Leg) -> list[tuple[str, str]]:
    """What a list can be narrowed by."""
    outbound = leg.direction == "outbound"
    return [
        ("Sid", leg.id), ("From", leg.to if outbound else leg.from_), ("To", "" if outbound else leg.to),
        ("PhoneNumber", leg.from_ if outbound else leg.to), ("Status", leg.state),
        ("Direction", "outbound-api" if outbound else "inbound"),
    ]  # fmt: skip


def _among(wanted: str, told: str) -> bool:
    return not wanted or told in wanted.split(",") or client.national(told) in wanted.split(",")


def _range(call: Call, written: str) -> tuple[str, str]:
    """The bounds of a filter such as `gte:2019-01-01 00:00:00;lte:2019-01-31 23:59:59`. Raises `Refused`."""
    bounds = {"gte": "", "lte": "9999"}
    for part in filter(None, written.split(";")):
        name, _, bound = part.partition(":")
        if name not in bounds or not re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", bound):
            client.refuse(call, f"DateCreated: {part}")
        bounds[name] = bound
    return bounds["gte"], bounds["lte"]


def _form(call: Call) -> dict[str, list[str]]:
    """A form of either kind; names count in any case, and lists may be numbered."""
    pairs = parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True)
    if parts := fields(call):
        pairs = [(name, one.decode()) for name, values in parts.items() for one in values]
    form: dict[str, list[str]] = {}
    for name, value in pairs:
        form.setdefault(re.sub(r"\[\d+\]$", "[]", name.lower()), []).append(value)
    return form


def _answer(call: Call, document: Any) -> Response:
    return Response(200, client.headers(call), encode(document))
