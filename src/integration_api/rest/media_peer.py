"""GET /internal/media: another replica's way to the sound of a call that has come to this machine."""

from integration_api.core.errors import Failure, Kind
from integration_api.edge.application import Upgrade, WebSocket
from integration_api.rest.routing import Ask, Route
from integration_api.services.media import MediaHub
from integration_api.services.media_peers import PATH, MediaPeers, Taken


class MediaPeerDoor:
    def __init__(self, peers: MediaPeers, hub: MediaHub) -> None:
        self._peers = peers
        self._hub = hub

    async def media(self, ask: Ask) -> Upgrade:
        asked = self._peers.admit(ask.header(b"authorization"))
        if not await self._hub.admit(asked.tenant, asked.call_id):
            self._peers.refuse("not_here")
            raise Failure(Kind.NOT_FOUND, "the call's sound is not here", code="media_not_here")

        async def talk(socket: WebSocket) -> None:
            await socket.send(asked.proof)
            await self._hub.receive(Taken(socket), asked.tenant, asked.call_id)

        return Upgrade(talk)

    def routes(self) -> list[Route]:
        said = {
            401: "The request is not proven to be another replica's",
            404: "The call's sound is not here",
        }
        return [
            Route(method="GET", path=PATH, handler=self.media, scope=None, status=101, responses=said,
                  summary="Another replica asks for the sound of a call that has come to this machine"),
        ]  # fmt: skip
