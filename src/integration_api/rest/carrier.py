"""What carriers ask and tell: `/telephony/{provider}/{opaque}/answer`, `/status` and `/media`.

Public routes: who calls here has no key of ours. Each request proves itself, see `services/webhook.py`.
"""

import re
from collections.abc import Sequence

from integration_api.core.errors import Failure, Kind
from integration_api.edge.application import Headers, Response, Upgrade, WebSocket
from integration_api.rest.form import read_form
from integration_api.rest.routing import Ask, Route
from integration_api.services.call_paths import ANSWER, MEDIA, PREFIX, STATUS, CallPaths
from integration_api.services.media import MediaHub
from integration_api.services.proof import Evidence
from integration_api.services.webhook import Knock, Webhooks
from integration_api.telemetry.log import Log

OVERLOADED = 1013
"""The close code that says: try again later."""
KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
"""Of a handshake: 16 bytes."""


class CarrierDoor:
    def __init__(self, webhooks: Webhooks, hub: MediaHub, paths: CallPaths, log: Log) -> None:
        self._webhooks = webhooks
        self._hub = hub
        self._paths = paths
        self._log = log

    async def answer(self, ask: Ask) -> Response:
        document = await self._webhooks.answer(self._knock(ask))
        return Response(200, [(b"content-type", document.content_type.encode())], document.body)

    async def status(self, ask: Ask) -> Response:
        await self._webhooks.status(self._knock(ask))
        return Response(200, [(b"content-type", b"text/plain")])

    async def media(self, ask: Ask) -> Upgrade:
        if not _shakes_hands(ask.request.headers):
            # A path is good once: it is not spent on what is no handshake.
            raise Failure(Kind.INVALID_REQUEST, "this address takes a WebSocket", code="websocket_required")
        admitted = await self._webhooks.media(self._knock(ask, socket=True))

        async def talk(socket: WebSocket) -> None:
            try:
                await self._hub.serve(admitted, socket)
            except Failure as failure:
                self._log.warning("media_refused", provider=admitted.provider.name, code=failure.code)
                await socket.close(OVERLOADED)

        return Upgrade(talk)

    def _knock(self, ask: Ask, *, socket: bool = False) -> Knock:
        request = ask.request
        if request.method not in ("GET", "POST"):
            raise Failure(Kind.UNSUPPORTED, "this route takes GET, POST", code="method_not_allowed")

        def multipart() -> Sequence[tuple[str, str]]:
            fields = read_form(ask).fields()
            return [(name, value) for name, values in fields.items() for value in values]

        return Knock(
            provider=ask.params["provider"],
            opaque=ask.params["opaque"],
            query=request.query,
            evidence=Evidence(
                method=request.method,
                url=self._paths.heard(request.path, request.query, socket=socket),
                headers=request.headers,
                body=request.body,
                client=request.client,
            ),
            multipart=multipart,
        )

    def routes(self) -> list[Route]:
        base = PREFIX + "/{provider}/{opaque}/"
        said = {
            403: "The request is not proven to be the carrier's",
            404: "There is no such address",
            409: "It has been used, or said, before",
        }
        return [
            *(
                Route(method=method, path=base + path, handler=handler, scope=None, summary=summary,
                      media=media, answer=str, responses=said)
                for method in ("GET", "POST")
                for path, handler, summary, media in (
                    (ANSWER, self.answer, "A carrier asks what to do with a call", "*/*"),
                    (STATUS, self.status, "A carrier tells how a call stands", "text/plain"),
                )
            ),
            Route(method="GET", path=base + MEDIA, handler=self.media, scope=None, status=101,
                  summary="A carrier's media socket, good once", responses=said),
        ]  # fmt: skip


def _shakes_hands(headers: Headers) -> bool:
    """Tell whether the edge will make a WebSocket of a request. https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1"""
    connection = headers.get(b"connection", b"").lower().split(b",")
    return (
        headers.get(b"upgrade", b"").lower() == b"websocket"
        and b"upgrade" in [token.strip() for token in connection]
        and headers.get(b"sec-websocket-version") == b"13"
        and KEY.fullmatch(headers.get(b"sec-websocket-key", b"")) is not None
    )
