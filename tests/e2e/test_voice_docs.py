"""What docs/voice.md shows is run as it stands, against a service beside the lab."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from lab import mouth
from tests.e2e.service import ADMIN_KEY, ROOT, Service, python
from tests.e2e.test_voice import fresh, lab, service

__all__ = ["fresh", "lab", "service"]

BLOCKS = re.findall(
    r"^```(sh|python)\n(.*?)^```", (ROOT / "docs/voice.md").read_text(), re.MULTILINE | re.DOTALL
)


def test_the_commands_speak_and_write_down(service: Service, tmp_path: Path) -> None:
    (script,) = (
        code
        for language, code in BLOCKS
        if language == "sh" and code.startswith("curl http://localhost:9004")
    )
    script = script.replace("localhost:9004", f"127.0.0.1:{service.port}").replace(
        "curl ", "curl -sS --fail "
    )
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={"KEY": ADMIN_KEY, "PATH": os.environ["PATH"]}, cwd=tmp_path, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "-->" in done.stdout
    assert (tmp_path / "hello.wav").read_bytes()[44:] == mouth.pcm("A table for two, please.", 24_000)


def test_the_lab_fails_as_it_is_told(lab: str) -> None:
    (script,) = (code for language, code in BLOCKS if language == "sh" and "/_lab/faults" in code)
    script = script.replace("http://localhost:9104", lab).replace("curl ", "curl -sS --fail ")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["deepgram"][0]["status"] == 429


def ran(program: str, service: Service, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program.replace("localhost:9004", f"127.0.0.1:{service.port}")],
        env={"KEY": ADMIN_KEY}, cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_live_program_speaks_and_listens(service: Service, tmp_path: Path) -> None:
    program = next(code for language, code in BLOCKS if language == "python" and "websockets" in code)
    size, turns = ran(program, service, tmp_path).splitlines()
    assert size == f"{len(mouth.pcm('A table for two, please.', 16_000))} bytes"
    assert turns.startswith("['")


def test_the_realtime_program_listens(service: Service, tmp_path: Path) -> None:
    program = next(code for language, code in BLOCKS if language == "python" and "realtime" in code)
    assert ran(program, service, tmp_path) == "Hello from the laboratory.\n"


def test_the_command_line_speaks_and_listens(service: Service, tmp_path: Path) -> None:
    (script,) = (code for language, code in BLOCKS if language == "sh" and "integration-api" in code)
    program = f'integration-api() {{ {python()} -m integration_api "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", program + script],
        env=service.settings(), cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Hello from the laboratory.\n"
    assert (tmp_path / "hello.wav").read_bytes()[44:] == mouth.pcm("A table for two, please.", 24_000)
