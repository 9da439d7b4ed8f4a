"""What the laws are tried on: our own samples, and every recording where there are any."""

import base64
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.laws.speaker import CHAT, Speaker
from tests.laws.speakers import SPEAKERS

SAMPLES = Path(__file__).parent.parent / "samples"
EXCEPTIONS = Path(__file__).parent / "exceptions.toml"
SUFFIXES = {".sse", ".json", ".bin"}


@dataclass(frozen=True)
class Case:
    """One answer of a provider, as its bytes were."""

    speaker: Speaker
    capability: str
    name: str
    kind: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    told: Mapping[str, Any] = field(default_factory=dict)
    """The whole recording: what was asked, and where."""

    @property
    def provider(self) -> str:
        return self.speaker.provider

    @property
    def streamed(self) -> bool:
        return self.capability.endswith("-stream")

    @property
    def model(self) -> str:
        return self.speaker.model(self.told) if self.told else self.speaker.any_model

    @property
    def id(self) -> str:
        return f"{self.speaker.folder}/{self.capability}/{self.name}"


@cache
def every() -> tuple[Case, ...]:
    return (*samples(), *recordings())


def kind_of(speaker: Speaker, capability: str) -> str | None:
    """The law that answers of a capability are tried by; None for what this speaker does not say."""
    if capability.startswith("error"):
        return "errors" if speaker.errors else None
    return speaker.kinds.get(capability.removesuffix("-stream"))


def samples() -> Iterator[Case]:
    """`<folder>/<capability>/<name>.sse|json|bin`; a refusal's file holds its status and headers too."""
    for speaker in SPEAKERS:
        for path in sorted((SAMPLES / speaker.folder).glob("*/*.*")):
            capability = path.parent.name
            kind = kind_of(speaker, capability)
            if kind is None or path.suffix not in SUFFIXES:
                continue
            body, status, headers = path.read_bytes(), 200, {}
            if kind == "errors":
                told = json.loads(body)
                body, status, headers = json.dumps(told["body"]).encode(), told["status"], told["headers"]
            yield Case(speaker, capability, f"sample-{path.stem}", kind, status, headers, body)


@cache
def recordings() -> tuple[Case, ...]:
    """Every recording that some speaker says, hand-written ones left out."""
    return tuple(_recordings())


def _recordings() -> Iterator[Case]:
    if "REFERENCE_DIR" not in os.environ:
        return
    root = Path(os.environ["REFERENCE_DIR"]) / "traffic"
    excepted = exceptions()["recordings"]
    for speaker in SPEAKERS:
        for path in sorted((root / speaker.folder).glob("*/*.json")):
            kind = kind_of(speaker, path.parent.name)
            if kind is None:
                continue
            told = json.loads(path.read_bytes())
            if kind in CHAT and speaker.api not in (None, told["api"]):
                continue
            if not speaker.takes(told):
                continue
            case = recorded(speaker, kind, path, told)
            if case.id not in excepted:
                yield case


def recorded(speaker: Speaker, kind: str, path: Path, told: Mapping[str, Any]) -> Case:
    if "websocket" in told:
        return Case(speaker, path.parent.name, path.stem, kind, 101, {}, heard(told), told)
    response = told["response"]
    return Case(
        speaker,
        path.parent.name,
        path.stem,
        kind,
        response["status"],
        {name.lower(): value for name, value in response.get("headers", {}).items()},
        body_of(speaker, path.parent.name, told),
        told,
    )


def heard(told: Mapping[str, Any]) -> bytes:
    """What was said on a socket, a message a line."""
    messages = [one["data"] for one in told["websocket"]["transcript"] if one["direction"] == "received"]
    return b"\n".join(json.dumps(one).encode() for one in messages)


def body_of(speaker: Speaker, capability: str, told: Mapping[str, Any]) -> bytes:
    response = told["response"]
    if "body_base64" in response:
        return base64.b64decode(response["body_base64"])
    body = response["body"]
    if not isinstance(body, str):
        return json.dumps(speaker.spelled(body)).encode()
    if told["fidelity"] == "decoded-chunks":
        return speaker.framed(body)
    if told["fidelity"] == "response-only" and capability.endswith("-stream"):
        body = body.rstrip("\n") + "\n\n"  # Fixtures lose their last blank line to editors.
    return body.encode()


@cache
def exceptions() -> Mapping[str, Mapping[str, str]]:
    """A law's name, or `recordings` for all of them, to the recordings it is not tried on and why."""
    return tomllib.loads(EXCEPTIONS.read_text())
