"""Twilio: Programmable Voice, its webhooks and media streams (www.twilio.com/docs/voice).

Its REST, documents and signatures are what Twilio's SDK sends, writes and checks; its media socket is what Pipecat reads and
writes. Which notices come when, and with what, is derived from documentation.
"""

from typing import ClassVar

from lab.carrier import Arrival, Carrier, Leg
from lab.http import Call, Provider, Response
from lab.phone import MULAW, Line
from lab.twilio import client, resources
from lab.twilio.live import inbound, outbound

HOME = "/2010-04-01/Accounts/{account}"


class Twilio(Carrier):
    """Twilio's side of all its calls. Numbers that refuse are those of its test credentials: see `resources`."""

    name: ClassVar[str] = "twilio"
    sound = MULAW

    def __init__(self) -> None:
        super().__init__()
        self.provider = Provider(
            name=self.name,
            routes={
                ("GET", f"{HOME}.json"): self._of(resources.account),
                ("POST", f"{HOME}/Calls.json"): self._of(resources.create),
                ("GET", f"{HOME}/Calls.json"): self._of(resources.listed),
                ("GET", f"{HOME}/Calls/{{sid}}.json"): self._of(resources.fetch),
                ("POST", f"{HOME}/Calls/{{sid}}.json"): self._of(resources.update),
                ("GET", f"{HOME}/IncomingPhoneNumbers.json"): self._of(resources.numbers),
            },
            by_id={},
            refusal=client.refusal,
            stream_headers=client.headers,
            example=(
                "curl -u AC00000000000000000000000000000001:any "
                "{origin}/twilio/2010-04-01/Accounts/AC00000000000000000000000000000001/Calls.json "
                "-d To=+4930123456 -d From=+15005550006 --data-urlencode 'Twiml=<Response><Hangup/></Response>'"
            ),
        )

    def _of(self, handler: resources.Handler) -> "resources.Bound":
        def bound(call: Call) -> Response:
            return handler(self, call)

        return bound

    def token(self, account: str) -> str:
        """The account's auth token: what was set, or what its first request was signed by."""
        return self.tokens.get(account, client.ANY)

    async def live(self, leg: Leg) -> None:
        await (outbound if leg.direction == "outbound" else inbound)(self, leg)

    def arrive(self, arrival: Arrival) -> Leg:
        """Raises `ValueError` without a URL to ask at."""
        if not arrival.url:
            raise ValueError("url: where the number's webhook is")
        account = arrival.account or next(iter(self.tokens), resources.DEFAULT_ACCOUNT)
        phone = arrival.phone or self.phone(arrival.from_)
        leg = Leg(
            id=client.sid("CA", self.identity()),
            account=account,
            to=arrival.to,
            from_=arrival.from_,
            direction="inbound",
            phone=phone,
            line=Line(phone, self.sound),
            state="ringing",
            more={"url": arrival.url, "status_callback": arrival.status, "events": {"completed"}},
        )
        self.begin(leg)
        return leg
