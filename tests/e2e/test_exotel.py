"""What Exotel alone does: sound in both spellings and encodings, callbacks that nothing proves but where they come from,
calls that end by their socket. And where its secrets are.

What all carriers do is in test_telephony.py. The service is one whose memory can be looked into.
"""

import asyncio
import json
import random
import secrets
import urllib.request
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.e2e.carrier_stage import CarrierStage, refusals
from tests.e2e.memory import copies, spellings
from tests.e2e.secrecy import Stage, staged
from tests.e2e.service import free_port, running
from tests.e2e.telephones import ANOTHER_ADDRESS, ITS_ADDRESS, OURS, THEIRS, attached, knock, sound, until
from tests.e2e.test_telephony_docs import BLOCKS, asked

TOKEN = secrets.token_hex(6) * 6
VALUE = {"account_sid": "lab1", "client_id": "key1", "client_secret": TOKEN}
FROM = "+918047491899"
STYLES = {
    "snake, 8 kHz": (FROM, "", "pcm_s16le", 8_000),
    "snake, 16 kHz": (FROM, "16000", "pcm_s16le", 16_000),
    "snake, 24 kHz": (FROM, "24000", "pcm_s16le", 24_000),
    "camel, 8 kHz": ("+918047491801", "", "pcm_s16le", 8_000),
    "camel, 16 kHz": ("+918047491801", "16000", "pcm_s16le", 16_000),
    "snake, mu-law": ("+918047491802", "", "mulaw", 8_000),
    "camel, mu-law": ("+918047491803", "", "mulaw", 8_000),
}
"""The ExoPhone of the lab's that speaks so, the rate that is asked for, and what comes."""
WRITTEN = ("multipart/form-data", "application/x-www-form-urlencoded", "application/json")
SETTINGS = {
    "TELEPHONY__EXOTEL_ADDRESSES": "127.0.0.1/32, 203.0.113.0/24",
    "TELEPHONY__TRUSTED_PROXIES": "127.0.0.1/32",
}
DICE = random.Random(9)  # noqa: S311 - the same sound each time


def on(stage: Stage) -> CarrierStage:
    return CarrierStage(stage, "exotel", VALUE, FROM)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("exotel"), shared=False, telephony=True, **SETTINGS) as ready:
        status, answer = on(ready).store()
        assert status == 201, answer
        yield ready


@pytest.fixture
def exotel(stage: Stage) -> CarrierStage:
    whole = on(stage)
    whole.lab("DELETE")
    return whole


# --- credentials ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong, status, outcome",
    [
        ({"client_id": "key2"}, 201, None),
        ({"client_id": "key3", "client_secret": "invalid-0123456789"}, 422, "invalid"),
        ({"client_id": "key3", "client_secret": "forbidden-0123456789"}, 422, "no_permission"),
    ],
    ids=["good", "another token", "forbidden"],
)
def test_a_credential_is_verified_when_it_is_stored(
    exotel: CarrierStage, wrong: Any, status: int, outcome: Any
) -> None:
    got, answer = exotel.store(**wrong)
    assert got == status, answer
    if outcome is None:
        assert exotel.stage.ask("DELETE", f"/v1/credentials/{answer['id']}")[0] == 200
    else:
        assert answer["error"]["outcome"] == outcome


# --- sound ------------------------------------------------------------------------------------


