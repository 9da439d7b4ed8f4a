"""docs/grpc.md says what the service does: its commands are sent, and its program is run."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format

from integration_api.proto import unified_pb2 as wire
from tests.e2e.service import ADMIN_KEY, ROOT
from tests.rpc.caller import ANSWERS, Caller, spoken

TEXT = (ROOT / "docs/grpc.md").read_text()
BLOCKS = re.findall(r"```(sh|python)\n(.*?)```", TEXT, re.DOTALL)
ASKED = {
    method: body
    for language, block in BLOCKS
    if language == "sh"
    for body, method in re.findall(
        r"-d '(.*?)' \S+ integration_api\.UnifiedProviderService/(\w+)", block, re.DOTALL
    )
}


def test_every_method_is_shown() -> None:
    assert set(ASKED) == {*ANSWERS, "StreamChat"}


@pytest.mark.parametrize("method", ANSWERS)
def test_the_commands_succeed(caller: Caller, method: str) -> None:
    request = json_format.Parse(ASKED[method], ANSWERS[method][0]())
    assert caller.call(method, request).success


def test_the_conversation_is_held(caller: Caller) -> None:
    decoder, rest = json.JSONDecoder(), ASKED["StreamChat"].strip()
    with caller.talk() as talk:
        while rest:
            frame, end = decoder.raw_decode(rest)
            rest = rest[end:].strip()
            talk.send(json_format.ParseDict(frame, wire.StreamChatRequest()))
        answers: list[Any] = talk.rest()
    assert answers[0].configuration.success
    assert spoken(answers[-2].chat) == "You said: Hello"
    assert answers[-1].close.reason == "done"


def test_the_program_runs(caller: Caller, tmp_path: Path) -> None:
    """In a process of its own, with stubs of its own, as its reader would make them."""
    (command,) = (block for language, block in BLOCKS if language == "sh" and "grpc_tools" in block)
    (program,) = (block for language, block in BLOCKS if language == "python")
    words = command.replace("\\\n", " ").split()
    assert words[0] == "python"
    where = [sys.executable, *(str(ROOT / "proto") if word == "proto" else word for word in words[1:])]
    subprocess.run(where, cwd=tmp_path, check=True)
    (tmp_path / "program.py").write_text(
        program.replace("localhost:9004", f"127.0.0.1:{caller.service.port}")
    )
    ran = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        env={"KEY": ADMIN_KEY, "PYTHONPATH": str(tmp_path)},
    )
    assert ran.stdout == "You said: Hello\nYou said: Hello again\nwhole: You said: Hello again\n"
