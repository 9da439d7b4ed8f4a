"""What Vonage alone does: webhooks by GET, tokens that prove them, legs beside the call. And where its secrets are.

What all carriers do is in test_telephony.py. The service is one whose memory can be looked into.
"""

import json
import secrets
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.e2e.carrier_stage import CarrierStage
from tests.e2e.memory import copies, spellings
from tests.e2e.secrecy import Stage, staged
from tests.e2e.telephones import OURS, THEIRS, attached, knock, until
from tests.lab import vonage_keys
from tests.lab.vonage_keys import API_KEY, APPLICATION, bearer, keys

SIGNATURE_SECRET, API_SECRET = (secrets.token_hex(6) * 6 for _ in range(2))
VALUE = {
    "application_id": APPLICATION, "private_key": keys()[0], "signature_secret": SIGNATURE_SECRET, "api_key": API_KEY,
    "api_secret": API_SECRET,
}  # fmt: skip
TOKENS = vonage_keys.tokens() | {APPLICATION: SIGNATURE_SECRET, API_KEY: API_SECRET}


def on(stage: Stage) -> CarrierStage:
    return CarrierStage(stage, "vonage", VALUE, OURS)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("vonage"), shared=False, telephony=True) as ready:
        whole = on(ready)
        whole.lab("PUT", body={"tokens": TOKENS})
        status, answer = whole.store()
        assert status == 201, answer
        yield ready


@pytest.fixture
def vonage(stage: Stage) -> CarrierStage:
    whole = on(stage)
    whole.lab("DELETE")
    whole.lab("PUT", body={"tokens": TOKENS})
    return whole


# --- credentials ------------------------------------------------------------------------------


OTHER_KEY = vonage_keys.keys.__wrapped__()[0]


@pytest.mark.parametrize(
    "wrong, status, told",
    [
        ({}, 201, ""),
        ({"signature_secret": "", "api_key": "", "api_secret": ""}, 201, ""),
        ({"private_key": OTHER_KEY}, 422, "invalid"),
        ({"api_secret": "Another12345"}, 422, "invalid"),
        ({"application_id": "forbidden"}, 422, "no_permission"),
        ({"private_key": "-----BEGIN PRIVATE KEY-----"}, 422, None),
        ({"api_secret": ""}, 422, None),
        ({"region": "eu/3", "base_url": ""}, 422, None),
    ],
    ids=["good", "without an account", "another key", "another secret", "forbidden", "no key", "half an account", "no region"],
)  # fmt: skip
def test_a_credential_is_verified_when_it_is_stored(
    vonage: CarrierStage, wrong: Any, status: int, told: Any
) -> None:
    got, answer = vonage.store(**wrong)
    assert got == status, answer
    if got == 201:
        assert vonage.stage.ask("DELETE", f"/v1/credentials/{answer['id']}")[0] == 200
    elif told is not None:
        assert answer["error"]["outcome"] == told
    else:
        assert next(iter(wrong)) in answer["error"]["message"]


# --- webhooks ---------------------------------------------------------------------------------


def by_get(url: str, fields: dict[str, str]) -> tuple[str, bytes]:
    """Where a GET goes, and what of it is signed."""
    asked = f"{url}?{urlencode(fields)}"
    said = dict(parse_qsl(urlsplit(asked).query))
    return asked, json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def proven(payload: bytes, **claims: Any) -> dict[str, str]:
    return {"authorization": bearer(payload, SIGNATURE_SECRET, **claims), "content-type": "application/json"}


def told(**said: Any) -> bytes:
    return json.dumps({"conversation_uuid": "CON-1", "from": THEIRS[1:], "to": OURS[1:], **said}).encode()