async def spoken(exotel: CarrierStage, number: int, style: str) -> None:
    """Have one call: what each says is heard by the other to the sample."""
    from_, rate, encoding, hertz = STYLES[style]
    frame = hertz // 50 * (1 if encoding == "mulaw" else 2)
    said, answered = (bytes(DICE.randrange(1, 120) for _ in range(frame * 20)) for _ in range(2))
    to = f"{THEIRS}{number}"
    params = {"who": "a b&c", **({"sample-rate": rate} if rate else {})}
    acts = [
        {"waits_ms": 200},
        sound(said),
        {"presses": "1#"},
        {"awaits": "said"},
        {"waits_ms": 100},
        {"hangs_up": True},
    ]
    await asyncio.to_thread(exotel.phone, *acts, number=to, speed=2.0)
    _, call = await asyncio.to_thread(
        lambda: exotel.create(to=to, **{"from": from_}, media={"params": params})
    )
    async with attached(exotel.stage.service, call["id"]) as caller:
        [started] = await until(lambda: caller.of("started"))
        assert started["format"] == {"encoding": encoding, "sample_rate_hz": hertz, "channels": 1}, style
        assert started["custom"] == {"who": "a b&c"}
        await caller.socket.send(answered)
        await caller.say("mark", name="said")
        await until(lambda: caller.done)
        assert said in bytes(caller.sound), style
        assert "".join(one["digit"] for one in caller.of("dtmf")) == "1#"
        assert [one["name"] for one in caller.of("mark_reached")] == ["said"]
    over = await exotel.ended(call["id"])
    assert (over["state"], over["hung_up_by"]) == ("completed", "carrier")
    told = await asyncio.to_thread(exotel.lab, "GET", f"/calls/{call['provider_call_id']}")
    assert told["complaints"] == []
    assert answered in b64decode(told["heard"]), style


async def test_both_spellings_and_both_encodings_work(exotel: CarrierStage) -> None:
    await asyncio.gather(*(spoken(exotel, number, style) for number, style in enumerate(STYLES)))


async def test_a_call_is_made_as_the_documentation_shows(exotel: CarrierStage) -> None:
    exotel.phone({"waits_ms": 600_000})
    (shown,) = (code for _, code in BLOCKS if '"provider": "exotel"' in code)
    call = asked(shown, exotel.stage.service)
    async with attached(exotel.stage.service, str(call["id"])) as caller:
        [started] = await until(lambda: caller.of("started"))
    assert (started["format"]["sample_rate_hz"], started["custom"]) == (16_000, {"assistant": "7"})


# --- what is told, and by whom ----------------------------------------------------------------


@pytest.mark.parametrize("written", WRITTEN)
async def test_callbacks_are_read_however_they_are_written(exotel: CarrierStage, written: str) -> None:
    exotel.phone({"waits_ms": 1_500}, {"hangs_up": True})
    _, call = exotel.create(provider_options={"StatusCallbackContentType": written})
    over = await exotel.ended(call["id"])
    # How long was spoken is what the callback says of the call's only leg.
    assert (over["state"], over["provider_state"], over["duration_s"]) == ("completed", "completed", 2.0)
    notices = await until(
        lambda: (told := exotel.lab("GET", f"/calls/{call['provider_call_id']}"))["done"] and told["notices"]
    )
    assert notices == [["ringing", [200]], ["answered", [200]], ["terminal", [200]]]
    lines = [one["detail"]["provider_state"] for one in exotel.story(call["id"]) if one["what"] == "status"]
    assert lines == ["ringing", "in-progress", "completed"]


async def test_only_addresses_that_are_listed_are_believed(exotel: CarrierStage) -> None:
    made, before = exotel.route(), exotel.refused()
    asks = f"{made['answer_url']}?{urlencode({'CallSid': 'c1', 'CallFrom': THEIRS, 'CallTo': OURS})}"
    ends = f"{made['status_url']}?{urlencode({'CallSid': 'c1', 'Direction': 'incoming', 'Stream[Status]': 'completed'})}"
    forged = [ANOTHER_ADDRESS, f"{ITS_ADDRESS}, {ANOTHER_ADDRESS}", "nonsense", f"{ITS_ADDRESS}, ::1"]
    for hops in forged:
        assert knock("GET", asks, {"x-forwarded-for": hops})[0] == 403, hops
    assert exotel.inbound(made) == []
    for hops in (ITS_ADDRESS, f"{ANOTHER_ADDRESS}, {ITS_ADDRESS}", f"{ITS_ADDRESS}, 127.0.0.1"):
        status, document = knock("GET", asks, {"x-forwarded-for": hops})
        assert status == 200, hops
    [call] = exotel.inbound(made)
    assert (call["from"], call["to"], call["state"]) == (THEIRS, OURS, "ringing")
    socket = json.loads(document)["url"]
    for hops in forged:
        assert knock("GET", ends, {"x-forwarded-for": hops})[0] == 403
        with pytest.raises(InvalidStatus) as refusal:
            await connect(socket, additional_headers={"x-forwarded-for": hops}, open_timeout=60)
        assert refusal.value.response.status_code == 403
    assert exotel.get(call["id"])["state"] == "ringing"
    assert exotel.refused()["address"] - before.get("address", 0) == 3 * len(forged)
    assert knock("GET", ends, {"x-forwarded-for": ITS_ADDRESS})[0] == 200
    assert exotel.get(call["id"])["state"] == "completed"


