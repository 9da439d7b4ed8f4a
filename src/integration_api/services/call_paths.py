"""Where carriers find this service: one address for each thing that they ask or tell, which nobody else knows."""

from integration_api.core.errors import Failure, Kind
from integration_api.core.telephony import Routes
from integration_api.core.telephony_records import CallRecord, InboundRoute
from integration_api.services.opaque import Opaques, Place

PREFIX = "/telephony"
ANSWER, STATUS, MEDIA = "answer", "status", "media"


class CallPaths:
    def __init__(self, opaques: Opaques, public_url: str) -> None:
        """`public_url` has no slash at its end; it is "" where carriers can not reach this service."""
        self._opaques = opaques
        self._url = public_url

    def check(self) -> None:
        """Raise `Failure` (UNSUPPORTED) unless carriers can reach this service."""
        if not self._url:
            raise Failure(
                Kind.UNSUPPORTED,
                "this service takes no part in telephone calls: its operator has not set TELEPHONY__PUBLIC_URL,"
                " the address at which carriers reach it",
                code="telephony_not_configured",
            )

    def of_call(self, call: CallRecord) -> Routes:
        """Return where the carrier tells of a call, and where its next media socket goes. Raises as `check` does."""
        return Routes(
            status=self._at(call.provider, self._call(call), STATUS),
            media=_websocket(
                self._at(
                    call.provider,
                    self._opaques.seal(Place.MEDIA, call.tenant, call.id, call.media_generation),
                    MEDIA,
                )
            ),
        )

    def of_route(self, route: InboundRoute) -> tuple[str, str]:
        """Return where the carrier asks what to do with a route's calls, and where it tells of them."""
        opaque = self._opaques.seal(Place.ROUTE, route.tenant, route.id)
        return self._at(route.provider, opaque, ANSWER), self._at(route.provider, opaque, STATUS)

    def heard(self, path: str, query: str, *, socket: bool = False) -> str:
        """Return the URL of a request as its sender knows it."""
        url = self._url + path + ("?" + query if query else "")
        return _websocket(url) if socket else url

    def _call(self, call: CallRecord) -> str:
        return self._opaques.seal(Place.CALL, call.tenant, call.id)

    def _at(self, provider: str, opaque: str, what: str) -> str:
        self.check()
        return f"{self._url}{PREFIX}/{provider}/{opaque}/{what}"


def _websocket(url: str) -> str:
    return "ws" + url.removeprefix("http")