async def test_a_call_comes_in_and_is_told_of_by_get(vonage: CarrierStage) -> None:
    made, uuid = vonage.route(), secrets.token_hex(16)
    asked, signed = by_get(
        made["answer_url"], {"to": OURS[1:], "from": THEIRS[1:], "uuid": uuid, "SipHeader_X": "ü &"}
    )
    for at, headers in ((asked, {}), (asked + "1", proven(signed)), (made["answer_url"], proven(signed))):
        assert knock("GET", at, headers)[0] == 403
    assert vonage.inbound(made) == []
    status, document = knock("GET", asked, proven(signed))
    assert (status, json.loads(document)[0]["action"]) == (200, "connect")
    [call] = vonage.inbound(made)
    assert (call["from"], call["to"], call["metadata"]["SipHeader_X"]) == (THEIRS, OURS, "ü &")
    over = {"uuid": uuid, "status": "completed", "duration": "7", "price": "0.0012", "direction": "inbound"}
    asked, signed = by_get(made["status_url"], over)
    assert knock("GET", asked, proven(signed))[0] == 200
    ended = vonage.get(call["id"])
    assert (ended["state"], ended["duration_s"], ended["price"]) == ("completed", 7.0, "0.0012 EUR")


async def test_tokens_that_prove_nothing_change_nothing(vonage: CarrierStage) -> None:
    made, uuid = vonage.route(), secrets.token_hex(16)
    assert knock("POST", made["answer_url"], proven(told(uuid=uuid)), told(uuid=uuid))[0] == 200
    [call] = vonage.inbound(made)
    says = told(uuid=uuid, status="completed", direction="inbound")
    now, before = int(time.time()), vonage.refused()
    attempts = {
        "unsigned": {"content-type": "application/json"},
        "payload_hash": proven(told(uuid=uuid, status="ringing")),
        "signature": {"authorization": bearer(says, "another" * 5), "content-type": "application/json"},
        "expired": proven(says, iat=now - 24 * 3600),
        "early": proven(says, iat=now + 24 * 3600),
        "issuer": proven(says, iss="Nexmo"),
        "account": proven(says, application_id="another"),
    }
    for reason, headers in attempts.items():
        assert knock("POST", made["status_url"], headers, says)[0] == 403, reason
    assert knock("POST", made["status_url"], proven(says, payload_hash=None), says)[0] == 403
    after = vonage.refused()
    gained = {why: after[why] - before.get(why, 0) for why in after if after[why] != before.get(why, 0)}
    assert gained == {**dict.fromkeys(attempts, 1), "payload_hash": 2}
    assert (vonage.get(call["id"])["state"], len(vonage.story(call["id"]))) == ("ringing", 1)
    good = proven(says)
    assert [knock("POST", made["status_url"], good, says)[0] for _ in range(2)] == [200, 200]
    assert [one["what"] for one in vonage.story(call["id"])] == ["arrival", "status"]


async def test_other_legs_are_neither_calls_nor_move_one(vonage: CarrierStage) -> None:
    made, uuid = vonage.route(), secrets.token_hex(16)
    assert knock("POST", made["answer_url"], proven(told(uuid=uuid)), told(uuid=uuid))[0] == 200
    for leg in (
        told(uuid=secrets.token_hex(16), status="started", direction="outbound"),
        told(
            uuid=secrets.token_hex(16), status="completed", direction="outbound", to="wss://here.test/media"
        ),
        told(recording_url="https://api.nexmo.com/v1/files/1", recording_uuid="r"),
    ):
        assert knock("POST", made["status_url"], proven(leg), leg)[0] == 200
    [call] = vonage.inbound(made)
    assert (call["provider_call_id"], call["state"]) == (uuid, "ringing")
    vonage.phone({"waits_ms": 60_000})
    _, dialed = vonage.create()
    await until(lambda: vonage.get(dialed["id"])["media_open"])
    status = vonage.lab("GET", f"/calls/{dialed['provider_call_id']}")["notices"]
    assert {what for what, _ in status} >= {"socket started", "socket answered"}
    await until(lambda: any(one["what"] == "websocket answered" for one in vonage.story(dialed["id"])))
    assert vonage.get(dialed["id"])["provider_call_id"] == dialed["provider_call_id"]
    assert vonage.stage.ask("POST", f"/v1/calls/{dialed['id']}/hangup")[0] == 200
    assert (await vonage.ended(dialed["id"]))["state"] == "completed"


