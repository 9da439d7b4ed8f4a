"""Vonage's adapter in front of the lab, and each request of ours beside the one that Vonage's own SDK makes of it."""

import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from vonage_numbers.requests import ListOwnedNumbersFilter
from vonage_voice.models.connect_endpoints import PhoneEndpoint, WebsocketEndpoint
from vonage_voice.models.ncco import Connect, Record
from vonage_voice.models.requests import CreateCallRequest, ListCallsFilter

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange
from integration_api.core.telephony import CallState, Control, DialRequest, Lookup, Notice, Transfer
from integration_api.providers.vonage import VONAGE
from tests.lab.callee import Told, listening
from tests.lab.vonage_keys import API_KEY, API_SECRET, APPLICATION, keys
from tests.lab.vonage_sdk import sdk, trusted
from tests.providers.carrier_bench import FROM, TO, Bench
from tests.transport.upstream import transport

PHONE = VONAGE.telephony


def notice(told: Told) -> Notice:
    return Notice(method="POST", fields=tuple(parse_qsl(urlsplit(told.url).query)), body=told.body)


@asynccontextmanager
async def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    async with trusted(tmp_path, monkeypatch) as lab, listening() as us:
        us.content_type = "application/json"
        knows = ssl.create_default_context(cafile=str(tmp_path / "authority.pem"))
        fields = {
            "application_id": APPLICATION,
            "api_key": API_KEY,
            "base_url": lab.url("vonage", version=""),
        }
        credential = Credential("vonage", fields, held=frozenset({"private_key", "api_secret"}))
        secrets = {"private_key": keys()[0], "api_secret": API_SECRET}
        async with transport(tls=knows) as over:
            yield Bench(lab, us, over, VONAGE, credential, secrets, notice)


UNLIKE = {
    "user-agent": "each says who it is",
    "accept": "ours takes what comes: there is JSON only",
    "accept-encoding": "each says what it can unpack",
    "authorization": "each token has its own time and name; what they say is compared by itself",
    "content-length": "the SDK writes JSON with spaces",
    "content-type": "the SDK keeps the one of the last body for requests that have none",
    "connection": "keeping a connection needs no word in HTTP/1.1",
}
"""Headers that one has and the other has not, or has otherwise, and why."""


def by_sdk(bench: Bench) -> Mapping[str, Callable[[], Any]]:
    client = sdk(bench.lab)
    socket = WebsocketEndpoint(
        uri=bench.routes.media, contentType="audio/l16;rate=16000", headers={"a": '"<b>"'}
    )
    connect = Connect(
        endpoint=[socket], from_=FROM[1:], eventUrl=[bench.routes.status], eventType="synchronous"
    )
    record = Record(eventUrl=[bench.routes.status])
    asked = {
        "to": [{"number": TO[1:]}], "from_": {"number": FROM[1:]}, "event_url": [bench.routes.status],
        "event_method": "POST",
    }  # fmt: skip
    full = CreateCallRequest(
        **asked, ncco=[record, connect], ringing_timer=20, length_timer=60, machine_detection="continue",
    )  # fmt: skip
    elsewhere = CreateCallRequest(**asked, answer_url=["https://there.test/a?b=c"])
    there = Connect(endpoint=[PhoneEndpoint(number="4930999888")], from_=FROM[1:])
    since = ListCallsFilter(date_start="2026-11-27T10:00:09Z", page_size=100, record_index=0)
    return {
        "dial": lambda: client.voice.create_call(full),
        "answer_url": lambda: client.voice.create_call(elsewhere),
        "report": lambda: client.voice.get_call("nobodys"),
        "find": lambda: client.voice.list_calls(since),
        "hang_up": lambda: client.voice.hangup("nobodys"),
        "send_dtmf": lambda: client.voice.play_dtmf_into_call("nobodys", "1p#"),
        "transfer": lambda: client.voice.transfer_call_ncco("nobodys", [there]),
        "numbers": lambda: client.numbers.list_owned_numbers(ListOwnedNumbersFilter(index=1, size=100)),
        "verify": lambda: client.voice.list_calls(ListCallsFilter(page_size=1)),
        "balance": client.account.get_balance,
    }


def by_us(bench: Bench) -> Mapping[str, Exchange[Any]]:
    full = DialRequest(
        to=TO, from_=FROM, routes=bench.routes, ring_timeout_s=20, max_duration_s=60, detect_machine=True, record=True,
        media_params={"a": '"<b>"'},
    )  # fmt: skip
    elsewhere = DialRequest(to=TO, from_=FROM, routes=bench.routes, answer_url="https://there.test/a?b=c")
    nobodys = Control(provider_call_id="nobodys", state=CallState.ANSWERED, digits="1w#")
    there = Transfer(provider_call_id="nobodys", to="+4930999888", from_=FROM)
    since = Lookup(to=TO, from_=FROM, reference="1", since=1_795_773_609.7)
    with_us = bench.credential
    alone = Credential(
        "vonage", {k: v for k, v in with_us.fields.items() if k != "api_key"}, held=frozenset({"private_key"})
    )
    return {
        "dial": PHONE.dial(full, with_us),
        "answer_url": PHONE.dial(elsewhere, with_us),
        "report": PHONE.report("nobodys", with_us),
        "find": PHONE.find(since, with_us),
        "hang_up": PHONE.hang_up(nobodys, with_us),
        "send_dtmf": PHONE.send_dtmf(nobodys, with_us),
        "transfer": PHONE.transfer(there, with_us),
        "numbers": PHONE.numbers(with_us),
        "verify": VONAGE.verify(alone),
        "balance": VONAGE.verify(with_us),
    }


def asked(bench: Bench) -> dict[str, Any]:
    """What was asked last, so that it can be compared."""
    one = bench.lab.requests[-1]
    return {
        "method": one.method,
        "path": one.path,
        "query": dict(one.query),
        "body": json.loads(one.raw) if one.raw else None,
        "headers": dict(one.headers),
    }
