"""What docs/telephony.md shows is run as it stands, against a service beside the lab."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.e2e.service import ADMIN_KEY, ROOT, Service
from tests.e2e.telephones import TWILIO, Exchange, sound
from tests.e2e.test_telephony import ended, lab, noise, service

__all__ = ["lab", "service"]

BLOCKS = re.findall(
    r"^```(sh|python)\n(.*?)^```", (ROOT / "docs/telephony.md").read_text(), re.MULTILINE | re.DOTALL
)


def asked(script: str, service: Service) -> dict[str, object]:
    script = script.replace("localhost:9004", f"127.0.0.1:{service.port}").replace(
        "curl ", "curl -sS --fail "
    )
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={"KEY": ADMIN_KEY, "PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = json.loads(done.stdout)
    return told


async def test_the_call_is_made_and_talked_on_as_shown(service: Service, lab: str, tmp_path: Path) -> None:
    exchange = Exchange(lab, TWILIO)
    exchange.reset()
    spoken = noise(TWILIO, 200)
    exchange.phone({"waits_ms": 1_000}, sound(spoken), {"hears_ms": 400}, {"presses": "#"})
    shell = [code for language, code in BLOCKS if language == "sh"]
    (program,) = (code for language, code in BLOCKS if language == "python")
    call = asked(next(code for code in shell if '"to"' in code), service)
    assert (call["state"], call["metadata"]) == ("dialing", {"order": "7"})
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", program.replace("localhost:9004", f"127.0.0.1:{service.port}")],
        env={"KEY": ADMIN_KEY, "CALL": str(call["id"])}, cwd=tmp_path, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = done.stdout.split()
    assert told[0] == "started"
    assert "dtmf" in told
    assert told[-1] == "closed"
    over = await ended(service, str(call["id"]))
    assert (over["state"], over["hung_up_by"]) == ("completed", "caller")


def test_the_route_is_made_as_shown(service: Service) -> None:
    shell = [code for language, code in BLOCKS if language == "sh"]
    made = asked(next(code for code in shell if "/v1/calls/inbound" in code), service)
    assert str(made["answer_url"]).endswith("/answer")
    assert str(made["status_url"]).endswith("/status")
    assert made["metadata"] == {"assistant": "7"}


def test_every_route_that_is_named_is_there(service: Service) -> None:
    text = (ROOT / "docs/telephony.md").read_text()
    _, document = service.call("GET", "/openapi.json", key=None)
    for method, path in re.findall(r"`(GET|POST|DELETE) (/v1/[^`?]+)[?`]", text):
        assert method.lower() in document["paths"][path], (method, path)