@pytest.mark.parametrize(
    "proof, reason",
    [("none", "unsigned"), ("of_another_body", "payload_hash"), ("of_another_key", "signature")],
)
async def test_notices_that_are_signed_badly_are_refused_whatever_they_say(
    vonage: CarrierStage, proof: str, reason: str
) -> None:
    before = vonage.refused().get(reason, 0)
    vonage.lab("PUT", body={"deliveries": [{"proof": proof, "times": 0}]})
    vonage.phone(picks_up="busy")
    _, call = vonage.create()
    await until(lambda: vonage.lab("GET", f"/calls/{call['provider_call_id']}")["done"])
    assert vonage.refused()[reason] - before == 3
    found = vonage.get(call["id"])
    assert (found["state"], [one["what"] for one in vonage.story(call["id"])]) == (
        "dialing",
        ["dialing", "dialed"],
    )
    # What it asks for itself it believes.
    assert vonage.stage.ask("POST", f"/v1/calls/{call['id']}/hangup")[0] == 200


async def test_who_answers_is_told_and_what_was_said_is_kept(vonage: CarrierStage) -> None:
    vonage.phone({"waits_ms": 300}, {"hangs_up": True}, picks_up="machine")
    _, call = vonage.create(amd=True, record=True)
    await vonage.ended(call["id"])
    tape = await until(lambda: [one for one in vonage.story(call["id"]) if one["what"] == "recording"])
    assert tape[0]["detail"]["recording_url"].startswith("https://api.nexmo.com/v1/files/")
    states = [one["state"] for one in vonage.story(call["id"]) if one["what"] == "status"]
    assert "machine" in states
    assert states[-1] == "completed"


def test_what_vonage_would_not_take_is_refused_with_a_reason(vonage: CarrierStage) -> None:
    vonage.phone(picks_up="busy")
    status, answer = vonage.create(media={"params": {"a": "x" * 512}})
    assert (status, answer["error"]["param"]) == (400, "media.params"), answer
    vonage.lab("PUT", body={"calls_per_second": 0.01})
    assert vonage.create()[0] == 201
    status, answer = vonage.create()
    assert (status, answer["error"]["code"]) == (429, "rate_limited"), answer
    assert [let_in for _, let_in in vonage.lab("GET")["asked"]] == [True, False]


# --- secrets ----------------------------------------------------------------------------------


def needles() -> list[bytes]:
    """The secrets as they are, and the API's in base64, as it is sent; of the key two lines, and its numbers."""
    key = load_pem_private_key(keys()[0].encode(), None)
    assert isinstance(key, RSAPrivateKey)
    numbers = key.private_numbers()
    plain, *_, first, second, third = spellings(API_SECRET[:12])
    lines = keys()[0].splitlines()
    return [
        SIGNATURE_SECRET[:12].encode(), plain, first, second, third, lines[5].encode(), lines[20].encode(),
        numbers.p.to_bytes(128, "little")[8:40], numbers.p.to_bytes(128, "big")[8:40],
        numbers.d.to_bytes(256, "little")[8:40],
    ]  # fmt: skip


async def test_no_secret_stays_in_memory_or_is_written_or_said(vonage: CarrierStage) -> None:
    stage = vonage.stage
    vonage.phone({"says": "Hello"}, {"waits_ms": 60_000})
    _, call = vonage.create()
    async with attached(stage.service, call["id"]) as caller:
        await until(lambda: caller.of("started") and caller.sound)
        stage.ask("POST", f"/v1/calls/{call['id']}/dtmf", {"digits": "1"})
        stage.ask("GET", "/v1/numbers?provider=vonage")
        stage.ask("POST", f"/v1/calls/{call['id']}/transfer", {"to": "+4930999888"})
    assert stage.ask("POST", f"/v1/calls/{call['id']}/hangup")[0] == 200
    await vonage.ended(call["id"])
    vonage.store(api_secret=API_SECRET[:-1] + "x")
    for path in ("/v1/credentials", "/v1/audit?limit=100", f"/v1/calls/{call['id']}/events", "/metrics"):
        stage.ask("GET", path)
    sought = needles()
    found = copies(stage.pid, [*sought, APPLICATION.encode()])
    assert found.pop(APPLICATION.encode()), "the search does not find what is there"
    assert {needle: count for needle, count in found.items() if count} == {}
    kept = {
        "the answers": bytes(stage.said),
        "the log": stage.service.log.read_bytes(),
        "the spool": stage.spool(),
    }
    assert stage.service.stop() == 0
    kept |= {"the log": stage.service.log.read_bytes(), "the data": stage.files()}
    assert call["provider_call_id"].encode() in kept["the data"]
    for where, held in kept.items():
        assert [one for one in sought if one in held] == [], where
