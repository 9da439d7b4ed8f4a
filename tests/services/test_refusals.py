"""Refusals are all counted, and nobody fills a disk with them."""

import io
import json

import pytest

from integration_api.services import refusals
from integration_api.services.refusals import LOGGED, SECONDS, Refusals
from integration_api.telemetry.log import Log
from integration_api.telemetry.metrics import WEBHOOKS_REFUSED


def test_a_flood_is_counted_whole_and_logged_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr(refusals.clock, "perf", lambda: now)
    out = io.StringIO()
    noted = Refusals(Log(out=out))
    before = WEBHOOKS_REFUSED.of("twilio", "unknown_path").value
    for _ in range(5 * LOGGED):
        noted.note("twilio", "unknown_path")
    # What is refused for another reason is not lost in it.
    noted.note("twilio", "signature")
    now += SECONDS
    noted.note("twilio", "unknown_path")
    noted.note("twilio", "unknown_path")
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    told = [(line["reason"], line.get("count")) for line in lines]
    assert told == [
        *[("unknown_path", None)] * LOGGED,
        ("signature", None),
        ("unknown_path", 4 * LOGGED),
        ("unknown_path", None),
    ]
    assert WEBHOOKS_REFUSED.of("twilio", "unknown_path").value - before == 5 * LOGGED + 2
