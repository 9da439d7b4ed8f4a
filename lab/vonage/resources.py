"""Vonage's REST: calls (developer.vonage.com/en/api/voice), and the account's numbers and balance."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import msgspec

from lab.carrier import Leg
from lab.http import Call, Refused, Response, encode
from lab.keys import verdict
from lab.phone import Line
from lab.vonage import client

if TYPE_CHECKING:
    from lab.vonage import Vonage

Handler = Callable[["Vonage", Call], Response]
Bound = Callable[[Call], Response]
NUMBERS = ("15005550006", "15005550016", "15005550026")
"""Of every account."""
RATE = 0.1
"""Euros a minute."""
_NUMBER = re.compile(r"\d{7,15}")
_DIGITS = re.compile(r"[0-9#*p]+")


def create(carrier: "Vonage", call: Call) -> Response:
    """POST /v1/calls. Raises `Refused`."""
    name = client.application(call, carrier.tokens)
    asked = _body(call)
    to = _number(call, "to", asked.get("to"))
    chosen = asked.get("random_from_number")
    if bool(asked.get("from")) == bool(chosen):
        client.refuse(call, "from", "must be given, or random_from_number be true")
    from_ = NUMBERS[0] if chosen else _number(call, "from", [asked["from"]])
    if ("ncco" in asked) == ("answer_url" in asked):
        client.refuse(call, "ncco", "must be given, or answer_url")
    if "ncco" in asked and not (isinstance(asked["ncco"], list) and asked["ncco"]):
        client.refuse(call, "ncco", "must be a list of actions")
    for url in ("answer_url", "event_url"):
        if url in asked and not _address(asked[url]):
            client.refuse(call, url, "must be a list of one URL")
    for field, most in (("ringing_timer", 120), ("length_timer", 86_400)):
        seconds = asked.get(field, 1)
        if not isinstance(seconds, int) or not 1 <= seconds <= most:
            client.refuse(call, field, f"must be between 1 and {most}")
    if asked.get("machine_detection", "continue") not in ("continue", "hangup"):
        client.refuse(call, "machine_detection", "must be continue or hangup")
    if verdict(name) == "noquota":
        client.refuse_for_money(call)
    if carrier.admitted(name) is None:
        raise Refused(client.refusal(429, call))
    phone = carrier.phone(f"+{to}")
    leg = Leg(
        id=carrier.uuid(),
        account=name,
        to=f"+{to}",
        from_=f"+{from_}",
        direction="outbound",
        phone=phone,
        line=Line(phone, carrier.sound),
        state="started",
        more={
            "asked": asked, "ncco": asked.get("ncco"), "url": asked.get("answer_url", [""])[0],
            "method": asked.get("answer_method", "GET"), "conversation": carrier.conversation(),
            "event_url": asked.get("event_url", [""])[0], "event_method": asked.get("event_method", "POST"),
        },
    )  # fmt: skip
    carrier.begin(leg)
    shown = {
        "uuid": leg.id,
        "status": "started",
        "direction": "outbound",
        "conversation_uuid": leg.more["conversation"],
    }
    return _answer(call, shown, 201)


def listed(carrier: "Vonage", call: Call) -> Response:
    """GET /v1/calls: legs of calls, those of sockets among them. Raises `Refused`."""
    name = client.application(call, carrier.tokens)
    query = call.query
    size, index = _whole(call, "page_size", 10, 1, 100), _whole(call, "record_index", 0, 0, 1_000_000)
    since, until = (_moment(call, one) for one in ("date_start", "date_end"))
    found = [
        shown
        for leg in carrier.legs.values()
        if leg.account == name
        and (since is None or leg.created >= since)
        and (until is None or leg.created <= until)
        and query.get("conversation_uuid", leg.more["conversation"]) == leg.more["conversation"]
        for shown in (resource(leg), *leg.more.get("sockets", ()))
        if query.get("status", shown["status"]) == shown["status"]
    ]
    if query.get("order", "asc") == "desc":
        found.reverse()
    here = found[index : index + size]
    links = {"self": _page(query, index), "first": _page(query, 0)}
    if index + size < len(found):
        links["next"] = _page(query, index + size)
    return _answer(call, {
        "count": len(found), "page_size": size, "record_index": index, "_embedded": {"calls": here}, "_links": links,
    })  # fmt: skip


def fetch(carrier: "Vonage", call: Call) -> Response:
    """GET /v1/calls/{uuid}. Raises `Refused`."""
    return _answer(call, resource(_leg(carrier, call)))


def update(carrier: "Vonage", call: Call) -> Response:
    """PUT /v1/calls/{uuid}: hang up, or go on with another document. Raises `Refused`."""
    leg = _leg(carrier, call)
    if leg.over:
        client.refuse(call, "uuid", "is of a call that is not active")
    match _body(call):
        case {"action": "hangup"}:
            leg.hangup()
        case {"action": "transfer", "destination": {"type": "ncco", "ncco": list(ncco)}} if ncco:
            _go_on(call, leg, {"ncco": ncco, "url": ""})
        case {"action": "transfer", "destination": {"type": "ncco", "url": [str(url)]}}:
            _go_on(call, leg, {"ncco": None, "url": url})
        case _:
            client.refuse(call, "action", "must be hangup or transfer, with a destination")
    return Response(204, client.headers(call)[1:])


def dtmf(carrier: "Vonage", call: Call) -> Response:
    """PUT /v1/calls/{uuid}/dtmf. Raises `Refused`."""
    leg = _leg(carrier, call)
    digits = _body(call).get("digits")
    if not isinstance(digits, str) or not _DIGITS.fullmatch(digits):
        client.refuse(call, "digits", "must be of 0 to 9, *, # and p")
    if leg.over or leg.answered_at is None:
        client.refuse(call, "uuid", "is of a call that is not active")
    leg.keyed += digits
    return _answer(call, {"message": "DTMF sent", "uuid": leg.id})


def numbers(carrier: "Vonage", call: Call) -> Response:
    """GET /account/numbers. Raises `Refused`."""
    client.account(call, carrier.tokens)
    size, index = _whole(call, "size", 10, 1, 100), _whole(call, "index", 1, 1, 1_000_000)
    here = NUMBERS[(index - 1) * size : index * size]
    return _answer(call, {
        "count": len(NUMBERS),
        "numbers": [
            {"country": "US", "msisdn": one, "type": "mobile-lvn", "features": ["VOICE", "SMS"]} for one in here
        ],
    } if here else {})  # fmt: skip


def balance(carrier: "Vonage", call: Call) -> Response:
    """GET /account/get-balance. Raises `Refused`."""
    key = client.account(call, carrier.tokens)
    poor = verdict(carrier.tokens[key]) == "noquota"
    return _answer(call, {"value": 0.0 if poor else 10.28, "autoReload": False})


def resource(leg: Leg) -> dict[str, Any]:
    """A call as Vonage shows it."""
    shown = {
        "_links": {"self": {"href": f"/v1/calls/{leg.id}"}}, "uuid": leg.id, "status": leg.state,
        "conversation_uuid": leg.more["conversation"], "direction": leg.direction,
        "to": {"type": "phone", "number": bare(leg.to)}, "from": {"type": "phone", "number": bare(leg.from_)},
    }  # fmt: skip
    return shown | (summary(leg) if leg.state == "completed" else {})


def summary(leg: Leg) -> dict[str, str]:
    """What is known of a call that was spoken on once it is over."""
    seconds = round(leg.seconds)
    began = leg.created + (leg.answered_at or leg.asked_at) - leg.asked_at
    return {
        "start_time": stamp(began), "end_time": stamp(began + seconds), "duration": str(seconds),
        "rate": f"{RATE:.8f}", "price": f"{RATE * seconds / 60:.8f}", "network": "23420",
    }  # fmt: skip


def bare(number: str) -> str:
    """A number as Vonage writes it."""
    return number.removeprefix("+")


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _leg(carrier: "Vonage", call: Call) -> Leg:
    name = client.application(call, carrier.tokens)
    leg = carrier.legs.get(call.params["uuid"])
    if leg is None or leg.account != name:
        raise Refused(client.refusal(404, call))
    return leg


def _go_on(call: Call, leg: Leg, document: dict[str, Any]) -> None:
    if leg.answered_at is None:
        client.refuse(call, "uuid", "is of a call that is not active")
    leg.more |= document | {"redirected": True, "method": "GET"}
    leg.changed.set()


def _body(call: Call) -> dict[str, Any]:
    try:
        said = msgspec.json.decode(call.body)
    except msgspec.DecodeError:
        said = None
    if not isinstance(said, dict):
        client.refuse(call, "body", "must be a JSON object")
    return said


def _number(call: Call, field: str, given: Any) -> str:
    number = ""
    match given:
        case [{"type": "phone", "number": str(number)}]:
            pass
    if not _NUMBER.fullmatch(number):
        client.refuse(call, field, "must be one phone number of 7 to 15 digits")
    return number


def _address(given: Any) -> bool:
    return (
        isinstance(given, list)
        and len(given) == 1
        and isinstance(given[0], str)
        and urlsplit(given[0]).scheme in ("http", "https")
    )


def _whole(call: Call, field: str, usual: int, least: int, most: int) -> int:
    written = call.query.get(field, str(usual))
    if not written.isdecimal() or not least <= int(written) <= most:
        client.refuse(call, field, f"must be between {least} and {most}")
    return int(written)


def _moment(call: Call, field: str) -> float | None:
    written = call.query.get(field, "")
    try:
        at = datetime.fromisoformat(written) if written else None
    except ValueError:
        client.refuse(call, field, "must be a date and time of ISO 8601")
    return None if at is None else (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _page(query: dict[str, str], index: int) -> dict[str, str]:
    return {"href": f"/v1/calls?{urlencode({**query, 'record_index': index})}"}


def _answer(call: Call, document: Any, status: int = 200) -> Response:
    return Response(status, client.headers(call), encode(document))
