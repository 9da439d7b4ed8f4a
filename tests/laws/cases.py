"""What the laws are tried on: our own samples, and every recording where there are any."""

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parent.parent / "samples"
EXCEPTIONS = Path(__file__).parent / "exceptions.toml"

CHAT = frozenset({"chat", "tools", "structured", "reasoning", "multimodal"})
KINDS = CHAT | {"embeddings", "models", "errors", "moderations"}

CHAT_LANGUAGES = {"openai": "chat.completions", "mistral": "chat.completions", "anthropic": "messages"}
"""Chat in another language of the same provider is not what its adapter reads."""


@dataclass(frozen=True)
class Case:
    """One answer of a provider, as its bytes were."""

    provider: str
    capability: str
    name: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    asked: Mapping[str, Any] = field(default_factory=dict)

    @property
    def streamed(self) -> bool:
        return self.capability.endswith("-stream")

    @property
    def kind(self) -> str:
        return kind_of(self.capability)

    @property
    def id(self) -> str:
        return f"{self.provider}/{self.capability}/{self.name}"


def kind_of(capability: str) -> str:
    return "errors" if capability.startswith("error") else capability.removesuffix("-stream")


@cache
def every() -> tuple[Case, ...]:
    return (*samples(), *recordings())


def samples() -> Iterator[Case]:
    """`<provider>/<capability>/<name>.sse|json`; a refusal's file holds its status and headers too."""
    for path in sorted(SAMPLES.glob("*/*/*.*")):
        provider, capability = path.parent.parent.name, path.parent.name
        if provider not in CHAT_LANGUAGES or path.suffix not in (".sse", ".json"):
            continue
        body, status, headers = path.read_bytes(), 200, {}
        if capability.startswith("error"):
            told = json.loads(body)
            body, status, headers = json.dumps(told["body"]).encode(), told["status"], told["headers"]
        yield Case(provider, capability, f"sample-{path.stem}", status, headers, body)


def recordings() -> Iterator[Case]:
    if "REFERENCE_DIR" not in os.environ:
        return
    root = Path(os.environ["REFERENCE_DIR"]) / "traffic"
    excepted = exceptions()
    for provider, language in CHAT_LANGUAGES.items():
        for path in sorted((root / provider).glob("*/*.json")):
            kind = kind_of(path.parent.name)
            if kind not in KINDS:
                continue
            told = json.loads(path.read_bytes())
            if kind in CHAT and told["api"] != language:
                continue
            case = recorded(provider, path, told)
            if case.id not in excepted["recordings"]:
                yield case


def recorded(provider: str, path: Path, told: Mapping[str, Any]) -> Case:
    response = told["response"]
    body = response["body"]
    if not isinstance(body, str):
        body = json.dumps(body)
    elif told["fidelity"] == "decoded-chunks":
        body = framed(provider, body)
    elif told["fidelity"] == "response-only" and path.parent.name.endswith("-stream"):
        body = body.rstrip("\n") + "\n\n"  # Fixtures lose their last blank line to editors.
    asked = told["request"].get("body")
    return Case(
        provider,
        path.parent.name,
        path.stem,
        response["status"],
        {name.lower(): value for name, value in response.get("headers", {}).items()},
        body.encode(),
        asked if isinstance(asked, dict) else {},
    )


def framed(provider: str, lines: str) -> str:
    """Give decoded chunks, one a line, the framing they came in."""
    events = []
    for line in filter(None, lines.split("\n")):
        name = f"event: {json.loads(line)['type']}\n" if provider == "anthropic" else ""
        events.append(f"{name}data: {line}\n\n")
    return "".join(events)


@cache
def exceptions() -> Mapping[str, Mapping[str, str]]:
    """A law's name, or `recordings` for all of them, to the recordings it is not tried on and why."""
    return tomllib.loads(EXCEPTIONS.read_text())
