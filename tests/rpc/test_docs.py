"""docs/grpc.md says what the service does: its commands are sent, and its program is run."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format

from integration_api.proto import unified_pb2 as wire
from tests.e2e.service import ADMIN_KEY, ROOT
from tests.rpc import test_audit, test_vault
from tests.rpc.caller import ANSWERS, Caller, signed, spoken
from tests.rpc.per_provider import CONTRACT
from tests.rpc.test_isolation import SCOPES

TEXT = (ROOT / "docs/grpc.md").read_text()
BLOCKS = re.findall(r"```(sh|python)\n(.*?)```", TEXT, re.DOTALL)
ASKED = {
    path: body
    for language, block in BLOCKS
    if language == "sh"
    for body, path in re.findall(r"-d '(.*?)' \S+ (\S+/\w+)", block, re.DOTALL)
}
CONVERSATION = ASKED.pop("integration_api.UnifiedProviderService/StreamChat")
ASKED.pop("integration.voice.v1.TextToSpeech/Synthesize")
"""It needs a voice: `test_voice.py` sends it."""
SPEECH = {
    "integration.voice.v1.SpeechToText",
    "integration.voice.v1.TextToSpeech",
    "integration.voice.v1.Telephony",
}


METHODS: dict[str, Mapping[str, tuple[type[Any], type[Any]]]] = {
    "integration_api.UnifiedProviderService": ANSWERS,
    "integration_api.AuditLoggingService": test_audit.METHODS,
    "vault_api.VaultService": test_vault.METHODS,
}


def test_every_service_is_shown() -> None:
    assert {path.partition("/")[0] for path in ASKED} == set(METHODS)
    served = {path.split("/")[1] for path in SCOPES}
    assert served == set(METHODS) | SPEECH | {f"integration_api.{service}" for service in CONTRACT}
    assert all(f"`{service}`" in TEXT for service in SPEECH)
    assert all(f"{service}`" in TEXT for service in CONTRACT)
    assert {path.partition("/")[2] for path in ASKED if "Unified" in path} == set(ANSWERS)


@pytest.mark.parametrize("path", ASKED)
def test_the_commands_succeed(caller: Caller, path: str) -> None:
    service, _, method = path.partition("/")
    asked, answered = METHODS[service][method]
    request = json_format.Parse(ASKED[path], asked())
    stub = caller.channel.unary_unary(f"/{path}", asked.SerializeToString, answered.FromString)
    assert stub(request, metadata=signed(ADMIN_KEY), timeout=60).success


def test_the_conversation_is_held(caller: Caller) -> None:
    decoder, rest = json.JSONDecoder(), CONVERSATION.strip()
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
