"""A conversation with a provider by hand: every request it makes, and the answer it comes to."""

import json
from collections.abc import Callable
from typing import Any

from integration_api.core.exchange import Exchange, HttpRequest, HttpResponse
from integration_api.core.provider import Provider


def reply(body: Any, status: int = 200, **headers: str) -> HttpResponse:
    """Make a reply in JSON; header names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status, named, json.dumps(body).encode())


class Talk:
    """What was asked (`asked`) while each request got the next of the replies, and the `answer`.

    A reply may be made of the request it is to. Those of status 400 and above are thrown in as refusals.
    """

    def __init__(
        self,
        provider: Provider,
        exchange: Exchange[Any],
        *replies: HttpResponse | Callable[[Any], HttpResponse],
    ) -> None:
        self.asked: list[HttpRequest] = []
        self.answer: Any = None
        waiting = iter(replies)
        try:
            request = next(exchange)
            while True:
                self.asked.append(request)
                told = next(waiting)
                made = told(self.body()) if callable(told) else told
                if made.status < 400:
                    request = exchange.send(made)
                else:
                    request = exchange.throw(provider.fault(made))
        except StopIteration as done:
            self.answer = done.value

    def body(self, place: int = -1) -> Any:
        return json.loads(self.asked[place].body)
