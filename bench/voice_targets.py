"""What live speech is measured through: nothing, the plain relay, and the service with everything on."""

import contextlib
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from targets import HERE, LOAD_CORE, SUT_CORE, free_port, settings, started, store, wait_for

FILES = 8192
"""Open files: two sockets a session, and what the service has besides."""


@cache
def _first() -> list[str]:
    """Return what has a command run before all others on its core, where that is allowed.

    `nice` would not do: the kernel shares a core among sessions first, whatever the nice values in them.
    """
    real_time = ["chrt", "--rr", "1"]
    allowed = subprocess.run([*real_time, "true"], capture_output=True).returncode == 0
    return real_time if allowed else ["nice", "-n", "-15"]


def favoured(core: str, *command: str) -> list[str]:
    return [*_first(), "taskset", "-c", core, *command]


@dataclass
class Way:
    """One way from the callers to the provider, and whose CPU counts."""

    name: str
    port: int
    pid: int | None
    provider: int
    """The port of the provider behind it, which `bin/voice` opens for each run."""

    @property
    def role(self) -> str:
        return "service" if self.name == "service" else "plain"


@contextlib.contextmanager
def ways() -> Iterator[list[Way]]:
    """Start the relay and the service, on one core; the callers and the provider have the other."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, most), most))
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        provider, relay, service = free_port(), free_port(), free_port()
        stack.enter_context(started("taskset", "-c", SUT_CORE, str(HERE / "bin/spin")))
        output = stack.enter_context((folder / "out").open("wb"))
        plain = stack.enter_context(
            started(
                *favoured(SUT_CORE, sys.executable, str(HERE / "voice_relay.py"), str(relay), str(provider)),
                stdout=output,
                stderr=output,
            )
        )
        serve = favoured(SUT_CORE, sys.executable, "-m", "integration_api", "serve")
        ours = stack.enter_context(
            started(*serve, env=settings(folder, service), cwd=folder, stdout=output, stderr=output)
        )
        wait_for(relay)
        wait_for(service)
        store(service, "deepgram", f"http://127.0.0.1:{provider}")
        yield [
            Way("direct", provider, None, provider),
            Way("relay", relay, plain.pid, provider),
            Way("service", service, ours.pid, provider),
        ]


def talk(way: Way, stt: int, tts: int, seconds: float, warm: float, key: str) -> list[str]:
    """Return the command that has sessions talk over a way."""
    numbers = [str(way.provider), str(way.port), way.role, str(stt), str(tts), str(seconds), str(warm), key]
    return favoured(LOAD_CORE, str(HERE / "bin/voice"), *numbers)
