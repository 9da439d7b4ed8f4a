"""What comes of calling each method, as a table that the documentation shows and the tests hold it to."""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import grpc

from tests.e2e.service import ROOT

TABLE = ROOT / "tests/clients/outcomes.json"


def fared(answer: Callable[[], Any]) -> str:
    """Say how a call fares: its status, and what its answer, or each frame of it, says."""
    told: list[str] = []
    try:
        said = answer()
        for one in said if hasattr(said, "__next__") else [said]:
            word = word_of(one)
            if told[-1:] != [word]:
                told.append(word)
    except grpc.RpcError as error:
        return ", ".join([*told, error.code().name])
    return ", ".join(["OK", *told])


def word_of(answer: Any) -> str:
    """Name what an answer is."""
    frame = answer
    if answer.DESCRIPTOR.name == "StreamChatResponse":
        kind = answer.WhichOneof("response")
        frame = getattr(answer, kind)
        if kind == "close":
            return "close"
        if kind == "configuration":
            return "configured" if frame.success else f"configuration refused {frame.error.errorCode}"
    if "error" in frame.DESCRIPTOR.fields_by_name and frame.HasField("error"):
        return f"error {frame.error.errorCode}"
    if getattr(frame, "code", 0):
        return f"code {frame.code}"
    return "whole answer with metrics" if frame.metrics else "pieces"


def methods(services: Iterable[Any]) -> list[str]:
    """Return the path of every method that the stubs know."""
    return sorted(f"{service.full_name}/{method.name}" for service in services for method in service.methods)


def hold(package: str, found: Mapping[str, Mapping[str, str]]) -> None:
    """Compare with the table; `RECORD=1` writes it instead."""
    table = json.loads(TABLE.read_text()) if TABLE.exists() else {}
    if os.environ.get("RECORD"):
        table[package] = found
        TABLE.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n")
    assert table.get(package) == found, f"run RECORD=1 make test-clients where {package} is meant to fare so"