@pytest.mark.parametrize(
    "addresses, reason", [("", "no_addresses"), ("203.0.113.0/24", "address")], ids=["none", "no proxies"]
)
def test_without_a_list_or_a_proxy_to_trust_nobody_is_believed(
    tmp_path: Path, addresses: str, reason: str
) -> None:
    settings = {
        "TELEPHONY__PUBLIC_URL": f"http://127.0.0.1:{free_port()}",
        "TELEPHONY__EXOTEL_ADDRESSES": addresses,
    }
    with running(tmp_path, **settings) as service:
        stored = {"provider": "exotel", "name": "x", "value": VALUE}
        assert service.call("POST", "/v1/credentials?verify=false", stored)[0] == 201
        status, made = service.call("POST", "/v1/calls/inbound", {"provider": "exotel", "name": "desk"})
        assert status == 201, made
        at = made["answer_url"].replace(settings["TELEPHONY__PUBLIC_URL"], service.url) + "?CallSid=c1"
        for headers in ({}, {"x-forwarded-for": ITS_ADDRESS}):
            assert knock("GET", at, headers)[0] == 403
        assert service.call("GET", "/v1/calls")[1]["data"] == []
        with urllib.request.urlopen(f"{service.url}/metrics") as reply:
            assert refusals("exotel", reply.read().decode()) == {reason: 2.0}


# --- calls that end by their socket -----------------------------------------------------------


async def test_a_call_is_hung_up_by_its_socket_and_not_before_there_is_one(exotel: CarrierStage) -> None:
    exotel.phone(picks_up="no", rings_ms=600_000)
    _, ringing = exotel.create()
    status, refused = exotel.stage.ask("POST", f"/v1/calls/{ringing['id']}/hangup")
    assert (status, refused["error"]["code"]) == (409, "call_not_ready")
    # What it never does is refused as that, and not as what is to be tried again once somebody has answered.
    for path, body in (("dtmf", {"digits": "1"}), ("transfer", {"to": OURS})):
        status, refused = exotel.stage.ask("POST", f"/v1/calls/{ringing['id']}/{path}", body)
        assert (status, refused["error"]["code"]) == (400, "unsupported_operation")
    exotel.phone({"waits_ms": 600_000})
    _, call = exotel.create()
    await until(lambda: exotel.get(call["id"])["media_open"])
    assert exotel.stage.ask("POST", f"/v1/calls/{call['id']}/hangup")[0] == 200
    over = await exotel.ended(call["id"])
    assert (over["state"], over["hung_up_by"]) == ("completed", "caller")


