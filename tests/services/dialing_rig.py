"""A dialer over a real store and a real transport, and a carrier on a socket that does what it was told."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from integration_api.app import House
from integration_api.core.records import Page
from integration_api.core.secret import Secret
from integration_api.core.telephony import CallState, Routes
from integration_api.core.telephony_records import BatchRecord, CallFilter, CallNote, CallRecord
from integration_api.core.tenant import Principal, Scope, Tenant
from integration_api.services.call import Origin
from integration_api.services.call_batches import BatchAsk, BatchRow, CallBatches
from integration_api.services.dial import Dials
from integration_api.services.dialing import Dialing
from integration_api.services.dialing_follow_up import Times
from integration_api.settings import load
from integration_api.telemetry.log import Log
from tests.e2e.service import ADMIN_KEY
from tests.transport.upstream import Asked, Upstream, answer

ACCOUNT = "AC" + "0" * 32
FROM = "+15005550006"
PATIENT = Times(lease=5.0, patience=5.0, stale=3600.0)
"""For tests in which nothing is waited for that long, on a machine that does other things besides."""
HASTY = Times(lease=0.6, patience=0.3, stale=3600.0)


@dataclass
class Carrier:
    """Speaks Twilio's calls. What becomes of the next call to a number is the first word of its script:

    busy, ring: made. 429, 400, 401, 500: refused, and not made. cut: not made, and no answer. made and cut, made and
    500, made and silent: made, and the answer does not say so.
    """

    script: dict[str, list[str]] = field(default_factory=dict)
    usually: str = "busy"
    away: bool = False
    """Whether nothing can be asked of it but to make calls."""
    slow: float = 0.0
    """Seconds before it answers."""
    asked: list[tuple[float, str]] = field(default_factory=list)
    """When it was asked to make a call (monotonic seconds), and to whom."""
    made: list[dict[str, Any]] = field(default_factory=list)
    questions: int = 0
    heard: Callable[[], None] = lambda: None
    """Called each time that it is asked to make a call."""

    @property
    def called(self) -> Counter[str]:
        """How often each number was called."""
        return Counter(call["to"] for call in self.made)

    async def answer(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if asked.method == "GET":
            self.questions += 1
            writer.write(self._told(asked))
            return
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        to = form["To"]
        self.asked.append((time.monotonic(), to))
        self.heard()
        script = self.script.get(to, [])
        word = script.pop(0) if script else self.usually
        if word in ("429", "400", "401", "500"):
            more = {"retry_after": "1"} if word == "429" else {}
            code = {"400": 21211, "429": 20429, "401": 20003}.get(word, 20500)
            writer.write(answer(int(word), {"code": code, "message": "no"}, **more))
            return
        call = None
        if word != "cut":
            state = {"busy": "busy", "ring": "ringing"}.get(word, "queued")
            call = self._make(to, form["From"], state)
        if self.slow:
            await asyncio.sleep(self.slow)
        match word:
            case "cut" | "made and cut":
                writer.transport.abort()
            case "made and silent":
                await reader.read()  # Until nobody waits any more.
            case "made and 500":
                writer.write(answer(500, {"code": 20500, "message": "oh"}))
            case _:
                writer.write(answer(201, call))

    def _make(self, to: str, from_: str, state: str) -> dict[str, Any]:
        call = {
            "sid": f"CA{len(self.made):032x}", "status": state, "to": to, "from": from_, "direction": "outbound-api",
            "date_created": format_datetime(datetime.now(UTC)),
        }  # fmt: skip
        self.made.append(call)
        return call

    def _told(self, asked: Asked) -> bytes:
        if self.away:
            return answer(503, {"code": 20503, "message": "away"})
        path, _, query = asked.path.partition("?")
        if path.endswith("/Calls.json"):
            to = parse_qs(query)["To"][0]
            return answer(200, {"calls": [one for one in reversed(self.made) if one["to"] == to]})
        found = [one for one in self.made if path.endswith(f"/{one['sid']}.json")]
        return answer(200, found[0]) if found else answer(404, {"code": 20404, "message": "none"})


@dataclass
class Ends:
    """Hears which calls have ended, and whether from whoever has ended them."""

    heard: list[tuple[int, bool]]

    async def tell(self, call: CallRecord) -> None:
        self.keep(call, first=True)

    def keep(self, call: CallRecord, *, first: bool) -> None:
        self.heard.append((call.id, first))


@dataclass
class Rig:
    house: House
    carrier: Carrier
    tenant: Tenant
    credential_id: int
    times: Times
    ended: list[tuple[int, bool]] = field(default_factory=list)
    dialers: list[Dialing] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dials = self.another_dials()
        self.batches = CallBatches(
            self.house.store, self.house.calls.ids,
            check=lambda: None, fits=self.dials.check, target=self.house.telephones.calls.target, patience=self.times.patience,
        )  # fmt: skip

    def another_dials(self) -> Dials:
        house = self.house
        return Dials(
            house.store.telephony, house.store.dialing, house.calls, house.unary, house.calls.ids,
            routes_of=lambda call: Routes(f"https://x/{call.id}", f"wss://x/{call.id}"),
            ends=Ends(self.ended), patience=self.times.patience,
        )  # fmt: skip

    def dial(self) -> Dialing:
        """Begin to dial, as one more process."""
        dialing = Dialing(self.house.store, self.dials, self.house.log, self.times)
        dialing.start()
        self.dialers.append(dialing)
        return dialing

    @property
    def origin(self) -> Origin:
        principal = Principal(self.tenant, 5, frozenset({Scope.INFER}))
        return Origin(principal, "request", time.perf_counter(), {})

    async def batch(self, count: int, first: int = 0, **more: Any) -> BatchRecord:
        ask = BatchAsk(
            provider="twilio", from_=FROM, rows=tuple(BatchRow(to=number(first + at)) for at in range(count)),
            **{"calls_per_second": 1000.0, "max_concurrent": 1000, **more},
        )  # fmt: skip
        return await self.batches.create(self.origin, ask)

    async def calls(self, **filter: Any) -> list[CallRecord]:
        return (await self.house.store.telephony.calls(self.tenant, CallFilter(**filter), Page(1000)))[::-1]

    async def standing(self, state: CallState, count: int = 1) -> list[CallRecord]:
        """Wait until so many calls stand like this; return them."""
        found: list[CallRecord] = []

        async def enough() -> bool:
            found[:] = await self.calls(states=(state,))
            return len(found) == count

        await self.until(enough)
        return found

    async def story(self, call: CallRecord) -> list[str]:
        notes = await self.house.store.telephony.notes(self.tenant, call.id, 0, 100)
        return [note.what for note in notes]

    async def hear(self, call: CallRecord, change: Callable[[CallRecord], CallRecord | None]) -> None:
        """Change a call as a notice of the carrier's would."""
        note = CallNote(
            id=self.house.calls.ids.next(), tenant=self.tenant, call_id=call.id, key=f"heard {time.monotonic_ns()}",
            at=time.time(), source="carrier", state=call.state, what="status",
        )  # fmt: skip
        await self.house.store.telephony.update_call(self.tenant, call.id, change, note)

    async def until(self, true: Callable[[], Any], seconds: float = 60.0) -> None:
        """Wait until something, asked anew each time, is true."""
        async with asyncio.timeout(seconds):
            while True:
                found = true()
                if await found if asyncio.iscoroutine(found) else found:
                    return
                await asyncio.sleep(0.01)

    async def state(self, batch: BatchRecord) -> str:
        return (await self.batches.get(self.tenant, batch.id)).batch.state.value

    async def completed(self, batch: BatchRecord, seconds: float = 60.0) -> None:
        async def done() -> bool:
            return await self.state(batch) == "completed"

        await self.until(done, seconds)


def number(at: int) -> str:
    return f"+4930{at:07}"


@contextlib.asynccontextmanager
async def rig(folder: Path, times: Times = PATIENT) -> AsyncIterator[Rig]:
    settings = load({
        "DATA_DIR": str(folder / "data"), "CRYPTO__ROOT": f"file:{folder}/root.json", "BOOTSTRAP_API_KEY": ADMIN_KEY,
        "EGRESS__ALLOW": "127.0.0.1/32", "EGRESS__ALLOW_HTTP": "true",
    })  # fmt: skip
    house = await House.open(settings, Log("error"))
    carrier = Carrier()
    async with house.at_work():
        made = await house.identity.bootstrap(ADMIN_KEY)
        assert made is not None
        async with Upstream([carrier.answer]).serving() as upstream:
            value = {"account_sid": ACCOUNT, "account_token": "t" * 32, "base_url": upstream.url}
            one = Rig(house, carrier, made[0], 0, times)
            stored = await house.credentials.create(
                one.origin, "twilio", "lab",
                {name: Secret(bytearray(text.encode())) for name, text in value.items()}, verify=False,
            )  # fmt: skip
            one.credential_id = stored.id
            try:
                yield one
            finally:
                for dialing in one.dialers:
                    await dialing.stop()
