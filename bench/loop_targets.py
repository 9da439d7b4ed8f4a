"""What a voice loop is measured on: the service with everything on, and calls that a stand-in for Twilio has taken."""

import base64
import contextlib
import ctypes
import hashlib
import hmac
import json
import platform
import re
import struct
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import unescape

from targets import HERE, KEY, LOAD_CORE, SUT_CORE, free_port, settings, started, wait_for

ACCOUNT, TOKEN = "AC" + "0" * 31 + "1", "0123456789abcdef" * 2
FIRST = ["setsid", "sh", "-c", 'echo -15 2>/dev/null >/proc/self/autogroup; exec nice -n -15 "$@"', "first"]
"""Before others, where that is allowed: the kernel shares a core among sessions first, whatever the nice values in
them, so that each gets one of its own. No real-time priority, which would starve the rest of the machine."""
INLINE = {
    "mode": "inline",
    "stt": {"type": "start", "target": {"model": "deepgram/nova-3"}},
    "tts": {"type": "start", "target": {"model": "elevenlabs/eleven_flash_v2_5", "voice_id": "v1"}},
}

SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
SLICE_NS = 100_000
"""How long we want a core at a time. Who asks for less than others gets it when it wakes up, and not first after their
slices, each of which is longer than what is measured here."""


def in_short_slices() -> None:
    """Have what this process starts share its core that way. Where the kernel does not know it, nothing happens."""
    if number := SCHED_SETATTR.get(platform.machine()):
        # struct sched_attr: size, policy (0 is the normal one), flags, nice, priority, runtime, deadline, period.
        wanted = struct.pack("IIQiIQQQ", 48, 0, 0, 0, 0, SLICE_NS, 0, 0)
        ctypes.CDLL(None).syscall(number, 0, wanted, 0)


class Twilio(BaseHTTPRequestHandler):
    """Takes every call, and remembers where its sound is to go."""

    protocol_version = "HTTP/1.1"
    sounds: ClassVar[dict[str, str]] = {}

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        if found := re.search(r'<Stream url="([^"]*)"', form.get("Twiml", [""])[0]):
            sid = f"CA{len(self.sounds):032x}"
            self.sounds[sid] = unescape(found[1])
            body = {"sid": sid, "status": "queued", "to": form["To"][0], "from": form["From"][0]}
        else:
            body = {
                "sid": urlsplit(self.path).path.rpartition("/")[2].removesuffix(".json"),
                "status": "completed",
            }
        answer = json.dumps(body).encode()
        self.send_response(201)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


@dataclass
class Loop:
    """The service, and the port at which it looks for Deepgram, the model and ElevenLabs."""

    port: int
    pid: int
    providers: int

    def call(self, number: int) -> str:
        """Have the service make a call; return what its carrier and its caller have to know, as `bin/loop` reads it."""
        to, own = f"+493012{number % 10_000:04}", "+15005550006"
        made = ask(self.port, "/v1/calls", {"provider": "twilio", "to": to, "from": own, "media": INLINE})
        sid = made["provider_call_id"]
        url = Twilio.sounds[sid]
        proof = base64.b64encode(hmac.new(TOKEN.encode(), url.encode(), hashlib.sha1).digest()).decode()
        return f"{urlsplit(url).path} {proof} {made['id']} {sid}\n"


@contextlib.contextmanager
def loop() -> Iterator[Loop]:
    """Start the service on one core; everybody around it has the other."""
    in_short_slices()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        twilio = ThreadingHTTPServer(("127.0.0.1", 0), Twilio)
        threading.Thread(target=twilio.serve_forever, daemon=True).start()
        stack.callback(twilio.shutdown)
        providers, port = free_port(), free_port()
        stack.enter_context(started("taskset", "-c", SUT_CORE, str(HERE / "bin/spin")))
        output = stack.enter_context((HERE / "results/loop.log").open("wb"))
        env = {**settings(folder, port), "TELEPHONY__PUBLIC_URL": f"http://127.0.0.1:{port}"}
        serve = [*FIRST, "taskset", "-c", SUT_CORE, sys.executable, "-m", "integration_api", "serve"]
        ours = stack.enter_context(started(*serve, env=env, cwd=folder, stdout=output, stderr=output))
        wait_for(port)
        values = {
            "twilio": {
                "account_sid": ACCOUNT,
                "account_token": TOKEN,
                "base_url": address(twilio.server_port),
            },
            "deepgram": {"key": "key-0123456789abcdef", "base_url": address(providers)},
            "elevenlabs": {"key": "key-0123456789abcdef", "base_url": address(providers)},
            "openai": {"key": "key-0123456789abcdef", "base_url": address(providers) + "/v1"},
        }
        for provider, value in values.items():
            ask(port, "/v1/credentials?verify=false", {"provider": provider, "name": "bench", "value": value})
        yield Loop(port, ours.pid, providers)


def address(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def ask(port: int, path: str, body: Any) -> Any:
    request = urllib.request.Request(
        address(port) + path,
        data=json.dumps(body).encode(),
        headers={"authorization": f"Bearer {KEY}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as reply:
        return json.loads(reply.read())


def everybody(
    found: Loop, way: str, calls: int, seconds: float, warm: float, piece: int
) -> subprocess.Popen[bytes]:
    """Have the calls talk, through the service or straight; what is said of it comes on stdout."""
    numbers = [str(one) for one in (found.providers, found.port, way, found.pid, calls, seconds, warm, piece)]
    given = "".join(found.call(number) for number in range(calls)) if way == "service" else ""
    process = subprocess.Popen(
        [*FIRST, "taskset", "-c", LOAD_CORE, str(HERE / "bin/loop"), *numbers, KEY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    )
    assert process.stdin is not None
    process.stdin.write(given.encode())
    process.stdin.close()
    return process
