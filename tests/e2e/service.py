"""The service and the lab as processes, for tests that stand where users stand."""

import contextlib
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.ports import free_port

ROOT = Path(__file__).parents[2]
ADMIN_KEY = "iak_" + "test-admin-key-" * 3
START_SECONDS = 120
"""Of a machine with more to do than it has cores."""


def python() -> str:
    return os.environ.get("SERVICE_PYTHON", sys.executable)


def environment(**more: str) -> dict[str, str]:
    # Bytecode is kept, as where the service is installed: else each start compiles every module anew.
    ours = {"PORT", "HOST", "PYTHONDONTWRITEBYTECODE"}
    clean = {name: value for name, value in os.environ.items() if "__" not in name and name not in ours}
    return {**clean, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", **more}


@dataclass
class Service:
    """One running service. `environ` overrides settings; stop it with `stop` or `kill`."""

    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    program: tuple[str, ...] = ("-m", "integration_api", "serve")
    tls: ssl.SSLContext | None = None
    """How to verify the service, when it is set to speak TLS."""
    process: subprocess.Popen[bytes] | None = None
    started_in: float = 0.0

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "service.log"

    def settings(self) -> dict[str, str]:
        chosen = {
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "DATA_DIR": str(self.folder / "data"),
            "CRYPTO__ROOT": f"file:{self.folder / 'keys' / 'root.json'}",
            "BOOTSTRAP_API_KEY": ADMIN_KEY,
            "EGRESS__ALLOW": "127.0.0.1/32",
            "EGRESS__ALLOW_HTTP": "true",
            "LIMITS__VERIFICATIONS_PER_MINUTE": "1000",
        }
        return environment(**{**chosen, **self.environ})

    def start(self) -> "Service":
        """Start and wait until it is ready; `started_in` says how many seconds that took.

        Without those in which it waited for a processor that did other things.
        """
        began = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [python(), *self.program],
                env=self.settings(),
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )
        self.wait_ready()
        self.started_in = time.monotonic() - began - self._queued()
        return self

    def _queued(self) -> float:
        """Return how many seconds it could have run and did not."""
        assert self.process is not None
        # https://docs.kernel.org/scheduler/sched-stats.html: time on a processor, and time waiting for one, in ns.
        return int(Path(f"/proc/{self.process.pid}/schedstat").read_text().split()[1]) / 1e9

    def refused(self) -> str:
        """Try to start, and return why it will not."""
        done = subprocess.run(
            [python(), *self.program],
            env=self.settings(), cwd=self.folder, capture_output=True, text=True, timeout=START_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        return done.stderr + done.stdout

    def command(self, *arguments: str, said: str = "", **environ: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of the command line with the service's settings; it never shows a traceback."""
        done = subprocess.run(
            [python(), "-m", "integration_api", *arguments],
            env={**self.settings(), **environ}, cwd=self.folder, input=said, capture_output=True, text=True,
            timeout=START_SECONDS, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def wait_ready(self) -> None:
        """Wait until /readiness/ says yes."""
        began = time.monotonic()
        while time.monotonic() < began + START_SECONDS:
            if self.process is not None and self.process.poll() is not None:
                break
            with contextlib.suppress(OSError):
                if self.call("GET", "/readiness/", key=None)[0] == 200:
                    return
            time.sleep(0.02)
        raise AssertionError(f"the service did not become ready:\n{self.log.read_text()[-4000:]}")

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = ADMIN_KEY,
        headers: Mapping[str, str] = {},
    ) -> tuple[int, Any]:
        """Make one JSON request; return status and decoded body (text where it is not JSON)."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json", **headers},
        )
        if key is not None:
            request.add_header("authorization", f"Bearer {key}")
        try:
            with urllib.request.urlopen(request, timeout=60, context=self.tls) as reply:
                return reply.status, _decoded(reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _decoded(error.read())

    def add_credential(
        self,
        provider: str,
        base_url: str,
        *,
        key: str = "lab-key-0123456789abcdef",
        value: Mapping[str, str] | None = None,
        **more: Any,
    ) -> str:
        status, answer = self.call(
            "POST",
            "/v1/credentials",
            {
                "provider": provider,
                "name": more.pop("name", "lab"),
                "value": {**(value or {"key": key}), "base_url": base_url},
                **more,
            },
        )
        assert status == 201, answer
        return str(answer["id"])

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pids(self) -> list[int]:
        """Its processes that serve: the workers, or the one there is."""
        assert self.process is not None
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in children] or [pid]

    def rss(self) -> int:
        """Return the bytes of memory that its processes hold."""
        pages = (int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.pids)
        return sum(pages) * os.sysconf("SC_PAGE_SIZE")

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self, seconds: float) -> int:
        """Return the exit code."""
        assert self.process is not None
        return self.process.wait(seconds)

    def stop(self, seconds: float = 120) -> int:
        """Send SIGTERM and return the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self) -> None:
        """Send SIGKILL to the service and all its workers."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def postgres_settings(url: str) -> dict[str, str]:
    """Write a database's URL as the service's settings."""
    parts = urlsplit(url)
    return {
        "POSTGRES__HOST": str(parts.hostname),
        "POSTGRES__PORT": str(parts.port),
        "POSTGRES__DB_NAME": parts.path.lstrip("/"),
        "POSTGRES__AUTH__USER": str(parts.username),
        "POSTGRES__AUTH__PASSWORD": parts.password or "",
    }


def redis_settings(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    return {
        "REDIS__HOST": str(parts.hostname),
        "REDIS__PORT": str(parts.port),
        "REDIS__DB": parts.path.lstrip("/") or "0",
    }


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


@contextlib.contextmanager
def running(folder: Path, **environ: str) -> Iterator[Service]:
    service = Service(folder, environ)
    try:
        yield service.start()
    finally:
        if service.process is not None and service.process.poll() is None:
            service.kill()


@contextlib.contextmanager
def lab_running(folder: Path, *arguments: str) -> Iterator[str]:
    """Run the lab as a process; yield its base URL."""
    port = free_port()
    with (folder / "lab.log").open("ab") as log:
        process = subprocess.Popen(
            [python(), "-m", "lab", "--port", str(port), *arguments],
            env=environment(),
            stdout=log,
            stderr=log,
        )
    try:
        until = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.02)
        else:
            raise AssertionError((folder / "lab.log").read_text())
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def metric(text: str, name: str, **labels: str) -> float:
    """Read one sample of a Prometheus exposition; 0 when it is not there."""
    for line in text.splitlines():
        found = re.fullmatch(rf"{name}(?:{{(.*)}})? (\S+)", line)
        if found and all(f'{label}="{value}"' in (found[1] or "") for label, value in labels.items()):
            return float(found[2])
    return 0.0
