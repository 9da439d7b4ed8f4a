"""Vonage: the Voice API, its webhooks and WebSockets (developer.vonage.com/en/voice/voice-api).

`tokens` are an application's signature secret by its ID, its public key in PEM by `{ID}/public_key` (without one the
signatures of its tokens are not looked at), its account's key by `{ID}/api_key`, and secrets of accounts by their key.
Nobody's calls wait: more than `calls_per_second` are refused at once.

What the SDK neither asks for nor reads is derived from documentation: which notices come when and with what, the words of
refusals, and that a message which is no frame ends a socket.
"""

import time
import uuid
from collections import deque
from typing import ClassVar

from lab.carrier import Arrival, Carrier, Leg
from lab.http import Call, Provider, Response
from lab.phone import Line, linear
from lab.vonage import client, resources
from lab.vonage.live import inbound, outbound

APPLICATION = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
"""Whose calls come in where nobody says it."""


class Vonage(Carrier):
    """Vonage's side of all its calls."""

    name: ClassVar[str] = "vonage"
    sound = linear(16_000)
    nested_keys = False
    """Whether keys are told of in the other of the two spellings."""

    def __init__(self) -> None:
        super().__init__()
        self._let_in: dict[str, deque[float]] = {}
        """When each account's newest calls were."""
        self.provider = Provider(
            name=self.name,
            routes={
                ("POST", "/v1/calls"): self._of(resources.create),
                ("GET", "/v1/calls"): self._of(resources.listed),
                ("GET", "/v1/calls/{uuid}"): self._of(resources.fetch),
                ("PUT", "/v1/calls/{uuid}"): self._of(resources.update),
                ("PUT", "/v1/calls/{uuid}/dtmf"): self._of(resources.dtmf),
                ("GET", "/account/numbers"): self._of(resources.numbers),
                ("GET", "/account/get-balance"): self._of(resources.balance),
            },
            by_id={},
            refusal=client.refusal,
            stream_headers=client.headers,
            example="curl -u a1b2c3d4:any '{origin}/vonage/account/numbers?index=1&size=10'",
        )

    def _of(self, handler: resources.Handler) -> "resources.Bound":
        def bound(call: Call) -> Response:
            return handler(self, call)

        return bound

    def admitted(self, account: str) -> float | None:
        """More calls than may be asked for within a second are refused at once: nobody waits."""
        now = time.monotonic()
        let_in = True
        if self.calls_per_second:
            most = max(1, int(self.calls_per_second))
            newest = self._let_in.setdefault(account, deque(maxlen=most))
            let_in = len(newest) < most or now - newest[0] >= most / self.calls_per_second
            if let_in:
                newest.append(now)
        self.asked.append((now, let_in))
        return 0.0 if let_in else None

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.identity(), version=4))

    def conversation(self) -> str:
        return f"CON-{self.uuid()}"

    def clear(self) -> None:
        super().clear()
        self._let_in.clear()
        self.nested_keys = False

    async def live(self, leg: Leg) -> None:
        await (outbound if leg.direction == "outbound" else inbound)(self, leg)

    def arrive(self, arrival: Arrival) -> Leg:
        """Raises `ValueError` without a URL to ask at."""
        if not arrival.url:
            raise ValueError("url: where the application's answer webhook is")
        phone = arrival.phone or self.phone(arrival.from_)
        leg = Leg(
            id=self.uuid(),
            account=arrival.account or APPLICATION,
            to=arrival.to,
            from_=arrival.from_,
            direction="inbound",
            phone=phone,
            line=Line(phone, self.sound),
            state="started",
            more={
                "asked": {}, "ncco": None, "url": arrival.url, "method": arrival.method or "GET",
                "event_url": arrival.status, "event_method": "POST",
                "conversation": self.conversation(),
            },
        )  # fmt: skip
        self.begin(leg)
        return leg
