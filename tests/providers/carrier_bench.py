"""Carriers' adapters in front of the lab: asked on a real transport, and talked with on real sockets."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange
from integration_api.core.media import Heard, Media, MediaEvent, Started
from integration_api.core.provider import Provider, Telephony
from integration_api.core.session import HangUp, Say
from integration_api.core.telephony import CallReport, CallState, DialRequest, Notice, Routes
from integration_api.transport.drive import Trace, Transport
from lab import Lab
from lab.http import Peer
from lab.phone import Act, Phone
from tests.lab.callee import Callee, Told
from tests.transport.upstream import Held

TO, FROM = "+4930123456", "+15005550006"
FAST = 50.0


@dataclass
class Bench:
    """One carrier's adapter on a real transport, in front of the lab; a callee that tells what it is told."""

    lab: Lab
    us: Callee
    over: Transport
    provider: Provider
    credential: Credential
    secrets: Mapping[str, str]
    notice: Callable[[Told], Notice]
    """How one of its webhooks is read."""
    to: str = TO
    from_: str = FROM
    carrier: Any = field(init=False)
    routes: Routes = field(init=False)
    dialed: CallReport | None = None
    """What was told of the last call when it was dialed."""

    def __post_init__(self) -> None:
        self.carrier = self.lab.carriers[self.provider.name]
        self.routes = Routes(f"{self.us.http}/status", f"{self.us.ws}/media")

    @property
    def phone(self) -> Telephony:
        assert self.provider.telephony is not None
        return self.provider.telephony

    async def run(self, exchange: Exchange[Any], account: str = "account", **secrets: str) -> Any:
        held = Held(**{**self.secrets, **secrets})
        try:
            return await self.over.run(exchange, self.provider.fault, held, Trace(0.0), account)
        finally:
            assert not held.lent or held.all_wiped

    async def dial(self, **more: Any) -> str:
        asked = DialRequest(**{"to": self.to, "from_": self.from_, "routes": self.routes, **more})
        self.dialed = report = await self.run(self.phone.dial(asked, self.credential))
        assert report.state is CallState.DIALING
        return str(report.provider_call_id)

    async def over_is(self, id: str) -> None:
        async with asyncio.timeout(60):
            await self.carrier.legs[id].done.wait()

    @property
    def events(self) -> list[Any]:
        told = [self.notice(one) for one in self.us.told if one.path == "/status"]
        return [event for one in told for event in self.phone.events(one)]

    @property
    def states(self) -> list[CallState]:
        return [event.report.state for event in self.events if event.report is not None]


class Talk:
    """Our media session on a socket: what it was told, and what it does when something is told."""

    def __init__(
        self,
        media: Callable[[], Media],
        does: Callable[[Any, MediaEvent], list[Any]] = lambda session, event: [],
    ) -> None:
        self.media = media
        self.does = does
        self.told: list[MediaEvent] = []

    async def __call__(self, peer: Peer) -> None:
        session = self.media()
        while (message := await peer.receive()) is not None:
            for event in session.feed(message):
                if isinstance(event, Say):
                    await peer.send(event.message)
                    continue
                self.told.append(event)
                for one in self.does(session, event):
                    if isinstance(one, Say):
                        await peer.send(one.message)
                    elif isinstance(one, HangUp):
                        await peer.close()
                        self.told += session.close()
                        return
                    else:
                        self.told.append(one)
        self.told += session.close()

    @property
    def heard(self) -> bytes:
        return b"".join(one.data for one in self.told if isinstance(one, Heard))

    def of(self, kind: type) -> list[Any]:
        return [one for one in self.told if isinstance(one, kind)]


def saying(sound: bytes) -> Callable[[Any, MediaEvent], list[Any]]:
    """Once it has started say a sound, in pieces that are as long as nobody's, and mark its end."""

    def say(session: Any, event: MediaEvent) -> list[Any]:
        if not isinstance(event, Started):
            return []
        pieces = [sound[at : at + 333] for at in range(0, len(sound), 333)]
        return [act for piece in pieces for act in session.say(piece)] + [*session.mark("said")]

    return say


def said(*acts: Act, **more: Any) -> Phone:
    return Phone(acts=list(acts), **{"speed": FAST, **more})
