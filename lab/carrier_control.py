"""The lab's routes under `/_lab/carriers/`: see `lab.carrier` for what each does."""

from collections.abc import Mapping
from typing import Any

import msgspec

from lab.carrier import Arrival, Carrier, Given
from lab.http import JSON, Call, Response, encode
from lab.phone import Act


class Acts(msgspec.Struct, forbid_unknown_fields=True):
    """What a telephone is to do beside what it does."""

    acts: list[Act]


def answer(carriers: Mapping[str, Carrier], call: Call, route: str) -> Response:
    """The answer to a control request. Raises `KeyError` for a carrier there is not, `msgspec.MsgspecError` for a
    body that does not fit.
    """
    name, _, rest = route.partition("/")
    carrier = carriers[name]
    part, _, sid = rest.partition("/")
    match call.method, part, sid:
        case "GET", "", "":
            return _said(200, carrier.report())
        case (("PUT" | "POST"), "", ""):
            carrier.set(msgspec.json.decode(call.body, type=Given))
        case "DELETE", "", "":
            carrier.clear()
        case "POST", "calls", "":
            try:
                leg = carrier.arrive(msgspec.json.decode(call.body, type=Arrival))
            except ValueError as error:
                return _said(400, {"error": str(error)})
            return _said(201, leg.report())
        case (("GET" | "POST"), "calls", _):
            found = carrier.legs.get(sid)
            if found is None:
                return _said(404, {"error": f"{name} has no call {sid}"})
            if call.method == "POST":
                carrier.act(found, msgspec.json.decode(call.body, type=Acts).acts)
            return _said(200, found.report(sound=True))
        case _:
            return _said(404, {"error": "No such route of a carrier."})
    return _said(200, {"ok": True})


def _said(status: int, document: Any) -> Response:
    return Response(status, [("content-type", JSON)], encode(document))