async def test_whoever_calls_hangs_up_and_an_applet_tells_of_it(exotel: CarrierStage) -> None:
    made = exotel.route()
    phone = {"acts": [{"says": "Hello"}, {"hangs_up": True}], "speed": 10.0}
    arrival = {"to": FROM, "from": "+919876543210", "url": made["answer_url"], "status": made["status_url"]}
    id = exotel.lab("POST", "/calls", {**arrival, "phone": phone})["id"]
    [call] = await until(lambda: exotel.inbound(made))
    over = await exotel.ended(call["id"])
    assert (over["state"], over["hung_up_by"], over["provider_call_id"]) == ("completed", "carrier", id)
    # As Exotel writes them: a number of India's without its code.
    assert (over["from"], over["to"]) == ("09876543210", "08047491899")
    await until(lambda: exotel.lab("GET", f"/calls/{id}")["done"])
    [told] = [one for one in exotel.story(call["id"]) if one["what"] == "status"]
    assert told["detail"]["Stream[DisconnectedBy]"] == "user"


def test_what_exotel_would_not_take_is_refused_with_a_reason(exotel: CarrierStage) -> None:
    exotel.phone(picks_up="busy")
    for wrong, param in (
        ({"media": {"params": dict.fromkeys("abcd", "x")}}, "media.params"),
        ({"amd": True}, "amd"),
        ({"max_duration_s": 14_401}, "max_duration_s"),
    ):
        status, answer = exotel.create(**wrong)
        assert (status, answer["error"]["param"]) == (400, param), answer
        # A batch of such calls is refused, and not each of its calls once it is dialed.
        template = {"provider": "exotel", "from": OURS, **wrong}
        status, answer = exotel.stage.ask(
            "POST", "/v1/calls/batches", {"template": template, "rows": [{"to": THEIRS}]}
        )
        assert (status, answer["error"]["param"]) == (400, f"template.{param}"), answer
    rows = [{"to": THEIRS}, {"to": THEIRS, "params": dict.fromkeys("abcd", "x")}]
    status, answer = exotel.stage.ask(
        "POST", "/v1/calls/batches", {"template": {"provider": "exotel", "from": OURS}, "rows": rows}
    )
    assert (status, answer["error"]["param"]) == (400, "rows[1].params"), answer
    status, answer = exotel.stage.ask(
        "POST",
        "/v1/calls/inbound",
        {"provider": "exotel", "name": "x", "media": {"params": {"sample-rate": "1"}}},
    )
    assert (status, answer["error"]["param"]) == (400, "media.params"), answer
    exotel.lab("PUT", body={"calls_per_second": 1 / 60})
    assert exotel.create()[0] == 201
    status, answer = exotel.create()
    assert (status, answer["error"]["code"]) == (429, "rate_limited"), answer


# --- secrets ----------------------------------------------------------------------------------


async def test_no_secret_stays_in_memory_or_is_written_or_said(exotel: CarrierStage) -> None:
    stage = exotel.stage
    exotel.phone({"says": "Hello"}, {"waits_ms": 600_000})
    _, call = exotel.create()
    async with attached(stage.service, call["id"]) as caller:
        await until(lambda: caller.of("started") and caller.sound)
    stage.ask("GET", "/v1/numbers?provider=exotel")
    assert stage.ask("POST", f"/v1/calls/{call['id']}/hangup")[0] == 200
    await exotel.ended(call["id"])
    exotel.store(client_secret=f"{TOKEN}x")
    for path in ("/v1/credentials", "/v1/audit?limit=100", f"/v1/calls/{call['id']}/events", "/metrics"):
        stage.ask("GET", path)
    sought = spellings(TOKEN[:12])
    # UTF-16 and UTF-32 of a text are only looked for in what is written.
    found = copies(stage.pid, [TOKEN[:12].encode(), *sought[-3:], VALUE["account_sid"].encode()])
    assert found.pop(VALUE["account_sid"].encode()), "the search does not find what is there"
    assert {needle: count for needle, count in found.items() if count} == {}
    kept = {"the answers": bytes(stage.said), "the spool": stage.spool()}
    assert stage.service.stop() == 0
    kept |= {"the log": stage.service.log.read_bytes(), "the data": stage.files()}
    assert call["provider_call_id"].encode() in kept["the data"]
    for where, held in kept.items():
        assert [one for one in sought if one in held] == [], where
