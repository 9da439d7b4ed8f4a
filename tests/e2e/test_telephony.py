"""Telephone calls through the running service, with the lab as the carrier behind it."""

import asyncio
import json
import random
import re
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from email.utils import formatdate
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.e2e.service import Service, lab_running, metric, running
from tests.e2e.telephones import (
    CARRIERS,
    OURS,
    THEIRS,
    Exchange,
    attached,
    create,
    get,
    knock,
    post,
    signed,
    sound,
    story,
    until,
)
from tests.lab import vonage_keys
from tests.ports import free_port

DICE = random.Random(7)  # noqa: S311 - the same sound each time
ENDED = {"completed", "busy", "no_answer", "rejected", "cancelled", "failed"}


def noise(carrier: Any, milliseconds: int) -> bytes:
    """Return sound that is the same nowhere twice, and is not silence."""
    return bytes(DICE.randrange(1, 120) for _ in range(carrier.frame * milliseconds // 20))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with lab_running(tmp_path_factory.mktemp("lab")) as url:
        yield url


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, lab: str) -> Iterator[Service]:
    port = free_port()
    environ = {"TELEPHONY__PUBLIC_URL": f"http://127.0.0.1:{port}", "TELEPHONY__DETACH_SECONDS": "2.5"}
    for carrier in CARRIERS.values():
        environ |= carrier.environ
    started = Service(tmp_path_factory.mktemp("service"), environ, port=port)
    try:
        started.start()
        for carrier in CARRIERS.values():
            started.add_credential(carrier.name, f"{lab}/{carrier.name}", value=carrier.value)
        yield started
    finally:
        if started.alive:
            started.kill()


@pytest.fixture(params=list(CARRIERS))
def exchange(request: pytest.FixtureRequest, lab: str) -> Exchange:
    made = Exchange(lab, CARRIERS[request.param])
    made.reset()
    return made


def route(service: Service, carrier: Any, **more: Any) -> dict[str, Any]:
    asked = {"provider": carrier.name, "name": "desk", **more}
    status, made = service.call("POST", "/v1/calls/inbound", asked)
    assert status == 201, made
    return made


def inbound(service: Service, route_id: str) -> dict[str, Any] | None:
    """Return the newest call of a route."""
    _, found = service.call("GET", "/v1/calls?direction=inbound&limit=20")
    return next((call for call in found["data"] if call["route_id"] == route_id), None)


def records(service: Service, call_id: str) -> list[dict[str, Any]]:
    _, found = service.call("GET", "/v1/audit?limit=100")
    return [one for one in found["data"] if one["metadata"].get("call_id") == call_id]


async def ended(service: Service, id: str) -> dict[str, Any]:
    return await until(lambda: (call := get(service, id))["state"] in ENDED and call)


async def call_with_all(service: Service, exchange: Exchange, number: int) -> None:
    """Make a call, and do by its sound all that one can: hear and speak, come again, press keys, hang up."""
    carrier, theirs = exchange.carrier, f"+4930112{number:03}"
    spoken, answered, later = noise(carrier, 300), noise(carrier, 300), noise(carrier, 200)
    exchange.phone({"awaits": "now"}, sound(spoken), {"presses": "5"}, number=theirs)
    call = await asyncio.to_thread(create, service, carrier, to=theirs)
    # Half of them wait for the sound, the others come when it is there.
    if number % 2:
        await until(lambda: get(service, call["id"])["media_open"])
    async with attached(service, call["id"]) as caller:
        await until(lambda: caller.of("started"))
        await caller.socket.send(answered)
        await caller.say("mark", name="now")
        await until(lambda: spoken in bytes(caller.sound))
        assert answered in exchange.heard(call["provider_call_id"])
        assert [mark["name"] for mark in caller.of("mark_reached")] == ["now"]
        assert (await until(lambda: caller.of("dtmf")))[0]["digit"] == "5"
    async with attached(service, call["id"]) as again:
        await until(lambda: again.of("started"))
        await again.say("dtmf", digits="7")
        await until(lambda: exchange.call(call["provider_call_id"])["keyed"])
        # The carrier has opened another socket.
        await until(lambda: len(again.of("started")) == 2)
        await until(lambda: get(service, call["id"])["media_open"])
        await again.socket.send(later)
        await until(lambda: later in exchange.heard(call["provider_call_id"]))
        await again.say("hangup")
        await until(lambda: again.done)
        assert again.events[-1]["type"] == "closed"
    over = await ended(service, call["id"])
    assert (over["state"], over["hung_up_by"], over["media_open"]) == ("completed", "caller", False)


async def test_an_outbound_call_from_dialing_to_its_records(service: Service, exchange: Exchange) -> None:
    carrier = exchange.carrier
    spoken, answered = noise(carrier, 400), noise(carrier, 600)
    exchange.phone(
        {"waits_ms": 200}, sound(spoken), {"awaits": "said"}, {"waits_ms": 200}, {"hangs_up": True}
    )
    call = create(service, carrier, metadata={"assistant_id": "7"}, media={"params": {"who": "me"}})
    assert (call["state"], call["direction"], call["to"], call["from"]) == (
        "dialing",
        "outbound",
        THEIRS,
        OURS,
    )
    async with attached(service, call["id"]) as caller:
        [started] = await until(lambda: caller.of("started"))
        assert (started["format"], started["provider"]) == (carrier.format, carrier.name)
        assert (started["call_id"], started["custom"]) == (call["id"], {"who": "me"})
        await caller.socket.send(answered)
        await caller.say("mark", name="said")
        await until(lambda: caller.done)
    id = call["provider_call_id"]
    assert spoken in bytes(caller.sound)
    assert answered in exchange.heard(id)
    assert [(one["name"], one.get("cancelled", False)) for one in caller.of("mark_reached")] == [
        ("said", False)
    ]
    assert caller.of("stopped")
    assert caller.events[-1]["type"] == "closed"
    assert [one["seq"] for one in caller.events] == list(range(len(caller.events)))
    over = await ended(service, call["id"])
    assert (over["state"], over["hung_up_by"]) == ("completed", "carrier")
    assert over["dialed_at"] <= over["answered_at"] <= over["ended_at"]
    told = [one["what"] for one in story(service, call["id"])]
    assert [what for what in told if what.startswith(("dial", "media"))] == [
        "dialing", "dialed", "media.connected", "media.started", "media.stopped",
    ]  # fmt: skip
    kept = await until(
        lambda: len(found := records(service, call["id"])) >= 3 and {one["operation"]: one for one in found}
    )
    assert set(kept) == {"call.dial", "call.media", "call"}
    assert all(one["metadata"]["assistant_id"] == "7" for one in kept.values())
    assert all((one["status"], one["provider"]) == ("success", carrier.name) for one in kept.values())
    assert kept["call"]["provider_request_id"] == id
    assert all((one["response_status"], one["credential_version"]) == (200, 1) for one in kept.values())


async def test_an_inbound_call_is_watched_answered_and_hung_up(service: Service, exchange: Exchange) -> None:
    carrier = exchange.carrier
    made = route(service, carrier, metadata={"desk": "front"}, media={"params": {"a": "b"}})
    spoken, answered = noise(carrier, 400), noise(carrier, 400)
    id = exchange.arrive(made["answer_url"], made["status_url"], {"waits_ms": 600}, sound(spoken))
    call = await until(lambda: inbound(service, made["id"]))
    assert (call["direction"], call["from"], call["to"], call["provider_call_id"]) == (
        "inbound",
        THEIRS,
        OURS,
        id,
    )
    assert call["metadata"]["desk"] == "front"
    async with attached(service, call["id"]) as caller:
        await until(lambda: len(caller.sound) > len(spoken) and spoken in bytes(caller.sound))
        assert caller.of("started")[0]["custom"] == {"a": "b"}
        await caller.socket.send(answered)
        await until(lambda: answered in exchange.heard(id))
        assert get(service, call["id"])["state"] == "answered"
        await caller.say("hangup")
        await until(lambda: caller.done)
    over = await ended(service, call["id"])
    assert (over["state"], over["hung_up_by"]) == ("completed", "caller")
    await until(lambda: exchange.call(id)["done"])
    [end] = await until(lambda: [one for one in records(service, call["id"]) if one["operation"] == "call"])
    assert (end["status"], end["response_status"], end["credential_version"]) == ("success", 200, 1)


async def test_keys_go_both_ways(service: Service, exchange: Exchange) -> None:
    carrier = exchange.carrier
    exchange.phone({"presses": "12#"}, {"waits_ms": 60_000})
    call = create(service, carrier)
    async with attached(service, call["id"]) as caller:
        await until(lambda: len(caller.of("dtmf")) == 3)
        assert "".join(one["digit"] for one in caller.of("dtmf")) == "12#"
        if not carrier.presses:
            status, refused = service.call("POST", f"/v1/calls/{call['id']}/dtmf", {"digits": "9"})
            assert (status, refused["error"]["code"]) == (400, "unsupported_operation")
            return
        status, pressed = service.call("POST", f"/v1/calls/{call['id']}/dtmf", {"digits": "9w8"})
        assert status == 200, pressed
        await until(lambda: exchange.call(call["provider_call_id"])["keyed"])
        # Whether the carrier has opened another socket or not, the caller is still on the call.
        sockets = exchange.call(call["provider_call_id"])["sockets"]
        await until(lambda: len(caller.of("started")) >= sockets)
        after = noise(carrier, 200)
        await until(lambda: get(service, call["id"])["media_open"])
        await caller.socket.send(after)
        await until(lambda: after in exchange.heard(call["provider_call_id"]))
        assert not caller.of("stopped")
    assert [one["detail"]["digits"] for one in story(service, call["id"]) if one["what"] == "dtmf"] == ["9w8"]


async def test_keys_pressed_at_once_are_pressed_in_turn(service: Service, exchange: Exchange) -> None:
    carrier = exchange.carrier
    exchange.phone({"waits_ms": 60_000})
    call = create(service, carrier)
    id = call["provider_call_id"]
    async with attached(service, call["id"]) as caller:
        await until(lambda: caller.of("started"))
        for digit in "1234":
            await caller.say("dtmf", digits=digit)
        if not carrier.presses:
            await until(lambda: len(caller.of("warning")) == 4)
            assert {one["code"] for one in caller.of("warning")} == {"unsupported_operation"}
            return
        pressed = await asyncio.gather(
            *(
                asyncio.to_thread(service.call, "POST", f"/v1/calls/{call['id']}/dtmf", {"digits": digit})
                for digit in "567"
            )
        )
        assert [status for status, _ in pressed] == [200] * 3
        await until(lambda: len(exchange.call(id)["keyed"]) == 7)
        keyed = exchange.call(id)["keyed"]
        assert (sorted(keyed), "".join(key for key in keyed if key in "1234")) == (list("1234567"), "1234")
        # The call goes on, and whoever was attached is on it still.
        await until(lambda: len(caller.of("started")) == exchange.call(id)["sockets"])
        await until(lambda: get(service, call["id"])["media_open"])
        await caller.socket.send(after := noise(carrier, 200))
        await until(lambda: after in exchange.heard(id))
        assert not caller.of("warning")
    assert get(service, call["id"])["state"] == "answered"


async def test_a_call_that_many_hang_up_at_once_was_hung_up_by_them(
    service: Service, exchange: Exchange
) -> None:
    exchange.phone({"waits_ms": 60_000})
    call = create(service, exchange.carrier)
    await until(lambda: get(service, call["id"])["media_open"])
    done = await asyncio.gather(
        *(asyncio.to_thread(service.call, "POST", f"/v1/calls/{call['id']}/hangup") for _ in range(6))
    )
    assert {status for status, _ in done} == {200}, done
    over = await ended(service, call["id"])
    assert (over["state"], over["hung_up_by"]) == ("completed", "caller")
    assert "hangup.failed" not in {one["what"] for one in story(service, call["id"])}
    kept = await until(
        lambda: (rows := [one for one in records(service, call["id"]) if one["operation"] == "call"]) and rows
    )
    assert len(kept) == 1


def test_a_call_is_found_by_its_number_as_people_type_it(service: Service, exchange: Exchange) -> None:
    exchange.phone(picks_up="busy")
    call = create(service, exchange.carrier)
    for plus in ("%2B", "+", "%20"):
        _, found = service.call("GET", f"/v1/calls?number={plus}{THEIRS[1:]}&limit=1")
        assert [one["id"] for one in found["data"]] == [call["id"]]
    for other in (THEIRS[1:], f"++{THEIRS[1:]}"):
        assert service.call("GET", f"/v1/calls?number={other}")[1]["data"] == []


async def test_clearing_silences_at_once(service: Service, exchange: Exchange) -> None:
    carrier = exchange.carrier
    exchange.phone({"waits_ms": 60_000}, speed=1.0)
    call = create(service, carrier)
    async with attached(service, call["id"]) as caller:
        await until(lambda: caller.of("started"))
        old, new = noise(carrier, 8_000), noise(carrier, 200)
        await caller.socket.send(old)
        await caller.say("mark", name="never")
        await until(lambda: exchange.call(call["provider_call_id"])["heard_ms"] > 100)
        await caller.say("clear")
        await caller.socket.send(new)
        await caller.say("mark", name="new")
        await until(lambda: len(caller.of("mark_reached")) == 2)
    told = [(one["name"], one.get("cancelled", False)) for one in caller.of("mark_reached")]
    assert told == [("never", True), ("new", False)]
    heard = exchange.heard(call["provider_call_id"])
    at = heard.index(new)
    # Not one byte of what is old comes after what is new, and nearly all of it was never heard.
    assert old[-carrier.frame :] not in heard
    assert at < len(old) // 2
    assert set(heard[at + len(new) :]) <= set(heard[:0])


async def test_sound_is_converted_to_exact_frames(service: Service, exchange: Exchange) -> None:
    carrier = exchange.carrier
    exchange.phone({"says": "A table for two, please."}, {"awaits": "said"}, {"hangs_up": True})
    call = create(service, carrier)
    asked = {"encoding": "pcm_s16le", "sample_rate_hz": 48000}
    async with attached(service, call["id"], format=asked) as caller:
        await until(lambda: caller.of("started"))
        assert caller.of("started")[0]["format"] == {**asked, "channels": 1}
        await caller.socket.send(bytes(48_000 * 2 // 2))
        await caller.say("mark", name="said")
        await until(lambda: caller.done)
    assert set(caller.pieces) == {48_000 * 2 // 50}
    assert len(caller.pieces) > 10
    assert exchange.call(call["provider_call_id"])["heard_ms"] >= 500


async def test_a_caller_detaches_attaches_again_and_is_replaced(service: Service, exchange: Exchange) -> None:
    carrier = exchange.carrier
    exchange.phone({"waits_ms": 60_000})
    call = create(service, carrier)
    async with attached(service, call["id"]) as first:
        await until(lambda: first.of("started"))
    await until(lambda: get(service, call["id"])["media_open"])
    async with attached(service, call["id"]) as second:
        await until(lambda: second.of("started") and second.sound)
        async with attached(service, call["id"]) as third:
            await until(lambda: third.of("started") and third.sound)
            await until(lambda: second.done)
            assert second.events[-1]["reason"] == "taken_over"
            await third.socket.send(spoken := noise(carrier, 200))
            await until(lambda: spoken in exchange.heard(call["provider_call_id"]))
    # Nobody comes back.
    over = await ended(service, call["id"])
    assert (over["hung_up_by"], over["error_code"]) == ("service", "detached")


async def test_a_socket_that_is_lost_ends_the_sound_and_then_the_call(
    service: Service, exchange: Exchange
) -> None:
    carrier = exchange.carrier
    exchange.phone(speed=1.0)
    call = create(service, carrier)
    async with attached(service, call["id"]) as caller:
        await until(lambda: caller.of("started"))
        await caller.socket.send(noise(carrier, 5_000))
        await caller.say("mark", name="end")
        await (await caller.socket.ping())
        await until(lambda: exchange.call(call["provider_call_id"])["heard_ms"] > 60)
        exchange.act(call["provider_call_id"], {"loses": "reset"})
        await until(lambda: caller.done)
    assert [(one["name"], one["cancelled"]) for one in caller.of("mark_reached")] == [("end", True)]
    assert caller.of("stopped")
    assert (await ended(service, call["id"]))["state"] == "completed"
    [stopped] = [one for one in story(service, call["id"]) if one["what"] == "media.stopped"]
    assert stopped["detail"]["reason"] == "disconnected"


@pytest.mark.parametrize(
    "deliveries",
    [
        [{"how": "twice", "times": 0}],
        [{"how": "late", "times": 2}],
        [{"how": "once", "delay_ms": 150, "times": 3}],
    ],
    ids=["twice", "late", "delayed"],
)
async def test_notices_in_any_order_and_number(service: Service, exchange: Exchange, deliveries: Any) -> None:
    exchange.ask("PUT", body={"deliveries": deliveries})
    exchange.phone({"waits_ms": 200}, {"hangs_up": True})
    call = create(service, exchange.carrier)
    over = await ended(service, call["id"])
    await until(lambda: exchange.call(call["provider_call_id"])["done"])
    found = get(service, call["id"])
    assert (found["state"], found["ended_at"]) == ("completed", over["ended_at"])
    assert found["answered_at"] is not None
    await until(lambda: all(codes for _, codes in exchange.call(call["provider_call_id"])["notices"]))
    assert {code for _, codes in exchange.call(call["provider_call_id"])["notices"] for code in codes} == {
        200
    }
    lines = [one for one in story(service, call["id"]) if one["what"] == "status"]
    assert len({json.dumps(one["detail"], sort_keys=True) for one in lines}) == len(lines)
    kept = await until(
        lambda: (rows := [one for one in records(service, call["id"]) if one["operation"] == "call"]) and rows
    )
    assert len(kept) == 1


async def test_a_call_whose_end_nobody_tells_of_is_asked_for(service: Service, exchange: Exchange) -> None:
    exchange.ask("PUT", body={"deliveries": [{"how": "lost", "times": 0}]})
    exchange.phone({"waits_ms": 200}, {"hangs_up": True})
    call = create(service, exchange.carrier)
    assert (await ended(service, call["id"]))["state"] == "completed"
    assert "asked" in [one["what"] for one in story(service, call["id"])]


async def test_a_call_that_is_busy_and_one_that_is_hung_up_while_it_rings(
    service: Service, exchange: Exchange
) -> None:
    carrier = exchange.carrier
    exchange.phone(picks_up="busy")
    busy = create(service, carrier)
    assert (await ended(service, busy["id"]))["state"] == "busy"
    async with attached(service, busy["id"]) as caller:
        await until(lambda: caller.done)
    assert [one.get("code") or one["reason"] for one in caller.events] == ["call_ended", "error"]
    assert caller.socket.close_code == 1000
    if not carrier.presses:
        return
    exchange.phone(picks_up="no", rings_ms=60_000)
    call = create(service, carrier)
    await until(lambda: get(service, call["id"])["state"] == "ringing")
    status, asked = service.call("POST", f"/v1/calls/{call['id']}/hangup")
    assert status == 200, asked
    over = await ended(service, call["id"])
    assert (over["state"], over["hung_up_by"]) == ("cancelled", "caller")
    status, again = service.call("POST", f"/v1/calls/{call['id']}/hangup")
    assert (status, again["state"]) == (200, "cancelled")


async def test_the_record_of_a_call_that_was_not_made_says_why(service: Service, lab: str) -> None:
    exchange = Exchange(lab, CARRIERS["twilio"])
    exchange.reset()
    value = {**exchange.carrier.value, "account_token": "f" * 32, "base_url": f"{lab}/twilio"}
    offer = {"provider": "twilio", "name": "wrong", "value": value}
    status, stored = service.call("POST", "/v1/credentials?verify=false", offer)
    assert status == 201, stored
    wrong = stored["id"]
    asked = {"credential_id": wrong, "to": THEIRS, "from": OURS}
    status, refusal = service.call("POST", "/v1/calls", asked)
    assert (status, refusal["error"]["code"]) == (424, "credential_rejected")
    [call] = service.call("GET", "/v1/calls?provider=twilio&limit=1")[1]["data"]
    assert (call["credential_id"], call["state"]) == (wrong, "failed")
    kept = await until(
        lambda: len(found := records(service, call["id"])) == 2 and {one["operation"]: one for one in found}
    )
    told = {(one["status"], one["response_status"], one["credential_version"]) for one in kept.values()}
    assert (set(kept), told) == ({"call", "call.dial"}, {("failed", 424, 1)})
    assert service.call("DELETE", f"/v1/credentials/{wrong}")[0] == 200


async def test_a_hang_up_that_the_carrier_refuses_is_told(
    service: Service, exchange: Exchange, lab: str
) -> None:
    carrier = exchange.carrier
    if not carrier.presses:
        return
    exchange.phone({"waits_ms": 60_000})
    call = create(service, carrier)
    async with attached(service, call["id"]) as caller:
        await until(lambda: caller.of("started"))
        faults = json.dumps({carrier.name: [{"status": 403}]}).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{lab}/_lab/faults", data=faults, method="PUT")):
            pass
        status, refusal = service.call("POST", f"/v1/calls/{call['id']}/hangup")
        assert (status, refusal["error"]["provider"]) == (403, carrier.name), refusal
        lines = [one["what"] for one in story(service, call["id"])]
        assert [what for what in lines if what.startswith("hangup")] == ["hangup", "hangup.failed"]
        assert service.call("POST", f"/v1/calls/{call['id']}/hangup")[0] == 200
    await ended(service, call["id"])


async def test_a_key_makes_one_call(service: Service, exchange: Exchange) -> None:
    carrier = exchange.carrier
    exchange.phone(picks_up="busy")
    key = f"once-{carrier.name}-{DICE.random()}"
    first = create(service, carrier, idempotency_key=key)
    assert create(service, carrier, idempotency_key=key)["id"] == first["id"]
    status, refused = service.call(
        "POST",
        "/v1/calls",
        {"provider": carrier.name, "to": "+4930999", "from": OURS, "idempotency_key": key},
    )
    assert status in (400, 409)
    other = {"provider": carrier.name, "to": THEIRS, "from": OURS, "idempotency_key": key, "record": True}
    status, refused = service.call("POST", "/v1/calls", other)
    assert (status, refused["error"]["code"]) == (409, "idempotency_key_reused")
    assert len(exchange.ask("GET")["calls"]) == 1


# --- what is not believed --------------------------------------------------------------------


def refused(service: Service, carrier: Any) -> dict[str, float]:
    with urllib.request.urlopen(f"{service.url}/metrics") as reply:
        text = reply.read().decode()
    found = {}
    for line in text.splitlines():
        if line.startswith("integration_webhooks_refused_total{") and f'provider="{carrier.name}"' in line:
            reason = re.search('reason="([a-z_]+)"', line)
            assert reason is not None
            found[reason[1]] = float(line.rpartition(" ")[2])
    return found


def opened(document: bytes) -> str:
    """Return the media socket's address in an answer."""
    found = re.search(r"ws://[^\"'<\s]+", document.decode())
    assert found is not None, document
    return found[0]


async def test_forged_webhooks_change_nothing_and_are_counted(service: Service, exchange: Exchange) -> None:
    carrier = exchange.carrier
    made, other = route(service, carrier), route(service, carrier)
    id = f"CA{DICE.randrange(10**12):032x}"
    asks = carrier.asks(id)
    before = refused(service, carrier)
    url = made["answer_url"]
    good = signed(carrier, url, asks)
    unsigned = {"content-type": carrier.mime, **carrier.forged}
    changed = asks.replace(b"ringing", b"completed") + b"1"
    elsewhere = (f"{url}/", f"{url}?a=b", other["answer_url"])
    attempts = [
        (url, unsigned, asks, 403),
        *([(url, good, changed, 403)] if carrier.signs else ()),
        (url, signed(carrier, url, asks, secret="another-secret-0123456789abcdef"), asks, 403),
        *((at, good, asks, 403) for at in elsewhere if carrier.signs_url),
        (url.replace(f"/{carrier.name}/", "/nobody/"), good, asks, 404),
        (url[:-12] + ("A" if url[-12] != "A" else "B") + url[-11:], good, asks, 404),
        (url.removesuffix("answer") + "media", good, asks, 405),
    ]
    for at, headers, body, expected in attempts:
        status, _ = knock("POST", at, headers, body)
        assert status == expected, (at, status)
    assert inbound(service, made["id"]) is None
    assert inbound(service, other["id"]) is None
    after = refused(service, carrier)
    counted = 3 + carrier.signs + (len(elsewhere) if carrier.signs_url else 0)
    assert sum(after.values()) - sum(before.values()) == counted, (before, after)
    status, _ = post(carrier, url, asks)
    assert status == 200
    call = inbound(service, made["id"])
    assert call is not None
    # What it tells of is another account's call, or is told of unsigned: it stands as it stood.
    tells = carrier.tells(id, "completed", 3)
    assert knock("POST", made["status_url"], unsigned, tells)[0] == 403
    assert get(service, call["id"])["state"] == "ringing"
    assert post(carrier, made["status_url"], tells)[0] == 200
    assert get(service, call["id"])["state"] == "completed"
    # Asked again after its end, it is not connected to anything.
    assert post(carrier, url, asks)[0] == 409


def test_what_is_older_than_the_replay_window_is_refused(service: Service) -> None:
    old = time.time() - 301
    twilio, vonage = CARRIERS["twilio"], CARRIERS["vonage"]
    said = formatdate(old)
    form = {
        "CallSid": "CA-old",
        "CallStatus": "ringing",
        "SequenceNumber": "0",
        "Timestamp": said,
        "From": THEIRS,
    }
    body, made = urlencode(form).encode(), route(service, twilio)
    before = refused(service, twilio)
    assert post(twilio, made["status_url"], body)[0] == 409
    assert refused(service, twilio).get("replayed", 0) == before.get("replayed", 0) + 1
    assert inbound(service, made["id"]) is None
    made, body = route(service, vonage), vonage.asks("old")
    headers = {"authorization": vonage_keys.bearer(body, iat=int(old)), "content-type": vonage.mime}
    assert knock("POST", made["answer_url"], headers, body)[0] == 403
    assert refused(service, vonage)["expired"] >= 1
    assert inbound(service, made["id"]) is None


async def test_a_media_socket_is_let_in_once_and_only_by_proof(service: Service, exchange: Exchange) -> None:
    carrier = exchange.carrier
    made = route(service, carrier)
    id = f"CA{DICE.randrange(10**12):032x}"
    status, document = post(carrier, made["answer_url"], carrier.asks(id))
    assert status == 200
    url = opened(document)
    before = refused(service, carrier)

    async def try_at(at: str, headers: dict[str, str]) -> int:
        try:
            async with connect(at, additional_headers=headers, open_timeout=60) as socket:
                await socket.close()
        except InvalidStatus as refusal:
            return refusal.response.status_code
        return 101

    good = carrier.sign(url)
    if good:
        assert await try_at(url, dict(carrier.forged)) == 403
        if carrier.signs:
            assert await try_at(url, carrier.sign(url + "x")) == 403
    assert await try_at(url[:-12] + ("A" if url[-12] != "A" else "B") + url[-11:], good) == 404
    assert await try_at(made["answer_url"].replace("http", "ws").replace("answer", "media"), good) == 404
    # What is no handshake spends nothing.
    shake = {
        "upgrade": "websocket", "connection": "keep-alive, Upgrade", "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    }  # fmt: skip
    for odd in (
        dict.fromkeys(shake, ""),
        {"connection": "close"},
        {"sec-websocket-version": "8"},
        {"sec-websocket-key": "short"},
    ):
        headers = {name: value for name, value in {**shake, **odd}.items() if value}
        with closing(HTTPConnection("127.0.0.1", service.port, timeout=60)) as asking:
            asking.request("GET", urlsplit(url).path, headers={**good, **headers})
            assert asking.getresponse().status == 400, odd
    async with connect(url, additional_headers=good, open_timeout=60):
        assert await try_at(url, good) == 409
    assert await try_at(url, good) == 409
    after = refused(service, carrier)
    assert after.get("spent", 0) - before.get("spent", 0) == 2
    # Asked once more, the carrier is given another path.
    status, document = post(carrier, made["answer_url"], carrier.asks(id))
    assert opened(document) != url


async def test_a_socket_that_never_starts_or_is_another_calls_is_closed(
    service: Service, exchange: Exchange
) -> None:
    carrier = exchange.carrier
    made = route(service, carrier)
    id = f"CA{DICE.randrange(10**12):032x}"
    _, document = post(carrier, made["answer_url"], carrier.asks(id))
    url = opened(document)
    async with connect(url, additional_headers=carrier.sign(url), open_timeout=60) as socket:
        await socket.send("this is no language of theirs")
        with pytest.raises(ConnectionClosed):
            async with asyncio.timeout(60):
                while True:
                    await socket.recv()
        assert socket.close_code == 1008
    call = inbound(service, made["id"])
    assert call is not None
    await until(lambda: [one for one in story(service, call["id"]) if one["what"] == "media.stopped"])
    assert call["state"] == "ringing"


async def test_a_socket_that_its_carrier_keeps_open_after_the_end_is_closed(
    service: Service, lab: str
) -> None:
    carrier = CARRIERS["twilio"]
    made = route(service, carrier)
    id = f"CA{DICE.randrange(10**12):032x}"
    _, document = post(carrier, made["answer_url"], carrier.asks(id))
    url = opened(document)
    async with connect(url, additional_headers=carrier.sign(url), open_timeout=60) as socket:
        sound = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
        start = {"callSid": id, "tracks": ["inbound"], "mediaFormat": sound, "customParameters": {}}
        await socket.send(
            json.dumps({"event": "start", "streamSid": "MZ1", "start": {"streamSid": "MZ1", **start}})
        )
        call = await until(lambda: inbound(service, made["id"]))
        async with attached(service, call["id"]) as caller:
            await until(lambda: caller.of("started"))
            await caller.say("mark", name="end")
            assert post(carrier, made["status_url"], carrier.tells(id, "completed", 1))[0] == 200
            async with asyncio.timeout(30):
                await socket.wait_closed()
            await until(lambda: caller.done)
        assert socket.close_code == 1000
    told = [one["type"] for one in caller.events]
    assert told == ["started", "mark_reached", "stopped", "closed"]
    assert (caller.of("mark_reached")[0]["cancelled"], caller.of("closed")[0]["reason"]) == (True, "finished")
    call = get(service, call["id"])
    assert (call["state"], call["media_open"]) == ("completed", False)
    [stopped] = [one for one in story(service, call["id"]) if one["what"] == "media.stopped"]
    assert stopped["detail"]["reason"] == "call_ended"


def test_nothing_large_is_read_of_whoever_knocks(service: Service) -> None:
    at = f"{service.url}/telephony/twilio/{'a' * 60}/status"
    assert knock("POST", at, {}, bytes(64 << 10))[0] == 404
    assert knock("POST", at, {}, bytes((64 << 10) + 1))[0] == 413


async def test_whatever_somebody_calls_as_the_call_comes_in(service: Service, exchange: Exchange) -> None:
    carrier = exchange.carrier
    made = route(service, carrier)
    for odd in ("a\0b", "".join(DICE.choices("0123456789abcdef", k=9_000))):
        asks = carrier.asks(f"CA{DICE.randrange(10**12):032x}")
        written = json.dumps(odd)[1:-1] if carrier.mime == "application/json" else quote(odd)
        asks = asks.replace(THEIRS[1:].encode(), written.encode())
        assert post(carrier, made["answer_url"], asks)[0] == 200
        call = inbound(service, made["id"])
        assert call is not None
        assert call["from"].lstrip("+") in (odd.replace("\0", "\ufffd"), odd[:199], odd[:200])


async def test_a_call_whose_credential_is_gone_can_still_be_ended(service: Service, lab: str) -> None:
    exchange = Exchange(lab, CARRIERS["twilio"])
    exchange.reset()
    exchange.phone({"waits_ms": 60_000})
    value = exchange.carrier.value
    credential = service.add_credential("twilio", f"{lab}/twilio", value=value, name="short-lived")
    call = create(service, exchange.carrier, credential_id=credential)
    await until(lambda: get(service, call["id"])["media_open"])
    assert service.call("DELETE", f"/v1/credentials/{credential}")[0] == 200
    status, told = service.call("POST", f"/v1/calls/{call['id']}/hangup")
    assert status == 200, told
    await until(lambda: exchange.call(call["provider_call_id"])["done"])
    over = await ended(service, call["id"])
    assert (over["state"], over["error_code"], over["hung_up_by"]) == (
        "failed",
        "credential_not_found",
        "caller",
    )


async def test_a_route_whose_credential_is_gone_takes_no_more_calls(
    service: Service, exchange: Exchange, lab: str
) -> None:
    carrier = exchange.carrier
    credential = service.add_credential(
        carrier.name, f"{lab}/{carrier.name}", value=carrier.value, name="short-lived"
    )
    made = route(service, carrier, credential_id=credential)
    assert post(carrier, made["answer_url"], carrier.asks("CA" + "0" * 32))[0] == 200
    assert service.call("DELETE", f"/v1/credentials/{credential}")[0] == 200
    before = refused(service, carrier)
    for url, said in (
        (made["answer_url"], carrier.asks("CA" + "1" * 32)),
        (made["status_url"], carrier.tells("CA" + "1" * 32, "ringing", 0)),
    ):
        assert post(carrier, url, said)[0] == 404
    assert refused(service, carrier)["no_credential"] == before.get("no_credential", 0) + 2
    found = service.call("GET", f"/v1/calls?direction=inbound&provider={carrier.name}&limit=20")[1]["data"]
    assert [one["provider_call_id"] for one in found if one["route_id"] == made["id"]] == ["CA" + "0" * 32]
    status, refusal = service.call("POST", "/v1/calls/inbound", {"credential_id": credential, "name": "desk"})
    assert (status, refusal["error"]["code"]) == (404, "credential_not_found")


async def test_a_batch_goes_on_without_the_key_that_made_it(service: Service, lab: str) -> None:
    exchange = Exchange(lab, CARRIERS["twilio"])
    exchange.reset()
    exchange.phone(picks_up="busy")
    _, key = service.call("POST", "/v1/keys", {"name": "short-lived", "scopes": ["infer"]})
    asked = {
        "template": {"provider": "twilio", "from": OURS}, "rows": [{"to": THEIRS}] * 3, "calls_per_second": 2,
    }  # fmt: skip
    status, batch = service.call("POST", "/v1/calls/batches", asked, key=key["key"])
    assert status == 201, batch
    assert service.call("DELETE", f"/v1/keys/{key['id']}")[0] == 200
    assert service.call("GET", f"/v1/calls/batches/{batch['id']}", key=key["key"])[0] == 401
    over = await until(
        lambda: (
            (one := service.call("GET", f"/v1/calls/batches/{batch['id']}")[1])["state"] == "completed"
            and one
        )
    )
    assert over["progress"] == {"busy": 3}


async def test_another_project_sees_and_touches_nothing(service: Service, exchange: Exchange) -> None:
    from tests.e2e.test_isolation import other_project

    carrier = exchange.carrier
    exchange.phone({"waits_ms": 60_000})
    call = create(service, carrier)
    made = route(service, carrier)
    window = {"start": "00:00", "end": "00:01", "tz": "UTC", "days": [1]}
    asked = {"template": {"provider": carrier.name, "from": OURS}, "rows": [{"to": THEIRS}], "window": window}
    status, batch = service.call("POST", "/v1/calls/batches", asked)
    assert status == 201, batch
    stranger = await asyncio.to_thread(other_project, service)
    one = f"/v1/calls/{call['id']}"
    for method, path, body in [
        ("GET", one, None),
        ("GET", f"{one}/events", None),
        ("POST", f"{one}/hangup", None),
        ("POST", f"{one}/dtmf", {"digits": "1"}),
        ("POST", f"{one}/transfer", {"to": THEIRS}),
        ("GET", f"/v1/calls/watch?call_id={call['id']}", None),
        ("GET", f"/v1/calls/watch?batch_id={batch['id']}", None),
        ("DELETE", f"/v1/calls/inbound/{made['id']}", None),
        *(
            (method, f"/v1/calls/batches/{batch['id']}{path}", None)
            for method, path in (
                ("GET", ""),
                ("GET", "/watch"),
                ("POST", "/pause"),
                ("POST", "/resume"),
                ("POST", "/cancel"),
            )
        ),
    ]:
        assert service.call(method, path, body, key=stranger)[0] == 404, path
    for path in ("", "/inbound", "/batches"):
        assert service.call("GET", f"/v1/calls{path}", key=stranger)[1]["data"] == []
    for path, body in [
        ("", {"provider": carrier.name, "to": THEIRS, "from": OURS}),
        ("/inbound", {"provider": carrier.name, "name": "x"}),
        ("/batches", asked),
    ]:
        status, told = service.call("POST", f"/v1/calls{path}", body, key=stranger)
        assert (status, told["error"]["code"]) == (400, "credential_missing"), path
    assert service.call("GET", f"/v1/numbers?provider={carrier.name}", key=stranger)[0] == 400
    async with attached(service, call["id"], key=stranger) as thief:
        await until(lambda: thief.done)
    assert [one["type"] for one in thief.events] == ["error", "closed"]
    assert not thief.sound
    # A route that is deleted answers no more.
    assert service.call("DELETE", f"/v1/calls/inbound/{made['id']}")[0] == 200
    assert post(carrier, made["answer_url"], carrier.asks("CA1"))[0] == 404
    service.call("POST", f"{one}/hangup")
    await ended(service, call["id"])


async def test_answers_are_as_they_are_described(service: Service, exchange: Exchange) -> None:
    from tests.e2e.test_openapi import validator

    carrier = exchange.carrier
    exchange.phone(picks_up="busy")
    call = create(service, carrier, metadata={"a": "b"})
    await ended(service, call["id"])
    made = route(service, carrier, metadata={"a": "b"}, media={"params": {"x": "y"}})
    asked = {
        "template": {"provider": carrier.name, "from": OURS},
        "rows": [{"to": THEIRS}],
        "window": {"start": "00:00", "end": "00:01", "tz": "UTC", "days": [1]},
    }
    batch = service.call("POST", "/v1/calls/batches", asked)[1]
    document = service.call("GET", "/openapi.json", key=None)[1]
    for method, path, at in [
        ("GET", "/v1/calls/{id}", f"/v1/calls/{call['id']}"),
        ("GET", "/v1/calls", "/v1/calls?limit=3"),
        ("GET", "/v1/calls/{id}/events", f"/v1/calls/{call['id']}/events"),
        ("GET", "/v1/calls/inbound", "/v1/calls/inbound"),
        ("GET", "/v1/calls/batches", "/v1/calls/batches"),
        ("GET", "/v1/calls/batches/{id}", f"/v1/calls/batches/{batch['id']}"),
        ("POST", "/v1/calls/batches/{id}/cancel", f"/v1/calls/batches/{batch['id']}/cancel"),
        ("GET", "/v1/numbers", f"/v1/numbers?provider={carrier.name}"),
        ("DELETE", "/v1/calls/inbound/{id}", f"/v1/calls/inbound/{made['id']}"),
    ]:
        status, answer = service.call(method, at)
        assert status == 200, (at, answer)
        [told] = document["paths"][path][method.lower()]["responses"]["200"]["content"].values()
        validator(document, told["schema"], strict=True).validate(answer)


async def test_stories_are_watched_as_they_are_written(service: Service, exchange: Exchange) -> None:
    exchange.phone({"waits_ms": 300}, {"hangs_up": True})
    call = create(service, exchange.carrier)

    def watch() -> list[str]:
        request = urllib.request.Request(
            f"{service.url}/v1/calls/watch?call_id={call['id']}",
            headers={"authorization": f"Bearer {service.settings()['BOOTSTRAP_API_KEY']}"},
        )
        with urllib.request.urlopen(request, timeout=30) as reply:
            lines = reply.read().decode().split("\n\n")
        return [json.loads(line.removeprefix("data: "))["id"] for line in lines if line.startswith("data: ")]

    told = await asyncio.to_thread(watch)
    # The watch ends with the call; what is written afterwards is in the story.
    assert told == [one["id"] for one in story(service, call["id"])][: len(told)]
    assert get(service, call["id"])["state"] == "completed"


async def test_a_batch_is_made_and_watched_to_its_end(service: Service, exchange: Exchange) -> None:
    carrier = exchange.carrier
    exchange.phone(number="*", picks_up="busy")
    numbers = [f"+49301234{n:03}" for n in range(3)]
    asked = {
        "template": {"provider": carrier.name, "from": OURS},
        "rows": [{"to": number, "metadata": {"n": number[-1]}} for number in numbers],
        "calls_per_second": 20,
        "name": "three",
    }
    status, batch = service.call("POST", "/v1/calls/batches", asked)
    assert (status, batch["total"], batch["state"]) == (201, 3, "running")

    def watch() -> list[dict[str, Any]]:
        request = urllib.request.Request(
            f"{service.url}/v1/calls/batches/{batch['id']}/watch",
            headers={"authorization": f"Bearer {service.settings()['BOOTSTRAP_API_KEY']}"},
        )
        with urllib.request.urlopen(request, timeout=30) as reply:
            lines = reply.read().decode().split("\n\n")
        return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]

    told = await asyncio.to_thread(watch)
    assert (told[-1]["state"], told[-1]["progress"]) == ("completed", {"busy": 3})
    assert sorted(one["to"] for one in exchange.ask("GET")["calls"]) == numbers
    _, listed = service.call("GET", f"/v1/calls?batch_id={batch['id']}")
    assert {call["metadata"]["n"] for call in listed["data"]} == {"0", "1", "2"}
    status, refused = service.call("POST", f"/v1/calls/batches/{batch['id']}/pause")
    assert (status, refused["error"]["code"]) == (409, "batch_state")


def test_without_a_public_address_calls_are_refused_by_its_name(tmp_path: Path, lab: str) -> None:
    with running(tmp_path) as service:
        service.add_credential("twilio", f"{lab}/twilio", value=CARRIERS["twilio"].value)
        for path, body in [
            ("/v1/calls", {"provider": "twilio", "to": THEIRS, "from": OURS}),
            ("/v1/calls/inbound", {"provider": "twilio", "name": "x"}),
            (
                "/v1/calls/batches",
                {"template": {"provider": "twilio", "from": OURS}, "rows": [{"to": THEIRS}]},
            ),
        ]:
            status, answer = service.call("POST", path, body)
            assert (status, answer["error"]["code"]) == (400, "telephony_not_configured"), answer
            assert "TELEPHONY__PUBLIC_URL" in answer["error"]["message"]


def test_what_is_wrong_is_named(service: Service) -> None:
    good = {"provider": "twilio", "to": THEIRS, "from": OURS}
    for change, param in [
        ({"to": "030 123"}, "to"),
        ({"from": "12"}, "from"),
        ({"provider": "openai"}, "provider"),
        ({"provider": "nobody"}, "provider"),
        ({"media": {"mode": "loud"}}, "media.mode"),
        ({"media": {"mode": "answer_url"}}, "media.answer_url"),
        ({"media": {"mode": "answer_url", "answer_url": "https://"}}, "media.answer_url"),
        ({"media": {"mode": "inline"}}, "media"),
        ({"ring_timeout_s": 0}, "ring_timeout_s"),
        ({"metadata": {"": "x"}}, "metadata"),
        ({"idempotency_key": "x" * 201}, "idempotency_key"),
    ]:
        status, answer = service.call("POST", "/v1/calls", {**good, **change})
        assert (status, answer["error"]["param"]) == (400, param), answer
    large = "x" * (64 << 10)
    for path, change, param in [
        ("", {"provider_options": {"Twiml": large}}, "provider_options"),
        ("", {"media": {"mode": "answer_url", "answer_url": f"https://a.example/{large}"}}, "media"),
        ("/batches", {"template": {**good, "to": "", "provider_options": {"a": large}}}, "provider_options"),
    ]:
        asked = {**good, **change} if not path else {"rows": [{"to": THEIRS}], **change}
        status, answer = service.call("POST", f"/v1/calls{path}", asked)
        assert (status, answer["error"]["param"]) == (413, param), answer
    for nobody in ("12", str(1 << 63)):
        assert service.call("POST", "/v1/calls", {**good, "credential_id": nobody})[0] == 404
    status, answer = service.call("GET", "/v1/calls?provider=openai")
    assert (status, answer["error"]["param"]) == (400, "provider"), answer
    spelled = [service.call("GET", f"/v1/calls?provider={name}")[1] for name in ("twilio", "Twilio")]
    assert len({answer["last_id"] for answer in spelled}) == 1
    assert service.call("GET", "/v1/calls/12")[0] == 404
    assert service.call("POST", "/v1/calls/12/hangup")[0] == 404
    status, numbers = service.call("GET", "/v1/numbers?provider=twilio")
    assert status == 200, numbers
    assert numbers["data"][0]["number"].startswith("+")
    with urllib.request.urlopen(f"{service.url}/metrics") as reply:
        assert metric(reply.read().decode(), "integration_media_sessions") >= 0
