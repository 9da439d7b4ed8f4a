"""Where a request meets its answer: replayed, scripted or made up, and spoiled if a fault waits for it."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from urllib.parse import parse_qsl

from lab.distort import spoiled_body
from lab.faults import Fault
from lab.http import JSON, Call, Provider, Refused, Response, encode
from lab.keys import offered
from lab.record import Received, Stats, received
from lab.replay import Shelf
from lab.script import Answer, Queue
from lab.verbatim import broken, scripted

KEPT_REQUESTS = 1000  # the oldest are forgotten: the lab also runs under load


class Desk:
    """The state behind a lab: its providers, what waits to be answered, and what was received. `left` is set
    when a client leaves while it is being answered.
    """

    def __init__(self, providers: Iterable[Provider], *, kept: int = KEPT_REQUESTS) -> None:
        self.providers = {provider.name: provider for provider in providers}
        self.answers: dict[str, Queue[Answer]] = {name: Queue() for name in self.providers}
        self.faults: dict[str, Queue[Fault]] = {name: Queue() for name in self.providers}
        self.shelves: dict[str, Shelf] = {name: Shelf() for name in self.providers}
        self.requests: deque[Received] = deque(maxlen=kept)
        self.stats = Stats()
        self.control: Callable[[Call], Response] | None = None
        self.left = asyncio.Event()
        self._serial = 0

    def clear(self) -> None:
        """Forgets scripts, faults, recordings, requests and counters."""
        for name in self.providers:
            self.answers[name].clear()
            self.faults[name].clear()
            self.shelves[name].clear()
        self.requests.clear()
        self.stats.clear()
        self.left.clear()

    def call(
        self, method: str, target: str, headers: dict[str, str], body: bytes, scheme: str = "http"
    ) -> Call:
        """A request read from the wire."""
        path, _, query = target.partition("?")
        self._serial += 1
        return Call(
            method=method,
            path=path,
            query=dict(parse_qsl(query, keep_blank_values=True)) if query else {},
            headers=headers,
            body=body,
            target=target,
            origin=f"{scheme}://{headers.get('host', '')}",
            serial=self._serial,
        )

    def answer(self, call: Call, connection: int) -> tuple[Response, Fault | None]:
        """The answer to a request, and the fault it is to be played with."""
        if call.path.startswith("/_lab") and self.control is not None:
            return self.control(call), None
        _, name, rest = (*call.path.split("/", 2), "")[:3]
        provider = self.providers.get(name)
        if provider is None:
            return _nobody(call, self.providers), None
        call.provider = name
        call.path = "/" + rest
        self.stats.requests[name] = self.stats.requests.get(name, 0) + 1
        self.requests.append(received(call, connection))
        response = self._answered(call, provider)
        fault = self.faults[name].take() or call.fault
        asked = call.asked
        if fault is None:
            fault = asked.fault
        if asked.gap_ms and not response.gap_ms:
            response.gap_ms = asked.gap_ms
        if fault is not None and fault.echo_key and fault.end is None:
            words = f"The key {offered(call)} may not do this."
            response = provider.refusal(fault.status or 400, call, words)
            response.headers.append(("x-refusal", words))
        elif fault is not None and fault.status is not None:
            response = broken(fault, provider.refusal(fault.status, call))
        elif fault is not None and not response.streamed:
            # A whole answer has no middle to fail in: the failure is its status.
            failed = fault.error_midstream and response.status == 200
            response = provider.refusal(500, call) if failed else response
            response.body = spoiled_body(response.body, fault)
        return response, fault

    def _answered(self, call: Call, provider: Provider) -> Response:
        shelf = self.shelves[provider.name]
        if shelf and (replayed := shelf.take(call)) is not None:
            return replayed
        handler = provider.find(call)
        if handler is None:
            return provider.refusal(404, call)
        queue = self.answers[provider.name]
        call.take = queue.take
        waiting = queue.peek()
        if waiting is not None:
            call.fault = waiting.fault
        try:
            response = handler(call)
        except Refused as refused:
            call.fault = None
            return refused.response
        if call.asked.unknown:
            call.fault = None
            return _no_directive(call)
        if waiting is not None and waiting.verbatim:
            if queue.peek() is waiting:
                queue.take()
            response = scripted(waiting, provider.stream_headers(call))
            response.delay_ms = waiting.delay_ms
        return response


def _nobody(call: Call, providers: Iterable[str]) -> Response:
    known = ", ".join(f"/{name}/" for name in providers)
    message = f"The lab has nothing at {call.path}. Its providers live under {known}."
    return Response(404, [("content-type", JSON)], encode({"error": {"message": message}}))


def _no_directive(call: Call) -> Response:
    message = f"The lab does not know the directive lab-{call.asked.unknown} in the model's name."
    return Response(400, [("content-type", JSON)], encode({"error": {"message": message}}))
