"""What is measured: nginx as a plain proxy and the service with everything on, before a C mock."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
KEY = "iak_" + "bench-key-" * 4
SENTENCE = "Summarise the following paragraph in two sentences and keep the important numbers. "
SUT_CORE, LOAD_CORE = "0", "1"
"""The system under test has a core to itself; the mock and the load generator share the other."""

NGINX = """
worker_processes 1; daemon off; master_process off; pid {folder}/nginx.pid; error_log /dev/null crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 10000000; tcp_nodelay on;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream mock {{ server 127.0.0.1:{mock}; keepalive 256; keepalive_requests 10000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096; client_body_buffer_size 64k;
    location / {{
      proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_set_header Authorization "Bearer sk-bench";
    }}
  }}
}}
"""


@dataclass
class Target:
    """One thing to load: where it is, how it names the model, and whose CPU counts."""

    name: str
    port: int
    prefix: str = ""
    headers: list[str] = field(default_factory=list)
    pid: int | None = None

    def body(self, folder: Path, kind: str) -> Path:
        """Write the request of one kind (`ns` whole, `s` burst, `p` paced) and return its file."""
        model = "mock-100-10" if kind == "p" else "mock-200-0"
        request = {
            "model": self.prefix + model,
            "messages": [
                {"role": "system", "content": "You are a helpful assistant."},
                {"role": "user", "content": (SENTENCE * 11)[:880]},
            ],
            "temperature": 0.7,
            "max_tokens": 256,
        }
        if kind != "ns":
            request["stream"] = True
        path = folder / f"{self.name}-{kind}.json"
        path.write_text(json.dumps(request))
        return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pinned(core: str, *command: str) -> list[str]:
    return ["taskset", "-c", core, *command]


@contextlib.contextmanager
def started(*command: str, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, **options)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def wait_for(port: int) -> None:
    for _ in range(500):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise SystemExit(f"nothing listens on port {port}")


@contextlib.contextmanager
def everything() -> Iterator[tuple[list[Target], Path]]:
    """Start the mock, nginx and the service; yield the targets and a folder for their files."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        mock, nginx, service = free_port(), free_port(), free_port()
        mocked = stack.enter_context(started(*pinned(LOAD_CORE, str(HERE / "bin/mock"), str(mock))))
        stack.enter_context(started(*pinned(SUT_CORE, str(HERE / "bin/spin"))))
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=nginx, mock=mock))
        proxy = stack.enter_context(
            started(*pinned(SUT_CORE, "nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)))
        )
        wait_for(mock)
        output = stack.enter_context((folder / "out").open("wb"))
        serve = pinned(SUT_CORE, sys.executable, "-m", "integration_api", "serve")
        ours = stack.enter_context(
            started(*serve, env=settings(folder, service), cwd=folder, stdout=output, stderr=output)
        )
        wait_for(nginx)
        wait_for(service)
        for provider in ("openai", "mistral"):
            store(service, provider, f"http://127.0.0.1:{mock}/v1")
        auth = [f"Authorization: Bearer {KEY}"]
        yield (
            [
                Target("direct", mock, pid=mocked.pid),
                Target("nginx", nginx, pid=proxy.pid),
                Target("relayed", service, "openai/", auth, ours.pid),
                Target("translated", service, "mistral/", auth, ours.pid),
            ],
            folder,
        )


def settings(folder: Path, port: int) -> dict[str, str]:
    """Return an environment in which the service keeps everything in `folder` and may call the mock."""
    clean = {name: value for name, value in os.environ.items() if "__" not in name}
    return {
        **clean,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "DATA_DIR": str(folder / "data"),
        "CRYPTO__ROOT": f"file:{folder}/keys/root.json",
        "BOOTSTRAP_API_KEY": KEY,
        "EGRESS__ALLOW": "127.0.0.1/32",
        "EGRESS__ALLOW_HTTP": "true",
    }


def store(port: int, provider: str, base_url: str) -> None:
    """Store a credential of `provider` that leads to the mock."""
    value = {"key": "sk-bench-0123456789abcdef", "base_url": base_url}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/credentials?verify=false",
        data=json.dumps({"provider": provider, "name": "bench", "value": value}).encode(),
        headers={"authorization": f"Bearer {KEY}", "content-type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10).read()
