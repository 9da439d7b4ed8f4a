"""The sound of the telephone calls of this process: carriers' sockets come in, callers attach and leave."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from integration_api.core.audio import AudioFormat
from integration_api.core.call_progress import reported
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.llm import Usage
from integration_api.core.media import Started, Stopped
from integration_api.core.provider import Telephony
from integration_api.core.records import Change
from integration_api.core.session import Warned
from integration_api.core.telephony import PROGRESS, CallReport, CallState, HangUpBy
from integration_api.core.telephony_records import CallNote, CallRecord, MediaMode
from integration_api.core.tenant import Tenant
from integration_api.services import clock
from integration_api.services.call import Calls, Ending, Ids
from integration_api.services.call_end import origin_of
from integration_api.services.media_carrier import Carrier, Socket
from integration_api.services.media_guest import Guest, Over
from integration_api.services.media_peers import MediaPeers
from integration_api.services.media_relay import (
    MOVED,
    Attach,
    Channel,
    Expect,
    FarSeat,
    Hello,
    MediaRelay,
    Peer,
    Silence,
    answer,
    bridge,
    serve,
)
from integration_api.services.media_room import Room, RoomMouth
from integration_api.services.stt import SttService
from integration_api.services.target import Target
from integration_api.services.tts import TtsService
from integration_api.services.voice_loop import GOODBYE_SECONDS, VoiceLoop, plan_of
from integration_api.services.webhook import Admitted
from integration_api.storage.telephony_store import TelephonyStore
from integration_api.telemetry.log import Log
from integration_api.telemetry.metrics import MEDIA_SESSIONS

OPERATION = "call.media"
START_SECONDS = 10.0
"""Until a carrier has said that its stream starts: what it gives a webhook."""
REJOIN_POLL_SECONDS = 0.05
"""How often it is looked for in other processes meanwhile."""
ELSEWHERE_SECONDS = 2.0
"""How long a caller waits for the sound of an answered call, until it is known to be out of reach."""
ASK_SECONDS = 2.0
"""From the end of a call's sound until its carrier is asked whether it is over, unless it has told: of calls that come
in some tell only what their number was set up to tell.
"""
STRAGGLE_SECONDS = 3.0
"""From the end of a call until we close its media socket, if its carrier has not: they close it before they tell of the
end or soon after, and what was said last may still be on its way.
"""
ELSEWHERE = (
    "the call's sound has ended, or has come to a machine that can not be reached from here: on each, set"
    " TELEPHONY__PEER_URL to the address at which the others reach it"
)
DONE = Over("done")
"""What another process is told that wanted something done."""
POLICY = 1008
"""The close code for a carrier that says what it must not."""

EndCall = Callable[[CallRecord, HangUpBy, str], Awaitable[None]]
AskOf = Callable[[CallRecord], Awaitable[object]]


class MediaHub:
    """One per process. `hang_up` ends a call the way its carrier wants it, `ask_of` asks the carrier how it stands."""

    def __init__(
        self,
        store: TelephonyStore,
        calls: Calls,
        ears: SttService,
        voices: TtsService,
        ids: Ids,
        log: Log,
        peers: MediaPeers,
        *,
        folder: Path,
        detach_seconds: float,
    ) -> None:
        self._store = store
        self._ears = ears
        self._voices = voices
        self._loops: dict[int, asyncio.Task[None]] = {}
        self._calls = calls
        self._ids = ids
        self._log = log
        self._peers = peers
        self._detach_seconds = detach_seconds
        self._relay = MediaRelay(folder, self._received)
        self._rooms: dict[int, Room] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.hang_up: EndCall = _nowhere
        self.ask_of: AskOf = _nobody

    # --- the carrier's side ------------------------------------------------------------------

    async def serve(self, admitted: Admitted, socket: Socket) -> None:
        """Talk on a carrier's socket until it ends. Its record is kept then."""
        call, provider = admitted.call, admitted.provider
        telephony = provider.telephony
        assert telephony is not None  # noqa: S101 - nobody else is admitted
        record = await self._calls.open(
            origin_of(call), Target(provider, "", call.credential_id), OPERATION, streamed=True
        )
        MEDIA_SESSIONS.value += 1
        try:
            with Ending(record) as ending:
                carrier = Carrier(telephony.media(), socket)
                try:
                    await self._listen(call, carrier, telephony)
                finally:
                    ending.usage = Usage(audio_seconds=_seconds(carrier))
                record.done(ending.usage)
        except ProviderError as error:
            self._log.warning("media_failed", provider=call.provider, code=error.code)
        finally:
            MEDIA_SESSIONS.value -= 1

    async def _listen(self, call: CallRecord, carrier: Carrier, telephony: Telephony) -> None:
        room = self._room(call)
        room.join(carrier)
        self._relay.announce(call.id)
        carrier.attend(partial(room.hear, carrier))
        reason, code = "disconnected", 1000
        try:
            async with asyncio.timeout(START_SECONDS) as limit:
                while (events := await carrier.receive()) is not None:
                    for event in events:
                        if isinstance(event, Started):
                            limit.reschedule(None)
                            self._check(call, event)
                            # Before it is told: whoever hears of it finds the call answered.
                            await self._started(room, event, call.media_generation)
                            if room.call.state.ended:  # Since it was let in.
                                self._later(self._outlast(carrier))
                            self._wire(room, event.format)
                        room.hear(carrier, event)
                    if any(isinstance(event, Stopped) for event in events):
                        reason = "stopped"
                        break
        except TimeoutError:
            reason, code = "no_start", POLICY
        except ProviderError:
            reason, code = "unreadable", POLICY
            raise
        finally:
            await self._parted(room, carrier, call.media_generation, carrier.closed_for or reason, code)

    async def _parted(self, room: Room, carrier: Carrier, generation: int, reason: str, code: int) -> None:
        """Whatever comes next: the socket is gone, what waits is cancelled, and the call's story says so."""
        for event in await carrier.close(code):
            room.hear(carrier, event)
        present = room.part(carrier)

        def change(call: CallRecord) -> CallRecord | None:
            return replace(call, media_peer="") if call.media_generation == generation else None

        detail = {"reason": reason, "seconds": f"{_seconds(carrier):.2f}"}
        await self._note(room.call, "media.stopped", detail, change)
        present = present and self._rooms.get(room.call.id, room) is room and room.carrier is None
        if not present:  # Its successor may have come while that was stored.
            return
        self._relay.withdraw(room.call.id)
        if room.rejoining and not room.call.state.ended:
            self._later(self._wait_for_successor(room))
        else:
            await self._finish(room)

    async def _outlast(self, carrier: Carrier) -> None:
        """Close a media socket that its carrier keeps open although the call is over."""
        await asyncio.sleep(STRAGGLE_SECONDS)
        await carrier.drop("call_ended")

    async def _finish(self, room: Room) -> None:
        await self._unwire(room)
        if room.carrier is not None:  # It came late.
            return
        self._close(room, "finished")
        self._later(self._ask_whether_over(room.call))

    async def _ask_whether_over(self, call: CallRecord) -> None:
        await asyncio.sleep(ASK_SECONDS)
        try:
            known = await self._store.call(call.tenant, call.id)
            if known is not None and not known.state.ended and known.provider_call_id:
                await self.ask_of(known)
        except Failure as failure:  # It is asked again when nothing was heard of it for long.
            self._log.warning("call_not_found_out", error=failure, code=failure.code)

    async def _wait_for_successor(self, room: Room) -> None:
        while room.carrier is None and room.rejoining:
            with suppress(Failure):  # It is tried again.
                if await self._move(room):
                    break
            await asyncio.sleep(REJOIN_POLL_SECONDS)
        if room.carrier is None:
            await self._finish(room)

    def _wire(self, room: Room, format: AudioFormat) -> None:
        """Put an ear and a voice on an inline call, unless they are there from the socket before."""
        media = room.call.dialing.media
        if media.mode is not MediaMode.INLINE or room.loop is not None:
            return
        room.loop = VoiceLoop(
            self._ears,
            self._voices,
            origin_of(room.call),
            plan_of(media.inline),
            format,
            RoomMouth(room),
            room.tell_of_loop,
        )
        self._loops[room.call.id] = asyncio.create_task(room.loop.run())

    async def _unwire(self, room: Room) -> None:
        """Hear the last of what was said, within the time there is for it."""
        loop, room.loop = room.loop, None
        task = self._loops.get(room.call.id)
        if loop is None or task is None:
            return
        loop.end()
        await asyncio.wait([task], timeout=GOODBYE_SECONDS)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if self._loops.get(room.call.id) is task:
            del self._loops[room.call.id]

    @staticmethod
    def _check(call: CallRecord, event: Started) -> None:
        if event.provider_call_id and call.provider_call_id not in ("", event.provider_call_id):
            raise ProviderError(
                Kind.BAD_RESPONSE,
                "the media socket is another call's",
                code="media_of_another_call",
                provider=call.provider,
            )

    async def _started(self, room: Room, event: Started, generation: int) -> None:
        """Store that the sound has begun, and where: whoever is on the telephone has answered it."""
        now = clock.now()

        def change(before: CallRecord) -> CallRecord | None:
            call = before
            if call.media_generation == generation:
                call = replace(call, media_peer=self._peers.url)
            if not call.state.ended and PROGRESS[call.state] < PROGRESS[CallState.ANSWERED]:
                report = CallReport(
                    provider_call_id=event.provider_call_id,
                    state=CallState.ANSWERED,
                    provider_state=call.provider_state,
                )
                call = reported(call, report, now)
            return None if call == before else call

        detail = {"stream_id": event.stream_id} if event.stream_id else {}
        room.call = await self._note(room.call, "media.started", detail, change) or room.call

    # --- the caller's side -------------------------------------------------------------------

    async def attach(self, tenant: Tenant, call_id: int, format: AudioFormat | None) -> Guest:
        """Seat a guest on a call whose sound comes here, or will. Raises `Failure`."""
        call = await self._store.call(tenant, call_id)
        if call is None:
            raise Failure(Kind.NOT_FOUND, "there is no such call", code="call_not_found")
        if call.state.ended:
            raise Failure(Kind.CONFLICT, f"the call is over: {call.state.value}", code="call_ended")
        if call.dialing.media.mode is MediaMode.ANSWER_URL:
            raise Failure(
                Kind.UNSUPPORTED, "the call's sound goes where its answer_url says", code="media_elsewhere"
            )
        if format is not None and not format.raw:
            raise Failure(
                Kind.UNSUPPORTED,
                f"{format.encoding} can not be heard live; ask for one of pcm_s16le, mulaw and alaw",
                code="unsupported_audio_format",
                param="format",
            )
        seat = await self._find(call)
        guest = Guest(seat, format)
        await self._seat(guest, call, seat)
        return guest

    def attached(self, call: CallRecord) -> bool:
        """Whether a call's media socket is open, here, in another process of this machine or on another machine."""
        return self._near(call.id) or self._peers.elsewhere(call)

    async def expect(self, call: CallRecord, seconds: float) -> None:
        """Know that a call's socket may end within so long and be followed by another; 0 says that none follows."""
        if room := self._rooms.get(call.id):
            room.rejoin_until = asyncio.get_running_loop().time() + seconds
            if room.carrier is not None:
                return
        try:
            peer = await self._far(call)
        except Failure as failure:  # The keys are pressed all the same.
            self._log.warning("media_not_expected", provider=call.provider, code=failure.code)
            return
        if peer is not None:
            await peer.send(Expect(seconds))
            await peer.told()
            peer.close()

    async def silence(self, call: CallRecord) -> bool:
        """Close a call's media socket, which for some carriers ends the call; return whether there was one.

        Raises `Failure` where it is on a machine that can not be reached.
        """
        room = self._rooms.get(call.id)
        if room is not None and room.carrier is not None:
            carrier = room.carrier
            for event in await carrier.hang_up():
                room.hear(carrier, event)
            return True
        peer = await self._far(call)
        if peer is None:
            return False
        await peer.send(Silence())
        told = await peer.told()
        peer.close()
        return told == DONE

    # --- other processes, and other machines -------------------------------------------------

    async def admit(self, tenant: Tenant, call_id: int) -> bool:
        """Whether another machine that asks for a call's sound finds it here. Raises `Failure`."""
        return await self._store.call(tenant, call_id) is not None and self._near(call_id)

    async def receive(self, channel: Channel, tenant: Tenant, call_id: int) -> None:
        """Do what another machine wants of a call whose sound is here, or lead it to the process that has it."""
        hello = Hello(tenant.organization_id, tenant.project_id, call_id)
        peer = await self._relay.dial(tenant, call_id) if self._relay.elsewhere(call_id) else None
        if peer is None:
            await answer(Peer(channel), hello, self._received)
        else:
            await bridge(channel, peer.channel)

    def _near(self, call_id: int) -> bool:
        """Whether a call's media socket is open on this machine."""
        room = self._rooms.get(call_id)
        return (room is not None and room.carrier is not None) or self._relay.elsewhere(call_id)

    async def _far(self, call: CallRecord) -> Peer | None:
        """Return the way to whoever has a call's sound: near first, which is where it is if it is there.

        Raises `Failure` where a machine says that it has, and can not be reached.
        """
        if self._relay.elsewhere(call.id) and (peer := await self._relay.dial(call.tenant, call.id)):
            return peer
        return await self._peers.dial(call)

    def _doubt(self, room: Room) -> None:
        """Let nobody wait for sound that has come to another machine, or has ended."""
        answered = room.call.state in (CallState.ANSWERED, CallState.MACHINE)
        if (
            answered
            and room.call.media_generation
            and room.carrier is None
            and room.guest
            and not room.doubted
        ):
            room.doubted = True
            self._later(self._dispel(room))

    async def _dispel(self, room: Room) -> None:
        await asyncio.sleep(ELSEWHERE_SECONDS)
        while room.rejoining and room.carrier is None:
            await asyncio.sleep(REJOIN_POLL_SECONDS)
        room.doubted = False
        failure = None
        try:
            if await self._move(room):
                return
        except Failure as error:
            failure = error
        if room.carrier is not None or room.call.id in self._loops:
            return  # In the latter case ear and voice take their leave, and tell their last.
        if room.guest is not None and failure is None:
            room.guest.tell(Warned("media_elsewhere", ELSEWHERE))
        self._close(room, "media_elsewhere", failure)
        if failure is None:  # It may be over, and whoever was to be told of that have died.
            self._later(self._ask_whether_over(room.call))

    async def _seek(self, room: Room) -> None:
        with suppress(Failure):  # Whoever waits is told when it has failed for long enough.
            if await self._move(room):
                return
        self._doubt(room)

    async def _move(self, room: Room) -> bool:
        """Have the guest of a call go on in the process that has its sound; return whether there is one.

        Raises `Failure` where it is on a machine that can not be reached.
        """
        if room.carrier is not None or room.guest is None:
            return False
        peer = await self._far(room.call)
        if peer is None:
            return False
        guest = room.release() if room.carrier is None else None
        if guest is None:
            peer.close()
            return False
        if guest.far:
            peer.close()
            guest.tell(MOVED)  # Else each move would make the way one process longer.
        else:
            seat = FarSeat(peer)
            guest.move(seat)
            await self._seat(guest, room.call, seat)
        self._close(room, "finished")
        return True

    async def _find(self, call: CallRecord) -> Room | FarSeat:
        """Return where a guest of a call sits: where its sound is, or here where it may come. Raises `Failure`."""
        present = self._rooms.get(call.id)
        if present is None or present.carrier is None:
            if peer := await self._far(call):
                return FarSeat(peer)
        return self._room(call)

    async def _seat(self, guest: Guest, call: CallRecord, seat: Room | FarSeat) -> None:
        """Raises `Failure` where the guest's format is not possible."""
        if isinstance(seat, Room):
            seat.attach(guest)
            self._doubt(seat)
        else:
            await seat.take(guest)
            self._later(self._follow(guest, call, seat))

    async def _follow(self, guest: Guest, call: CallRecord, seat: FarSeat) -> None:
        """Have a guest hear what is told elsewhere, and go on wherever the sound moves."""
        if not await seat.follow(guest):
            return
        try:
            next_seat = await self._find(await self._store.call(call.tenant, call.id) or call)
            if not guest.over:
                guest.move(next_seat)
                await self._seat(guest, call, next_seat)
            elif isinstance(next_seat, FarSeat):
                next_seat.leave(guest)
            elif next_seat.guest is None:
                self._left(next_seat)
        except Failure as failure:
            guest.fail(failure)

    async def _received(self, peer: Peer, hello: Hello) -> None:
        """Do what another process wants of a call whose sound is here."""
        tenant = Tenant(hello.organization_id, hello.project_id)
        room = self._rooms.get(hello.call_id)
        if room is None or room.call.tenant != tenant:
            await peer.send(Over("finished"))  # It has just ended.
            return
        match await peer.said():
            case Attach(form):
                await self._serve_far(peer, room, form)
            case Expect(seconds):
                await self.expect(room.call, seconds)
                await peer.send(DONE)
            case Silence():
                if await self.silence(room.call):
                    await peer.send(DONE)
            case _:
                pass

    async def _serve_far(self, peer: Peer, room: Room, form: AudioFormat | None) -> None:
        guest = Guest(room, form)
        guest.far = True
        room.attach(guest)
        await serve(peer, guest)

    # --- both --------------------------------------------------------------------------------

    def begin(self, seq: int) -> None:
        """Nothing is held before the first change."""

    async def changed(self, change: Change) -> None:
        """Hear of a call that changed: whoever waits for the sound of one that has ended waits no longer."""
        if change.topic != "call" or not change.subject.isdecimal():
            return
        room = self._rooms.get(int(change.subject))
        if room is None or room.call.tenant != change.tenant:
            return
        call = await self._store.call(change.tenant, room.call.id)
        if call is not None:
            room.call = call
            if call.state.ended and room.carrier is not None:
                self._later(self._outlast(room.carrier))
            elif call.state.ended and call.id in self._loops:
                room.rejoin_until = (
                    0.0  # Nobody comes any more; it is closed once ear and voice have told their last.
                )
            elif call.state.ended:
                self._close(room, "call_ended")
            else:
                self._later(self._seek(room))

    async def start(self) -> None:
        """Be found by other processes of this machine."""
        try:
            await self._relay.start()
        except OSError as error:
            self._log.warning("media_relay_off", error=error)

    async def close(self) -> None:
        await self._relay.close()
        tasks = [*self._tasks, *self._loops.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _room(self, call: CallRecord) -> Room:
        room = self._rooms.get(call.id)
        if room is None:
            room = self._rooms[call.id] = Room(
                call,
                abandoned=lambda room: self._later(self._abandon(room)),
                left=self._left,
                hang_up=lambda room: self.hang_up(room.call, "caller", ""),
                detach_seconds=self._detach_seconds,
            )
        room.call = call
        return room

    def _left(self, room: Room) -> None:
        # One with an ear and a voice is closed once those have ended.
        if room.carrier is None and room.loop is None and not room.rejoining:
            self._close(room, "finished")

    def _close(self, room: Room, reason: str, failure: Failure | None = None) -> None:
        if self._rooms.get(room.call.id) is room:
            del self._rooms[room.call.id]
        room.finish(reason, failure)

    async def _abandon(self, room: Room) -> None:
        """End a call that nobody has been attached to for too long."""
        if room.guest is not None or room.carrier is None:
            return
        try:
            await self.hang_up(room.call, "service", "detached")
        except Failure as failure:
            self._log.warning("hangup_failed", provider=room.call.provider, code=failure.code)
            await self.silence(room.call)

    def _later(self, work: "Awaitable[None]") -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _note(
        self,
        call: CallRecord,
        what: str,
        detail: dict[str, str],
        change: Callable[[CallRecord], CallRecord | None] = lambda _: None,
    ) -> CallRecord | None:
        """Add a line to the call's story. A store that is away takes none, and the sound goes on."""
        id = self._ids.next()
        note = CallNote(
            id=id,
            tenant=call.tenant,
            call_id=call.id,
            key=f"{what}/{id}",
            at=clock.now(),
            source="carrier",
            state=call.state,
            what=what,
            detail=detail,
        )
        try:
            return await self._store.update_call(call.tenant, call.id, change, note)
        except Failure as failure:
            self._log.warning("media_not_noted", provider=call.provider, code=failure.code)
            return None


def _seconds(carrier: Carrier) -> float:
    """Return how long what was heard lasts."""
    return carrier.heard_bytes / carrier.format.bytes_per_second


async def _nowhere(call: CallRecord, by: HangUpBy, why: str) -> None:
    raise Failure(Kind.UNSUPPORTED, "calls can not be hung up yet", code="unsupported")


async def _nobody(call: CallRecord) -> None:
    """Nobody is asked before there is somebody to ask."""
