"""Twilio's adapter in front of the lab, and each request of ours beside the one that Twilio's own SDK makes of it."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree as ET

import pytest
from twilio.rest import Client
from twilio.twiml.voice_response import Connect, VoiceResponse

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange
from integration_api.core.telephony import CallState, Control, DialRequest, Lookup, Notice, Transfer
from integration_api.providers.twilio import TWILIO
from lab import Lab
from tests.lab.callee import Told, listening
from tests.lab.twilio_sdk import Rewritten
from tests.providers.carrier_bench import FROM, TO, Bench
from tests.transport.upstream import transport

ACCOUNT = "AC00000000000000000000000000000001"
TOKEN = "0123456789abcdef0123456789abcdef"
PHONE = TWILIO.telephony


def notice(told: Told) -> Notice:
    return Notice(method="POST", fields=tuple(told.form.items()))


@asynccontextmanager
async def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    async with Lab() as lab, listening() as us, transport() as over:
        fields = {"account_sid": ACCOUNT, "base_url": lab.url("twilio", version="")}
        credential = Credential("twilio", fields, held=frozenset({"account_token"}))
        yield Bench(lab, us, over, TWILIO, credential, {"account_token": TOKEN}, notice)


UNLIKE = {
    "user-agent": "each says who it is",
    "accept": "ours takes what comes: there is JSON only at paths that end in .json",
    "accept-charset": "the SDK's; JSON is UTF-8",
    "accept-encoding": "each says what it can unpack",
    "content-length": "ElementTree writes a space before the end of an empty element",
    "content-type": "the SDK gives one to lists, which have no body",
    "connection": "keeping a connection needs no word in HTTP/1.1",
    "x-twilio-client": "the SDK's own",
}
"""Headers that one has and the other has not, or has otherwise, and why."""


def by_sdk(bench: Bench) -> Mapping[str, Callable[[], Any]]:
    sdk = Client(ACCOUNT, TOKEN, http_client=Rewritten(bench.lab))
    connect = Connect()
    socket = connect.stream(url=bench.routes.media, status_callback=bench.routes.status)
    socket.parameter(name="a", value='"<b>"')
    connected, keyed, sent_on = VoiceResponse(), VoiceResponse(), VoiceResponse()
    connected.append(connect)
    keyed.play(digits="1#")
    keyed.append(connect)
    sent_on.dial("+4930999", caller_id=FROM)
    call = sdk.calls("CA9")
    return {
        "dial": lambda: sdk.calls.create(
            to=TO, from_=FROM, twiml=str(connected), status_callback=bench.routes.status, timeout=20, time_limit=60,
            status_callback_event=["initiated", "ringing", "answered", "completed"], machine_detection="Enable",
            async_amd="true", async_amd_status_callback=bench.routes.status, record=True,
            recording_status_callback=bench.routes.status, call_reason="any",
        ),
        "answer_url": lambda: sdk.calls.create(
            to=TO, from_=FROM, url="https://there.test/a?b=c d", status_callback=bench.routes.status,
            status_callback_event=["initiated", "ringing", "answered", "completed"],
        ),
        "report": call.fetch,
        "find": lambda: sdk.calls.page(to=TO, from_=FROM, page_size=200),
        "hang_up": lambda: call.update(status="completed"),
        "send_dtmf": lambda: call.update(twiml=str(keyed)),
        "transfer": lambda: call.update(twiml=str(sent_on)),
        "numbers": lambda: sdk.incoming_phone_numbers.page(page_size=1000),
        "verify": sdk.api.accounts(ACCOUNT).fetch,
    }  # fmt: skip


def by_us(bench: Bench) -> Mapping[str, Exchange[Any]]:
    params = {"a": '"<b>"'}
    full = DialRequest(
        to=TO, from_=FROM, routes=bench.routes, ring_timeout_s=20, max_duration_s=60, detect_machine=True, record=True,
        media_params=params, extras={"CallReason": "any"},
    )  # fmt: skip
    elsewhere = DialRequest(to=TO, from_=FROM, routes=bench.routes, answer_url="https://there.test/a?b=c d")
    spoken_on = Control(provider_call_id="CA9", state=CallState.ANSWERED)
    keyed = Control(
        provider_call_id="CA9",
        state=CallState.ANSWERED,
        digits="1#",
        routes=bench.routes,
        media_params=params,
    )
    with_us = bench.credential
    return {
        "dial": PHONE.dial(full, with_us),
        "answer_url": PHONE.dial(elsewhere, with_us),
        "report": PHONE.report("CA9", with_us),
        "find": PHONE.find(Lookup(to=TO, from_=FROM, reference="1", since=0.0), with_us),
        "hang_up": PHONE.hang_up(spoken_on, with_us),
        "send_dtmf": PHONE.send_dtmf(keyed, with_us),
        "transfer": PHONE.transfer(Transfer(provider_call_id="CA9", to="+4930999", from_=FROM), with_us),
        "numbers": PHONE.numbers(with_us),
        "verify": TWILIO.verify(with_us),
    }


def asked(bench: Bench) -> dict[str, Any]:
    """What was asked last, so that it can be compared: documents in their canonical form."""
    one = bench.lab.requests[-1]
    form = parse_qs(one.raw.decode(), keep_blank_values=True)
    form |= {name: [ET.canonicalize(value[0])] for name, value in form.items() if name == "Twiml"}
    return {
        "method": one.method,
        "path": one.path,
        "query": dict(one.query),
        "form": form,
        "headers": dict(one.headers),
    }
