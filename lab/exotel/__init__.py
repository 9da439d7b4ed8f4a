"""Exotel: Voice v1 and AgentStream (developer.exotel.com/docs/agentstream, /docs/voice-v1).

There is no SDK: all of it is derived from documentation; its media socket is also what Pipecat reads and writes. What the
documentation says in two ways depends on the ExoPhone: see `resources.NUMBERS`. `tokens` are API tokens by their key.
"""

import time
from collections import deque
from typing import ClassVar

from lab.carrier import Arrival, Carrier, Leg
from lab.exotel import client, resources
from lab.exotel.live import inbound, outbound
from lab.http import Call, Provider, Response
from lab.phone import Line

HOME = "/Accounts/{account}"
WINDOW_SECONDS = 60.0
CALLS_A_WINDOW = 200
"""More are refused (developer.exotel.com/docs/references/error-codes)."""


class Exotel(Carrier):
    """Exotel's side of all its calls. Nobody's calls wait: more than 200 within a minute are refused."""

    name: ClassVar[str] = "exotel"
    sound = resources.PLAIN.sound

    def __init__(self) -> None:
        super().__init__()
        self.flows: dict[str, str] = {}
        """The URL of the Voicebot applet that is all of a flow, by the flow's id."""
        self._let_in: dict[str, deque[float]] = {}
        """When each account's calls of the last minute were."""
        self.provider = Provider(
            name=self.name,
            routes={
                ("GET", f"/v1{HOME}.json"): self._of(resources.account),
                ("POST", f"/v1{HOME}/Calls/connect.json"): self._of(resources.create),
                ("GET", f"/v1{HOME}/Calls.json"): self._of(resources.listed),
                ("GET", f"/v1{HOME}/Calls/{{sid}}.json"): self._of(resources.fetch),
                ("GET", f"/v2_beta{HOME}/IncomingPhoneNumbers"): self._of(resources.numbers),
            },
            by_id={},
            refusal=client.refusal,
            stream_headers=client.headers,
            example=(
                "curl -u key:any {origin}/exotel/v1/Accounts/lab1/Calls/connect.json -d From=+919876543210 "
                "-d CallerId=+918047491899 -d StreamUrl=ws://127.0.0.1:5001/media -d StreamType=bidirectional"
            ),
        )

    def _of(self, handler: resources.Handler) -> "resources.Bound":
        def bound(call: Call) -> Response:
            return handler(self, call)

        return bound

    def admitted(self, account: str) -> float | None:
        """`calls_per_second` is how many, on average, a minute lets in."""
        now = time.monotonic()
        most = CALLS_A_WINDOW
        if self.calls_per_second is not None:
            most = round(self.calls_per_second * WINDOW_SECONDS)
        newest = self._let_in.setdefault(account, deque())
        while newest and now - newest[0] >= WINDOW_SECONDS:
            newest.popleft()
        let_in = len(newest) < most
        if let_in:
            newest.append(now)
        self.asked.append((now, let_in))
        return 0.0 if let_in else None

    def clear(self) -> None:
        super().clear()
        self.flows.clear()
        self._let_in.clear()

    async def live(self, leg: Leg) -> None:
        await (outbound if leg.direction == "outbound" else inbound)(self, leg)

    def arrive(self, arrival: Arrival) -> Leg:
        """`url` is the Voicebot applet's, `status` that of a Passthru applet behind it. Raises `ValueError` without
        the first.
        """
        if not arrival.url:
            raise ValueError("url: where the Voicebot applet connects to, or asks")
        phone = arrival.phone or self.phone(arrival.from_)
        leg = Leg(
            id=client.sid(self.identity()),
            account=arrival.account or resources.DEFAULT_ACCOUNT,
            to=arrival.to,
            from_=arrival.from_,
            direction="inbound",
            phone=phone,
            line=Line(phone, self.sound),
            state="in-progress",
            more={"url": arrival.url, "passthru": arrival.status, "style": resources.style(arrival.to)},
        )
        self.begin(leg)
        return leg
