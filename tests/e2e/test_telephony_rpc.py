"""Telephone calls over gRPC: the same calls, stories, batches and sound as over REST."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from integration_api.proto import voice_pb2 as wire
from tests.e2e.service import ADMIN_KEY, Service
from tests.e2e.telephones import OURS, THEIRS, Exchange, sound, story, until
from tests.e2e.test_telephony import ended, exchange, lab, noise, service
from tests.rpc.caller import details

__all__ = ["exchange", "lab", "service"]

TELEPHONY = "/integration.voice.v1.Telephony/"
SIGNED = (("authorization", f"Bearer {ADMIN_KEY}"),)


@pytest.fixture
async def channel(service: Service) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as opened:
        yield opened


async def ask(channel: Any, method: str, request: Any, answer: Any) -> Any:
    stub = channel.unary_unary(TELEPHONY + method, type(request).SerializeToString, answer.FromString)
    return await stub(request, metadata=SIGNED, timeout=60)


def call_request(carrier: Any, **more: Any) -> wire.CreateCallRequest:
    return wire.CreateCallRequest(provider=carrier.name, to=THEIRS, **{"from": OURS}, **more)


async def test_a_call_its_sound_and_its_story(channel: Any, service: Service, exchange: Exchange) -> None:
    carrier = exchange.carrier
    spoken, answered = noise(carrier, 300), noise(carrier, 300)
    exchange.phone({"waits_ms": 300}, sound(spoken), {"presses": "5"}, {"awaits": "m"}, {"hangs_up": True})
    call = await ask(channel, "CreateCall", call_request(carrier, metadata={"a": "b"}), wire.Call)
    assert (call.state, call.direction, getattr(call, "from")) == (wire.DIALING, wire.OUTBOUND, OURS)
    stream = channel.stream_stream(
        f"{TELEPHONY}AttachMedia", wire.MediaClient.SerializeToString, wire.MediaServer.FromString
    )(metadata=SIGNED)
    await stream.write(wire.MediaClient(attach=wire.MediaClient.Attach(call_id=call.id)))
    told: list[wire.MediaServer] = []
    spoke = False
    while (message := await stream.read()) is not grpc.aio.EOF:
        told.append(message)
        if message.WhichOneof("event") == "dtmf" and not spoke:
            spoke = True
            await stream.write(wire.MediaClient(audio=answered))
            await stream.write(wire.MediaClient(mark=wire.MediaClient.Mark(name="m")))
            # Who has no more to say goes on listening.
            await stream.done_writing()
    kinds = [message.WhichOneof("event") for message in told]
    assert (kinds[0], kinds[-1]) == ("started", "closed")
    assert {"audio", "dtmf", "mark_reached", "stopped"} <= set(kinds)
    assert told[0].started.provider == told[0].envelope.provider == carrier.name
    audio = [message.audio for message in told if message.WhichOneof("event") == "audio"]
    assert spoken in b"".join(one.audio for one in audio)
    assert [one.offset_ms for one in audio] == sorted(one.offset_ms for one in audio)
    assert [message.envelope.seq for message in told] == list(range(len(told)))
    assert answered in exchange.heard(call.provider_call_id)
    await ended(service, call.id)
    found = await ask(channel, "GetCall", wire.GetCallRequest(id=call.id), wire.Call)
    assert (found.state, found.hung_up_by, dict(found.metadata)) == (wire.COMPLETED, "carrier", {"a": "b"})
    watch = channel.unary_stream(
        f"{TELEPHONY}WatchCalls", wire.WatchCallsRequest.SerializeToString, wire.CallEvent.FromString
    )(wire.WatchCallsRequest(call_id=call.id), metadata=SIGNED)
    lines = [line async for line in watch]
    assert [line.id for line in lines] == [one["id"] for one in story(service, call.id)][: len(lines)]
    listed = await ask(
        channel, "ListCalls", wire.ListCallsRequest(states=[wire.COMPLETED], limit=1), wire.ListCallsResponse
    )
    assert listed.calls[0].id == call.id


async def test_all_calls_are_watched_from_now_on(channel: Any, service: Service, exchange: Exchange) -> None:
    carrier = exchange.carrier
    exchange.phone(picks_up="busy")
    watch = channel.unary_stream(
        f"{TELEPHONY}WatchCalls", wire.WatchCallsRequest.SerializeToString, wire.CallEvent.FromString
    )(wire.WatchCallsRequest(), metadata=SIGNED, timeout=60)
    reading = asyncio.ensure_future(watch.read())
    await asyncio.sleep(0)
    call = await ask(channel, "CreateCall", call_request(carrier), wire.Call)
    seen = set()
    line = await reading
    while not (line.call_id == call.id and line.state == wire.BUSY):
        seen.add(line.call_id)
        line = await watch.read()
    watch.cancel()
    assert call.id in seen
    nowhere = channel.unary_stream(
        f"{TELEPHONY}WatchCalls", wire.WatchCallsRequest.SerializeToString, wire.CallEvent.FromString
    )(wire.WatchCallsRequest(batch_id=call.id), metadata=SIGNED, timeout=60)
    with pytest.raises(grpc.aio.AioRpcError) as gone:
        await nowhere.read()
    assert gone.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("method", "asked", "answer", "code"),
    [
        ("ListCalls", wire.ListCallsRequest(after="x"), wire.ListCallsResponse, "INVALID_ARGUMENT"),
        ("ListCalls", wire.ListCallsRequest(limit=101), wire.ListCallsResponse, "INVALID_ARGUMENT"),
        (
            "ListInboundRoutes",
            wire.ListInboundRoutesRequest(after=str(1 << 63)),
            wire.ListInboundRoutesResponse,
            "INVALID_ARGUMENT",
        ),
        ("GetCall", wire.GetCallRequest(id=str(1 << 63)), wire.Call, "NOT_FOUND"),
        ("GetBatch", wire.GetBatchRequest(id="x"), wire.Batch, "NOT_FOUND"),
    ],
)
async def test_what_is_no_id_is_told_as_over_rest(
    channel: Any, method: str, asked: Any, answer: Any, code: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await ask(channel, method, asked, answer)
    assert refused.value.code().name == code


async def test_hanging_up_and_leaving(channel: Any, service: Service, exchange: Exchange) -> None:
    carrier = exchange.carrier
    exchange.phone({"waits_ms": 60_000})
    call = await ask(channel, "CreateCall", call_request(carrier), wire.Call)

    def attach() -> Any:
        return channel.stream_stream(
            f"{TELEPHONY}AttachMedia", wire.MediaClient.SerializeToString, wire.MediaServer.FromString
        )(metadata=SIGNED)

    first = attach()
    await first.write(wire.MediaClient(attach=wire.MediaClient.Attach(call_id=call.id)))
    assert (await first.read()).WhichOneof("event") == "started"
    first.cancel()
    second = attach()
    await second.write(wire.MediaClient(attach=wire.MediaClient.Attach(call_id=call.id)))
    assert (await second.read()).WhichOneof("event") == "started"
    if carrier.presses:
        await ask(channel, "HangupCall", wire.HangupCallRequest(id=call.id), wire.Call)
    else:
        await second.write(wire.MediaClient(hangup=wire.MediaClient.Hangup()))
    while (message := await second.read()) is not grpc.aio.EOF:
        last = message
    assert last.WhichOneof("event") == "closed"
    over = await ended(service, call.id)
    assert (over["state"], over["hung_up_by"]) == ("completed", "caller")
    third = attach()
    await third.write(wire.MediaClient(attach=wire.MediaClient.Attach(call_id=call.id)))
    assert (await third.read()).error.code == "call_ended"
    assert (await third.read()).closed.reason == "error"
    assert await third.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_clearing_and_keys_on_the_stream(channel: Any, service: Service, exchange: Exchange) -> None:
    carrier = exchange.carrier
    exchange.phone({"waits_ms": 60_000}, speed=1.0)
    call = await ask(channel, "CreateCall", call_request(carrier), wire.Call)
    stream = channel.stream_stream(
        f"{TELEPHONY}AttachMedia", wire.MediaClient.SerializeToString, wire.MediaServer.FromString
    )(metadata=SIGNED)
    await stream.write(wire.MediaClient(attach=wire.MediaClient.Attach(call_id=call.id)))
    told: list[wire.MediaServer] = []

    async def listen() -> None:
        while (message := await stream.read()) is not grpc.aio.EOF:
            told.append(message)

    def marks() -> list[tuple[str, bool]]:
        reached = [one.mark_reached for one in told if one.WhichOneof("event") == "mark_reached"]
        return [(one.name, one.cancelled) for one in reached]

    def kinds() -> list[str]:
        return [str(one.WhichOneof("event")) for one in told]

    listening = asyncio.create_task(listen())
    await until(lambda: "started" in kinds())
    old, new = noise(carrier, 8_000), noise(carrier, 200)
    await stream.write(wire.MediaClient(audio=old))
    await stream.write(wire.MediaClient(mark=wire.MediaClient.Mark(name="never")))
    await until(lambda: exchange.call(call.provider_call_id)["heard_ms"] > 100)
    await stream.write(wire.MediaClient(clear=wire.MediaClient.Clear()))
    await stream.write(wire.MediaClient(audio=new))
    await stream.write(wire.MediaClient(mark=wire.MediaClient.Mark(name="new")))
    await until(lambda: len(marks()) == 2)
    assert marks() == [("never", True), ("new", False)]
    assert "cleared" in kinds()
    heard = exchange.heard(call.provider_call_id)
    assert new in heard
    assert len(heard) < len(old)
    await stream.write(wire.MediaClient(dtmf=wire.MediaClient.Dtmf(digits="42")))
    if carrier.presses:
        await until(lambda: exchange.call(call.provider_call_id)["keyed"] == "42")
    await stream.write(wire.MediaClient(dtmf=wire.MediaClient.Dtmf(digits="x")))
    await until(lambda: "warning" in kinds())
    # Whether the carrier has opened another socket or not, it is this call's caller who hangs up.
    await until(lambda: service.call("GET", f"/v1/calls/{call.id}")[1]["media_open"])
    await stream.write(wire.MediaClient(hangup=wire.MediaClient.Hangup()))
    await listening
    assert kinds()[-1] == "closed"
    assert (await ended(service, call.id))["hung_up_by"] == "caller"


async def test_routes_numbers_and_batches(channel: Any, service: Service, exchange: Exchange) -> None:
    carrier = exchange.carrier
    made = await ask(
        channel,
        "CreateInboundRoute",
        wire.CreateInboundRouteRequest(
            provider=carrier.name, name="desk", media=wire.MediaPlan(params={"a": "b"})
        ),
        wire.InboundRoute,
    )
    assert made.answer_url.startswith(f"{service.url}/telephony/{carrier.name}/")
    listed = await ask(
        channel, "ListInboundRoutes", wire.ListInboundRoutesRequest(), wire.ListInboundRoutesResponse
    )
    assert listed.routes[0] == made
    await ask(
        channel,
        "DeleteInboundRoute",
        wire.DeleteInboundRouteRequest(id=made.id),
        wire.DeleteInboundRouteResponse,
    )
    with pytest.raises(grpc.aio.AioRpcError) as gone:
        await ask(
            channel,
            "DeleteInboundRoute",
            wire.DeleteInboundRouteRequest(id=made.id),
            wire.DeleteInboundRouteResponse,
        )
    assert gone.value.code() is grpc.StatusCode.NOT_FOUND
    numbers = await ask(
        channel, "ListNumbers", wire.ListNumbersRequest(provider=carrier.name), wire.ListNumbersResponse
    )
    assert numbers.numbers[0].number.startswith("+")
    exchange.phone(number="*", picks_up="busy")
    batch = await ask(
        channel,
        "CreateBatch",
        wire.CreateBatchRequest(
            template=wire.CreateCallRequest(provider=carrier.name, **{"from": OURS}),
            rows=[wire.BatchRow(to=f"+49301234{n:03}") for n in range(2)],
            calls_per_second=20,
            retry=wire.RetryRule(max=1, backoff_s=0.1, on=[wire.BUSY]),
        ),
        wire.Batch,
    )
    assert (batch.total, batch.state, list(batch.retry.on)) == (2, wire.Batch.RUNNING, [wire.BUSY])
    watch = channel.unary_stream(
        f"{TELEPHONY}WatchBatch", wire.WatchBatchRequest.SerializeToString, wire.Batch.FromString
    )(wire.WatchBatchRequest(id=batch.id), metadata=SIGNED, timeout=30)
    told = [one async for one in watch]
    assert (told[-1].state, dict(told[-1].progress), told[-1].attempts) == (
        wire.Batch.COMPLETED,
        {"busy": 2},
        4,
    )
    found = await ask(channel, "GetBatch", wire.GetBatchRequest(id=batch.id), wire.Batch)
    assert found == told[-1]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await ask(
            channel,
            "ControlBatch",
            wire.ControlBatchRequest(id=batch.id, action=wire.ControlBatchRequest.PAUSE),
            wire.Batch,
        )
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_keys_and_sending_on(channel: Any, service: Service, exchange: Exchange) -> None:
    carrier = exchange.carrier
    exchange.phone(picks_up="no", rings_ms=600_000)
    ringing = await ask(channel, "CreateCall", call_request(carrier), wire.Call)
    # What a carrier never does is refused as that, whether or not the call is ready for it.
    why = "call_not_answered" if carrier.presses else "unsupported_operation"
    for method, request in (
        ("SendDtmf", wire.SendDtmfRequest(id=ringing.id, digits="1")),
        ("TransferCall", wire.TransferCallRequest(id=ringing.id, to="+4940111222")),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ask(channel, method, request, wire.Call)
        assert details(refused.value)[1]["ErrorInfo"].reason == why
    if not carrier.presses:
        return
    exchange.phone({"waits_ms": 60_000})
    key = f"rpc-{carrier.name}-{secrets.token_hex(4)}"
    call = await ask(channel, "CreateCall", call_request(carrier, idempotency_key=key), wire.Call)
    with pytest.raises(grpc.aio.AioRpcError) as wrong:
        await ask(channel, "SendDtmf", wire.SendDtmfRequest(id=call.id, digits="x"), wire.Call)
    assert wrong.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(grpc.aio.AioRpcError) as reused:
        await ask(channel, "CreateCall", call_request(carrier, idempotency_key=key, record=True), wire.Call)
    assert reused.value.code() is grpc.StatusCode.ALREADY_EXISTS
    await until(lambda: service.call("GET", f"/v1/calls/{call.id}")[1]["state"] == "answered")
    await ask(channel, "SendDtmf", wire.SendDtmfRequest(id=call.id, digits="1"), wire.Call)
    await until(lambda: exchange.call(call.provider_call_id)["keyed"] == "1")
    await ask(channel, "TransferCall", wire.TransferCallRequest(id=call.id, to="+4940111222"), wire.Call)
    await until(lambda: exchange.call(call.provider_call_id)["went_to"])
    told = [one["what"] for one in story(service, call.id)]
    assert "transfer" in told
    # Its sound comes here no more: nobody waits for it for ever.
    stream = channel.stream_stream(
        f"{TELEPHONY}AttachMedia", wire.MediaClient.SerializeToString, wire.MediaServer.FromString
    )(metadata=SIGNED, timeout=60)
    await until(lambda: not service.call("GET", f"/v1/calls/{call.id}")[1]["media_open"])
    await stream.write(wire.MediaClient(attach=wire.MediaClient.Attach(call_id=call.id)))
    assert (await stream.read()).warning.code == "media_elsewhere"
    assert (await stream.read()).closed.reason == "media_elsewhere"
