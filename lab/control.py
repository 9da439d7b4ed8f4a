"""The lab's own routes under `/_lab/`: scripts, faults, recordings, requests received, counters."""

from collections.abc import Mapping
from typing import Any

import msgspec

from lab import carrier_control
from lab.carrier import Carrier
from lab.desk import Desk
from lab.faults import Fault
from lab.http import JSON, Call, Response, encode
from lab.replay import Recording
from lab.script import Answer, Queue

_ROUTES = {
    "GET /_lab/stats": "counters, live connections, clients that left midway",
    "GET /_lab/requests?provider=": "requests received, keys replaced by their SHA-256",
    "DELETE /_lab/requests": "forget them",
    "GET|PUT|POST|DELETE /_lab/script": '{"openai": [{"text": "Hello"}]}: PUT replaces, POST appends',
    "GET|PUT|POST|DELETE /_lab/faults": '{"openai": [{"status": 503, "headers": {"retry-after": "1"}}]}',
    "PUT|POST|DELETE /_lab/replay": '{"openai": [a recording, …]}',
    "/_lab/carriers/": "telephones, calls and notices of a carrier: see lab/carrier.py",
    "DELETE /_lab": "forget everything",
}


class Control:
    """Answers the control routes of one desk."""

    def __init__(self, desk: Desk, carriers: Mapping[str, Carrier]) -> None:
        self.desk = desk
        self.carriers = carriers

    def __call__(self, call: Call) -> Response:
        """The answer to a control request; a body that does not fit is refused with 400 and its reason."""
        route = call.path.removeprefix("/_lab").strip("/")
        try:
            return self._route(call, route)
        except msgspec.MsgspecError as error:
            return _said(400, {"error": str(error)})
        except KeyError as error:
            return _said(400, {"error": f"There is no provider {error}. There are: {[*self.desk.providers]}"})

    def _route(self, call: Call, route: str) -> Response:
        desk = self.desk
        if route.startswith("carriers/"):
            return carrier_control.answer(self.carriers, call, route.removeprefix("carriers/"))
        match call.method, route:
            case "GET", "":
                return _said(200, {"providers": [*desk.providers], "routes": _ROUTES})
            case "DELETE", "":
                desk.clear()
                for carrier in self.carriers.values():
                    carrier.clear()
            case "GET", "stats":
                return _said(200, desk.stats.report())
            case "GET", "requests":
                wanted = call.query.get("provider")
                found = [one for one in desk.requests if wanted in (None, one.provider)]
                return _said(200, {"requests": [one.report() for one in found]})
            case "DELETE", "requests":
                desk.requests.clear()
            case (("GET" | "PUT" | "POST" | "DELETE"), "script"):
                return self._queue(call, desk.answers, Answer)
            case (("GET" | "PUT" | "POST" | "DELETE"), "faults"):
                return self._queue(call, desk.faults, Fault)
            case (("PUT" | "POST" | "DELETE"), "replay"):
                return self._replay(call)
            case _:
                return _said(404, {"error": "No such route of the lab.", "routes": _ROUTES})
        return _said(200, {"ok": True})

    def _queue(self, call: Call, queues: dict[str, Queue[Any]], item: Any) -> Response:
        if call.method in ("PUT", "POST"):
            given = msgspec.json.decode(call.body, type=dict[str, list[item]])
            named = [(queues[name], items) for name, items in given.items()]
            for queue, items in named:
                if call.method == "PUT":
                    queue.clear()
                queue.add(items)
        elif call.method == "DELETE":
            for queue in queues.values():
                queue.clear()
        return _said(200, {name: list(queue) for name, queue in queues.items() if len(queue)})

    def _replay(self, call: Call) -> Response:
        if call.method == "DELETE":
            for shelf in self.desk.shelves.values():
                shelf.clear()
        else:
            given = msgspec.json.decode(call.body, type=dict[str, list[Recording]])
            for shelf, recordings in [(self.desk.shelves[name], items) for name, items in given.items()]:
                if call.method == "PUT":
                    shelf.clear()
                shelf.add(recordings)
        return _said(200, {name: len(shelf) for name, shelf in self.desk.shelves.items() if shelf})


def _said(status: int, document: Any) -> Response:
    return Response(status, [("content-type", JSON)], encode(document))
